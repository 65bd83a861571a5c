#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Spreads servers over targets: room, groups, zones, one host after another.

Everything is decided by the facts alone, so that the same facts always
give the same plan.
"""

from collections.abc import Iterable, Mapping
import dataclasses

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import target as checks
from osc_recovery.planning import choice as choices
from osc_recovery.planning import groups
from osc_recovery.planning import room as rooms

Found = tuple[findings.Finding, ...]
Refusals = dict[str, Found]

_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Placed:
    """Where a server goes, or why it goes nowhere."""

    target: str | None
    findings: Found = ()


@dataclasses.dataclass(frozen=True)
class _Unit:
    """Servers that have to go to one host together (affinity)."""

    servers: tuple[facts.Server, ...]

    @property
    def needs(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for server in self.servers:
            for name, amount in needs(server).items():
                total[name] = total.get(name, 0) + amount
        return total


class Spread:
    """One spreading of servers; ask it once with :meth:`place`."""

    def __init__(
        self, cloud: facts.CloudFacts, choice: choices.Choice
    ) -> None:
        self._cloud = cloud
        self._choice = choice
        self._unfit: dict[str, Found] = {}
        self.room = rooms.Room(cloud.hosts.values())

    def options(self, server: facts.Server) -> tuple[str, ...]:
        """The hosts that are tried for a server, in their order."""
        choice = self._choice
        if choice.placement:
            held = choice.placement.get(server.uuid)
            return (held,) if held else ()
        if choice.targets:
            return tuple(dict.fromkeys(choice.targets))
        return self._cloud.candidates.get(server.uuid, ())

    def unfit(self, host: str) -> Found:
        """What keeps a host from taking any server."""
        if host not in self._unfit:
            source = self._cloud.source
            target = self._cloud.hosts.get(host)
            if host == source.name:
                target = source
            self._unfit[host] = (
                (_unknown(host),)
                if target is None
                else checks.check_host(source, target)
            )
        return self._unfit[host]

    def refusals(self, server: facts.Server) -> Refusals:
        """What keeps each option from taking a server, room aside."""
        return {
            host: self.unfit(host)
            or self.unsuited(server, self._cloud.hosts[host])
            or self.room.too_big(host, needs(server))
            for host in self.options(server)
        }

    def unsuited(self, server: facts.Server, target: facts.Host) -> Found:
        """What keeps a host from taking this server, room aside."""
        return checks.check_server(server, self._cloud, target)

    def explain(self, server: facts.Server) -> Found:
        """Why no host could take a server that does not move anyway."""
        refusals = self.refusals(server)
        if not refusals or not all(refusals.values()):
            return ()
        return merged(refusals)

    def place(self, moving: Iterable[facts.Server]) -> dict[str, Placed]:
        """A target for each server, or the reasons why there is none."""
        moving = tuple(moving)
        members = groups.Groups(moving)
        placed: dict[str, Placed] = {}
        refusals = {s.uuid: self.refusals(s) for s in moving}
        units = sorted(
            _units(moving), key=lambda unit: self._order(unit, refusals)
        )
        for unit in units:
            placed.update(self._place_unit(unit, members, refusals))
        return placed

    def _order(
        self, unit: _Unit, refusals: Mapping[str, Refusals]
    ) -> tuple[int, float, str, str]:
        """Whoever has the fewest hosts first, then the biggest."""
        first = unit.servers[0]
        fits = sum(
            not any(refusals[s.uuid].get(host) for s in unit.servers)
            for host in refusals[first.uuid]
        )
        return (fits, -self._demand(unit), first.name, first.uuid)

    def _demand(self, unit: _Unit) -> float:
        providers = [h.provider for h in self._cloud.hosts.values()]
        return max(
            (
                amount / total
                for name, amount in unit.needs.items()
                if (
                    total := sum(
                        p.capacity.get(name, 0) for p in providers if p
                    )
                )
            ),
            default=0.0,
        )

    def _place_unit(
        self,
        unit: _Unit,
        members: groups.Groups,
        refusals: Mapping[str, Refusals],
    ) -> dict[str, Placed]:
        why = {
            server.uuid: {
                host: found
                or members.refusals(server, host)
                or self.room.lacking(host, unit.needs)
                for host, found in refusals[server.uuid].items()
            }
            for server in unit.servers
        }
        first = unit.servers[0]
        open_to = [
            host
            for host in why[first.uuid]
            if not any(why[s.uuid].get(host, True) for s in unit.servers)
        ]
        if not open_to:
            return _nowhere(unit, why, self._cloud)
        best = min(
            open_to,
            key=lambda host: (
                members.liking(first, host),
                -self.room.share(host, unit.needs),
                host,
            ),
        )
        self.room.take(best, unit.needs)
        for server in unit.servers:
            members.place(server, best)
        return {server.uuid: Placed(best) for server in unit.servers}


def needs(server: facts.Server) -> dict[str, int]:
    """The resources that a server takes along."""
    total: dict[str, int] = {}
    held = server.allocation.providers if server.allocation else {}
    for resources in held.values():
        for name, amount in resources.items():
            total[name] = total.get(name, 0) + amount
    return total


def merged(refusals: Refusals) -> Found:
    """One finding for each code, naming a few of the hosts."""
    by_code: dict[str, list[findings.Finding]] = {}
    for found in refusals.values():
        for finding in found:
            by_code.setdefault(finding.code, []).append(finding)
    return tuple(
        dataclasses.replace(same[0], fact=_facts(same))
        for same in by_code.values()
    )


def _facts(same: list[findings.Finding]) -> str:
    texts = list(dict.fromkeys(finding.fact.rstrip('.') for finding in same))
    shown = '; '.join(texts[:_SHOWN])
    more = len(texts) - _SHOWN
    return f'{shown}; and {more} more.' if more > 0 else f'{shown}.'


def _units(moving: tuple[facts.Server, ...]) -> list[_Unit]:
    together: dict[str, list[facts.Server]] = {}
    for server in moving:
        group = server.group
        bound = group is not None and group.policy == 'affinity'
        key = group.uuid if group is not None and bound else server.uuid
        together.setdefault(key, []).append(server)
    return [_Unit(tuple(servers)) for servers in together.values()]


def _nowhere(
    unit: _Unit,
    why: Mapping[str, Refusals],
    cloud: facts.CloudFacts,
) -> dict[str, Placed]:
    result = {}
    for server in unit.servers:
        own = {h: found for h, found in why[server.uuid].items() if found}
        stuck = _stuck_together(unit, server, why)
        found = merged(own) if len(own) == len(why[server.uuid]) else ()
        result[server.uuid] = Placed(
            None, found or stuck or (_no_target(server, cloud),)
        )
    return result


def _stuck_together(
    unit: _Unit, server: facts.Server, why: Mapping[str, Refusals]
) -> Found:
    """A member of an affinity group that another member holds back."""
    other = next(
        (
            s
            for s in unit.servers
            if s.uuid != server.uuid
            and (not why[s.uuid] or any(why[s.uuid].values()))
        ),
        None,
    )
    if other is None or server.group is None:
        return ()
    return (
        catalogue.finding(
            'group-policy',
            f'server group {server.group.uuid} has policy affinity, and no '
            f'host takes {other.name} ({other.uuid}) as well',
            'See the findings of that server.',
        ),
    )


def _unknown(host: str) -> findings.Finding:
    return catalogue.finding(
        'target-unknown',
        f'nothing is known of a compute host {host}',
        'openstack recovery host list names those that can be a --target.',
    )


def _no_target(
    server: facts.Server, cloud: facts.CloudFacts
) -> findings.Finding:
    asked = ', '.join(f'{n} {name}' for name, n in needs(server).items())
    return catalogue.finding(
        'no-target',
        f'placement offers no other host of cell {cloud.source.cell.name} '
        f'for {asked or "it"}',
        'Make room or enable hosts of that cell, or name a --target.',
    )

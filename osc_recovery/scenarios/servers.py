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

"""server list, server show: what is known of servers; reads only."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
from typing import Any

from osc_recovery import exceptions
from osc_recovery.facts import cloud
from osc_recovery.facts import hosts
from osc_recovery.facts import identify
from osc_recovery.facts import liveness
from osc_recovery.facts import servers
from osc_recovery.facts import sources
from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning.checks import hardware
from osc_recovery.planning.checks import server as server_checks
from osc_recovery.planning.checks import states
from osc_recovery.planning.checks import storage
from osc_recovery.scenarios import environment

#: fields that nova's API and the cell's database both have
COMPARED = (
    'host',
    'node',
    'vm_state',
    'task_state',
    'power_state',
    'locked',
    'locked_reason',
)

Found = tuple[findings.Finding, ...]


@dataclasses.dataclass(frozen=True)
class Listed:
    """A server with what the databases alone say of recovering it."""

    server: facts.Server
    findings: Found

    @property
    def method(self) -> str:
        """How it would be recovered."""
        return method(self.findings)


@dataclasses.dataclass(frozen=True)
class Listing:
    """Servers, and what could not be read."""

    servers: tuple[Listed, ...]
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Compared:
    """One field as the database and nova's API have it."""

    field: str
    database: Any
    api: Any

    @property
    def differs(self) -> bool:
        """Whether the two disagree."""
        return bool(self.database != self.api)


@dataclasses.dataclass(frozen=True)
class Shown:
    """One server in depth; ``candidates`` None: placement was not asked."""

    server: facts.Server
    compared: tuple[Compared, ...]
    findings: Found
    candidates: tuple[str, ...] | None
    warnings: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """How it would be recovered."""
        return method(self.findings)


class Servers:
    """The servers of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def listing(self, host: str | None = None) -> Listing:
        """The servers of one host or of all, from the databases alone.

        Raises UsageError when nova knows no such host.
        """
        origin = self._env.sources(apis=False)
        unreadable: list[str] = []
        names = None if host is None else [host]
        places = {
            place.name: place
            for place in hosts.gather(origin, names, unreadable=unreadable)
        }
        if host is not None and host not in places and not unreadable:
            raise exceptions.UsageError(
                f'nova knows no compute host {host}: see "openstack '
                'recovery host list".'
            )
        found = listed(origin, names, places, unreadable)
        unknown = (entry for item in found for entry in item.server.unknown)
        return Listing(found, (*unreadable, *sources.reasons(unknown)))

    def show(self, name: str) -> Shown:
        """One server, by uuid, name, instance name or EC2 id.

        Without keystone what the databases hold is shown, with a warning.
        Raises UsageError for a name that no server or more than one has.
        """
        origin = self._env.sources()
        row = identify.resolve(origin, name)
        (server,) = servers.join(origin, (row,), servers.Depth())
        known = self._neighbourhood(origin, server)
        places = {place.name: place for place in known}
        around = _around(server, places, liveness.volume_services(origin))
        offered = cloud.candidates(origin, server.host or '', (server,), known)
        return Shown(
            server,
            compared(server),
            server_checks.check(server, around),
            offered.get(server.uuid),
            sources.reasons((*server.unknown, *around.source.unknown)),
        )

    def _neighbourhood(
        self, origin: sources.Sources, server: facts.Server
    ) -> tuple[facts.Host, ...]:
        """The hosts of the server's cell, its own host in depth."""
        if server.host is None:
            return ()
        known = hosts.gather(origin, [server.host], neighbours=True)
        own = [host for host in known if host.name == server.host]
        others = [host for host in known if host.name != server.host]
        return (*hosts.with_room(origin, own), *others)


def listed(
    origin: sources.Sources,
    names: list[str] | None,
    places: Mapping[str, facts.Host],
    unreadable: list[str] | None = None,
) -> tuple[Listed, ...]:
    """The servers of some hosts or of all, with what speaks against them.

    ``places`` are the hosts as far as they are known; cells that cannot be
    read are added to ``unreadable`` when all servers are wanted.
    """
    found = _all(origin, names, unreadable if unreadable is not None else [])
    backends = liveness.volume_services(origin) if found else sources.Answer()
    return tuple(
        Listed(server, _quick(server, _around(server, places, backends)))
        for server in found
    )


def method(found: Iterable[findings.Finding]) -> str:
    """How a server with these findings would be recovered."""
    codes = {
        severity: list(
            dict.fromkeys(f.code for f in found if f.severity is severity)
        )
        for severity in findings.Severity
    }
    if codes[findings.Severity.BLOCKER]:
        return f'blocked: {", ".join(codes[findings.Severity.BLOCKER])}'
    if codes[findings.Severity.CONSENT]:
        asked = ', '.join(codes[findings.Severity.CONSENT])
        return f'relocate, with consent: {asked}'
    return 'relocate'


def compared(server: facts.Server) -> tuple[Compared, ...]:
    """The database and nova's API side by side."""
    if server.api is None:
        return ()
    return tuple(
        Compared(field, getattr(server, field), getattr(server.api, field))
        for field in COMPARED
    )


def _all(
    origin: sources.Sources,
    names: list[str] | None,
    unreadable: list[str],
) -> servers.Servers:
    """The servers of every cell that can be read."""
    if names is not None:
        return servers.gather(origin, hosts=names, depth=servers.LISTED)
    found: list[facts.Server] = []
    for cell in origin.cells.values():
        answer = sources.ask(cell.servers)
        found.extend(answer.known(()))
        if answer.reason and answer.reason not in unreadable:
            unreadable.append(answer.reason)
    return servers.join(origin, tuple(found), servers.LISTED)


def _quick(server: facts.Server, around: facts.CloudFacts) -> Found:
    """The findings that need nothing but the databases."""
    return (
        *(f for look in states.CHECKS for f in look(server)),
        *(f for look in hardware.CHECKS for f in look(server)),
        *(f for look in storage.CHECKS for f in look(server, around)),
    )


def _around(
    server: facts.Server,
    places: Mapping[str, facts.Host],
    backends: sources.Answer[tuple[facts.Agent, ...]],
) -> facts.CloudFacts:
    """What the checks of a server want to know of its surroundings."""
    return facts.CloudFacts(
        source=places.get(server.host or '') or _no_host(server),
        hosts={},
        servers=(server,),
        candidates={},
        stage_bindings=False,
        schema={},
        volume_services=liveness.of_volumes(backends.known(())),
    )


def _no_host(server: facts.Server) -> facts.Host:
    """A stand-in for the host of a server that has none (or a lost one)."""
    return facts.Host(
        name=server.host or '',
        cell=server.cell,
        service=facts.ComputeService(
            uuid='',
            host=server.host or '',
            disabled=False,
            disabled_reason=None,
            forced_down=False,
            last_seen_up=None,
            report_count=0,
        ),
        node=None,
        zone=server.zone or '',
    )

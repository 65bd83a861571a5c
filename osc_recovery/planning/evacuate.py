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

"""Plans the evacuation of a dead host's servers: facts in, plan out."""

import dataclasses
from typing import Any

from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning.checks import evacuation as checks
from osc_recovery.planning.checks import expected
from osc_recovery.planning.checks import storage
from osc_recovery.planning import choice as choices
from osc_recovery.planning import fingerprint
from osc_recovery.planning import relocate
from osc_recovery.planning import targets
from osc_recovery.planning import waves

SCENARIO = 'evacuate'
PRIORITY_KEY = 'recovery_priority'

Found = tuple[findings.Finding, ...]

#: the last that leaves a server as it was, the first that stops it
KEEPING = (2, 94)
_MOST_OTHERS = 3


@dataclasses.dataclass(frozen=True)
class Wish:
    """What the operator chose, and what a plan has to know besides.

    ``per_target`` and ``stagger`` (seconds) are the operator's own words,
    None without any; ``limits`` are the concurrency and the cap of a
    target that will hold.  ``shared_everywhere``: every host is stated to
    share the instances directory.
    """

    choice: choices.Choice
    per_target: int | None = None
    stagger: float | None = None
    limits: tuple[int, int] = (8, 4)
    priority_key: str = PRIORITY_KEY
    shared_everywhere: bool = False
    version: tuple[int, int] = (2, 95)

    def parameters(self) -> dict[str, Any]:
        """The operator's own words, in JSON's types."""
        return {
            **self.choice.parameters(),
            'per_target': self.per_target,
            'stagger': self.stagger,
        }


def wish_of(plan: plans.Plan, wish: Wish) -> Wish:
    """The wish that makes a plan again, each server at its target."""
    return dataclasses.replace(
        wish,
        choice=choices.of_plan(plan),
        per_target=plan.parameters.get('per_target'),
        stagger=plan.parameters.get('stagger'),
    )


class Spread(targets.Spread):
    """Targets for an evacuation: nova has other demands than a move."""

    def options(self, server: facts.Server) -> tuple[str, ...]:
        """As for a relocation; a held server stays held, others do not."""
        held = self._choice.placement.get(server.uuid)
        if held:
            return (held,)
        if self._choice.targets:
            return tuple(dict.fromkeys(self._choice.targets))
        return self._cloud.candidates.get(server.uuid, ())

    def unsuited(self, server: facts.Server, target: facts.Host) -> Found:
        """What keeps a host from taking this server, room aside."""
        return checks.check_target(server, self._cloud, target)

    def others(self, server: facts.Server, target: str) -> tuple[str, ...]:
        """Hosts to try when the target turns out to be no good."""
        fit = [
            host
            for host, found in self.refusals(server).items()
            if not found and host != target
        ]
        return tuple(fit[:_MOST_OTHERS])


def plan(cloud: facts.CloudFacts, wish: Wish, created_at: str) -> plans.Plan:
    """Every server's way, or what stands in it, in the order of the run.

    ``created_at`` is ISO 8601 in UTC: planning has no clock.
    """
    choice = wish.choice
    means = means_of(cloud, wish)
    wanted = waves.ordered(relocate.wanted(cloud, choice), wish.priority_key)
    found = {
        server.uuid: relocate.accept(
            checks.check(server, cloud, means), choice
        )
        for server in wanted
    }
    spread = Spread(cloud, choice)
    placed = spread.place(
        s for s in wanted if not relocate.is_blocked(found[s.uuid])
    )
    maker = _Maker(cloud, wish, means, spread)
    servers = waves.numbered(
        tuple(
            maker.server(
                server,
                found[server.uuid],
                placed.get(server.uuid)
                or targets.Placed(None, spread.explain(server)),
            )
            for server in wanted
        ),
        *wish.limits,
    )
    used = relocate.targets_of(choice, servers)
    basis = fingerprint.frame(cloud, used)
    return plans.Plan(
        scenario=SCENARIO,
        host=cloud.source.name,
        cell=cloud.source.cell.uuid,
        created_at=created_at,
        parameters=wish.parameters(),
        frame=basis,
        fingerprint=fingerprint.digest(basis),
        findings=relocate.accept(
            (
                *checks.check_frame(cloud),
                *relocate.left_out(spread, choice),
            ),
            choice,
        ),
        servers=servers,
        capacity=relocate.capacity(spread, tuple(_expected(placed))),
    )


def explanation(cloud: facts.CloudFacts, uuid: str) -> str:
    """Why nova found no host for a server, as far as it can be seen.

    ``cloud`` holds the hosts to tell of.
    """
    server = next((s for s in cloud.servers if s.uuid == uuid), None)
    if server is None:
        return ''
    spread = Spread(cloud, choices.Choice(targets=tuple(cloud.hosts)))
    offered = cloud.candidates.get(uuid, ())
    parts = []
    for host, found in spread.refusals(server).items():
        lacking = found or spread.room.lacking(host, targets.needs(server))
        if lacking:
            parts.append(
                f'{host}: {", ".join(f.code for f in lacking)} '
                f'({lacking[0].fact.rstrip(".")})'
            )
        elif host not in offered:
            parts.append(f'{host}: placement does not offer it')
        else:
            parts.append(
                f'{host}: nothing seen against it, nova-scheduler\'s log '
                'names the filter'
            )
    return '; '.join(parts) or 'The cell has no other host.'


def means_of(cloud: facts.CloudFacts, wish: Wish) -> checks.Means:
    """What the operator wants and what this nova can do."""
    services = [h.service for h in (cloud.source, *cloud.hosts.values())]
    return checks.Means(
        keep_power=wish.choice.keep_power,
        version=wish.version,
        stopping=all(
            service.version is None
            or service.version >= checks.STOPPING_SERVICE
            for service in services
        ),
    )


def _expected(placed: dict[str, targets.Placed]) -> list[str]:
    return sorted({p.target for p in placed.values() if p.target})


@dataclasses.dataclass(frozen=True)
class _Maker:
    """Makes the plan of one server after the other."""

    cloud: facts.CloudFacts
    wish: Wish
    means: checks.Means
    spread: Spread

    def server(
        self, server: facts.Server, found: Found, placed: targets.Placed
    ) -> plans.ServerPlan:
        found = (
            *found,
            *relocate.accept(placed.findings, self.wish.choice),
        )
        running = checks.ends_running(server, self.means)
        target = placed.target if self._pinned(server) else None
        specs: tuple[steps.StepSpec, ...] = ()
        if placed.target is not None:
            specs = (
                self._evacuate(server, target, running),
                self._verify(server, running),
            )
        basis = relocate.basis(server, found)
        return plans.ServerPlan(
            uuid=server.uuid,
            name=server.name,
            target=target,
            method=SCENARIO,
            start=running,
            steps=specs,
            findings=found,
            fingerprint=fingerprint.digest(basis),
            facts=basis,
            serial=waves.serial(server),
        )

    def _pinned(self, server: facts.Server) -> bool:
        """Whether the plan names the target, and not nova's scheduler.

        The operator wants it, or the scheduler could choose a host that
        does not see the disks (nova would make new ones) or one that would
        destroy the guest when it starts again.
        """
        choice = self.wish.choice
        if choice.targets or self.wish.per_target is not None:
            return True
        if server.uuid in choice.placement:
            return True
        local = storage.local_parts(server)
        if local and self.cloud.source.instances_shared:
            if not self.wish.shared_everywhere:
                return True
        return any(
            row.type == 'evacuation'
            and row.status in ('accepted', 'pre-migrating', 'done')
            and row.source_host != server.host
            for row in server.migrations
        )

    def _evacuate(
        self, server: facts.Server, target: str | None, running: bool
    ) -> steps.StepSpec:
        allocation = server.allocation
        held = allocation.providers if allocation is not None else {}
        return steps.StepSpec(
            'evacuate',
            {
                'cell': server.cell.uuid,
                'source': server.host,
                'target': target,
                'others': list(
                    self.spread.others(server, target) if target else ()
                ),
                'vm_state': server.vm_state,
                'task_state': server.task_state,
                'microversion': self._microversion(running),
                'providers': sorted(held),
            },
            final=True,
        )

    def _microversion(self, running: bool) -> str:
        """2.94 for what has to run, 2.95 for what must not, or lower."""
        wanted = KEEPING
        if not running and self.means.can_stop:
            wanted = checks.STOPPING
        major, minor = min(wanted, self.means.version)
        return f'{major}.{minor}'

    def _verify(self, server: facts.Server, running: bool) -> steps.StepSpec:
        wanted = expected.evacuated(server, self.cloud.source, running=running)
        return steps.StepSpec(
            'verify-evacuation',
            {
                'expected': codec.encode(wanted),
                'source': server.host,
                'known': [
                    [row.source_host, row.dest_host]
                    for row in server.migrations
                    if row.type == 'evacuation'
                ],
            },
            final=True,
        )

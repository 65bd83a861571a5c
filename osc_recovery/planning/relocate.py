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

"""Plans the relocation of a dead host's servers: facts in, plan out."""

from collections.abc import Iterable
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import frame as frame_checks
from osc_recovery.planning.checks import server as server_checks
from osc_recovery.planning import choice as choices
from osc_recovery.planning import fingerprint
from osc_recovery.planning import sequence
from osc_recovery.planning import targets

SCENARIO = 'relocate'

Found = tuple[findings.Finding, ...]


def plan(
    cloud: facts.CloudFacts, choice: choices.Choice, created_at: str
) -> plans.Plan:
    """Every server's way, or what stands in it.

    ``created_at`` is ISO 8601 in UTC: planning has no clock.  Servers are
    ordered by name, then uuid; the same facts give the same plan.
    """
    chosen = wanted(cloud, choice)
    found = {
        server.uuid: accept(server_checks.check(server, cloud), choice)
        for server in chosen
    }
    moving = [s for s in chosen if not is_blocked(found[s.uuid])]
    spread = targets.Spread(cloud, choice)
    placed = spread.place(moving)
    servers = tuple(
        _server_plan(
            server,
            cloud,
            choice,
            found[server.uuid],
            placed.get(server.uuid) or _unmoved(spread, server),
        )
        for server in chosen
    )
    used = targets_of(choice, servers)
    around = fingerprint.frame(cloud, used)
    return plans.Plan(
        scenario=SCENARIO,
        host=cloud.source.name,
        cell=cloud.source.cell.uuid,
        created_at=created_at,
        parameters=choice.parameters(),
        frame=around,
        fingerprint=fingerprint.digest(around),
        findings=accept(
            (*frame_checks.check(cloud), *left_out(spread, choice)), choice
        ),
        servers=servers,
        capacity=capacity(spread, used),
    )


def accept(found: Found, choice: choices.Choice) -> Found:
    """The same findings, those that the operator accepts marked so."""
    return tuple(finding.accepted_by(choice.accept) for finding in found)


def wanted(
    cloud: facts.CloudFacts, choice: choices.Choice
) -> list[facts.Server]:
    """The servers that were named, or all, by name."""
    named = set(choice.servers)
    return sorted(
        (s for s in cloud.servers if not named or s.uuid in named),
        key=lambda server: (server.name, server.uuid),
    )


def is_blocked(found: Iterable[findings.Finding]) -> bool:
    """Whether any of the findings keeps a server out."""
    return any(finding.blocks for finding in found)


def _unmoved(spread: targets.Spread, server: facts.Server) -> targets.Placed:
    return targets.Placed(None, spread.explain(server))


def _server_plan(
    server: facts.Server,
    cloud: facts.CloudFacts,
    choice: choices.Choice,
    found: Found,
    placed: targets.Placed,
) -> plans.ServerPlan:
    found = (*found, *accept(placed.findings, choice))
    start = choice.keep_power and sequence.was_running(server)
    specs: tuple[steps.StepSpec, ...] = ()
    if placed.target is not None:
        specs = sequence.Way(
            server=server,
            source=cloud.source,
            target=cloud.hosts[placed.target],
            staged=cloud.stage_bindings,
            start=start,
        ).specs()
    rests = basis(server, found)
    return plans.ServerPlan(
        uuid=server.uuid,
        name=server.name,
        target=placed.target,
        method=SCENARIO,
        start=start,
        steps=specs,
        findings=found,
        fingerprint=fingerprint.digest(rests),
        facts=rests,
    )


def basis(server: facts.Server, found: Found) -> dict[str, Any]:
    """What the plan rests on: facts, and that nothing stands in the way."""
    return {
        **fingerprint.server(server),
        'findings': sorted({f.code for f in found if f.blocks}),
    }


def targets_of(
    choice: choices.Choice, servers: tuple[plans.ServerPlan, ...]
) -> tuple[str, ...]:
    """The targets that belong to the frame, the same when planned again."""
    named = choice.targets or tuple(choice.placement.values())
    used = named or tuple(s.target for s in servers if s.target)
    return tuple(sorted(set(used)))


def left_out(spread: targets.Spread, choice: choices.Choice) -> Found:
    """The targets that were named and can take nothing."""
    return tuple(
        catalogue.finding(
            'target-left-out',
            f'{host} takes no server: '
            + ' '.join(f'{f.code}: {f.fact}' for f in unfit),
            unfit[0].remedy,
        )
        for host in dict.fromkeys(choice.targets)
        if (unfit := spread.unfit(host))
    )


def capacity(spread: targets.Spread, used: tuple[str, ...]) -> dict[str, Any]:
    """The room on these targets, before and after."""
    summary = spread.room.summary()
    return {host: summary[host] for host in used if host in summary}

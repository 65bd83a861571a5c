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

"""Plans the fence of a host: what proves it dead, then down, then closed."""

from collections.abc import Iterator
import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import fencing
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning.checks import fence as checks
from osc_recovery.planning.checks import frame
from osc_recovery.planning import fingerprint
from osc_recovery.planning import gates

SCENARIO = 'fence'
STATEMENT = 'statement'
AGENT = 'agent'
#: the step that cuts the power and records the proof
POWER = 'fence-power'

#: the gates of either method: a statement about a living host is false
GATES = {
    STATEMENT: frozenset({'blast-radius'}),
    AGENT: frozenset({'blast-radius', 'host-alive'}),
}


@dataclasses.dataclass(frozen=True)
class Wish:
    """What the operator chose; exactly one way to know the host dead."""

    statement: str = ''
    accept: frozenset[str] = frozenset()
    override: findings.Override = dataclasses.field(
        default_factory=findings.Override
    )

    @property
    def method(self) -> str:
        """How the host is known to be dead."""
        return STATEMENT if self.statement else AGENT


def plan(
    host: facts.Host,
    wish: Wish,
    radius: fencing.Radius,
    operator: str,
    created_at: str,
    *,
    agent: fencing.AgentFacts | None = None,
    unused: str = '',
) -> plans.Plan:
    """Cut the power, force the service down, and only then disable it.

    Disabling first would let nova call the service up, and its servers
    safe, for as long as its last heartbeat counts.  ``agent`` is needed
    without a statement; with one, ``unused`` names the agent that could
    have been asked.
    """
    agent = None if wish.statement else agent
    return plans.Plan(
        scenario=SCENARIO,
        host=host.name,
        cell=host.cell.uuid,
        created_at=created_at,
        parameters={
            'method': wish.method,
            'statement': wish.statement,
            'operator': operator,
            'accept': sorted(wish.accept),
            **gates.parameters(wish.override),
        },
        frame=_frame(host, agent),
        fingerprint=_fingerprint(host, agent),
        findings=gates.passed(
            _findings(host, radius, agent, unused),
            wish.override,
            wish.accept,
        ),
        servers=()
        if fenced(host, agent)
        else (_frame_of(host, operator, agent),),
    )


def wish_of(plan: plans.Plan) -> Wish:
    """What the operator chose when the plan was made."""
    return Wish(
        statement=plan.parameters['statement'],
        accept=frozenset(plan.parameters['accept']),
        override=gates.of_parameters(plan.parameters),
    )


def method_of(plan: plans.Plan) -> str:
    """How the host is known to be dead; older plans know statements."""
    return str(plan.parameters.get('method', STATEMENT))


def still_dead(host: facts.Host) -> tuple[findings.Finding, ...]:
    """What forbids to go on with a run, as it would have forbidden it."""
    looks = (frame.host_alive, frame.fence_missing, frame.fence_stale)
    cloud = _alone(host)
    return tuple(found for look in looks for found in look(cloud))


def fenced(host: facts.Host, agent: fencing.AgentFacts | None = None) -> bool:
    """Whether there is nothing left to do.

    An agent's proof takes the place of a statement, and is no proof any
    more when the power is on again.
    """
    if agent is not None and (
        agent.power != 'off'
        or host.fence is None
        or host.fence.method != AGENT
    ):
        return False
    return (
        host.fence is not None
        and not host.fence_stale
        and host.service.forced_down
        and host.service.disabled
    )


def _frame(
    host: facts.Host, agent: fencing.AgentFacts | None
) -> dict[str, Any]:
    found: dict[str, Any] = {
        'service': host.service.uuid,
        'forced down': host.service.forced_down,
        'disabled': host.service.disabled,
        'last seen up': host.service.last_seen_up,
    }
    if agent is not None:
        found.update(
            {
                'fence agent': f'{agent.agent} ({agent.program})',
                'options': ', '.join(
                    f'{key}={value}' for key, value in agent.options.items()
                ),
                'power': agent.power or 'unknown',
            }
        )
    return found


def _fingerprint(host: facts.Host, agent: fencing.AgentFacts | None) -> str:
    values: list[Any] = [host.name, host.cell.uuid, host.service.uuid]
    if agent is not None:
        values += [agent.agent, agent.program, agent.options]
    return fingerprint.digest(values)


def _findings(
    host: facts.Host,
    radius: fencing.Radius,
    agent: fencing.AgentFacts | None,
    unused: str,
) -> Iterator[findings.Finding]:
    cloud = _alone(host)
    yield from frame.service_missing(cloud)
    yield from frame.cell_usable(cloud)
    if agent is not None:
        # who could contradict a statement need not be heard about a proof
        yield from checks.agent_failed(agent)
        yield from checks.alive(host, agent)
    else:
        yield from frame.host_alive(cloud)
        yield from frame.watcher_silent(cloud)
        yield from checks.agent_unused(host.name, unused)
    yield from checks.blast_radius(host.name, radius)


def _alone(host: facts.Host) -> facts.CloudFacts:
    """A cloud of which nothing but the host matters."""
    return facts.CloudFacts(
        source=host,
        hosts={},
        servers=(),
        candidates={},
        stage_bindings=True,
        schema={},
    )


def _frame_of(
    host: facts.Host, operator: str, agent: fencing.AgentFacts | None
) -> plans.ServerPlan:
    service = host.service.uuid
    specs = [
        steps.StepSpec('fence-down', {'service': service}, final=True),
        steps.StepSpec(
            'fence-disable',
            {'service': service, 'operator': operator},
            final=True,
        ),
    ]
    if agent is not None:
        specs.insert(0, _power(host, agent))
    return plans.ServerPlan(
        uuid=host.name,
        name=host.name,
        target=None,
        method='fence',
        start=False,
        steps=tuple(specs),
        findings=(),
        fingerprint='',
    )


def _power(host: facts.Host, agent: fencing.AgentFacts) -> steps.StepSpec:
    """Final: nobody powers on a host that may be broken."""
    return steps.StepSpec(
        POWER,
        {
            'method': AGENT,
            'cell': host.cell.uuid,
            'alive': bool(host.alive_evidence),
            'shown': {
                'agent': agent.agent,
                'program': agent.program,
                'options': agent.options,
            },
        },
        final=True,
    )

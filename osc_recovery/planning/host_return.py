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

"""Plans the return of a repaired host to service.

The order is the point of it: what waits in the host's queue is thrown away
and its evacuation rows are put right while nova-compute is off; nova-compute
starts while nova still calls the host down, and destroys the copies of what
was moved; only then is the host trusted, and scheduled to, again.
"""

from typing import Any

from osc_recovery.model import host_return as model
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning.checks import homecoming
from osc_recovery.planning import fingerprint
from osc_recovery.planning import tombstones

SCENARIO = 'return'


def plan(
    read: model.ReturnFacts,
    created_at: str,
    *,
    wait: int,
    enable: bool = True,
    accept: frozenset[str] = frozenset(),
) -> plans.Plan:
    """What has to happen, in order; nothing where the host is in service.

    ``wait`` is how many seconds nova-compute has to be started in.
    """
    done = in_service(read)
    found = () if done else homecoming.check(read, accept)
    host = read.host
    made = _steps(read, wait, enable=enable)
    return plans.Plan(
        scenario=SCENARIO,
        host=host.name,
        cell=host.cell.uuid,
        created_at=created_at,
        parameters={
            'wait': wait,
            'enable': enable,
            'accept': sorted(accept),
        },
        frame=_frame(read),
        fingerprint=fingerprint.digest(
            [
                host.cell.uuid,
                host.service.uuid,
                host.service.forced_down,
                host.service.disabled,
                [{**s.params, 'kind': s.kind} for s in made],
                [f.code for f in found if f.blocks],
            ]
        ),
        findings=found,
        servers=() if done else (_subject(host.name, made),),
    )


def in_service(read: model.ReturnFacts) -> bool:
    """Whether there is nothing left to do."""
    service = read.host.service
    return (
        bool(read.host.up)
        and not service.disabled
        and read.host.fence is None
        and not read.evacuations
    )


def _frame(read: model.ReturnFacts) -> dict[str, Any]:
    service = read.host.service
    return {
        'service': service.uuid,
        'forced down': service.forced_down,
        'disabled': service.disabled,
        'messages waiting': read.waiting,
        'evacuations to be cleaned up': len(tombstones.sort(read).good),
        'servers still there': len(read.residents),
    }


def _steps(
    read: model.ReturnFacts, wait: int, *, enable: bool
) -> tuple[steps.StepSpec, ...]:
    host = read.host
    service = {'service': host.service.uuid}
    cell = {'cell': host.cell.uuid}
    made = [*_rows(read)]
    if not read.running:
        if not host.service.forced_down:
            made.append(steps.StepSpec('fence-down', service, final=True))
        made.append(steps.StepSpec('return-purge', cell, final=True))
    if not read.running or read.evacuations or read.moved:
        params = {**cell, 'wait': wait}
        made.append(steps.StepSpec('return-await', params, final=True))
    made.append(steps.StepSpec('return-up', service, final=True))
    provider = host.provider.uuid if host.provider else None
    if enable:
        params = {**service, 'provider': provider}
        made.append(steps.StepSpec('return-enable', params, final=True))
    params = {**cell, 'enabled': enable, 'provider': provider}
    made.append(steps.StepSpec('return-verify', params, final=True))
    made.append(steps.StepSpec('return-release', {}, final=True))
    return tuple(made)


def _rows(read: model.ReturnFacts) -> list[steps.StepSpec]:
    """The step that puts evacuation rows right, if any needs it."""
    host, node = read.host.name, read.host.node
    name = node.node if node else None
    changes = tombstones.changes(tombstones.sort(read), host, name)
    burials = [tombstones.burial(row, host, name) for row in read.moved]
    if not changes and not burials:
        return []
    params = {
        'cell': read.host.cell.uuid,
        'changes': changes,
        'burials': burials,
    }
    return [steps.StepSpec('return-rows', params)]


def _subject(host: str, made: tuple[steps.StepSpec, ...]) -> plans.ServerPlan:
    return plans.ServerPlan(
        uuid=host,
        name=host,
        target=None,
        method=SCENARIO,
        start=False,
        steps=made,
        findings=(),
        fingerprint='',
    )

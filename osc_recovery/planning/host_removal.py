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

"""Plans the end of a host that never returns.

As nova's documentation has it (doc/source/admin/evacuate.rst and the notes
of DELETE /os-services): the service of a decommissioned host is deleted,
and with it its node, its provider and its mapping.  nova does that only for
an empty host, and cannot delete a provider on which a server that was moved
still has an allocation.
"""

from collections.abc import Callable, Iterator
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import host_return as model
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import frame
from osc_recovery.planning.checks import homecoming
from osc_recovery.planning import fingerprint
from osc_recovery.planning import tombstones

SCENARIO = 'remove'

Findings = Iterator[findings.Finding]


def host_not_empty(read: model.ReturnFacts) -> Findings:
    """nova keeps the service of a host that has servers (409)."""
    if read.residents:
        names = ', '.join(s.name for s in read.residents[:8])
        yield catalogue.finding(
            'host-not-empty',
            f'{len(read.residents)} servers live on {read.host.name}: {names}',
            'Move them first: openstack recovery host relocate '
            f'{read.host.name}; or delete them.',
        )


def migrating(read: model.ReturnFacts) -> Findings:
    """nova keeps the service of a host that a migration needs (409)."""
    rows = (*tombstones.sort(read).in_flight, *read.unfinished)
    for row in rows:
        yield catalogue.finding(
            'migration-in-flight',
            f'{row.type} {row.id} of server {row.name} is {row.status}, from '
            f'{row.source_host} to {row.dest_host}',
            'Wait until it has ended, or confirm or revert it: openstack '
            f'server migration list --server {row.server}',
        )


def without_allocation(read: model.ReturnFacts) -> Findings:
    """Who has an allocation here alone would end with none."""
    for row in read.moved:
        allocated = row.allocated
        if allocated is None:
            continue
        if row.provider is None or row.provider not in allocated:
            yield catalogue.finding(
                'moved-without-allocation',
                f'server {row.home.name} lives on {row.home.host} and has no '
                'allocation there',
                'Put it right first: openstack recovery consistency repair '
                f'--server {row.home.uuid}',
            )


def volume_services(read: model.ReturnFacts) -> Findings:
    """cinder's services are not ours to remove."""
    if read.host.volume_services:
        names = ', '.join(s.name for s in read.host.volume_services)
        yield catalogue.finding(
            'volume-services-left',
            f'cinder knows services on {read.host.name}: {names}',
            'Remove them on a controller when no volume needs them: '
            f'cinder-manage service remove <binary> {read.host.name}',
        )


_FRAME = (
    frame.service_missing,
    frame.cell_usable,
    frame.host_alive,
    frame.fence_missing,
    frame.fence_stale,
    frame.watcher_silent,
)
_CHECKS: tuple[Callable[[model.ReturnFacts], Findings], ...] = (
    homecoming.held,
    homecoming.facts_unknown,
    homecoming.broker_unknown,
    homecoming.calls_waiting,
    host_not_empty,
    migrating,
    without_allocation,
    volume_services,
)


def plan(
    read: model.ReturnFacts,
    created_at: str,
    accept: frozenset[str] = frozenset(),
) -> plans.Plan:
    """What has to be taken away, in order."""
    host = read.host
    found = _findings(read, accept)
    made = _steps(read)
    return plans.Plan(
        scenario=SCENARIO,
        host=host.name,
        cell=host.cell.uuid,
        created_at=created_at,
        parameters={'never': True, 'accept': sorted(accept)},
        frame={
            'service': host.service.uuid,
            'last seen up': host.service.last_seen_up,
            'allocations to be removed': len(read.moved),
            'messages waiting': read.waiting,
        },
        fingerprint=fingerprint.digest(
            [
                host.cell.uuid,
                [{**s.params, 'kind': s.kind} for s in made],
                [f.code for f in found if f.blocks],
            ]
        ),
        findings=found,
        servers=(
            plans.ServerPlan(
                uuid=host.name,
                name=host.name,
                target=None,
                method=SCENARIO,
                start=False,
                steps=made,
                findings=(),
                fingerprint='',
            ),
        ),
    )


def _findings(
    read: model.ReturnFacts, accept: frozenset[str]
) -> tuple[findings.Finding, ...]:
    alone = facts.CloudFacts(
        source=read.host,
        hosts={},
        servers=(),
        candidates={},
        stage_bindings=True,
        schema={},
    )
    found = [f for look in _FRAME for f in look(alone)]
    found += [f for look in _CHECKS for f in look(read)]
    return tuple(f.accept() if f.code in accept else f for f in found)


def _steps(read: model.ReturnFacts) -> tuple[steps.StepSpec, ...]:
    """What lies in the queue, then what placement, nova and neutron keep.

    The evacuation rows are ended last: nova looks at them when it deletes
    the service, and a new host of that name would act upon them.
    """
    host, cell = read.host, read.host.cell.uuid
    provider = host.provider.uuid if host.provider else None
    service = host.service
    params: dict[str, Any]
    made = [steps.StepSpec('return-purge', {'cell': cell}, final=True)]
    servers = [
        row.home.uuid
        for row in read.moved
        if provider in (row.allocated or ())
    ]
    if servers:
        params = {'provider': provider, 'servers': servers}
        made.append(steps.StepSpec('remove-allocations', params, final=True))
    params = {
        'cell': cell,
        'service': service.uuid,
        'provider': provider,
        'heartbeat': [service.last_seen_up, service.report_count],
    }
    made.append(steps.StepSpec('remove-service', params, final=True))
    params = {'heartbeats': {a.name: a.heartbeat for a in host.agents}}
    made.append(steps.StepSpec('remove-agents', params, final=True))
    if read.evacuations:
        params = {
            'cell': cell,
            'changes': tombstones.ended(read),
            'burials': [],
        }
        made.append(steps.StepSpec('return-rows', params, final=True))
    params = {'service': service.uuid, 'provider': provider}
    made.append(steps.StepSpec('remove-verify', params, final=True))
    made.append(steps.StepSpec('return-release', {}, final=True))
    return tuple(made)

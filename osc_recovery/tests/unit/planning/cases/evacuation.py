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
"""What evacuation alone has to say, and what it leaves to nova."""

import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.planning import choice as choices
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

OFF = choices.Choice(targets=('kvm2',), keep_power=False)


@dataclasses.dataclass(frozen=True)
class Case(making.Case):
    """A case, and what nova can do."""

    version: tuple[int, int] = (2, 100)


def moved(
    status: str, source: str, kind: str = 'evacuation'
) -> facts.CloudFacts:
    """One server with a row of another move."""
    row = facts.Migration(
        7, making.OTHER, kind, status, source, source, 'kvm1', 'kvm1'
    )
    return making.one(migrations=(row,))


def old_computes() -> facts.CloudFacts:
    """A nova-compute that does not know how to stop a guest."""
    service = builders.host('kvm2').service
    return making.target(service=making.change(service, version=61))


def disks() -> facts.CloudFacts:
    """A server on a volume with a disk that nobody shares."""
    return making.unshared(making.with_disk('volume-backed'))


def failed(power_state: int, **changes: Any) -> facts.CloudFacts:
    """One server in error."""
    return making.one(
        vm_state='error', power_state=power_state, api=None, **changes
    )


EVACUATION = (
    Case(
        'paused',
        'vm-state-refused',
        making.one(vm_state='paused', api=None),
        'paused',
        '--accept paused',
    ),
    Case(
        'suspended',
        'vm-state-refused',
        making.one(vm_state='suspended', api=None),
        'suspended',
        'host relocate kvm1',
    ),
    Case(
        'stopped',
        'stopped-guest-boots',
        making.one('stopped'),
        'was stopped',
        'relocate',
        also=('storage-stated',),
    ),
    Case(
        'to be off',
        'stopped-guest-boots',
        making.one(),
        'is to stay off',
        '--power off',
        choice=OFF,
    ),
    Case(
        'to be off, old nova',
        'power-off-unsupported',
        making.one(),
        '2.94',
        '--power keep',
        also=('stopped-guest-boots',),
        choice=OFF,
        version=(2, 94),
    ),
    Case(
        'to be off, old nova-compute',
        'power-off-unsupported',
        old_computes(),
        '62',
        also=('stopped-guest-boots',),
        choice=OFF,
    ),
    Case(
        'error, did not run',
        'error-guest-starts',
        failed(4),
        'power_state 4',
        '--power off',
    ),
    Case(
        'error, ran, to be off',
        'error-guest-starts',
        failed(1),
        'leaves it running',
        choice=OFF,
    ),
    Case(
        'disk not shared',
        'rebuilt-from-image',
        making.unshared(making.one('image-backed', migrations=())),
        'ALL DATA',
        'shared_instances',
    ),
    Case(
        'local disk',
        'local-disk-emptied',
        disks(),
        '/dev/vdc',
        'local-disk-emptied',
    ),
    Case(
        'never began',
        'migration-accepted',
        moved('accepted', 'kvm3'),
        'migration 7',
        'relocate',
    ),
    Case(
        'affinity, alone',
        'affinity-group',
        making.group('affinity', None),
        making.OTHER,
        'relocate',
        also=('group-policy',),
    ),
    Case(
        'affinity, together',
        'affinity-group',
        making.group('affinity', None, other='kvm1'),
        also=('group-policy',),
    ),
    Case(
        'was there',
        'target-evacuated',
        moved('done', 'kvm2'),
        'migration 7',
        'kvm2',
    ),
)
#: findings of other modules that evacuation has, too
SHARED = (
    Case('vTPM', 'vtpm', making.specs(hw__tpm_version='2.0')),
    Case(
        'smart NIC',
        'port-vnic-type',
        making.ports(vnic_type='accelerator-direct'),
    ),
    Case('building', 'building', making.one(vm_state='building', api=None)),
    Case('somebody else', 'other-recovery', moved('accepted', 'kvm1')),
    Case(
        'under way',
        'rebuilding',
        making.one(task_state='rebuild_spawning', api=None),
    ),
    Case(
        'another move',
        'migration-in-flight',
        moved('running', 'kvm1', 'live-migration'),
    ),
    Case('deleting', 'deleting', making.one(task_state='deleting', api=None)),
    Case('not fenced', 'fence-missing', making.source(fence=None)),
    Case('alive', 'host-alive', making.source(alive_evidence=('it talks',))),
    Case('target is down', 'target-down', making.target(up=False)),
    Case(
        'target does not share',
        'target-storage',
        making.change(
            making.one('image-backed', migrations=()),
            hosts={'kvm2': builders.host('kvm2', instances_shared=False)},
        ),
        also=('storage-stated',),
    ),
    Case(
        'affinity, elsewhere',
        'group-policy',
        making.group('affinity', None, other='kvm3'),
    ),
    Case(
        'no room',
        'target-too-small',
        making.target(
            provider=builders.with_room(builders.host('kvm2'), VCPU=0).provider
        ),
    ),
)
#: what a relocation refuses and nova does itself
LEFT_TO_NOVA = (
    making.tied('volume-backed', 'numa_topology', 'pinned')
    if 'pinned' in builders.load('instance_extra')['numa_topology']
    else making.one(ties=facts.HardwareTies(numa_topology=True)),
    making.one(ties=facts.HardwareTies(pci_requests=1)),
    making.one(ties=facts.HardwareTies(cpu_pinning=True)),
    making.specs(hw__mem_page_size='large'),
    making.specs(accel__device_profile='gpu'),
    making.ports(has_resource_request=True),
    making.ports(vnic_type='direct'),
    making.target(connector=None),
    making.change(making.one(), stage_bindings=False),
)

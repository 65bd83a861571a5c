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

"""What nova's evacuation cannot do, or does in a way that has to be said.

Rules from nova/compute/api.py (evacuate), nova/conductor/manager.py and
nova/compute/manager.py (rebuild_instance, _do_rebuild_instance).
"""

from collections.abc import Callable, Iterator
import dataclasses

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import frame
from osc_recovery.planning.checks import hardware
from osc_recovery.planning.checks import holdings
from osc_recovery.planning.checks import network
from osc_recovery.planning.checks import states
from osc_recovery.planning.checks import storage
from osc_recovery.planning.checks import target as targets

Findings = Iterator[findings.Finding]
Found = tuple[findings.Finding, ...]

#: from this microversion on nova stops what it has evacuated
STOPPING = (2, 95)
#: the service version that every nova-compute needs for that
#: (nova/api/openstack/compute/evacuate.py)
STOPPING_SERVICE = 62
#: nova evacuates servers in these states only
_EVACUATED = ('active', 'stopped', 'error')
#: power_state as nova/compute/power_state.py numbers it
_RUNNING = 1


@dataclasses.dataclass(frozen=True)
class Means:
    """What the operator wants, and what this nova can do."""

    keep_power: bool = True
    #: nova's highest microversion
    version: tuple[int, int] = (2, 95)
    #: whether every nova-compute is new enough to stop a guest by it
    stopping: bool = True

    @property
    def can_stop(self) -> bool:
        """Whether nova can be asked to leave a server stopped."""
        return self.version >= STOPPING and self.stopping


def ends_running(server: facts.Server, means: Means) -> bool:
    """Whether nova leaves the server running.

    A server in ``error`` is started whatever is asked for: only other
    states are turned into the wanted one (_do_rebuild_instance).
    """
    if server.vm_state == 'error':
        return True
    return server.vm_state == 'active' and means.keep_power


def vm_state_refused(server: facts.Server, means: Means) -> Findings:
    """nova answers 409."""
    if server.vm_state in ('paused', 'suspended'):
        yield catalogue.finding(
            'vm-state-refused',
            f'vm_state is {server.vm_state}: nova evacuates '
            f'{", ".join(_EVACUATED)} only',
            'Move it through the database: openstack recovery host relocate '
            f'{server.host} --server {server.uuid} --accept '
            f'{server.vm_state}',
        )


def stopped_guest_boots(server: facts.Server, means: Means) -> Findings:
    """nova's rebuild starts every guest; then it stops some, hard."""
    if server.vm_state not in ('active', 'stopped'):
        return
    if ends_running(server, means):
        return
    was = 'was stopped' if server.vm_state == 'stopped' else 'is to stay off'
    yield catalogue.finding(
        'stopped-guest-boots',
        f'it {was}: nova starts the guest on the target and then cuts it off',
        'If it may boot: --accept stopped-guest-boots. If not, move it '
        'through the database, which starts nothing: openstack recovery '
        f'host relocate {server.host} --server {server.uuid} --power off',
    )


def error_guest_starts(server: facts.Server, means: Means) -> Findings:
    """A server in error comes up, at every microversion."""
    if server.vm_state != 'error':
        return
    if means.keep_power and server.power_state == _RUNNING:
        yield from states.error_state(server)
        return
    yield catalogue.finding(
        'error-guest-starts',
        f'vm_state is error, power_state {server.power_state}: nova starts '
        'it and leaves it running',
        'If it may run: --accept error-guest-starts. If not: openstack '
        f'recovery host relocate {server.host} --server {server.uuid} '
        '--power off',
    )


def power_off_unsupported(server: facts.Server, means: Means) -> Findings:
    """Only 2.95 stops what ran."""
    if server.vm_state == 'active' and not (
        means.keep_power or means.can_stop
    ):
        major, minor = means.version
        yield catalogue.finding(
            'power-off-unsupported',
            f'nova (microversion {major}.{minor}) would start it and leave '
            'it running: it stops servers from 2.95 on, when every '
            f'nova-compute has service version {STOPPING_SERVICE}',
            'Evacuate it with --power keep, or: openstack recovery host '
            f'relocate {server.host} --server {server.uuid} --power off',
        )


def rebuilt_from_image(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """Without a shared disk nova makes a new one: the data is gone."""
    if not server.volume_backed and not cloud.source.instances_shared:
        yield catalogue.finding(
            'rebuilt-from-image',
            'its root disk is in the instances directory of '
            f'{cloud.source.name}, which is not stated to be shared: nova '
            'makes a new disk from the image, ALL DATA ON IT IS LOST',
            'If that directory is shared (or images_type is rbd), name the '
            'hosts in [storage] shared_instances of recovery.conf. To lose '
            'the data: --accept rebuilt-from-image',
        )


def local_disk_emptied(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """Ephemeral and swap disks of a volume-backed server."""
    parts = [
        part
        for part in storage.local_parts(server)
        if part not in ('root disk', 'config drive')
    ]
    if not server.volume_backed or cloud.source.instances_shared or not parts:
        return
    yield catalogue.finding(
        'local-disk-emptied',
        f'on the disk of {cloud.source.name}, which is not stated to be '
        f'shared: {", ".join(parts)}; nova makes them anew, empty',
        'The volumes are safe. To lose what is on those: --accept '
        'local-disk-emptied',
    )


def migration_accepted(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """nova's conductor takes the first row that is accepted, any one."""
    for row in server.migrations:
        if row.status == 'accepted' and row.source_host != server.host:
            yield catalogue.finding(
                'migration-accepted',
                f'migration {row.id} ({row.source_host} -> '
                f'{row.dest_host}) of type {row.type} is still accepted: '
                'nova would take it for the one that it begins now',
                'Left by a move that never began. A relocation does not '
                f'mind: openstack recovery host relocate {server.host} '
                f'--server {server.uuid}',
            )


def affinity_group(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """nova's affinity filter passes the hosts of the members, no other."""
    group = server.group
    if group is None or group.policy != 'affinity':
        return
    if _member_hosts(group) - {cloud.source.name}:
        return
    yield catalogue.finding(
        'affinity-group',
        f'server group {group.uuid} has policy affinity and no member off '
        f'{cloud.source.name}: nova finds no valid host',
        'Move the group together: openstack recovery host relocate '
        f'{server.host} --server {server.uuid}',
    )


def accelerator_port(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """nova answers 400 (block_port_accelerators)."""
    for port in server.ports:
        if port.vnic_type.startswith('accelerator-direct'):
            yield catalogue.finding(
                'port-vnic-type',
                f'port {port.id} has binding:vnic_type {port.vnic_type}, '
                'which nova does not evacuate',
                'It has to wait for its host, or be built again without '
                'that port.',
            )


def target_evacuated(server: facts.Server, target: facts.Host) -> Findings:
    """Its row makes the target destroy the guest when it starts again."""
    for row in server.migrations:
        if (
            row.type == 'evacuation'
            and row.source_host == target.name
            and row.status in states.TOMBSTONES
        ):
            yield catalogue.finding(
                'target-evacuated',
                f'migration {row.id} from {target.name} is still '
                f'{row.status}: nova-compute there destroys the guest when '
                'it starts again',
                f'Start nova-compute on {target.name} again first, or name '
                'another --target.',
            )


def affinity_target(server: facts.Server, target: facts.Host) -> Findings:
    """The same filter, for one host."""
    group = server.group
    if group is None or group.policy != 'affinity':
        return
    hosts = _member_hosts(group)
    if target.name not in hosts:
        yield catalogue.finding(
            'group-policy',
            f'{target.name}: server group {group.uuid} has policy affinity '
            f'and members on {", ".join(sorted(hosts))} only',
            f'Name a --target of these: openstack server group show '
            f'{group.uuid}',
        )


def _member_hosts(group: facts.ServerGroup) -> set[str]:
    return {host for host in group.member_hosts.values() if host}


_ALONE: tuple[Callable[[facts.Server], Findings], ...] = (
    states.cell0,
    states.cross_cell,
    states.hidden,
    states.deleted,
    states.soft_deleted,
    states.deleting,
    states.resized,
    states.shelved,
    states.shelved_offloaded,
    states.building,
    states.rescued,
    states.rebuilding,
    states.task_in_progress,
    states.task_pending,
    states.locked,
    states.migration_in_flight,
    states.other_recovery,
    hardware.pmem,
    hardware.vtpm,
    hardware.ephemeral_encryption,
    hardware.shares,
    hardware.migration_context,
    network.port_elsewhere,
)
_BY_MEANS: tuple[Callable[[facts.Server, Means], Findings], ...] = (
    vm_state_refused,
    stopped_guest_boots,
    error_guest_starts,
    power_off_unsupported,
)
_IN_CLOUD: tuple[Callable[[facts.Server, facts.CloudFacts], Findings], ...] = (
    holdings.facts_unknown,
    holdings.allocation_missing,
    holdings.allocation_elsewhere,
    holdings.node_differs,
    holdings.database_differs,
    rebuilt_from_image,
    local_disk_emptied,
    storage.storage_stated,
    storage.backend_down,
    storage.volume_migrating,
    storage.volume_state,
    storage.multiattach,
    storage.encrypted_volume,
    storage.uefi,
    migration_accepted,
    affinity_group,
    accelerator_port,
)
#: a binding is nova's own work, with or without the role
_FRAME = tuple(
    look for look in frame.CHECKS if look is not frame.service_role_missing
)
#: the connector is asked for on the target itself
_TARGET = tuple(
    look
    for look in targets.SERVER_CHECKS
    if look not in (targets.connector_unknown, targets.shared_storage)
)


def check_frame(cloud: facts.CloudFacts) -> Found:
    """All findings about the failed host and the plan as a whole."""
    return tuple(found for look in _FRAME for found in look(cloud))


def check(
    server: facts.Server, cloud: facts.CloudFacts, means: Means
) -> Found:
    """All findings about a server, whatever its target."""
    found: list[findings.Finding] = []
    for alone in _ALONE:
        found += alone(server)
    for by_means in _BY_MEANS:
        found += by_means(server, means)
    for in_cloud in _IN_CLOUD:
        found += in_cloud(server, cloud)
    return tuple(found)


def check_target(
    server: facts.Server, cloud: facts.CloudFacts, target: facts.Host
) -> Found:
    """What keeps a host from taking this server, room aside."""
    found: list[findings.Finding] = []
    for look in _TARGET:
        found += look(server, cloud, target)
    if cloud.source.instances_shared:
        found += targets.shared_storage(server, cloud, target)
    found += target_evacuated(server, target)
    found += affinity_target(server, target)
    return tuple(found)

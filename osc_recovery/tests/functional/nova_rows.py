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

"""Makes a server's rows those of a server that has to be refused.

``nova_rows.py <nova.conf> <file>`` under the sandbox's own Python: every
row is written by nova's own objects, so that what is refused is what nova
writes and not what somebody believes that it writes.  The JSON file lists
changes: ``what``, and ``server`` (a uuid) with its ``source`` and another
host, ``other``; or ``host``.
"""

from collections.abc import Callable
import datetime
import json
import sys
from typing import Any

from nova import monkey_patch

monkey_patch.patch(backend='threading')

from nova.compute import task_states  # noqa: E402
from nova.compute import vm_states  # noqa: E402
from nova import config  # noqa: E402
from nova import context  # noqa: E402
from nova import objects  # noqa: E402
from nova.objects import fields  # noqa: E402
from nova import rpc  # noqa: E402
from oslo_utils import timeutils  # noqa: E402
from oslo_utils import uuidutils  # noqa: E402
from recovery_sandbox import sqlite  # noqa: E402

Change = dict[str, Any]

#: columns of instances
ATTRIBUTES: dict[str, Change] = {
    'building': {'vm_state': vm_states.BUILDING, 'launched_at': None},
    'deleted': {'vm_state': vm_states.DELETED},
    'deleting': {'task_state': task_states.DELETING},
    'error-state': {'vm_state': vm_states.ERROR},
    'hidden': {'hidden': True},
    'locked': {'locked': True, 'locked_by': 'admin'},
    'paused': {'vm_state': vm_states.PAUSED},
    'rebuilding': {'task_state': task_states.REBUILD_SPAWNING},
    'rescued': {'vm_state': vm_states.RESCUED},
    'resized': {'vm_state': vm_states.RESIZED},
    'shelved': {'vm_state': vm_states.SHELVED},
    'shelved-offloaded': {'vm_state': vm_states.SHELVED_OFFLOADED},
    'soft-deleted': {'vm_state': vm_states.SOFT_DELETED},
    'suspended': {'vm_state': vm_states.SUSPENDED},
    'task-in-progress': {'task_state': task_states.MIGRATING},
    'task-pending': {'task_state': task_states.POWERING_OFF},
}
FLAVOR: dict[str, dict[str, str]] = {
    'accelerators': {'accel:device_profile': 'gpu'},
    'ephemeral-encryption': {'hw:ephemeral_encryption': 'true'},
    'huge-pages': {'hw:mem_page_size': 'large'},
    'target-traits': {'trait:CUSTOM_FAST': 'required'},
    'vgpu': {'resources:VGPU': '1'},
}
#: what nova copies from the image into system_metadata
IMAGE: dict[str, dict[str, str]] = {
    'uefi': {'hw_firmware_type': 'uefi'},
    'vtpm': {'hw_tpm_version': '2.0', 'hw_tpm_model': 'tpm-crb'},
}
#: type, status, and whether the server goes away from its host
MIGRATIONS: dict[str, tuple[str, str, bool]] = {
    'migration-in-flight': ('live-migration', 'running', True),
    'other-recovery': ('evacuation', 'accepted', True),
    'resized': ('resize', 'finished', True),
    'stale-evacuation': ('evacuation', 'done', False),
}


def topology(what: str) -> Any:
    """A NUMA topology as nova's scheduler leaves it in instance_extra."""
    cell = objects.InstanceNUMACell(
        id=0, cpuset={0}, pcpuset=set(), memory=64, pagesize=4
    )
    if what == 'huge-pages':
        cell.pagesize = 2048
    if what == 'cpu-pinning':
        cell.cpuset, cell.pcpuset = set(), {0}
        cell.cpu_policy = fields.CPUAllocationPolicy.DEDICATED
        cell.pin(0, 3)
    return objects.InstanceNUMATopology(cells=[cell])


def pci_requests(instance: Any) -> Any:
    """A device by its alias in the flavor."""
    return objects.InstancePCIRequests(
        instance_uuid=instance.uuid,
        requests=[
            objects.InstancePCIRequest(
                count=1,
                alias_name='nic',
                spec=[{'vendor_id': '8086', 'product_id': '1563'}],
                request_id=uuidutils.generate_uuid(),
            )
        ],
    )


def persistent_memory() -> Any:
    """A namespace of the host, as the resource tracker claims it."""
    return objects.ResourceList(
        objects=[
            objects.Resource(
                provider_uuid=uuidutils.generate_uuid(),
                resource_class='CUSTOM_PMEM_NAMESPACE_SMALL',
                identifier='ns_0',
                metadata=objects.LibvirtVPMEMDevice(
                    label='SMALL',
                    name='ns_0',
                    size=4292870144,
                    devpath='/dev/dax0.0',
                    align=2097152,
                ),
            )
        ]
    )


def allocate_device(instance: Any) -> None:
    """Claim and allocate a PCI device as nova's device tracker does."""
    device = objects.PciDevice.create(
        instance._context,
        {
            'compute_node_id': instance.compute_id,
            'address': '0000:81:00.0',
            'vendor_id': '8086',
            'product_id': '1563',
            'dev_type': fields.PciDeviceType.STANDARD,
            'dev_id': 'pci_0000_81_00_0',
            'label': 'label_8086_1563',
            'numa_node': 0,
        },
    )
    device.claim(instance.uuid)
    device.allocate(instance)
    device.save()


def share(instance: Any) -> None:
    """A share of manila that is attached."""
    objects.ShareMapping(
        instance._context,
        uuid=uuidutils.generate_uuid(),
        instance_uuid=instance.uuid,
        share_id=uuidutils.generate_uuid(),
        status=fields.ShareMappingStatus.ACTIVE,
        tag='data',
        export_location='192.0.2.1:/shares/data',
        share_proto=fields.ShareMappingProto.NFS,
    ).create()


def migration(instance: Any, change: Change) -> Any:
    """A row of migrations between the source and another host."""
    kind, status, leaves = MIGRATIONS[change['what']]
    hosts = [change['source'], change['other']]
    source, target = hosts if leaves else reversed(hosts)
    found = objects.Migration(
        instance._context,
        instance_uuid=instance.uuid,
        migration_type=kind,
        status=status,
        source_compute=source,
        source_node=source,
        dest_compute=target,
        dest_node=target,
        dest_compute_id=node(instance._context, target).id,
        old_instance_type_id=instance.instance_type_id,
        new_instance_type_id=instance.instance_type_id,
        hidden=False,
    )
    found.create()
    return found


def boot_from_volume(instance: Any) -> None:
    """The data volume becomes the root, the root disk an ephemeral one."""
    found = objects.BlockDeviceMappingList.get_by_instance_uuid(
        instance._context, instance.uuid
    )
    for mapping in found:
        if mapping.is_volume:
            mapping.boot_index = 0
        else:
            mapping.source_type, mapping.boot_index = 'blank', -1
            mapping.image_id = None
        mapping.save()


def node(ctxt: Any, host: str) -> Any:
    """A host's compute node."""
    return objects.ComputeNode.get_first_node_by_host_for_old_compat(
        ctxt, host
    )


def change_extra(instance: Any, change: Change) -> None:
    """What instance_extra and the tables beside it hold."""
    what = change['what']
    if what in ('numa-topology', 'huge-pages', 'cpu-pinning'):
        instance.numa_topology = topology(what)
    if what == 'pci-requests':
        instance.pci_requests = pci_requests(instance)
    if what == 'pmem':
        instance.resources = persistent_memory()
    moved = migration(instance, change) if what in MIGRATIONS else None
    if what in ('migration-context', 'resized'):
        instance.migration_context = objects.MigrationContext(
            instance._context,
            instance_uuid=instance.uuid,
            migration_id=moved.id if moved else 1,
            old_numa_topology=None,
            new_numa_topology=topology(what),
        )
    if what == 'node-differs':
        elsewhere = node(instance._context, change['other'])
        instance.node = elsewhere.hypervisor_hostname
        instance.compute_id = elsewhere.id
    if what in FLAVOR:
        flavor = instance.get_flavor()
        flavor.extra_specs = {**flavor.extra_specs, **FLAVOR[what]}
        instance.flavor = flavor


BESIDE: dict[str, Callable[[Any], None]] = {
    'local-disk': boot_from_volume,
    'pci-devices': allocate_device,
    'shares': share,
}


def change_server(change: Change, mapping: Any, ctxt: Any) -> None:
    """Change what the cell knows about a server."""
    what = change['what']
    instance = objects.Instance.get_by_uuid(
        ctxt,
        change['server'],
        expected_attrs=['system_metadata', 'flavor', 'pci_devices'],
    )
    for name, value in ATTRIBUTES.get(what, {}).items():
        setattr(instance, name, value)
    if what == 'locked':
        instance.system_metadata['locked_reason'] = 'audit'
    for key, value in IMAGE.get(what, {}).items():
        instance.system_metadata[f'image_{key}'] = value
    change_extra(instance, change)
    instance.save()
    if what in BESIDE:
        BESIDE[what](instance)
    change_api(change, mapping, ctxt)


def change_api(change: Change, mapping: Any, ctxt: Any) -> None:
    """Change what nova's API database knows about a server."""
    what = change['what']
    if what == 'cross-cell':
        mapping.cell_mapping = objects.CellMapping.get_by_uuid(
            ctxt, objects.CellMapping.CELL0_UUID
        )
        mapping.save()
    if what == 'zone-pinned':
        spec = objects.RequestSpec.get_by_instance_uuid(ctxt, change['server'])
        spec.availability_zone = 'elsewhere'
        spec.save()
    if what == 'group-policy':
        objects.InstanceGroup(
            ctxt,
            user_id='nobody',
            project_id='nobody',
            name='apart',
            policy='anti-affinity',
            members=[change['server'], change['beside']],
        ).create()


def change_host(change: Change, ctxt: Any) -> None:
    """Change a host's service and its node."""
    what, host = change['what'], change['host']
    service = objects.Service.get_by_compute_host(ctxt, host)
    if what == 'long-silent':
        service.last_seen_up = timeutils.utcnow() - datetime.timedelta(days=2)
        service.save()
    if what == 'trusted':
        service.disabled, service.forced_down = False, False
        service.last_seen_up = timeutils.utcnow()
        service.save()
    if what == 'ironic':
        found = node(ctxt, host)
        found.hypervisor_type = what
        found.cpu_info = json.dumps({'arch': 'aarch64'})
        found.save()
    if what == 'node-missing':
        node(ctxt, host).destroy()


def apply(change: Change, admin: Any) -> None:
    """Carry out one change in the cell that it concerns."""
    if 'host' in change:
        mapping = objects.HostMapping.get_by_host(admin, change['host'])
    else:
        mapping = objects.InstanceMapping.get_by_instance_uuid(
            admin, change['server']
        )
    if change['what'] == 'cell-disabled':
        cell = objects.CellMapping.get_by_uuid(
            admin, mapping.cell_mapping.uuid
        )
        cell.disabled = True
        cell.save()
        return
    with context.target_cell(admin, mapping.cell_mapping) as ctxt:
        if 'host' in change:
            change_host(change, ctxt)
        else:
            change_server(change, mapping, ctxt)


def main() -> None:
    """Read the file and carry out every change that it lists."""
    sqlite.install()
    config.parse_args(['nova-manage', '--config-file', sys.argv[1]])
    rpc.init(config.CONF)
    objects.register_all()
    admin = context.get_admin_context()
    with open(sys.argv[2], encoding='utf-8') as source:
        changes = json.load(source)
    for change in changes:
        apply(change, admin)


if __name__ == '__main__':
    main()

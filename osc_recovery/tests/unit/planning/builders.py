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

"""Model facts made of rows and replies that real services gave.

The data is of nova 34, cinder 29, neutron 29 and placement 16: server
kvm1's servers before and after they went to kvm2.  Tests change single
fields of it, to say what they are about.
"""

import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Any

from osc_recovery.model import facts

_DATA = pathlib.Path(__file__).parent.parent / 'data' / 'planning'
NAMES = ('image-backed', 'volume-backed', 'stopped')
READ_AT = '2026-11-22T16:00:00+00:00'
GONE = {'host-down': '2026-11-22T15:50:00+00:00'}
_INSTANCES = {'VCPU': 8, 'MEMORY_MB': 512, 'DISK_GB': 8}


@functools.cache
def load(name: str) -> Any:
    """A file of recorded rows and replies."""
    return json.loads((_DATA / f'{name}.json').read_text())


def server(
    name: str = 'image-backed', state: str = 'before', /, **changes: Any
) -> facts.Server:
    """A recorded server, with some fields changed."""
    data = load(name)[state]
    row = data['instances'][0]
    made = facts.Server(
        uuid=row['uuid'],
        name=row['display_name'],
        instance_name=f'instance-{row["id"]:08x}',
        cell=cell(),
        project_id=row['project_id'],
        user_id=row['user_id'],
        host=row['host'],
        node=row['node'],
        compute_id=row['compute_id'],
        zone=row['availability_zone'],
        vm_state=row['vm_state'],
        power_state=row['power_state'],
        task_state=row['task_state'],
        locked=bool(row['locked']),
        locked_by=None,
        hidden=bool(row['hidden']),
        launched=row['launched_at'] is not None,
        flavor=_flavor(data['flavor']),
        ec2_id=f'i-{data["ec2_id"]:08x}',
        instance_type_id=row['instance_type_id'],
        cleaned=bool(row['cleaned']),
        deleted=bool(row['deleted']),
        config_drive=bool(row['config_drive']),
        image_properties=_image(data['system_metadata']),
        ties=ties(**data['instance_extra']),
        pinned_zone=data['pinned_zone'],
        mappings=tuple(_mapping(m) for m in data['block_device_mapping']),
        migrations=tuple(_migration(m) for m in data['migrations']),
        attachments=tuple(_attachment(a) for a in data['volume_attachment']),
        volumes=tuple(_volume(v) for v in data['volumes']),
        ports=tuple(
            _port(p, data['port_bindings'][p['id']]) for p in data['ports']
        ),
        allocation=_allocation(row['uuid'], data['allocations']),
        api=_api(data['server']),
        mapped_cell=cell().uuid,
    )
    return dataclasses.replace(made, **changes)


def ties(
    numa_topology: str | None = None,
    pci_requests: str | None = None,
    migration_context: str | None = None,
    resources: str | None = None,
) -> facts.HardwareTies:
    """What columns of instance_extra say, as the model has it."""
    return facts.HardwareTies(
        numa_topology=numa_topology is not None,
        cpu_pinning='"cpu_pinning_raw": {' in (numa_topology or ''),
        pci_requests=len(json.loads(pci_requests or '[]')),
        resources=resources is not None,
        migration_context=migration_context is not None,
    )


def cell() -> facts.Cell:
    """The cell of all recorded servers."""
    row = load('cloud')['cell_mappings'][0]
    return facts.Cell(row['uuid'], row['name'], bool(row['disabled']))


def host(name: str, **changes: Any) -> facts.Host:
    """A recorded compute host that is up and can take servers."""
    data = load('cloud')
    service = _named(data['services'], 'host', name)
    made = facts.Host(
        name=name,
        cell=cell(),
        service=facts.ComputeService(
            **{
                **service,
                'disabled': bool(service['disabled']),
                'forced_down': bool(service['forced_down']),
            }
        ),
        node=_node(_named(data['compute_nodes'], 'host', name)),
        zone='nova',
        provider=_provider(name),
        agents=tuple(
            facts.Agent(
                a['binary'], a['host'], a['heartbeat_timestamp'], a['alive']
            )
            for a in data['agents']
            if a['host'] == name
        ),
        connector=connector(name),
        connector_source="cinder's database",
        instances_shared=True,
        up=True,
    )
    return dataclasses.replace(made, **changes)


def dead(name: str = 'kvm1', **changes: Any) -> facts.Host:
    """A host that is dead, fenced, forced down and disabled."""
    alive = host(name)
    service = dataclasses.replace(
        alive.service,
        disabled=True,
        disabled_reason='osc-recovery fence',
        forced_down=True,
        last_seen_up='2026-11-22 15:40:00',
    )
    fence = facts.Fence(
        name, 'statement', 'BMC says off', 'ops', GONE['host-down']
    )
    defaults: dict[str, Any] = {
        'service': service,
        'fence': fence,
        'up': False,
        'connector': None,
    }
    return dataclasses.replace(alive, **{**defaults, **changes})


def like(template: facts.Host, name: str, number: int) -> facts.Host:
    """Another host of the same kind, with identifiers of its own."""
    assert template.node is not None
    assert template.provider is not None
    return dataclasses.replace(
        template,
        name=name,
        service=dataclasses.replace(
            template.service, host=name, uuid=f'service-of-{name}'
        ),
        node=dataclasses.replace(
            template.node,
            id=number,
            uuid=f'node-of-{name}',
            host=name,
            node=name,
        ),
        provider=dataclasses.replace(
            template.provider, uuid=f'provider-of-{name}', name=name
        ),
        connector=connector(name),
    )


def with_room(target: facts.Host, **capacity: int) -> facts.Host:
    """The same host, empty, with another capacity."""
    assert target.provider is not None
    return dataclasses.replace(
        target,
        provider=dataclasses.replace(
            target.provider,
            capacity=capacity,
            used=dict.fromkeys(capacity, 0),
            max_unit={},
        ),
    )


def cloud(*servers: facts.Server, **changes: Any) -> facts.CloudFacts:
    """kvm1 is dead, kvm2 can take everything."""
    data = load('cloud')
    found = servers or tuple(server(name) for name in NAMES)
    made = facts.CloudFacts(
        source=dead(),
        hosts={'kvm2': host('kvm2')},
        servers=found,
        candidates={s.uuid: ('kvm2',) for s in found},
        stage_bindings=True,
        schema={'cell1': 'compute_id'},
        read_at=READ_AT,
        volume_services=tuple(
            facts.Agent(
                s['binary'], s['host'], s['updated_at'], s['state'] == 'up'
            )
            for s in data['cinder_services']
            if s['binary'] == 'cinder-volume'
        ),
    )
    return dataclasses.replace(made, **changes)


def connector(name: str) -> dict[str, Any]:
    """The connector that os-brick makes on a host."""
    recorded = load('volume-backed')['before']['volume_attachment'][0]
    made: dict[str, Any] = json.loads(recorded['connector'])
    del made['mountpoint']
    return made | {
        'host': name,
        'initiator': f'iqn.1993-08.org.debian:01:{name}',
    }


def _named(rows: list[Any], key: str, value: str) -> Any:
    return next(row for row in rows if row[key] == value)


def _flavor(row: dict[str, Any]) -> facts.Flavor:
    return facts.Flavor(
        name=row['name'],
        vcpus=row['vcpus'],
        memory_mb=row['memory_mb'],
        root_gb=row['root_gb'],
        ephemeral_gb=row['ephemeral_gb'],
        swap_mb=row['swap'],
        extra_specs=row['extra_specs'],
    )


def _image(metadata: dict[str, str | None]) -> dict[str, str]:
    return {
        key.removeprefix('image_'): value
        for key, value in metadata.items()
        if key.startswith('image_') and value is not None
    }


def _mapping(row: dict[str, Any]) -> facts.Mapping:
    text = row['connection_info']
    return facts.Mapping(
        id=row['id'],
        uuid=row['uuid'],
        device_name=row['device_name'],
        source_type=row['source_type'],
        destination_type=row['destination_type'],
        boot_index=row['boot_index'],
        volume_id=row['volume_id'],
        attachment_id=row['attachment_id'],
        connection_digest=(
            hashlib.sha256(text.encode()).hexdigest() if text else None
        ),
        delete_on_termination=bool(row['delete_on_termination']),
        guest_format=row['guest_format'],
        tag=row['tag'],
    )


def _migration(row: dict[str, Any]) -> facts.Migration:
    return facts.Migration(
        id=row['id'],
        uuid=row['uuid'],
        type=row['migration_type'],
        status=row['status'],
        source_host=row['source_compute'],
        source_node=row['source_node'],
        dest_host=row['dest_compute'],
        dest_node=row['dest_node'],
    )


def _attachment(row: dict[str, Any]) -> facts.Attachment:
    return facts.Attachment(
        id=row['id'],
        volume_id=row['volume_id'],
        server=row['instance_uuid'],
        attached_host=row['attached_host'],
        mountpoint=row['mountpoint'],
        status=row['attach_status'],
        connector=json.loads(row['connector'] or 'null'),
        has_connection=bool(row['connection_info']),
    )


def _volume(row: dict[str, Any]) -> facts.Volume:
    return facts.Volume(
        id=row['id'],
        name=row['name'],
        status=row['status'],
        attach_status='attached',
        multiattach=row['multiattach'],
        encrypted=row['encrypted'],
        service_host=row['os-vol-host-attr:host'],
        migration_status=row['migration_status'],
        size_gb=row['size'],
    )


def _port(row: dict[str, Any], bindings: list[dict[str, str]]) -> facts.Port:
    return facts.Port(
        id=row['id'],
        device_owner=row['device_owner'],
        host=row['binding:host_id'],
        vif_type=row['binding:vif_type'],
        vnic_type=row['binding:vnic_type'],
        status=row['status'],
        has_resource_request=bool(row['resource_request']),
        bindings=tuple(facts.PortBinding(**b) for b in bindings),
    )


def _allocation(uuid: str, reply: dict[str, Any]) -> facts.Allocation:
    return facts.Allocation(
        consumer=uuid,
        generation=reply['consumer_generation'],
        project_id=reply['project_id'],
        user_id=reply['user_id'],
        providers={
            provider: item['resources']
            for provider, item in reply['allocations'].items()
        },
    )


def _api(reply: dict[str, Any]) -> facts.ApiView:
    return facts.ApiView(
        status=reply['status'],
        host=reply['OS-EXT-SRV-ATTR:host'],
        node=reply['OS-EXT-SRV-ATTR:hypervisor_hostname'],
        vm_state=reply['OS-EXT-STS:vm_state'],
        task_state=reply['OS-EXT-STS:task_state'],
        power_state=reply['OS-EXT-STS:power_state'],
        locked=reply['locked'],
    )


def _node(row: dict[str, Any]) -> facts.ComputeNode:
    return facts.ComputeNode(
        id=row['id'],
        uuid=row['uuid'],
        host=row['host'],
        node=row['hypervisor_hostname'],
        hypervisor_type=row['hypervisor_type'],
        cpu_arch=row['arch'],
    )


def _provider(name: str) -> facts.Provider:
    data = load('cloud')
    row = _named(data['resource_providers'], 'name', name)
    stock = data['inventories'][name]
    return facts.Provider(
        uuid=row['uuid'],
        name=name,
        generation=row['generation'],
        capacity={
            key: int(
                (item['total'] - item['reserved']) * item['allocation_ratio']
            )
            for key, item in stock.items()
        },
        used=dict(_INSTANCES),
        max_unit={key: item['max_unit'] for key, item in stock.items()},
        traits=tuple(data['traits'][name]),
    )

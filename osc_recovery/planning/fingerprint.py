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

"""What a plan rests on, and a digest of it: changed, or as it was.

Clocks, heartbeats, report counts, generations and updated_at change by
themselves and are in none of it.
"""

import hashlib
import json
from typing import Any

from osc_recovery.model import codec
from osc_recovery.model import facts

Facts = dict[str, Any]


def digest(data: Any) -> str:
    """A SHA-256 over canonical JSON."""
    text = json.dumps(
        codec.encode(data), sort_keys=True, separators=(',', ':')
    )
    return hashlib.sha256(text.encode()).hexdigest()


def frame(cloud: facts.CloudFacts, targets: tuple[str, ...]) -> Facts:
    """The fence, the failed host, the targets, the cell and the schema."""
    cell = cloud.source.cell
    return {
        'fence': codec.encode(cloud.source.fence),
        'host': _host(cloud.source),
        'targets': {
            name: _target(cloud.hosts.get(name)) for name in sorted(targets)
        },
        'cell': {'uuid': cell.uuid, 'disabled': cell.disabled},
        'schema': dict(sorted(cloud.schema.items())),
        'bindings staged': cloud.stage_bindings,
    }


def server(row: facts.Server) -> Facts:
    """What the plan for one server rests on."""
    return {
        'host': row.host,
        'node': row.node,
        'compute_id': row.compute_id,
        'zone': row.zone,
        'vm_state': row.vm_state,
        'task_state': row.task_state,
        'locked': row.locked,
        'deleted': row.deleted,
        'allocation': _allocation(row.allocation),
        'mappings': [_mapping(m) for m in _by_id(row.mappings)],
        'attachments': [codec.encode(a) for a in _by_id(row.attachments)],
        'volumes': [_volume(v) for v in _by_id(row.volumes)],
        'ports': [_port(p) for p in _by_id(row.ports)],
        'migrations': [
            {'id': m.id, 'type': m.type, 'status': m.status}
            for m in _by_id(row.migrations)
        ],
        'ties': codec.encode(row.ties),
        'pinned_zone': row.pinned_zone,
        'flavor': row.flavor.name,
        'unknown': sorted(row.unknown),
    }


def _host(host: facts.Host) -> Facts:
    return {
        'name': host.name,
        'service': host.service.uuid,
        'forced down': host.service.forced_down,
        'disabled': host.service.disabled,
        'node': host.node.uuid if host.node else None,
        'compute_id': host.node.id if host.node else None,
        'provider': host.provider.uuid if host.provider else None,
        'shared instances': host.instances_shared,
    }


def _target(host: facts.Host | None) -> Facts | None:
    if host is None:
        return None
    return {**_host(host), 'zone': host.zone, 'up': host.up}


def _allocation(allocation: facts.Allocation | None) -> Any:
    return None if allocation is None else codec.encode(allocation.providers)


def _mapping(mapping: facts.Mapping) -> Facts:
    return {
        'id': mapping.id,
        'device': mapping.device_name,
        'volume': mapping.volume_id,
        'attachment': mapping.attachment_id,
        'connection': mapping.connection_digest,
    }


def _volume(volume: facts.Volume) -> Facts:
    return {
        'id': volume.id,
        'status': volume.status,
        'migration_status': volume.migration_status,
        'service_host': volume.service_host,
    }


def _port(port: facts.Port) -> Facts:
    # status follows the agent: a port of a dead host goes DOWN by itself
    return {
        'id': port.id,
        'host': port.host,
        'vif_type': port.vif_type,
        'vnic_type': port.vnic_type,
        'device_owner': port.device_owner,
        'bindings': sorted(
            [b.host, b.status, b.vif_type] for b in port.bindings
        ),
    }


def _by_id(rows: tuple[Any, ...]) -> list[Any]:
    return sorted(rows, key=lambda row: row.id)

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

"""The fields that an undone relocation gives back exactly.

Not among them, because the services do not allow it: generations in
placement, the revision of a port, the id of an attachment (with the
digest of the connection that contains it), and times.
"""

from typing import Any

from osc_recovery.model import codec
from osc_recovery.model import facts

#: of the server's row
ROW = (
    'host',
    'node',
    'compute_id',
    'zone',
    'vm_state',
    'power_state',
    'task_state',
    'locked',
    'locked_by',
    'locked_reason',
)
#: of each block device mapping
MAPPING = ('id', 'device_name', 'boot_index', 'volume_id', 'tag')
#: of each attachment that a mapping points to
ATTACHMENT = (
    'volume_id',
    'server',
    'attached_host',
    'mountpoint',
    'status',
    'connector',
)
#: of each volume
VOLUME = ('id', 'status', 'attach_status')
#: of each port, its bindings besides
PORT = ('id', 'device_owner', 'host', 'vif_type', 'vnic_type', 'profile')


def published(server: facts.Server) -> dict[str, Any]:
    """The published fields of a server, to be compared."""
    allocation = server.allocation
    return {
        **_fields(server, ROW),
        'allocation': allocation.providers if allocation else None,
        'migrations': codec.encode(server.migrations),
        'mappings': [_fields(m, MAPPING) for m in server.mappings],
        'attachments': [
            _fields(attachment, ATTACHMENT)
            for mapping in server.volume_mappings
            if (attachment := server.attachment(mapping)) is not None
        ],
        'volumes': [_fields(v, VOLUME) for v in server.volumes],
        'ports': [
            {
                **_fields(port, PORT),
                'bindings': sorted(
                    (b.host, b.status, b.vif_type) for b in port.bindings
                ),
            }
            for port in server.ports
        ],
    }


def _fields(thing: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}

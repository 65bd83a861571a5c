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


"""The tables of nova and cinder: only the columns that are used.

``OPTIONAL`` marks what came after Queens: statements leave it out where a
database has no such column (schema.py looks).  Deleted rows stay in nova's
cell tables with ``deleted`` = their id, in cinder's with ``deleted`` true.
"""

from typing import Any

import sqlalchemy as sa

OPTIONAL = {'optional': True}


def _optional(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, info=OPTIONAL)


# nova's cell database (nova/db/main/models.py)

CELL = sa.MetaData()

services = sa.Table(
    'services',
    CELL,
    sa.Column('uuid', sa.String(36)),
    sa.Column('host', sa.String(255)),
    sa.Column('binary', sa.String(255)),
    sa.Column('disabled', sa.Boolean),
    sa.Column('disabled_reason', sa.String(255)),
    sa.Column('forced_down', sa.Boolean),
    sa.Column('last_seen_up', sa.DateTime),
    sa.Column('report_count', sa.Integer),
    sa.Column('version', sa.Integer),
    sa.Column('deleted', sa.Integer),
)

compute_nodes = sa.Table(
    'compute_nodes',
    CELL,
    sa.Column('id', sa.Integer),
    sa.Column('uuid', sa.String(36)),
    sa.Column('host', sa.String(255)),
    sa.Column('hypervisor_hostname', sa.String(255)),
    sa.Column('hypervisor_type', sa.Text),
    sa.Column('cpu_info', sa.Text),
    sa.Column('deleted', sa.Integer),
)

instances = sa.Table(
    'instances',
    CELL,
    sa.Column('id', sa.Integer),
    sa.Column('uuid', sa.String(36)),
    sa.Column('display_name', sa.String(255)),
    sa.Column('hostname', sa.String(255)),
    sa.Column('host', sa.String(255)),
    sa.Column('node', sa.String(255)),
    _optional('compute_id', sa.BigInteger),
    sa.Column('availability_zone', sa.String(255)),
    sa.Column('vm_state', sa.String(255)),
    sa.Column('power_state', sa.Integer),
    sa.Column('task_state', sa.String(255)),
    sa.Column('locked', sa.Boolean),
    sa.Column('locked_by', sa.String(5)),
    _optional('hidden', sa.Boolean),
    sa.Column('launched_at', sa.DateTime),
    sa.Column('instance_type_id', sa.Integer),
    sa.Column('project_id', sa.String(255)),
    sa.Column('user_id', sa.String(255)),
    sa.Column('cleaned', sa.Integer),
    sa.Column('config_drive', sa.String(255)),
    sa.Column('vcpus', sa.Integer),
    sa.Column('memory_mb', sa.Integer),
    sa.Column('root_gb', sa.Integer),
    sa.Column('ephemeral_gb', sa.Integer),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('deleted', sa.Integer),
)

instance_extra = sa.Table(
    'instance_extra',
    CELL,
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('flavor', sa.Text),
    sa.Column('numa_topology', sa.Text),
    sa.Column('pci_requests', sa.Text),
    sa.Column('migration_context', sa.Text),
    _optional('resources', sa.Text),
    sa.Column('deleted', sa.Integer),
)

instance_metadata = sa.Table(
    'instance_metadata',
    CELL,
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('key', sa.String(255)),
    sa.Column('value', sa.String(255)),
    sa.Column('deleted', sa.Integer),
)

instance_system_metadata = sa.Table(
    'instance_system_metadata',
    CELL,
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('key', sa.String(255)),
    sa.Column('value', sa.String(255)),
    sa.Column('deleted', sa.Integer),
)

instance_id_mappings = sa.Table(
    'instance_id_mappings',
    CELL,
    sa.Column('id', sa.Integer),
    sa.Column('uuid', sa.String(36)),
    sa.Column('deleted', sa.Integer),
)

block_device_mapping = sa.Table(
    'block_device_mapping',
    CELL,
    sa.Column('id', sa.Integer),
    sa.Column('uuid', sa.String(36)),
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('device_name', sa.String(255)),
    sa.Column('source_type', sa.String(255)),
    sa.Column('destination_type', sa.String(255)),
    sa.Column('boot_index', sa.Integer),
    sa.Column('volume_id', sa.String(36)),
    sa.Column('attachment_id', sa.String(36)),
    sa.Column('connection_info', sa.Text),
    sa.Column('delete_on_termination', sa.Boolean),
    sa.Column('guest_format', sa.String(255)),
    sa.Column('tag', sa.String(255)),
    sa.Column('no_device', sa.Boolean),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('deleted', sa.Integer),
)

migrations = sa.Table(
    'migrations',
    CELL,
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('uuid', sa.String(36)),
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('migration_type', sa.String(14)),
    sa.Column('status', sa.String(255)),
    sa.Column('source_compute', sa.String(255)),
    sa.Column('source_node', sa.String(255)),
    sa.Column('dest_compute', sa.String(255)),
    sa.Column('dest_node', sa.String(255)),
    sa.Column('dest_host', sa.String(255)),
    _optional('dest_compute_id', sa.BigInteger),
    sa.Column('old_instance_type_id', sa.Integer),
    sa.Column('new_instance_type_id', sa.Integer),
    sa.Column('hidden', sa.Boolean),
    _optional('cross_cell_move', sa.Boolean),
    _optional('user_id', sa.String(255)),
    _optional('project_id', sa.String(255)),
    sa.Column('created_at', sa.DateTime),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('deleted', sa.Integer),
)

pci_devices = sa.Table(
    'pci_devices',
    CELL,
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('status', sa.String(36)),
    sa.Column('deleted', sa.Integer),
)

share_mapping = sa.Table(
    'share_mapping',
    CELL,
    sa.Column('instance_uuid', sa.String(36)),
    info=OPTIONAL,
)

#: read and written whole (db/tokens.py), so only the key is declared
console_auth_tokens = sa.Table(
    'console_auth_tokens',
    CELL,
    sa.Column('id', sa.Integer),
    sa.Column('instance_uuid', sa.String(36)),
    info=OPTIONAL,
)

instance_actions = sa.Table(
    'instance_actions',
    CELL,
    sa.Column('id', sa.Integer),
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('request_id', sa.String(255)),
    sa.Column('action', sa.String(255)),
    sa.Column('message', sa.String(255)),
    sa.Column('deleted', sa.Integer),
)

instance_actions_events = sa.Table(
    'instance_actions_events',
    CELL,
    sa.Column('id', sa.Integer),
    sa.Column('action_id', sa.Integer),
    sa.Column('event', sa.String(255)),
    sa.Column('result', sa.String(255)),
    sa.Column('deleted', sa.Integer),
)

#: why something failed last
instance_faults = sa.Table(
    'instance_faults',
    CELL,
    sa.Column('id', sa.Integer),
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('message', sa.String(255)),
    sa.Column('deleted', sa.Integer),
    info=OPTIONAL,
)

# nova's API database (nova/db/api/models.py); it has no deleted rows

API = sa.MetaData()

cell_mappings = sa.Table(
    'cell_mappings',
    API,
    sa.Column('id', sa.Integer),
    sa.Column('uuid', sa.String(36)),
    sa.Column('name', sa.String(255)),
    sa.Column('transport_url', sa.Text),
    sa.Column('database_connection', sa.Text),
    _optional('disabled', sa.Boolean),
)

host_mappings = sa.Table(
    'host_mappings',
    API,
    sa.Column('host', sa.String(255)),
    sa.Column('cell_id', sa.Integer),
)

instance_mappings = sa.Table(
    'instance_mappings',
    API,
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('cell_id', sa.Integer),
)

request_specs = sa.Table(
    'request_specs',
    API,
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('spec', sa.Text),
)

instance_groups = sa.Table(
    'instance_groups',
    API,
    sa.Column('id', sa.Integer),
    sa.Column('uuid', sa.String(36)),
)

instance_group_policy = sa.Table(
    'instance_group_policy',
    API,
    sa.Column('id', sa.Integer),
    sa.Column('group_id', sa.Integer),
    sa.Column('policy', sa.String(255)),
    _optional('rules', sa.Text),
)

instance_group_member = sa.Table(
    'instance_group_member',
    API,
    sa.Column('id', sa.Integer),
    sa.Column('group_id', sa.Integer),
    sa.Column('instance_uuid', sa.String(255)),
)

aggregate_hosts = sa.Table(
    'aggregate_hosts',
    API,
    sa.Column('aggregate_id', sa.Integer),
    sa.Column('host', sa.String(255)),
)

aggregate_metadata = sa.Table(
    'aggregate_metadata',
    API,
    sa.Column('aggregate_id', sa.Integer),
    sa.Column('key', sa.String(255)),
    sa.Column('value', sa.String(255)),
)

# cinder (cinder/db/models.py)

CINDER = sa.MetaData()

volumes = sa.Table(
    'volumes',
    CINDER,
    sa.Column('id', sa.String(36)),
    sa.Column('display_name', sa.String(255)),
    sa.Column('status', sa.String(255)),
    sa.Column('attach_status', sa.String(255)),
    sa.Column('multiattach', sa.Boolean),
    sa.Column('encryption_key_id', sa.String(36)),
    sa.Column('host', sa.String(255)),
    sa.Column('migration_status', sa.String(255)),
    sa.Column('size', sa.Integer),
    sa.Column('deleted', sa.Boolean),
)

volume_attachment = sa.Table(
    'volume_attachment',
    CINDER,
    sa.Column('id', sa.String(36)),
    sa.Column('volume_id', sa.String(36)),
    sa.Column('instance_uuid', sa.String(36)),
    sa.Column('attached_host', sa.String(255)),
    sa.Column('mountpoint', sa.String(255)),
    sa.Column('attach_status', sa.String(255)),
    sa.Column('connection_info', sa.Text),
    sa.Column('connector', sa.Text),
    sa.Column('created_at', sa.DateTime),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('deleted', sa.Boolean),
)

cinder_services = sa.Table(
    'services',
    CINDER,
    sa.Column('host', sa.String(255)),
    sa.Column('binary', sa.String(255)),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('deleted', sa.Boolean),
)

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

"""The SQL of the steps as text; db/{moves,mappings,leases}.py send it."""

# Nothing here is sent to a database: these are sentences for people.
# ruff: noqa: S608

from collections.abc import Iterator
from typing import Any

from osc_recovery.planning import text

Params = dict[str, Any]
Lines = Iterator[str]

#: what stands in a host's disabled reason while a run works on it
LEASE = 'osc-recovery <run> <who> at work since <now>'

_DESTROYING = "('accepted', 'pre-migrating', 'done')"
_STATE = 'host, node, vm_state, task_state'


def move(uuid: str, params: Params) -> Lines:
    """The one transaction that moves a server's row."""
    source, target = params['source'], params['target']
    where = f'instance_uuid = {text.sql(uuid)}'
    live = (
        f"{where} AND migration_type = 'evacuation' AND source_compute = "
        f'{text.sql(target["host"])} AND status IN {_DESTROYING} AND '
        'deleted = 0'
    )
    cell = f'cell {params["cell"]}'
    yield f'{cell}: SELECT {_STATE}, ... FROM instances {_row(uuid)}'
    yield f'{cell}: BEGIN'
    yield f'{cell}: SELECT {_STATE}, ... FROM instances {_locked(uuid)}'
    yield f'{cell}: SELECT * FROM console_auth_tokens WHERE {where} FOR UPDATE'
    yield (
        f'{cell}: SELECT id, status, updated_at FROM migrations WHERE '
        f'{live} FOR UPDATE'
    )
    yield f'{cell}: {_update_instance(uuid, params)}'
    yield (
        f'{cell}: DELETE FROM console_auth_tokens WHERE id IN '
        f'(<those of {uuid}>)'
    )
    yield (
        f"{cell}: UPDATE migrations SET status = 'completed', updated_at = "
        '<now> WHERE id IN (<those read above>)'
    )
    yield f'{cell}: {_insert_tombstone(uuid, params, source, target)}'
    yield f'{cell}: COMMIT'


def lease(cell: str, host: str, *, taken: bool) -> Lines:
    """The run's name in the host's service row, put there and taken off."""
    row = (
        f"WHERE host = {text.sql(host)} AND binary = 'nova-compute' AND "
        'deleted = 0'
    )
    new = f"'{LEASE}'"
    if not taken:
        new = '<as it was, or as the fence leaves it>'
    yield f'cell {cell}: BEGIN'
    yield (
        f'cell {cell}: SELECT disabled, disabled_reason FROM services {row} '
        'FOR UPDATE'
    )
    yield f'cell {cell}: UPDATE services SET disabled_reason = {new} {row}'
    yield f'cell {cell}: COMMIT'


def mapping_read(params: Params) -> Lines:
    """What the step compares with the plan."""
    yield (
        f'cell {params["cell"]}: SELECT attachment_id, connection_info, '
        f'device_name, deleted FROM block_device_mapping WHERE id = '
        f'{params["mapping"]}'
    )
    yield (
        'cinder database: SELECT connector, ... FROM volume_attachment '
        f'WHERE id = {text.sql(params["attachment"])}'
    )
    yield (
        'cinder database: SELECT multiattach, ... FROM volumes WHERE id = '
        f'{text.sql(params["volume"])}'
    )


def mapping_repointed(params: Params) -> Lines:
    """The mapping names the blank attachment."""
    yield _update_mapping(
        params,
        "attachment_id = '<new>', connection_info = NULL",
        params['attachment'],
    )


def mapping_connected(params: Params) -> Lines:
    """The mapping gets what cinder answered, which may hold secrets."""
    yield _update_mapping(
        params, "connection_info = '<from cinder, not shown>'", '<new>'
    )


def actions(uuid: str) -> str:
    """The actions that are there before a start."""
    return (
        'cell: SELECT request_id, action FROM instance_actions WHERE '
        f'instance_uuid = {text.sql(uuid)} AND deleted = 0'
    )


def action_events(uuid: str) -> str:
    """What became of a start."""
    return (
        'cell: SELECT action, message, event, result FROM instance_actions, '
        f'instance_actions_events WHERE instance_uuid = {text.sql(uuid)} AND '
        "request_id = '<of the start>'; SELECT vm_state, task_state FROM "
        f'instances {_row(uuid)}'
    )


def server_read(uuid: str) -> Lines:
    """What verification reads from the databases."""
    yield (
        'cell: SELECT ... FROM instances, instance_extra, '
        'instance_system_metadata, block_device_mapping, migrations WHERE '
        f'instance_uuid = {text.sql(uuid)}'
    )
    yield (
        'nova_api: SELECT ... FROM instance_mappings, request_specs, '
        f'instance_group_member WHERE instance_uuid = {text.sql(uuid)}'
    )
    yield (
        'cinder database: SELECT ... FROM volume_attachment, volumes WHERE '
        f'instance_uuid = {text.sql(uuid)} AND deleted = false'
    )


def _update_instance(uuid: str, params: Params) -> str:
    source, target = params['source'], params['target']
    values = {
        'host': target['host'],
        'node': target['node'],
        'compute_id': target['compute_id'],
        'availability_zone': target['zone'],
        'vm_state': 'stopped',
        'power_state': 4,
        'task_state': None,
    }
    expected = {
        'host': source['host'],
        'node': source['node'],
        'vm_state': params['vm_state'],
        'task_state': params['task_state'],
    }
    changes = ', '.join(f'{k} = {text.sql(v)}' for k, v in values.items())
    tests = ' AND '.join(text.equals(k, v) for k, v in expected.items())
    return (
        f'UPDATE instances SET {changes}, updated_at = <now> {_row(uuid)} '
        f'AND {tests}'
    )


def _insert_tombstone(
    uuid: str, params: Params, source: Params, target: Params
) -> str:
    row = {
        'instance_uuid': uuid,
        'migration_type': 'evacuation',
        'status': 'done',
        'source_compute': source['host'],
        'source_node': source['node'],
        'dest_compute': target['host'],
        'dest_node': target['node'],
        'dest_compute_id': target['compute_id'],
        'old_instance_type_id': params['instance_type_id'],
        'new_instance_type_id': params['instance_type_id'],
        'user_id': params['user_id'],
        'project_id': params['project_id'],
    }
    names = ', '.join(('uuid', *row))
    values = ', '.join(text.sql(value) for value in row.values())
    return f"INSERT INTO migrations ({names}, ...) VALUES ('<new>', {values})"


def _update_mapping(params: Params, changes: str, attachment: str) -> str:
    return (
        f'cell {params["cell"]}: UPDATE block_device_mapping SET {changes}, '
        f'updated_at = <now> WHERE id = {params["mapping"]} AND deleted = 0 '
        f'AND attachment_id = {text.sql(attachment)}'
    )


def _locked(uuid: str) -> str:
    return f'{_row(uuid)} FOR UPDATE'


def _row(uuid: str) -> str:
    return f'WHERE uuid = {text.sql(uuid)} AND deleted = 0'

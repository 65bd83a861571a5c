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

"""What the steps of a repair and of a change of states send, as text."""

# Nothing here is sent to a database: these are sentences for people.
# ruff: noqa: S608

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from osc_recovery.planning import attachment_commands
from osc_recovery.planning import statements
from osc_recovery.planning import text

Params = dict[str, Any]
Lines = Iterator[str]


def _reallocate(uuid: str, params: Params) -> Lines:
    if params['gone']:
        yield f'nova GET /servers/{uuid}'
    yield f'placement GET /allocations/{uuid}'
    wanted = {p: {'resources': r} for p, r in params['after'].items()}
    body = {'allocations': wanted, 'consumer_generation': '<as read>'}
    yield f'placement PUT /allocations/{uuid} {text.json(body)}'


def _set_row(uuid: str, params: Params) -> Lines:
    cell, expected = f'cell {params["cell"]}', params['expected']
    row = f'WHERE uuid = {text.sql(uuid)} AND deleted = 0'
    names = ', '.join(expected)
    changes = ''.join(
        f'{name} = {text.sql(value)}, '
        for name, value in params['values'].items()
    )
    tests = ' AND '.join(text.equals(k, v) for k, v in expected.items())
    yield f'{cell}: SELECT {names} FROM instances {row}'
    yield f'{cell}: BEGIN'
    yield f'{cell}: SELECT {names} FROM instances {row} FOR UPDATE'
    yield (
        f'{cell}: UPDATE instances SET {changes}updated_at = <now> {row} AND '
        f'{tests}'
    )
    if params['retire'] is not None:
        yield (
            f"{cell}: UPDATE migrations SET status = 'completed', updated_at "
            f'= <now> WHERE instance_uuid = {text.sql(uuid)} AND '
            "migration_type = 'evacuation' AND source_compute = "
            f'{text.sql(params["retire"])} AND status IN '
            f'{statements.DESTROYING} AND deleted = 0'
        )
    left = params['tombstone']
    if left is not None:
        yield f'{cell}: {statements.insert_tombstone(uuid, left)}'
    yield f'{cell}: COMMIT'


def _release_lock(uuid: str, params: Params) -> Lines:
    yield f'nova POST /servers/{uuid}/action {text.json({"unlock": None})}'


def _settle_port(uuid: str, params: Params) -> Lines:
    port = f'/v2.0/ports/{params["port"]}'
    yield f'neutron GET {port}/bindings'
    for host in params['leftovers']:
        yield f'neutron DELETE {port}/bindings/{host}'
    owner = params['device_owner']
    body = {'binding:host_id': params['target']} if params['rebind'] else {}
    if owner:
        body['device_owner'] = owner
    if body:
        yield f'neutron PUT {port} {text.json({"port": body})}'


def _drop_attachment(uuid: str, params: Params) -> Lines:
    yield (
        f'cell {params["cell"]}: SELECT id FROM block_device_mapping WHERE '
        f'attachment_id = {text.sql(params["attachment"])} AND deleted = 0'
    )
    yield f'cinder DELETE /attachments/{params["attachment"]}'


def _reattach(uuid: str, params: Params) -> Lines:
    yield from attachment_commands.blank(uuid, params)
    yield from attachment_commands.connect(params)


def _stop(uuid: str, params: Params) -> Lines:
    yield statements.actions(uuid)
    yield f'nova POST /servers/{uuid}/action {text.json({"os-stop": None})}'
    yield f'{statements.action_events(uuid)} (until it has ended)'


def _reset_state(uuid: str, params: Params) -> Lines:
    yield (
        f'cell {params["cell"]}: SELECT {", ".join(params["expected"])} FROM '
        f'instances WHERE uuid = {text.sql(uuid)} AND deleted = 0'
    )
    body = {'os-resetState': {'state': params['values']['vm_state']}}
    yield f'nova POST /servers/{uuid}/action {text.json(body)}'


def _audit(uuid: str, params: Params) -> Lines:
    yield f'placement GET /allocations/{uuid}'
    if params['expected'] is None:
        return
    yield from statements.server_read(uuid)
    yield f'nova GET /servers/{uuid}'
    yield f'neutron GET /v2.0/ports?device_id={uuid}'
    yield 'neutron GET /v2.0/ports/<each port>/bindings'


WORDING: Mapping[str, Callable[[str, Params], Lines]] = {
    'reallocate': _reallocate,
    'set-row': _set_row,
    'release-lock': _release_lock,
    'settle-port': _settle_port,
    'drop-attachment': _drop_attachment,
    'reattach': _reattach,
    'stop': _stop,
    'reset-state': _reset_state,
    'audit': _audit,
}

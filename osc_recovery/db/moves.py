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


"""Moves a server's row to another host in one transaction, and back.

What a move changes is what nova's evacuation changes (nova/compute/
manager.py:rebuild_instance, resource_tracker.py:finish_evacuation), plus a
row of migrations, the tombstone: it makes the source, when it returns,
destroy its stale copy of the guest (_destroy_evacuated_instances).

Every write locks the server's row, compares what it finds with the plan's
values and counts what it changed; it raises RowMismatch, and has changed
nothing, when they differ.  Only this row is locked: searching migrations FOR
UPDATE would lock gaps of its indexes, and moves in parallel would deadlock.
Each write can be repeated: what it finds done it leaves.
"""

from typing import Any

import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery.db import evacuations
from osc_recovery.db import instance_rows
from osc_recovery.db import nova_cell
from osc_recovery.db import times
from osc_recovery.db import tokens
from osc_recovery import exceptions
from osc_recovery.model import steps

Row = dict[str, Any]

#: the columns of instances that a move changes
CHANGED = (
    'host',
    'node',
    'compute_id',
    'availability_zone',
    'vm_state',
    'power_state',
    'task_state',
    'updated_at',
)
STOPPED = 'stopped'
#: nova.objects.fields.InstancePowerState.SHUTDOWN
SHUTDOWN = 4


def before_image(
    cell: nova_cell.NovaCell, uuid: str, source_host: str, target_host: str
) -> Row:
    """Everything that a move will change, in JSON's types.

    ``instance`` holds the changed columns, ``tokens`` the console tokens,
    ``retired`` the evacuation rows on which the target would destroy this
    guest.  Raises RowMismatch when the server is not on the source.
    """
    console_tokens = cell.console_tokens
    with cell.reading() as connection:
        instance = _instance(connection, cell, uuid)
        if instance['host'] != source_host:
            raise exceptions.RowMismatch(
                f'server {uuid} is on {instance["host"]} and no longer on '
                f'{source_host}; make a new plan'
            )
        return {
            'uuid': uuid,
            'instance': {
                **instance,
                'updated_at': times.to_text(instance['updated_at']),
            },
            'tokens': tokens.read(connection, console_tokens, uuid),
            'retired': evacuations.to_retire(connection, uuid, target_host),
        }


@engine.retrying
def move(
    cell: nova_cell.NovaCell, params: Row, before: Row, tombstone: str
) -> None:
    """Move the row, stopped, and leave the tombstone with this uuid.

    ``params`` are those of the step ``move``.  Finding the tombstone means
    that a former try was committed.
    """
    uuid, now = before['uuid'], times.now()
    console_tokens = cell.console_tokens
    with cell.writing() as connection:
        # The lock first: a former try's commit may still be under way.
        found = _instance(connection, cell, uuid, lock=True)
        if evacuations.tombstone(connection, tombstone) is not None:
            return
        instance_rows.compare(uuid, found, _planned(params))
        _same_tokens(
            uuid,
            before['tokens'],
            tokens.read(connection, console_tokens, uuid),
        )
        target = params['target']['host']
        retired = evacuations.to_retire(connection, uuid, target)
        if _statuses(retired) != _statuses(before['retired']):
            raise instance_rows.changed(uuid, 'it has other evacuations')
        instance_rows.update(
            connection, cell, uuid, _planned(params), _moved_row(params)
        )
        tokens.delete(connection, before['tokens'])
        for row in retired:
            changed = evacuations.set_status(
                connection, row['id'], row['status'], evacuations.RETIRED, now
            )
            instance_rows.count(uuid, changed)
        evacuations.insert(connection, cell.schema, uuid, params, tombstone)


def moved(
    cell: nova_cell.NovaCell, params: Row, tombstone: str
) -> steps.Observation:
    """Whether a move whose outcome is unknown took place.

    Asks when the tombstone is there and the server is not on the target,
    or the other way round: somebody else had a hand in it.
    """
    target = params['target']['host']
    with cell.reading() as connection:
        row = evacuations.tombstone(connection, tombstone)
        uuid = row['instance_uuid'] if row else params['uuid']
        found = instance_rows.find(connection, cell, uuid, CHANGED)
    there = found is not None and found['host'] == target
    if row is not None:
        return steps.Observation.DONE if there else steps.Observation.ASK
    return steps.Observation.ASK if there else steps.Observation.SAFE


@engine.retrying
def move_back(
    cell: nova_cell.NovaCell, params: Row, before: Row, tombstone: str
) -> None:
    """Bring the before-image back exactly and take the tombstone away.

    Does nothing when no tombstone is there: the move never took place, or
    was taken back.  Raises RowMismatch when the server has been started or
    moved since, or the source has returned.
    """
    uuid, console_tokens = before['uuid'], cell.console_tokens
    with cell.writing() as connection:
        row = evacuations.tombstone(connection, tombstone, lock=True)
        if row is None:
            _never_moved(connection, cell, params, uuid)
            return
        if row['status'] != evacuations.DONE:
            raise instance_rows.changed(
                uuid, 'its evacuation: the source has returned'
            )
        arrived = {
            'host': params['target']['host'],
            'node': params['target']['node'],
            'vm_state': STOPPED,
            'task_state': None,
        }
        found = _instance(connection, cell, uuid, lock=True)
        instance_rows.compare(uuid, found, arrived)
        image = dict(before['instance'])
        image['updated_at'] = times.from_text(image['updated_at'])
        instance_rows.update(connection, cell, uuid, arrived, image)
        tokens.restore(connection, console_tokens, before['tokens'])
        for old in before['retired']:
            updated = times.from_text(old['updated_at'])
            changed = evacuations.set_status(
                connection,
                old['id'],
                evacuations.RETIRED,
                old['status'],
                updated,
            )
            instance_rows.count(uuid, changed)
        instance_rows.count(uuid, evacuations.delete(connection, tombstone))


def _instance(
    connection: sa.Connection,
    cell: nova_cell.NovaCell,
    uuid: str,
    *,
    lock: bool = False,
) -> Row:
    return instance_rows.need(connection, cell, uuid, CHANGED, lock=lock)


def _planned(params: Row) -> Row:
    return {
        'host': params['source']['host'],
        'node': params['source']['node'],
        'vm_state': params['vm_state'],
        'task_state': params['task_state'],
    }


def _moved_row(params: Row) -> Row:
    target = params['target']
    return {
        'host': target['host'],
        'node': target['node'],
        'compute_id': target.get('compute_id'),
        'availability_zone': target['zone'],
        'vm_state': STOPPED,
        'power_state': SHUTDOWN,
        'task_state': None,
        'updated_at': times.now(),
    }


def _same_tokens(uuid: str, known: list[Row], found: list[Row]) -> None:
    """A token that nobody recorded could not be brought back."""
    ids = {row['id'] for row in known}
    if any(row['id'] not in ids for row in found):
        raise instance_rows.changed(uuid, 'it has a new console token')


def _never_moved(
    connection: sa.Connection,
    cell: nova_cell.NovaCell,
    params: Row,
    uuid: str,
) -> None:
    found = instance_rows.find(connection, cell, uuid, CHANGED)
    if found is not None and found['host'] == params['target']['host']:
        raise instance_rows.changed(
            uuid, 'it is on the target without our tombstone'
        )


def _statuses(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row['id'], row['status']) for row in rows]

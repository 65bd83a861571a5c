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

"""Changes single columns of a server's row in one transaction, and back.

With them go the evacuation rows that belong to the change: those on which
the server's own host would destroy it are retired, and a tombstone is left
for a host that may have an old copy.  The row is locked, everything that
was planned with is compared, and what is found done is left.
"""

from typing import Any

from osc_recovery.db import engine
from osc_recovery.db import evacuations
from osc_recovery.db import instance_rows
from osc_recovery.db import nova_cell
from osc_recovery.db import times
from osc_recovery.model import steps

Row = dict[str, Any]


def before_image(cell: nova_cell.NovaCell, uuid: str, params: Row) -> Row:
    """What a change would change, in JSON's types; raises RowMismatch.

    ``params`` are those of the step ``set-row``.  ``instance`` holds the
    columns, ``retired`` the evacuation rows.
    """
    with cell.reading() as connection:
        found = instance_rows.need(connection, cell, uuid, _names(params))
        instance_rows.compare(uuid, found, params['expected'])
        return {
            'instance': {
                **found,
                'updated_at': times.to_text(found['updated_at']),
            },
            'retired': _to_retire(connection, uuid, params),
        }


@engine.retrying
def change(
    cell: nova_cell.NovaCell,
    uuid: str,
    params: Row,
    before: Row,
    tombstone: str,
) -> None:
    """Do it, unless it is done; raises RowMismatch."""
    now = times.now()
    with cell.writing() as connection:
        found = instance_rows.need(
            connection, cell, uuid, _names(params), lock=True
        )
        if _done(connection, uuid, params, found, before, tombstone):
            return
        expected = params['expected']
        instance_rows.compare(uuid, found, expected)
        retired = _to_retire(connection, uuid, params)
        if _statuses(retired) != _statuses(before['retired']):
            raise instance_rows.changed(uuid, 'it has other evacuations')
        values = {**params['values'], 'updated_at': now}
        instance_rows.update(connection, cell, uuid, expected, values)
        for row in retired:
            changed = evacuations.set_status(
                connection, row['id'], row['status'], evacuations.RETIRED, now
            )
            instance_rows.count(uuid, changed)
        if params['tombstone'] is not None:
            evacuations.insert(
                connection, cell.schema, uuid, params['tombstone'], tombstone
            )


def observe(
    cell: nova_cell.NovaCell,
    uuid: str,
    params: Row,
    before: Row,
    tombstone: str,
) -> steps.Observation:
    """Whether a change whose outcome is unknown took place."""
    with cell.reading() as connection:
        found = instance_rows.find(connection, cell, uuid, _names(params))
        if found is None:
            return steps.Observation.ASK
        if _done(connection, uuid, params, found, before, tombstone):
            return steps.Observation.DONE
        if evacuations.tombstone(connection, tombstone) is not None:
            return steps.Observation.ASK
    same = all(
        found.get(name, value) == value
        for name, value in params['expected'].items()
    )
    return steps.Observation.SAFE if same else steps.Observation.ASK


@engine.retrying
def change_back(
    cell: nova_cell.NovaCell,
    uuid: str,
    params: Row,
    before: Row,
    tombstone: str,
) -> None:
    """Bring the before-image back exactly, updated_at included.

    Does nothing when the change never took place, or was taken back.
    Raises RowMismatch when the row holds neither.
    """
    with cell.writing() as connection:
        found = instance_rows.need(
            connection, cell, uuid, _names(params), lock=True
        )
        image = dict(before['instance'])
        image['updated_at'] = times.from_text(image['updated_at'])
        if not _done(connection, uuid, params, found, before, tombstone):
            instance_rows.compare(uuid, found, params['expected'])
            return
        after = {**params['expected'], **params['values']}
        instance_rows.update(connection, cell, uuid, after, image)
        for old in before['retired']:
            changed = evacuations.set_status(
                connection,
                old['id'],
                evacuations.RETIRED,
                old['status'],
                times.from_text(old['updated_at']),
            )
            instance_rows.count(uuid, changed)
        row = evacuations.tombstone(connection, tombstone, lock=True)
        if row is not None:
            if row['status'] != evacuations.DONE:
                raise instance_rows.changed(
                    uuid, 'its evacuation: the host has returned'
                )
            evacuations.delete(connection, tombstone)


def _done(
    connection: Any,
    uuid: str,
    params: Row,
    found: Row,
    before: Row,
    tombstone: str,
) -> bool:
    """Whether the row has every wanted value and the other rows follow."""
    wanted = {**params['expected'], **params['values']}
    if any(found.get(k, v) != v for k, v in wanted.items()):
        return False
    if before['retired'] and _to_retire(connection, uuid, params):
        return False
    return (
        params['tombstone'] is None
        or evacuations.tombstone(connection, tombstone) is not None
    )


def _to_retire(connection: Any, uuid: str, params: Row) -> list[Row]:
    if params['retire'] is None:
        return []
    return evacuations.to_retire(connection, uuid, params['retire'])


def _names(params: Row) -> set[str]:
    return {*params['expected'], *params['values'], 'updated_at'}


def _statuses(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row['id'], row['status']) for row in rows]

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

"""Rows of a cell that decide whether a host may return, and their repair.

nova-compute acts upon them when it starts (nova/compute/manager.py,
init_host and _destroy_evacuated_instances).
"""

from collections.abc import Collection
import dataclasses
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import chunks
from osc_recovery.db import engine
from osc_recovery.db import evacuations
from osc_recovery.db import nova_cell
from osc_recovery.db import tables
from osc_recovery.db import times
from osc_recovery import exceptions
from osc_recovery.model import host_return as model

Row = dict[str, Any]

#: a migration with one of these has ended, as nova counts
#: (nova/db/main/api.py, migration_get_in_progress_by_host_and_node)
ENDED = (
    'confirmed',
    'reverted',
    'error',
    'failed',
    'completed',
    'cancelled',
    'done',
)
_EVACUATION = 'evacuation'


@engine.retrying
def evacuated(
    cell: nova_cell.NovaCell, host: str
) -> tuple[model.Migration, ...]:
    """The evacuations on which a host destroys guests when it starts."""
    table = tables.migrations
    return _migrations(
        cell,
        sa.and_(
            table.c.source_compute == host,
            table.c.migration_type == _EVACUATION,
            table.c.status.in_(evacuations.DESTROYING),
        ),
    )


@engine.retrying
def unfinished(
    cell: nova_cell.NovaCell, host: str
) -> tuple[model.Migration, ...]:
    """Every other migration from or to a host that has not ended."""
    table = tables.migrations
    return _migrations(
        cell,
        sa.and_(
            sa.or_(
                table.c.source_compute == host, table.c.dest_compute == host
            ),
            sa.not_(
                sa.and_(
                    table.c.source_compute == host,
                    table.c.migration_type == _EVACUATION,
                )
            ),
            table.c.status.not_in(ENDED),
        ),
    )


@engine.retrying
def residents(cell: nova_cell.NovaCell, host: str) -> tuple[model.Home, ...]:
    """The servers that live on a host."""
    with cell.reading() as connection:
        query = _homes(cell).where(tables.instances.c.host == host)
        rows = connection.execute(query).mappings()
        return tuple(_home(dict(row)) for row in rows)


@engine.retrying
def homes(
    cell: nova_cell.NovaCell, uuids: Collection[str]
) -> dict[str, model.Home]:
    """Servers of the cell by their uuid; others are left out."""
    with cell.reading() as connection:
        return _homes_of(cell, connection, uuids)


@engine.retrying
def images(cell: nova_cell.NovaCell, ids: Collection[int]) -> list[Row]:
    """What a settlement changes of rows: id, status, node, updated_at."""
    with cell.reading() as connection:
        return _images(connection, ids)


@engine.retrying
def settle(
    cell: nova_cell.NovaCell,
    host: str,
    changes: Collection[Row],
    before: Collection[Row],
    burials: Collection[Row],
) -> None:
    """Retire and mend evacuation rows and add tombstones: one transaction.

    ``changes`` have id, server, status and source_node as they shall be,
    and ``resident``: whether the server has to live on the host.
    ``burials`` are parameters of :func:`evacuations.insert` with a server
    and the row's uuid, ``before`` is what :func:`images` said.  Rows that
    are as they shall be are left; raises RowMismatch, with nothing changed,
    when one is neither.
    """
    former = {row['id']: row for row in before}
    with cell.writing() as connection:
        for change in changes:
            _require_home(connection, cell, host, change)
            found = _image(connection, change['id'])
            if _same(found, change):
                continue
            if not _same(found, former[change['id']]):
                raise _changed(change['server'])
            _set(connection, found, change, times.now())
        for burial in burials:
            uuid = burial['tombstone']
            if evacuations.tombstone(connection, uuid) is not None:
                continue
            _require_away(connection, cell, burial)
            evacuations.insert(
                connection, cell.schema, burial['server'], burial, uuid
            )


@engine.retrying
def unsettle(
    cell: nova_cell.NovaCell,
    changes: Collection[Row],
    before: Collection[Row],
    burials: Collection[Row],
) -> None:
    """Bring back what :func:`settle` changed, updated_at included.

    Raises RowMismatch when a row is neither as before nor as after.
    """
    wanted = {row['id']: row for row in changes}
    with cell.writing() as connection:
        for image in before:
            found = _image(connection, image['id'])
            if _same(found, image):
                continue
            if not _same(found, wanted[image['id']]):
                raise _changed(wanted[image['id']]['server'])
            at = times.from_text(image['updated_at'])
            _set(connection, found, image, at)
        for burial in burials:
            row = evacuations.tombstone(
                connection, burial['tombstone'], lock=True
            )
            if row is None:
                continue
            if row['status'] != evacuations.DONE:
                raise _changed(burial['server'])
            evacuations.delete(connection, burial['tombstone'])


@engine.retrying
def settled(
    cell: nova_cell.NovaCell, changes: Collection[Row], uuids: Collection[str]
) -> bool:
    """Whether every change is there, and a row with each of these uuids."""
    with cell.reading() as connection:
        wanted = {row['id']: row for row in changes}
        found = {row['id']: row for row in _images(connection, wanted)}
        return all(
            number in found and _same(found[number], row)
            for number, row in wanted.items()
        ) and all(
            evacuations.tombstone(connection, uuid) is not None
            for uuid in uuids
        )


def _migrations(
    cell: nova_cell.NovaCell, condition: sa.ColumnElement[bool]
) -> tuple[model.Migration, ...]:
    table = tables.migrations
    query = (
        sa.select(
            table.c.id,
            table.c.uuid,
            table.c.migration_type.label('type'),
            table.c.status,
            table.c.instance_uuid.label('server'),
            table.c.source_compute.label('source_host'),
            table.c.source_node,
            table.c.dest_compute.label('dest_host'),
        )
        .where(table.c.deleted == 0)
        .where(condition)
        .order_by(table.c.id)
    )
    with cell.reading() as connection:
        rows = [
            model.Migration(
                **{**row, 'server': row['server'] or '', 'status': row.status}
            )
            for row in connection.execute(query).mappings()
        ]
        known = _homes_of(cell, connection, {row.server for row in rows})
    return tuple(
        dataclasses.replace(row, home=known.get(row.server)) for row in rows
    )


def _homes(cell: nova_cell.NovaCell) -> sa.Select[Any]:
    c = tables.instances.c
    columns = [
        *(c.uuid, c.display_name, c.host, c.node, c.compute_id, c.vm_state),
        *(c.task_state, c.instance_type_id, c.user_id, c.project_id),
    ]
    present = [column for column in columns if cell.schema.has(column)]
    return sa.select(*present).where(c.deleted == 0).order_by(c.id)


def _homes_of(
    cell: nova_cell.NovaCell,
    connection: sa.Connection,
    uuids: Collection[str],
) -> dict[str, model.Home]:
    rows = chunks.rows(
        connection, _homes(cell), tables.instances.c.uuid, uuids
    )
    return {row['uuid']: _home(row) for row in rows}


def _home(row: Row) -> model.Home:
    return model.Home(
        uuid=row['uuid'],
        name=row['display_name'] or '',
        host=row['host'],
        node=row['node'],
        compute_id=row.get('compute_id'),
        vm_state=row['vm_state'] or '',
        task_state=row['task_state'],
        instance_type_id=row['instance_type_id'],
        user_id=row['user_id'],
        project_id=row['project_id'],
    )


def _images(connection: sa.Connection, ids: Collection[int]) -> list[Row]:
    table = tables.migrations
    query = sa.select(
        table.c.id, table.c.status, table.c.source_node, table.c.updated_at
    ).where(table.c.deleted == 0)
    return [
        {**row, 'updated_at': times.to_text(row['updated_at'])}
        for row in chunks.rows(connection, query, table.c.id, ids)
    ]


def _image(connection: sa.Connection, number: int) -> Row:
    found = _images(connection, [number])
    return found[0] if found else {}


def _same(found: Row, wanted: Row) -> bool:
    return all(
        found.get(key) == wanted[key] for key in ('status', 'source_node')
    )


def _set(connection: sa.Connection, found: Row, to: Row, at: Any) -> None:
    """Change one row that is as it was found, and count."""
    table = tables.migrations
    result = connection.execute(
        sa.update(table)
        .where(table.c.id == found['id'])
        .where(table.c.status == found['status'])
        .where(table.c.source_node.is_not_distinct_from(found['source_node']))
        .values(
            status=to['status'],
            source_node=to['source_node'],
            updated_at=at,
        )
    )
    if result.rowcount != 1:
        raise _changed(str(found['id']))


def _require_home(
    connection: sa.Connection, cell: nova_cell.NovaCell, host: str, change: Row
) -> None:
    """A row is retired because its server lives on the host, or does not."""
    home = _locked(connection, cell, change['server'])
    lives_there = home is not None and home.host == host
    if lives_there != change['resident']:
        raise _changed(change['server'])


def _require_away(
    connection: sa.Connection, cell: nova_cell.NovaCell, burial: Row
) -> None:
    home = _locked(connection, cell, burial['server'])
    if home is None or home.host != burial['target']['host']:
        raise _changed(burial['server'])


def _locked(
    connection: sa.Connection, cell: nova_cell.NovaCell, uuid: str
) -> model.Home | None:
    """A server that does not move until the transaction ends."""
    query = _homes(cell).where(tables.instances.c.uuid == uuid)
    row = connection.execute(query.with_for_update()).mappings().first()
    return None if row is None else _home(dict(row))


def _changed(what: str) -> exceptions.RowMismatch:
    return exceptions.RowMismatch(
        f'the evacuations of server {what} are not as they were when the '
        'plan was made; make a new plan'
    )

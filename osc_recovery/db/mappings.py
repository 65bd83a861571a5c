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


"""Changes the volume attachment that a block device mapping names."""

import json
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery.db import nova_cell
from osc_recovery.db import servers
from osc_recovery.db import tables
from osc_recovery.db import times
from osc_recovery import exceptions

Row = dict[str, Any]

_TABLE = tables.block_device_mapping


@engine.retrying
def mapping_row(cell: nova_cell.NovaCell, mapping_id: int) -> Row:
    """What a step has to know of a mapping, without its connection_info.

    ``attachment_id``, ``connection_digest`` (SHA-256 of the stored text or
    None), ``device_name`` and ``deleted``.  Raises RowMismatch when there
    is no such row.
    """
    query = sa.select(
        _TABLE.c.attachment_id,
        _TABLE.c.connection_info,
        _TABLE.c.device_name,
        _TABLE.c.deleted,
    ).where(_TABLE.c.id == mapping_id)
    with cell.reading() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        raise exceptions.RowMismatch(
            f'block device mapping {mapping_id} is not in database '
            f'{cell.database.name} any more; make a new plan'
        )
    return {
        'attachment_id': row['attachment_id'],
        'connection_digest': servers.digest(row['connection_info']),
        'device_name': row['device_name'],
        'deleted': bool(row['deleted']),
    }


@engine.retrying
def named(cell: nova_cell.NovaCell, attachment: str) -> bool:
    """Whether any live mapping of the cell names an attachment."""
    query = (
        sa.select(_TABLE.c.id)
        .where(_TABLE.c.attachment_id == attachment)
        .where(_TABLE.c.deleted == 0)
    )
    with cell.reading() as connection:
        return connection.execute(query).first() is not None


@engine.retrying
def repoint_mapping(
    cell: nova_cell.NovaCell,
    mapping_id: int,
    old_attachment: str | None,
    new_attachment: str | None,
) -> None:
    """Let a mapping name another attachment, without connection_info.

    What it held was made for the old attachment's connector.  Does nothing
    when the mapping names the new one already; raises RowMismatch when it
    names a third.
    """
    with cell.writing() as connection:
        found = _attachment(connection, mapping_id)
        if found == new_attachment:
            return
        _set(
            connection,
            mapping_id,
            old_attachment,
            {'attachment_id': new_attachment, 'connection_info': None},
        )


@engine.retrying
def set_connection(
    cell: nova_cell.NovaCell,
    mapping_id: int,
    attachment: str,
    connection_info: Row,
) -> None:
    """Store connection_info, in nova's shape, for an attachment.

    Raises RowMismatch when the mapping names another attachment.
    """
    with cell.writing() as connection:
        _attachment(connection, mapping_id)
        _set(
            connection,
            mapping_id,
            attachment,
            {'connection_info': json.dumps(connection_info)},
        )


def _attachment(connection: sa.Connection, mapping_id: int) -> str | None:
    """Lock the row; the attachment that it names."""
    query = (
        sa.select(_TABLE.c.attachment_id)
        .where(_TABLE.c.id == mapping_id)
        .where(_TABLE.c.deleted == 0)
        .with_for_update()
    )
    return connection.scalars(query).first()


def _set(
    connection: sa.Connection,
    mapping_id: int,
    attachment: str | None,
    values: Row,
) -> None:
    result = connection.execute(
        sa.update(_TABLE)
        .where(_TABLE.c.id == mapping_id)
        .where(_TABLE.c.deleted == 0)
        .where(_TABLE.c.attachment_id == attachment)
        .values(**values, updated_at=times.now())
    )
    if result.rowcount != 1:
        raise exceptions.RowMismatch(
            f'block device mapping {mapping_id} does not name attachment '
            f'{attachment} any more; make a new plan'
        )

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

"""One row of instances: found, compared and changed under a lock."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import nova_cell
from osc_recovery.db import tables
from osc_recovery import exceptions

Row = dict[str, Any]


def find(
    connection: sa.Connection,
    cell: nova_cell.NovaCell,
    uuid: str,
    names: Collection[str],
    *,
    lock: bool = False,
) -> Row | None:
    """Columns of a server's row, or None; deleted rows do not count.

    Columns that this schema does not have are left out.
    """
    table = tables.instances
    columns = [c for c in cell.schema.present(table) if c.name in names]
    query = sa.select(*columns).where(_is_instance(uuid))
    if lock:
        query = query.with_for_update()
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def need(
    connection: sa.Connection,
    cell: nova_cell.NovaCell,
    uuid: str,
    names: Collection[str],
    *,
    lock: bool = False,
) -> Row:
    """The same; raises RowMismatch when there is no such server."""
    found = find(connection, cell, uuid, names, lock=lock)
    if found is None:
        raise exceptions.RowMismatch(
            f'server {uuid} is not in database {cell.database.name} any '
            'more; make a new plan'
        )
    return found


def update(
    connection: sa.Connection,
    cell: nova_cell.NovaCell,
    uuid: str,
    expected: Row,
    values: Row,
) -> None:
    """Change a row that has the expected values; raises RowMismatch."""
    table = tables.instances
    statement = sa.update(table).where(_is_instance(uuid))
    for name, value in cell.schema.values(table, expected).items():
        # "== None" becomes IS NULL
        statement = statement.where(table.c[name] == value)
    result = connection.execute(
        statement.values(cell.schema.values(table, values))
    )
    count(uuid, result.rowcount)


def compare(uuid: str, found: Row, expected: Row) -> None:
    """Raise RowMismatch that names the first value which is another."""
    for name, value in expected.items():
        if name in found and found[name] != value:
            raise changed(uuid, f'its {name} is {found[name]} and not {value}')


def count(uuid: str, rows: int) -> None:
    """Raise RowMismatch unless one row was changed."""
    if rows != 1:
        raise changed(uuid, f'{rows} rows were changed instead of one')


def changed(uuid: str, what: str) -> exceptions.RowMismatch:
    """The error of a server that is not as it was planned with."""
    return exceptions.RowMismatch(
        f'server {uuid} has changed since the plan: {what}'
    )


def _is_instance(uuid: str) -> sa.ColumnElement[bool]:
    table = tables.instances
    return sa.and_(table.c.uuid == uuid, table.c.deleted == 0)

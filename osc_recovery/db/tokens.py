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


"""Console tokens: taken out of a cell database and put back as they were.

nova leaves them when it evacuates, and they lead to a host and a port that
may be another guest's by then.  The rows are read and written whole,
whatever columns the release has.
"""

import datetime
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import tables
from osc_recovery.db import times

Row = dict[str, Any]


def read(
    connection: sa.Connection, table: sa.Table | None, uuid: str
) -> list[Row]:
    """A server's tokens in JSON's types, in order; none without a table."""
    if table is None:
        return []
    query = (
        sa.select(table)
        .where(table.c.instance_uuid == uuid)
        .order_by(table.c.id)
    )
    rows = connection.execute(query).mappings()
    return [
        {name: _encode(value) for name, value in row.items()} for row in rows
    ]


def delete(connection: sa.Connection, rows: list[Row]) -> None:
    """Delete these tokens; one that has expired meanwhile is fine."""
    if rows:
        table = tables.console_auth_tokens
        ids = [row['id'] for row in rows]
        connection.execute(sa.delete(table).where(table.c.id.in_(ids)))


def restore(
    connection: sa.Connection, table: sa.Table | None, rows: list[Row]
) -> None:
    """Insert these tokens again, but for those that are there."""
    if table is None or not rows:
        return
    ids = [row['id'] for row in rows]
    there = set(
        connection.scalars(sa.select(table.c.id).where(table.c.id.in_(ids)))
    )
    for row in rows:
        if row['id'] not in there:
            values = {k: _decode(table, k, v) for k, v in row.items()}
            connection.execute(sa.insert(table).values(values))


def _encode(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return times.to_text(value)
    return value


def _decode(table: sa.Table, name: str, value: Any) -> Any:
    if isinstance(table.c[name].type, sa.DateTime):
        return times.from_text(value)
    return value

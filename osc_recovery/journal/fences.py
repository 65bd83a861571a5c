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

"""Rows of fences: on whose word a host counts as dead."""

from typing import Any

import sqlalchemy as sa

from osc_recovery.journal import clock
from osc_recovery.journal import tables
from osc_recovery.journal import text
from osc_recovery.model import facts


def record(connection: sa.Connection, fence: facts.Fence) -> None:
    """Store a fence; storing it again changes nothing."""
    table = tables.FENCES
    is_it = (
        table.c.host == fence.host,
        table.c.recorded_at == fence.recorded_at,
    )
    values = {
        'method': fence.method,
        'statement': text.one_line(fence.statement),
        'operator': fence.operator,
        'run_id': fence.run_id,
        'released_at': '',
        'last_seen_up': fence.last_seen_up,
    }
    # Looked for first, see entries.py.
    if connection.execute(sa.select(table.c.host).where(*is_it)).first():
        connection.execute(sa.update(table).where(*is_it).values(**values))
        return
    connection.execute(
        sa.insert(table).values(
            host=fence.host, recorded_at=fence.recorded_at, **values
        )
    )


def read(connection: sa.Connection, host: str) -> facts.Fence | None:
    """The latest fence of a host that was not released."""
    table = tables.FENCES
    query = (
        sa.select(table)
        .where(table.c.host == host, table.c.released_at == '')
        .order_by(table.c.recorded_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _fence(row)


def read_all(connection: sa.Connection) -> dict[str, facts.Fence]:
    """The latest fence of every host, those that were released left out."""
    table = tables.FENCES
    query = (
        sa.select(table)
        .where(table.c.released_at == '')
        .order_by(table.c.recorded_at)
    )
    return {row.host: _fence(row) for row in connection.execute(query)}


def release(connection: sa.Connection, host: str) -> None:
    """End every fence of a host: it is back, or was never dead."""
    table = tables.FENCES
    connection.execute(
        sa.update(table)
        .where(table.c.host == host, table.c.released_at == '')
        .values(released_at=clock.now())
    )


def _fence(row: Any) -> facts.Fence:
    return facts.Fence(
        host=row.host,
        method=row.method,
        statement=row.statement,
        operator=row.operator,
        recorded_at=row.recorded_at,
        run_id=row.run_id,
        last_seen_up=row.last_seen_up,
    )

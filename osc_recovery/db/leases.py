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

"""Reads and swaps services.disabled_reason of one nova-compute service.

nova's API would overwrite whatever stands there.  Here the former reason is
compared, and the row locked meanwhile: of two who take a host at the same
moment one finds the other's reason.  Nothing else of the row is touched, and
nova-compute, which writes its heartbeat to it, never writes this column.
"""

import dataclasses

import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery.db import nova_cell
from osc_recovery.db import tables

_TABLE = tables.services


@dataclasses.dataclass(frozen=True)
class Reason:
    """Whether a service is disabled, and what its row says why."""

    disabled: bool
    text: str | None


@engine.retrying
def read(cell: nova_cell.NovaCell, host: str) -> Reason | None:
    """The reason of a host's nova-compute; None when there is no such row."""
    with cell.reading() as connection:
        return _find(connection, host)


@engine.retrying
def swap(
    cell: nova_cell.NovaCell, host: str, expected: str | None, new: str | None
) -> str | None:
    """Put a reason where another was; what stands there afterwards.

    That is ``new`` unless somebody else was first.  A commit whose answer
    was lost is recognised when this is called again.
    """
    with cell.writing() as connection:
        found = _find(connection, host, lock=True)
        if found is None or found.text == new:
            return new if found else None
        # Here and not in the statement: nova's columns ignore case.
        if found.text != expected:
            return found.text
        connection.execute(
            sa.update(_TABLE).where(*_is(host)).values(disabled_reason=new)
        )
        return new


def _find(
    connection: sa.Connection, host: str, *, lock: bool = False
) -> Reason | None:
    query = sa.select(
        _TABLE.c.host, _TABLE.c.disabled, _TABLE.c.disabled_reason
    ).where(*_is(host))
    if lock:
        query = query.with_for_update()
    for row in connection.execute(query):
        # MariaDB compares without regard to case
        if row.host == host:
            return Reason(bool(row.disabled), row.disabled_reason)
    return None


def _is(host: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _TABLE.c.host == host,
        _TABLE.c.binary == 'nova-compute',
        _TABLE.c.deleted == 0,
    )

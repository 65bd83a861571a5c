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


"""How far nova's evacuations are, and an attempt that is given up.

An evacuation is a row of migrations: ``accepted`` by the API,
``pre-migrating`` once a host has claimed it, ``done`` after instances.host
has changed; ``error`` when no host was found, ``failed`` when a host gave
up (nova/conductor/manager.py and nova/compute/manager.py, rebuild_instance).
"""

from collections.abc import Collection
import dataclasses

import sqlalchemy as sa

from osc_recovery.db import chunks
from osc_recovery.db import engine
from osc_recovery.db import evacuations
from osc_recovery.db import nova_cell
from osc_recovery.db import tables
from osc_recovery.db import times
from osc_recovery import exceptions

EVACUATION = 'evacuation'
FAILED = 'failed'
#: nova still means to do something about these
UNDER_WAY = ('accepted', 'pre-migrating')

COMPUTE = 'nova-compute'
CONDUCTOR = 'nova-conductor'


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One evacuation of a server; ``target`` None: not yet claimed."""

    id: int
    status: str
    source: str | None
    target: str | None


@dataclasses.dataclass(frozen=True)
class Seen:
    """A server's row, and all its evacuations, oldest first."""

    host: str | None
    vm_state: str
    task_state: str | None
    attempts: tuple[Attempt, ...] = ()


@engine.retrying
def seen(cell: nova_cell.NovaCell, uuids: Collection[str]) -> dict[str, Seen]:
    """Servers with their evacuations: two statements for all of them."""
    table, rows = tables.instances, tables.migrations
    query = sa.select(
        table.c.uuid, table.c.host, table.c.vm_state, table.c.task_state
    ).where(table.c.deleted == 0)
    moves = (
        sa.select(
            rows.c.id,
            rows.c.instance_uuid,
            rows.c.status,
            rows.c.source_compute,
            rows.c.dest_compute,
        )
        .where(rows.c.migration_type == EVACUATION)
        .where(rows.c.deleted == 0)
        .order_by(rows.c.id)
    )
    with cell.reading() as connection:
        # the rows of evacuations last: they end after the server's own
        servers = list(chunks.rows(connection, query, table.c.uuid, uuids))
        attempts: dict[str, list[Attempt]] = {}
        for row in chunks.rows(connection, moves, rows.c.instance_uuid, uuids):
            attempts.setdefault(row['instance_uuid'], []).append(
                Attempt(
                    id=row['id'],
                    status=row['status'] or '',
                    source=row['source_compute'],
                    target=row['dest_compute'],
                )
            )
    return {
        row['uuid']: Seen(
            host=row['host'],
            vm_state=row['vm_state'] or '',
            task_state=row['task_state'],
            attempts=tuple(attempts.get(row['uuid'], ())),
        )
        for row in servers
    }


@engine.retrying
def reports(
    cell: nova_cell.NovaCell,
) -> dict[tuple[str, str], tuple[int, bool]]:
    """How often each service has reported, and whether it is forced down.

    By binary (nova-compute, nova-conductor) and host.
    """
    c = tables.services.c
    query = (
        sa.select(c.binary, c.host, c.report_count, c.forced_down)
        .where(c.binary.in_((COMPUTE, CONDUCTOR)))
        .where(c.deleted == 0)
    )
    with cell.reading() as connection:
        return {
            (row.binary, row.host or ''): (
                row.report_count or 0,
                bool(row.forced_down),
            )
            for row in connection.execute(query)
        }


@engine.retrying
def fault(cell: nova_cell.NovaCell, uuid: str) -> str:
    """What nova noted last about a failure of the server; '' for nothing."""
    table = tables.instance_faults
    if not cell.schema.has(table):
        return ''
    query = (
        sa.select(table.c.message)
        .where(table.c.instance_uuid == uuid)
        .where(table.c.deleted == 0)
        .order_by(table.c.id.desc())
        .limit(1)
    )
    with cell.reading() as connection:
        return connection.execute(query).scalar() or ''


@engine.retrying
def give_up(
    cell: nova_cell.NovaCell, uuid: str, found: Seen, vm_state: str
) -> None:
    """End attempts that failed or are stuck, so that another may follow.

    The server gets ``vm_state`` (the one it had before) and no task, its
    attempts under way become ``failed``: nova's conductor takes the first
    row that is ``accepted``, and the source destroys its guest for the
    sake of either.  os-resetState would leave the server in ``error``,
    which nova starts whatever it was before (_do_rebuild_instance).

    One transaction; raises RowMismatch when the server or one of its
    attempts is not as it was found.
    """
    table = tables.instances
    now = times.now()
    with cell.writing() as connection:
        query = (
            sa.select(table.c.host, table.c.vm_state, table.c.task_state)
            .where(table.c.uuid == uuid)
            .where(table.c.deleted == 0)
            .with_for_update()
        )
        row = connection.execute(query).one_or_none()
        wanted = (found.host, found.vm_state, found.task_state)
        if row is None or tuple(row) != wanted:
            raise _changed(uuid)
        connection.execute(
            sa.update(table)
            .where(table.c.uuid == uuid)
            .where(table.c.deleted == 0)
            .values(vm_state=vm_state, task_state=None, updated_at=now)
        )
        for attempt in found.attempts:
            if attempt.status not in UNDER_WAY or attempt.source != row.host:
                continue
            changed = evacuations.set_status(
                connection, attempt.id, attempt.status, FAILED, now
            )
            if changed != 1:
                raise _changed(uuid)


def _changed(uuid: str) -> exceptions.RowMismatch:
    return exceptions.RowMismatch(
        f'server {uuid} or one of its evacuations has just changed; resume '
        f'the run, which looks at it again'
    )

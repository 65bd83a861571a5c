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


"""Evacuation rows of migrations, on which nova-compute destroys guests.

At its start nova-compute destroys the guest of every such row that names
its host as the source, without looking at instances.host (nova/compute/
manager.py:_destroy_evacuated_instances).
"""

import datetime
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import schema
from osc_recovery.db import tables
from osc_recovery.db import times

Row = dict[str, Any]

#: evacuation rows on which nova-compute destroys the guest when it starts
DESTROYING = ('accepted', 'pre-migrating', 'done')
RETIRED = 'completed'
DONE = 'done'


def to_retire(connection: sa.Connection, uuid: str, target: str) -> list[Row]:
    """The evacuation rows on which the target would destroy the guest.

    An old one must not outlive a move back to that host.
    """
    table = tables.migrations
    query = (
        sa.select(table.c.id, table.c.status, table.c.updated_at)
        .where(table.c.instance_uuid == uuid)
        .where(table.c.migration_type == 'evacuation')
        .where(table.c.source_compute == target)
        .where(table.c.status.in_(DESTROYING))
        .where(table.c.deleted == 0)
        .order_by(table.c.id)
    )
    return [
        {**row, 'updated_at': times.to_text(row['updated_at'])}
        for row in connection.execute(query).mappings()
    ]


def tombstone(
    connection: sa.Connection, uuid: str, *, lock: bool = False
) -> Row | None:
    """The row with this uuid: ``instance_uuid`` and ``status``, or None."""
    table = tables.migrations
    query = sa.select(table.c.instance_uuid, table.c.status).where(
        table.c.uuid == uuid
    )
    if lock:
        query = query.with_for_update()
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def insert(
    connection: sa.Connection,
    known: schema.Schema,
    uuid: str,
    params: Row,
    tombstone: str,
) -> None:
    """Insert an evacuation that is over, as nova's own leave it.

    ``done`` counts as in progress for nobody, and makes the source destroy
    its copy; without the node the row would fire at every later start.
    """
    source, target, now = params['source'], params['target'], times.now()
    row = {
        'uuid': tombstone,
        'instance_uuid': uuid,
        'migration_type': 'evacuation',
        'status': DONE,
        'source_compute': source['host'],
        'source_node': source['node'],
        'dest_compute': target['host'],
        'dest_node': target['node'],
        'dest_compute_id': target.get('compute_id'),
        'dest_host': None,
        'old_instance_type_id': params['instance_type_id'],
        'new_instance_type_id': params['instance_type_id'],
        'user_id': params['user_id'],
        'project_id': params['project_id'],
        'hidden': False,
        'cross_cell_move': False,
        'created_at': now,
        'updated_at': now,
        'deleted': 0,
    }
    table = tables.migrations
    connection.execute(sa.insert(table).values(known.values(table, row)))


def delete(connection: sa.Connection, tombstone: str) -> int:
    """Delete the row with this uuid; how many there were."""
    table = tables.migrations
    result = connection.execute(
        sa.delete(table).where(table.c.uuid == tombstone)
    )
    return result.rowcount


def set_status(
    connection: sa.Connection,
    migration: int,
    former: str,
    status: str,
    updated_at: datetime.datetime | None,
) -> int:
    """Change the status of a row that has the former one; how many had."""
    table = tables.migrations
    result = connection.execute(
        sa.update(table)
        .where(table.c.id == migration)
        .where(table.c.status == former)
        .values(status=status, updated_at=updated_at)
    )
    return result.rowcount

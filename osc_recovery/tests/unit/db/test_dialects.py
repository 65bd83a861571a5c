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


"""Tests that every statement suits MariaDB and PostgreSQL too.

Every public method is called on SQLite, its statements are caught as
SQLAlchemy has them, and compiled for the other dialects.  A boolean
compared with a number, which PostgreSQL refuses, shows in the text.
"""

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql

from osc_recovery.db import cinder
from osc_recovery.db import engine
from osc_recovery.db import homecoming
from osc_recovery.db import mappings
from osc_recovery.db import moves
from osc_recovery.db import nova_api
from osc_recovery.tests.unit.db import base

SERVER = '46c8505b-ec83-4a29-9084-2d702cb3f180'
TOMBSTONE = '11111111-2222-4333-8444-555555555555'
#: a dialect's constructor has no types
MYSQL: Any = mysql.dialect()
POSTGRESQL: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
UUIDS = (SERVER, base.uuid(1))


class DialectsTest(base.DatabaseTestCase):
    """Statements by dialect."""

    def caught(self, database: engine.Database) -> list[Any]:
        found: list[Any] = []

        def catch(_connection: Any, statement: Any, *_: Any) -> None:
            if not isinstance(statement, sa.TextClause):
                found.append(statement)

        sa.event.listen(database.engine, 'before_execute', catch)
        return found

    def texts(self, statements: list[Any], dialect: Any) -> list[str]:
        return [
            re.sub(r'\s+', ' ', str(statement.compile(dialect=dialect)))
            for statement in statements
        ]

    def cell_statements(self) -> list[Any]:
        cell = self.cell(base.rows('image-backed')['nova_cell1'])
        cell.check()
        found = self.caught(cell.database)
        cell.services()
        cell.compute_nodes()
        cell.servers(hosts=['kvm1'], uuids=UUIDS, name='sm-k-img')
        cell.states(UUIDS)
        cell.hosts_of(UUIDS)
        cell.server_counts()
        cell.find_ec2(67)
        cell.action_request_ids(SERVER)
        cell.action_results(SERVER, 'req-1')
        params: dict[str, Any] = {
            'uuid': SERVER,
            'source': {'host': 'kvm1', 'node': 'kvm1'},
            'target': {
                'host': 'kvm2',
                'node': 'kvm2',
                'compute_id': 8,
                'zone': 'nova',
            },
            'vm_state': 'active',
            'task_state': None,
            'instance_type_id': 1,
            'user_id': 'u',
            'project_id': 'p',
        }
        before = moves.before_image(cell, SERVER, 'kvm1', 'kvm2')
        moves.move(cell, params, before, TOMBSTONE)
        moves.moved(cell, params, TOMBSTONE)
        moves.move_back(cell, params, before, TOMBSTONE)
        (mapping,) = [
            m
            for m in cell.servers(uuids=[SERVER])[0].mappings
            if m.attachment_id
        ]
        mappings.mapping_row(cell, mapping.id)
        mappings.repoint_mapping(
            cell, mapping.id, mapping.attachment_id or '', 'new'
        )
        mappings.set_connection(cell, mapping.id, 'new', {})
        self.settle(cell, params)
        return found

    def settle(self, cell: Any, params: dict[str, Any]) -> None:
        homecoming.unfinished(cell, 'kvm2')
        homecoming.residents(cell, 'kvm1')
        (row,) = homecoming.evacuated(cell, 'kvm2')
        changes = [
            {
                'id': row.id,
                'server': SERVER,
                'resident': False,
                'status': 'completed',
                'source_node': None,
            }
        ]
        before = homecoming.images(cell, [row.id])
        target = {**params['target'], 'host': 'kvm1'}
        burial = {**params, 'server': SERVER, 'target': target}
        burials = [{**burial, 'tombstone': TOMBSTONE}]
        homecoming.settle(cell, 'kvm2', changes, before, burials)
        homecoming.settled(cell, changes, [TOMBSTONE])
        homecoming.unsettle(cell, changes, before, burials)

    def api_statements(self) -> list[Any]:
        api = nova_api.NovaApi(self.database('nova-api-34-2026.2'))
        api.check()
        found = self.caught(api.database)
        api.host_cells()
        api.server_cells(UUIDS)
        api.pinned_zones(UUIDS)
        api.groups(UUIDS)
        api.zones()
        return found

    def cinder_statements(self) -> list[Any]:
        made = cinder.Cinder(self.database('cinder-29-2026.2'))
        made.check()
        found = self.caught(made.database)
        made.attachments(UUIDS)
        made.attachment('x')
        made.volumes(UUIDS)
        made.connector('kvm1')
        made.servers_attached('kvm1')
        made.services()
        return found

    def test_cell(self) -> None:
        statements = self.cell_statements()
        self.assertGreater(len(statements), 40)
        for dialect in (MYSQL, POSTGRESQL):
            texts = self.texts(statements, dialect)
            for text in texts:
                # nova's "deleted" is an integer
                self.assertNotRegex(text, r'deleted (IS|=) (false|true)')
            locked = [text for text in texts if 'FOR UPDATE' in text]
            for table in (
                'instances',
                'migrations',
                'block_device_mapping',
            ):
                self.assertTrue(
                    any(f'FROM {table}' in text for text in locked), table
                )
            updates = [t for t in texts if t.startswith('UPDATE instances')]
            self.assertEqual(2, len(updates))
            for text in updates:
                where = text.split('WHERE')[1]
                for compared in ('uuid', 'deleted', 'host', 'node'):
                    self.assertIn(f'instances.{compared} = ', where)
                self.assertIn('instances.vm_state = ', where)
                self.assertIn('instances.task_state IS NULL', where)
                self.assertNotIn('updated_at', where)

    def test_api(self) -> None:
        statements = self.api_statements()
        for dialect in (MYSQL, POSTGRESQL):
            self.assertGreater(len(self.texts(statements, dialect)), 4)

    def test_cinder(self) -> None:
        statements = self.cinder_statements()
        # cinder's "deleted" is a boolean
        for text in self.texts(statements, POSTGRESQL):
            self.assertRegex(text, r'deleted (IS|=) false')

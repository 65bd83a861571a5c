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

"""The rows that decide whether a host may return, on a real schema."""

import json
from typing import Any

from osc_recovery.db import homecoming
from osc_recovery import exceptions
from osc_recovery.model import host_return as model
from osc_recovery.tests.unit.db import base

#: lives on kvm1, and has an evacuation from kvm2 (migration 40, done)
SERVER = '46c8505b-ec83-4a29-9084-2d702cb3f180'
TOMBSTONE = '11111111-2222-4333-8444-555555555555'
HOST = 'kvm2'


class HomecomingTestCase(base.DatabaseTestCase):
    """kvm2 wants to return."""

    schema = base.NEWEST

    def setUp(self) -> None:
        super().setUp()
        self.make()

    def make(self) -> None:
        rows = base.rows('image-backed')['nova_cell1']
        self.first = rows['migrations'][0]
        rows['migrations'] += [
            self.migration(41, status='completed'),
            self.migration(42, migration_type='live-migration'),
            self.migration(43, migration_type='resize', status='finished'),
            self.migration(
                44,
                migration_type='migration',
                status='post-migrating',
                source_compute='kvm3',
                dest_compute=HOST,
            ),
            self.migration(45, status='accepted', source_compute='kvm3'),
            self.migration(46, status='accepted', deleted=46),
            self.migration(47, status='accepted', instance_uuid='gone'),
            self.migration(48, status='failed'),
        ]
        self.cell_ = self.cell(rows, schema=self.schema)

    def migration(self, number: int, **values: Any) -> dict[str, Any]:
        uuid = base.uuid(number)
        return {**self.first, 'id': number, 'uuid': uuid, **values}

    def change(self, number: int, **values: Any) -> dict[str, Any]:
        return {
            'id': number,
            'server': SERVER,
            'resident': False,
            'status': 'completed',
            'source_node': 'kvm2',
            **values,
        }

    def burial(self, **values: Any) -> dict[str, Any]:
        return {
            'server': SERVER,
            'tombstone': TOMBSTONE,
            'source': {'host': HOST, 'node': 'kvm2'},
            'target': {'host': 'kvm1', 'node': 'kvm1', 'compute_id': 7},
            'instance_type_id': 1,
            'user_id': 'u',
            'project_id': 'p',
            **values,
        }

    def everything(self) -> list[dict[str, Any]]:
        return self.query(
            self.cell_.database, 'SELECT * FROM migrations ORDER BY id'
        )

    def images(self, *numbers: int) -> list[dict[str, Any]]:
        found = homecoming.images(self.cell_, numbers)
        # the journal keeps it as JSON
        copy: list[dict[str, Any]] = json.loads(json.dumps(found))
        return copy

    def execute(self, statement: str) -> None:
        self.query(self.cell_.database, statement)


class ReadTest(HomecomingTestCase):
    """What is read."""

    def test_evacuated(self) -> None:
        one, gone = homecoming.evacuated(self.cell_, HOST)
        self.assertEqual(
            (40, 'done', 'kvm2', 'kvm1', 'sm-k-img'),
            (one.id, one.status, one.source_node, one.dest_host, one.name),
        )
        assert one.home is not None
        self.assertEqual('kvm1', one.home.host)
        self.assertEqual(('gone', None), (gone.name, gone.home))

    def test_unfinished(self) -> None:
        self.assertEqual(
            [(43, 'finished'), (44, 'post-migrating')],
            [
                (row.id, row.status)
                for row in homecoming.unfinished(self.cell_, HOST)
            ],
        )
        self.execute("UPDATE migrations SET status = 'running' WHERE id = 42")
        self.assertEqual(42, homecoming.unfinished(self.cell_, HOST)[0].id)

    def test_an_evacuation_to_the_host_counts(self) -> None:
        self.execute("UPDATE migrations SET dest_compute = 'kvm2' WHERE id=45")
        found = homecoming.unfinished(self.cell_, HOST)
        self.assertIn(45, [row.id for row in found])

    def test_residents(self) -> None:
        (home,) = homecoming.residents(self.cell_, 'kvm1')
        self.assertEqual(SERVER, home.uuid)
        self.assertIsInstance(home, model.Home)
        self.assertEqual((), homecoming.residents(self.cell_, HOST))
        self.assertEqual(
            {SERVER: home}, homecoming.homes(self.cell_, [SERVER, 'gone'])
        )


class SettleTest(HomecomingTestCase):
    """What is written, and the way back."""

    def test_there_and_back(self) -> None:
        former = self.everything()
        changes = [self.change(40), self.change(47, server='gone')]
        changes[1]['source_node'] = None
        before, burials = self.images(40, 47), [self.burial()]
        for _ in range(2):
            homecoming.settle(self.cell_, HOST, changes, before, burials)
            now = {row['id']: row for row in self.everything()}
            self.assertEqual('completed', now[40]['status'])
            self.assertIsNone(now[47]['source_node'])
            self.assertEqual(len(former) + 1, len(now))
            self.assertTrue(
                homecoming.settled(self.cell_, changes, [TOMBSTONE])
            )
        self.assertEqual(
            ['gone', SERVER],
            sorted(
                (row['instance_uuid'] for row in self.everything()[-3:]),
                reverse=True,
            )[:2],
        )
        for _ in range(2):
            homecoming.unsettle(self.cell_, changes, before, burials)
            self.assertEqual(former, self.everything())
            self.assertFalse(
                homecoming.settled(self.cell_, changes, [TOMBSTONE])
            )

    def test_a_null_node(self) -> None:
        self.execute('UPDATE migrations SET source_node = NULL WHERE id = 40')
        former, before = self.everything(), self.images(40)
        changes = [self.change(40, status='done')]
        homecoming.settle(self.cell_, HOST, changes, before, [])
        (found,) = homecoming.evacuated(self.cell_, HOST)[:1]
        self.assertEqual('kvm2', found.source_node)
        homecoming.unsettle(self.cell_, changes, before, [])
        self.assertEqual(former, self.everything())

    def test_what_differs_is_refused_and_nothing_changed(self) -> None:
        for name, spoil, changes, burials in (
            (
                'its status',
                "UPDATE migrations SET status = 'failed' WHERE id = 40",
                [self.change(47, server='gone'), self.change(40)],
                [],
            ),
            (
                'it lives there',
                f"UPDATE instances SET host = '{HOST}'",
                [self.change(47, server='gone'), self.change(40)],
                [],
            ),
            (
                'it does not live there',
                "UPDATE instances SET host = 'kvm1'",
                [self.change(40, resident=True)],
                [],
            ),
            (
                'the row is gone',
                'DELETE FROM migrations WHERE id = 40',
                [self.change(40)],
                [],
            ),
            (
                'it moved on',
                "UPDATE instances SET host = 'kvm3'",
                [self.change(47, server='gone')],
                [self.burial()],
            ),
            (
                'the server is gone',
                'DELETE FROM instances',
                [],
                [self.burial()],
            ),
        ):
            with self.subTest(name):
                self.make()
                before = self.images(40, 47)
                self.execute(spoil)
                former = self.everything()
                self.assertRaises(
                    exceptions.RowMismatch,
                    homecoming.settle,
                    *(self.cell_, HOST, changes, before, burials),
                )
                self.assertEqual(former, self.everything())

    def test_what_nova_has_completed_is_not_brought_back(self) -> None:
        before, burials = self.images(40), [self.burial()]
        changes = [self.change(40, status='done', source_node='other')]
        homecoming.settle(self.cell_, HOST, changes, before, burials)
        for where in ('id = 40', f"uuid = '{TOMBSTONE}'"):
            self.execute(f"UPDATE migrations SET status = 'x' WHERE {where}")
            self.assertRaises(
                exceptions.RowMismatch,
                homecoming.unsettle,
                *(self.cell_, changes, before, burials),
            )
            self.execute("UPDATE migrations SET status = 'done' WHERE id = 40")


class OldSettleTest(SettleTest):
    """Queens."""

    schema = 'nova-main-17-queens'

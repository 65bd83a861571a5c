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
"""How far evacuations are, and giving one up."""

from typing import Any

from osc_recovery.db import evacuating
from osc_recovery import exceptions
from osc_recovery.tests.unit.db import base

SERVER = '46c8505b-ec83-4a29-9084-2d702cb3f180'
OTHER = 'cff3e96f-1c64-4e04-b999-1664f5e5f69d'


def _row(number: int, status: str, **changes: Any) -> dict[str, Any]:
    return {
        'id': number,
        'uuid': base.uuid(number),
        'instance_uuid': SERVER,
        'migration_type': 'evacuation',
        'status': status,
        'source_compute': 'kvm1',
        'dest_compute': None,
        'deleted': 0,
        **changes,
    }


class EvacuatingTestCase(base.DatabaseTestCase):
    """One server on kvm1, with rows of migrations of every kind."""

    def setUp(self) -> None:
        super().setUp()
        rows = base.rows('image-backed')['nova_cell1']
        (server,) = rows['instances']
        self.assertEqual((SERVER, 'kvm1'), (server['uuid'], server['host']))
        rows['migrations'] = [
            _row(1, 'done', source_compute='kvm2', dest_compute='kvm1'),
            _row(2, 'accepted', source_compute='kvm9'),
            _row(3, 'running', migration_type='live-migration'),
            _row(4, 'accepted', deleted=4),
            _row(5, 'failed'),
            _row(6, 'pre-migrating', dest_compute='kvm2'),
        ]
        server.update(vm_state='active', task_state='rebuild_spawning')
        self.made = self.cell(rows)

    def seen(self) -> evacuating.Seen:
        return evacuating.seen(self.made, [SERVER])[SERVER]

    def statuses(self) -> dict[int, str]:
        found = self.query(
            self.made.database, 'SELECT id, status FROM migrations'
        )
        return {row['id']: row['status'] for row in found}

    def test_seen(self) -> None:
        found = self.seen()
        self.assertEqual(
            ('kvm1', 'active', 'rebuild_spawning'),
            (found.host, found.vm_state, found.task_state),
        )
        self.assertEqual([1, 2, 5, 6], [a.id for a in found.attempts])
        self.assertEqual(
            evacuating.Attempt(6, 'pre-migrating', 'kvm1', 'kvm2'),
            found.attempts[-1],
        )
        self.assertEqual({}, evacuating.seen(self.made, [OTHER]))

    def test_two_statements_for_any_number(self) -> None:
        self.seen()
        with self.counted(self.made.database) as sent:
            evacuating.seen(self.made, [base.uuid(n) for n in range(200)])
        self.assertEqual(2, len([s for s in sent if 'SELECT' in s]))

    def test_give_up(self) -> None:
        """The task, the state, and the rows from this host; no others."""
        before = self.statuses()
        evacuating.give_up(self.made, SERVER, self.seen(), 'stopped')
        after = self.seen()
        self.assertEqual(
            ('kvm1', 'stopped', None),
            (after.host, after.vm_state, after.task_state),
        )
        self.assertEqual({**before, 6: 'failed'}, self.statuses())

    def test_give_up_what_has_changed(self) -> None:
        """It came to an end after all: nothing is written."""
        found, before = self.seen(), self.statuses()
        for statement in (
            "UPDATE instances SET host = 'kvm2'",
            "UPDATE instances SET host = 'kvm1', task_state = NULL",
            "UPDATE instances SET vm_state = 'error', "
            "task_state = 'rebuild_spawning'",
        ):
            self.query(self.made.database, statement)
            self.assertRaises(
                exceptions.RowMismatch,
                *(evacuating.give_up, self.made, SERVER, found, 'active'),
            )
            self.assertEqual(before, self.statuses())

    def test_give_up_a_row_that_has_changed(self) -> None:
        found = self.seen()
        self.query(
            self.made.database,
            "UPDATE migrations SET status = 'done' WHERE id = 6",
        )
        self.assertRaises(
            exceptions.RowMismatch,
            *(evacuating.give_up, self.made, SERVER, found, 'active'),
        )
        self.assertEqual('rebuild_spawning', self.seen().task_state)

    def test_reports(self) -> None:
        rows = base.rows('cloud')['nova_cell1']
        made = self.cell(
            {
                'services': [
                    *rows['services'],
                    {
                        'id': 99,
                        'uuid': OTHER,
                        'host': 'controller',
                        'binary': 'nova-conductor',
                        'report_count': 5,
                        'forced_down': 1,
                        'deleted': 0,
                    },
                ]
            }
        )
        found = evacuating.reports(made)
        self.assertEqual((5, True), found[evacuating.CONDUCTOR, 'controller'])
        self.assertIn((evacuating.COMPUTE, 'kvm1'), found)

    def test_no_table_of_faults(self) -> None:
        self.assertEqual('', evacuating.fault(self.made, SERVER))

    def test_the_newest_fault(self) -> None:
        for statement in (
            'CREATE TABLE instance_faults (id INTEGER, instance_uuid TEXT, '
            'message TEXT, deleted INTEGER)',
            f"INSERT INTO instance_faults VALUES (1, '{SERVER}', 'old', 0)",
            f"INSERT INTO instance_faults VALUES (2, '{SERVER}', 'new', 0)",
            f"INSERT INTO instance_faults VALUES (3, '{OTHER}', 'x', 0)",
        ):
            self.query(self.made.database, statement)
        self.assertEqual('new', evacuating.fault(self.made, SERVER))

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


"""Tests of the move of a server's row, and of the way back."""

import json
from typing import Any
from unittest import mock

from osc_recovery.db import engine
from osc_recovery.db import evacuations
from osc_recovery.db import moves
from osc_recovery.db import tokens
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.tests.unit.db import base

SERVER = '46c8505b-ec83-4a29-9084-2d702cb3f180'
TOMBSTONE = '11111111-2222-4333-8444-555555555555'
TABLES = ('instances', 'migrations', 'console_auth_tokens')


class MovesTestCase(base.DatabaseTestCase):
    """A server on kvm1 with an old evacuation from kvm2, its target."""

    schema = base.NEWEST

    def setUp(self) -> None:
        super().setUp()
        self.rows = base.rows('image-backed')['nova_cell1']
        self.other = base.rows('volume-backed')['nova_cell1']
        self.make()

    def make(self) -> None:
        self.cell_ = self.cell(self.rows, self.other, schema=self.schema)
        self.params: dict[str, Any] = {
            'uuid': SERVER,
            'source': {'host': 'kvm1', 'node': 'kvm1', 'compute_id': 7},
            'target': {
                'host': 'kvm2',
                'node': 'kvm2.example.org',
                'compute_id': 8,
                'zone': 'az2',
            },
            'vm_state': 'active',
            'task_state': None,
            'power_state': 1,
            'zone': 'nova',
            'instance_type_id': 1,
            'user_id': 'u',
            'project_id': 'p',
        }

    def before(self) -> dict[str, Any]:
        image = moves.before_image(self.cell_, SERVER, 'kvm1', 'kvm2')
        # The journal keeps it as JSON.
        copy: dict[str, Any] = json.loads(json.dumps(image))
        return copy

    def move(self, before: dict[str, Any] | None = None) -> dict[str, Any]:
        image = before or self.before()
        moves.move(self.cell_, self.params, image, TOMBSTONE)
        return image

    def move_back(self, before: dict[str, Any]) -> None:
        moves.move_back(self.cell_, self.params, before, TOMBSTONE)

    def moved(self) -> steps.Observation:
        return moves.moved(self.cell_, self.params, TOMBSTONE)

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """All rows that a move may touch."""
        return {
            table: self.query(
                self.cell_.database, f'SELECT * FROM {table} ORDER BY id'
            )
            for table in TABLES
            if self.query(
                self.cell_.database,
                "SELECT 1 FROM sqlite_master WHERE name = :name",
                name=table,
            )
        }

    def instance(self) -> dict[str, Any]:
        (row,) = self.query(
            self.cell_.database,
            'SELECT * FROM instances WHERE uuid = :uuid',
            uuid=SERVER,
        )
        return row

    def change(self, **values: Any) -> None:
        """Change the server's row behind the tool's back."""
        sets = ', '.join(f'{name} = :{name}' for name in values)
        self.query(
            self.cell_.database,
            f'UPDATE instances SET {sets} WHERE uuid = :uuid',
            uuid=SERVER,
            **values,
        )


class MoveTest(MovesTestCase):
    """moves.move and moves.move_back on today's schema."""

    def test_what_a_move_writes(self) -> None:
        former = self.everything()
        self.move()
        row = self.instance()
        changed = {
            name: value
            for name, value in row.items()
            if value != dict(former['instances'][0]).get(name)
        }
        self.assertGreater(changed.pop('updated_at'), '2026-11-22 15:42:27')
        self.assertEqual(
            {
                'host': 'kvm2',
                'node': 'kvm2.example.org',
                'compute_id': 8,
                'availability_zone': 'az2',
                'vm_state': 'stopped',
                'power_state': 4,
            },
            changed,
        )

    def test_the_tombstone(self) -> None:
        self.move()
        (row,) = self.query(
            self.cell_.database,
            'SELECT * FROM migrations WHERE uuid = :uuid',
            uuid=TOMBSTONE,
        )
        self.assertIsNotNone(row.pop('created_at'))
        self.assertIsNotNone(row.pop('updated_at'))
        row.pop('id')
        self.assertEqual(
            {
                'uuid': TOMBSTONE,
                'instance_uuid': SERVER,
                'migration_type': 'evacuation',
                'status': 'done',
                'source_compute': 'kvm1',
                'source_node': 'kvm1',
                'dest_compute': 'kvm2',
                'dest_node': 'kvm2.example.org',
                'dest_compute_id': 8,
                'old_instance_type_id': 1,
                'new_instance_type_id': 1,
                'user_id': 'u',
                'project_id': 'p',
                'hidden': 0,
                'cross_cell_move': 0,
                'deleted': 0,
            },
            {name: value for name, value in row.items() if value is not None},
        )

    def test_old_evacuations_and_tokens(self) -> None:
        before = self.move()
        self.assertEqual([40], [row['id'] for row in before['retired']])
        self.assertEqual(2, len(before['tokens']))
        after = self.everything()
        (old,) = [r for r in after['migrations'] if r['id'] == 40]
        self.assertEqual('completed', old['status'])
        self.assertEqual(
            {'cff3e96f-1c64-4e04-b999-1664f5e5f69d'},
            {row['instance_uuid'] for row in after['console_auth_tokens']},
        )

    def test_which_evacuations_are_retired(self) -> None:
        (row,) = self.rows['migrations']
        cases = (
            ({'status': 'done'}, True),
            ({'status': 'accepted'}, True),
            ({'status': 'pre-migrating'}, True),
            ({'status': 'completed'}, False),
            ({'status': 'failed'}, False),
            ({'migration_type': 'live-migration'}, False),
            ({'source_compute': 'kvm1'}, False),
            ({'instance_uuid': base.uuid(1)}, False),
            ({'deleted': 40}, False),
        )
        for changes, expected in cases:
            with self.subTest(changes):
                self.rows['migrations'] = [{**row, **changes}]
                self.make()
                self.assertEqual(expected, bool(self.before()['retired']))

    def test_the_way_back_is_exact(self) -> None:
        former = self.everything()
        before = self.move()
        self.assertNotEqual(former, self.everything())
        self.move_back(before)
        self.assertEqual(former, self.everything())
        self.move_back(before)
        self.assertEqual(former, self.everything())

    def test_the_way_back_of_a_row_never_updated(self) -> None:
        self.change(updated_at=None, compute_id=None, power_state=None)
        former = self.everything()
        self.move_back(self.move())
        self.assertEqual(former, self.everything())

    def test_a_repeated_move_changes_nothing(self) -> None:
        before = self.move()
        after = self.everything()
        self.move(before)
        self.assertEqual(after, self.everything())

    def test_nothing_to_take_back(self) -> None:
        former = self.everything()
        self.move_back(self.before())
        self.assertEqual(former, self.everything())

    def test_power_state_may_change_after_the_move(self) -> None:
        former = self.everything()
        before = self.move()
        self.change(power_state=0, updated_at='2026-11-23 01:00:00')
        self.move_back(before)
        self.assertEqual(former, self.everything())

    def test_a_pending_task_is_cleared_and_restored(self) -> None:
        self.change(task_state='powering-on')
        former = self.everything()
        self.params['task_state'] = 'powering-on'
        before = self.move()
        self.assertIsNone(self.instance()['task_state'])
        self.move_back(before)
        self.assertEqual(former, self.everything())


class RefusalsTest(MovesTestCase):
    """Nothing is written when the rows are not as planned."""

    def refused(self, call: Any, *args: Any) -> str:
        former = self.everything()
        error = self.assertRaises(exceptions.RowMismatch, call, *args)
        self.assertEqual('changed-since-plan', error.cause)
        self.assertEqual(former, self.everything())
        return str(error)

    def test_a_row_that_has_changed(self) -> None:
        before = self.before()
        original = {
            name: self.instance()[name]
            for name in ('host', 'node', 'vm_state', 'task_state', 'deleted')
        }
        for name, value in (
            ('host', 'kvm3'),
            ('host', None),
            ('node', 'other'),
            ('vm_state', 'stopped'),
            ('task_state', 'rebooting'),
            ('deleted', 67),
        ):
            with self.subTest(f'{name}={value}'):
                self.change(**{name: value})
                self.refused(self.move, before)
                self.change(**original)
        self.move(before)

    def test_the_message_names_what_changed(self) -> None:
        before = self.before()
        self.change(vm_state='error')
        self.assertIn(
            'its vm_state is error and not active',
            self.refused(self.move, before),
        )

    def test_a_planned_task_that_is_over(self) -> None:
        self.params['task_state'] = 'powering-on'
        self.refused(self.move)

    def test_before_image_of_a_server_elsewhere(self) -> None:
        for host in ('kvm2', None):
            with self.subTest(host):
                self.change(host=host)
                self.refused(self.before)
        self.change(deleted=67)
        self.refused(self.before)

    def test_a_token_that_nobody_recorded(self) -> None:
        before = self.before()
        before['tokens'].pop()
        self.refused(self.move, before)

    def test_a_token_that_has_expired(self) -> None:
        before = self.before()
        self.query(
            self.cell_.database,
            'DELETE FROM console_auth_tokens WHERE id = :id',
            id=before['tokens'][0]['id'],
        )
        self.move(before)

    def test_an_evacuation_that_nobody_recorded(self) -> None:
        before = self.before()
        before['retired'] = []
        self.refused(self.move, before)
        before = self.before()
        self.query(
            self.cell_.database,
            "UPDATE migrations SET status = 'completed' WHERE id = 40",
        )
        self.refused(self.move, before)

    def test_no_way_back_from_a_server_that_lives(self) -> None:
        before = self.move()
        for name, value in (
            ('host', 'kvm3'),
            ('vm_state', 'active'),
            ('task_state', 'powering-on'),
            ('node', 'x'),
        ):
            with self.subTest(name):
                former = self.instance()[name]
                self.change(**{name: value})
                self.refused(self.move_back, before)
                self.change(**{name: former})
        self.move_back(before)

    def test_no_way_back_when_the_source_has_returned(self) -> None:
        before = self.move()
        self.query(
            self.cell_.database,
            'UPDATE migrations SET status = "completed" WHERE uuid = :uuid',
            uuid=TOMBSTONE,
        )
        self.assertIn('returned', self.refused(self.move_back, before))

    def test_no_way_back_from_somebody_elses_move(self) -> None:
        before = self.before()
        self.change(host='kvm2')
        self.refused(self.move_back, before)

    def test_a_late_failure_rolls_everything_back(self) -> None:
        before = self.before()
        former = self.everything()
        with mock.patch.object(
            evacuations,
            'insert',
            autospec=True,
            side_effect=exceptions.StepFailed('no'),
        ):
            self.assertRaises(exceptions.StepFailed, self.move, before)
        self.assertEqual(former, self.everything())
        self.move(before)
        after = self.everything()
        with mock.patch.object(
            evacuations,
            'delete',
            autospec=True,
            side_effect=exceptions.StepFailed('no'),
        ):
            self.assertRaises(exceptions.StepFailed, self.move_back, before)
        self.assertEqual(after, self.everything())


class AmbiguousCommitTest(MovesTestCase):
    """The connection breaks when the commit was sent."""

    def setUp(self) -> None:
        super().setUp()
        sleep = mock.patch('time.sleep', autospec=True)
        self.addCleanup(sleep.stop)
        sleep.start()

    def breaking(self, *, committed: bool) -> Any:
        """A ``writing`` whose first transaction ends with a broken line."""
        real = engine.Database.writing
        broken: list[bool] = []

        def writing(database: engine.Database) -> Any:
            manager = real(database)
            if broken:
                return manager
            broken.append(True)
            return _Breaking(manager, committed)

        return mock.patch.object(engine.Database, 'writing', writing)

    def test_both_outcomes_end_with_one_move(self) -> None:
        for committed in (True, False):
            with self.subTest(committed=committed):
                self.make()
                former = self.everything()
                before = self.before()
                with self.breaking(committed=committed):
                    self.move(before)
                self.assertEqual('kvm2', self.instance()['host'])
                self.assertEqual(
                    len(former['migrations']) + 1,
                    len(self.everything()['migrations']),
                )
                with self.breaking(committed=committed):
                    self.move_back(before)
                self.assertEqual(former, self.everything())


class _Breaking:
    def __init__(self, manager: Any, committed: bool) -> None:
        self._manager = manager
        self._committed = committed

    def __enter__(self) -> Any:
        return self._manager.__enter__()

    def __exit__(self, *exc: Any) -> bool:
        error = engine.Disconnected('gone')
        if self._committed:
            self._manager.__exit__(*exc)
            raise error
        self._manager.__exit__(type(error), error, None)
        raise error


class ObservationTest(MovesTestCase):
    """moves.moved."""

    def test_not_moved(self) -> None:
        self.assertEqual(steps.Observation.SAFE, self.moved())

    def test_moved(self) -> None:
        self.move()
        self.assertEqual(steps.Observation.DONE, self.moved())

    def test_moved_by_somebody_else(self) -> None:
        self.change(host='kvm2')
        self.assertEqual(steps.Observation.ASK, self.moved())

    def test_moved_on_by_somebody_else(self) -> None:
        self.move()
        self.change(host='kvm3')
        self.assertEqual(steps.Observation.ASK, self.moved())

    def test_deleted(self) -> None:
        self.change(deleted=67)
        self.assertEqual(steps.Observation.SAFE, self.moved())
        self.assertRaises(exceptions.RowMismatch, self.before)


class OldSchemaTest(MovesTestCase):
    """Columns that a release has not are left out."""

    schema = 'nova-main-17-queens'

    def test_there_and_back(self) -> None:
        for schema in ('nova-main-17-queens', 'nova-main-27-2023.1'):
            with self.subTest(schema):
                self.schema = schema
                self.make()
                former = self.everything()
                before = self.move()
                self.assertNotIn('compute_id', before['instance'])
                self.assertEqual('kvm2', self.instance()['host'])
                self.assertEqual(steps.Observation.DONE, self.moved())
                self.move_back(before)
                self.assertEqual(former, self.everything())

    def test_without_console_tokens(self) -> None:
        self.query(self.cell_.database, 'DROP TABLE console_auth_tokens')
        before = self.move()
        self.assertEqual([], before['tokens'])
        self.move_back(before)


class TokensTest(MovesTestCase):
    """What is kept of console tokens."""

    def test_nothing_is_reflected_inside_a_transaction(self) -> None:
        before = self.before()
        with self.counted(self.cell_.database) as sent:
            self.move(before)
            self.move_back(before)
        self.assertGreater(len(sent), 10)
        self.assertEqual([], [s for s in sent if 'PRAGMA' in s])

    def test_every_column_comes_back(self) -> None:
        with self.cell_.reading() as connection:
            rows = tokens.read(connection, self.cell_.console_tokens, SERVER)
        self.assertEqual(
            '2026-11-22T15:40:28+00:00', rows[0]['created_at'][:25]
        )
        self.assertIn('tls_port', rows[0])
        json.dumps(rows)

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

"""A run holds its host where every operator looks."""

import os
import pathlib
from typing import Any
from unittest import mock

from osc_recovery.db import leases as db
from osc_recovery.db import nova_api
from osc_recovery import exceptions
from osc_recovery.execution import crash
from osc_recovery.journal import store
from osc_recovery.model import leases
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import lease
from osc_recovery.steps import lease as step
from osc_recovery.tests.unit.db import base
from osc_recovery.tests.unit.journal import fixtures

HOST = 'kvm1'
ALICE = runs.Process('desk1', 4711, 99, 'alice')
BOB = runs.Process('desk2', 4712, 98, 'bob')
FENCED = leases.closed('r-20261122-0001', 'carol')
THEIRS = leases.text('r-20261122-0002', 'dave@desk9', '2026-11-22T10:00:00Z')
State = results.RunState


class _Died(BaseException):
    """The process was killed."""


class LeaseTestCase(base.DatabaseTestCase):
    """A cell with a host that is dead, and operators' journals."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Unsynced())
        rows = base.rows('cloud')
        self.cell_db = self.cell(rows['nova_cell1'])
        self.api = nova_api.NovaApi(
            self.database('nova-api-34-2026.2', rows['nova_api'])
        )
        self.put(FENCED)
        self.alice = self.operator('alice')

    def operator(self, name: str) -> Any:
        """An environment with a journal of its own."""
        env = mock.create_autospec(environment.Environment, instance=True)
        env.cells = {base.CELL.uuid: self.cell_db}
        env.api_db = self.api
        env.journal = store.Journal(
            fixtures.make(pathlib.Path(self.directory) / f'{name}.db')
        )
        self.addCleanup(env.journal.dispose)
        return env

    def put(self, reason: str | None, *, disabled: bool = True) -> None:
        """What anybody may write."""
        with self.cell_db.writing() as connection:
            connection.exec_driver_sql(
                'UPDATE services SET disabled = ?, disabled_reason = ? '
                'WHERE host = ?',
                (int(disabled), reason, HOST),
            )

    def reason(self) -> str | None:
        found = db.read(self.cell_db, HOST)
        assert found is not None
        return found.text

    def plan(
        self, scenario: str = 'relocate', **parameters: Any
    ) -> plans.Plan:
        return plans.Plan(
            scenario=scenario,
            host=HOST,
            cell=base.CELL.uuid,
            created_at='now',
            parameters=parameters,
            frame={},
            fingerprint='',
            findings=(),
            servers=(),
        )

    def begun(
        self, env: Any, who: runs.Process = ALICE, **parameters: Any
    ) -> tuple[runs.RunRecord, lease.Holding]:
        """A run in a journal, and what it holds; nothing is taken yet."""
        plan = self.plan(**parameters)
        run = env.journal.create_run('relocate', HOST, {}, who)
        return run, lease.Holding(env, run, plan)


class TakeTestCase(LeaseTestCase):
    """Taken, kept and given back."""

    def test_round_trip(self) -> None:
        for before in (FENCED, None, '', 'rack 12', 'r\xe9ack'):
            with self.subTest(str(before)):
                self.put(before)
                run, holding = self.begun(self.alice)
                holding.take()
                found = leases.parse(self.reason())
                assert found is not None
                self.assertEqual(
                    (run.id, 'alice@desk1'), (found.run_id, found.who)
                )
                self.alice.journal.set_state(run.id, State.PAUSED)
                self.assertIsNotNone(leases.parse(self.reason()))
                self.alice.journal.set_state(run.id, State.DONE)
                self.assertEqual(before, self.reason())

    def test_before_image_comes_first(self) -> None:
        run, holding = self.begun(self.alice)
        with mock.patch.object(db, 'swap', autospec=True, side_effect=_Died):
            self.assertRaises(_Died, holding.take)
        (record,) = self.alice.journal.steps(run.id, lease.SUBJECT)
        self.assertEqual(steps.StepState.INTENDED, record.state)
        self.assertEqual(FENCED, record.intent['before'])

    def test_another_run_holds_it(self) -> None:
        self.put(THEIRS)
        run, holding = self.begun(self.alice)
        error = self.assertRaises(exceptions.Held, holding.take)
        self.assertEqual(exceptions.ExitCode.HELD, error.exit_code)
        for text in (
            HOST,
            'r-20261122-0002',
            'dave@desk9',
            '2026-11-22T10:00:00Z',
            'openstack recovery run show r-20261122-0002',
            'openstack recovery run abandon r-20261122-0002',
            '--override lease-held --reason <text>',
        ):
            self.assertIn(text, str(error))
        self.assertEqual(THEIRS, self.reason())
        self.assertEqual((), self.alice.journal.steps(run.id))

    def test_somebody_was_first(self) -> None:
        """Between our look and our write."""
        for written, said in (
            (THEIRS, 'dave@desk9'),
            ('rack 12 is on fire', 'Try again'),
        ):
            with self.subTest(written):
                self.put(FENCED)
                env = self.operator(said[:4])
                run, holding = self.begun(env)
                swap = db.swap

                def late(*args: Any, written: str = written) -> str | None:
                    self.put(written)
                    return swap(*args)

                with mock.patch.object(db, 'swap', late):
                    error = self.assertRaises(exceptions.Held, holding.take)
                self.assertIn(said, str(error))
                env.journal.hold(run.id, holding)
                env.journal.set_state(run.id, State.ABANDONED)
                self.assertEqual(written, self.reason())

    def test_override(self) -> None:
        for disabled, left in (
            (True, leases.closed('r-20261122-0002', 'dave@desk9')),
            (False, None),
        ):
            with self.subTest(str(disabled)):
                self.put(THEIRS, disabled=disabled)
                run, holding = self.begun(self.alice, override=[step.GATE])
                holding.take()
                found = leases.parse(self.reason())
                assert found is not None
                self.assertEqual(run.id, found.run_id)
                self.alice.journal.set_state(run.id, State.FAILED)
                self.assertEqual(left, self.reason())

    def test_taken_away(self) -> None:
        """Who was overridden does nothing any more, and gives nothing back."""
        run, holding = self.begun(self.alice)
        holding.take()
        bob = self.operator('bob')
        _, theirs = self.begun(bob, BOB, override=[step.GATE])
        theirs.take()
        journal, key = self.alice.journal, (run.id, 's', 0)
        error = self.assertRaises(
            exceptions.Held, journal.begin_step, *key, 'move', {}
        )
        self.assertIn('bob@desk2', str(error))
        self.assertRaises(
            exceptions.Held, journal.end_step, *key, steps.StepState.UNDOING
        )
        reason = self.reason()
        journal.set_state(run.id, State.FAILED)
        self.assertEqual(reason, self.reason())

    def test_what_does_not_take_it_away(self) -> None:
        run, holding = self.begun(self.alice)
        holding.take()
        for index, reason in enumerate((None, 'rack 12', FENCED)):
            self.put(reason)
            self.alice.journal.begin_step(run.id, 's', index, 'move', {})
        with mock.patch.object(
            db,
            'read',
            autospec=True,
            side_effect=exceptions.ServiceUnavailable('no database'),
        ):
            self.alice.journal.begin_step(run.id, 's', 9, 'move', {})
        self.alice.journal.set_state(run.id, State.DONE)
        self.assertEqual(FENCED, self.reason())

    def test_a_fence_leaves_its_name(self) -> None:
        for before in (None, 'rack 12'):
            with self.subTest(str(before)):
                self.put(before, disabled=before is not None)
                run, holding = self.begun(self.alice)
                holding.take()
                journal = self.alice.journal
                journal.begin_step(run.id, HOST, 1, 'fence-disable', {})
                journal.end_step(run.id, HOST, 1, steps.StepState.DONE)
                journal.set_state(run.id, State.DONE)
                self.assertEqual(leases.closed(run.id, 'alice'), self.reason())

    def test_no_service(self) -> None:
        """Its row may even go while the run is at work."""
        run, holding = self.begun(self.alice)
        holding.take()
        with self.cell_db.writing() as connection:
            connection.exec_driver_sql('DELETE FROM services')
        self.alice.journal.begin_step(run.id, 's', 0, 'k', {})
        self.alice.journal.set_state(run.id, State.DONE)
        run, holding = self.begun(self.alice)
        holding.take()
        self.assertEqual((), self.alice.journal.steps(run.id))

    def test_no_host(self) -> None:
        run = self.alice.journal.create_run('repair', '', {}, ALICE)
        plan = plans.Plan('repair', '', '', 'now', {}, {}, '', (), ())
        lease.Holding(self.alice, run, plan).take()
        self.assertEqual((), self.alice.journal.steps(run.id))


class RefuseTestCase(LeaseTestCase):
    """Whoever would be refused is told before a plan is made."""

    def test_refuse_held(self) -> None:
        for reason, refused in (
            (None, False),
            (FENCED, False),
            ('rack 12', False),
            (THEIRS, True),
        ):
            with self.subTest(str(reason)):
                self.put(reason)
                if refused:
                    self.assertRaises(
                        exceptions.Held, lease.refuse_held, self.alice, HOST
                    )
                else:
                    lease.refuse_held(self.alice, HOST)

    def test_unknown_host(self) -> None:
        lease.refuse_held(self.alice, 'nowhere')


class CrashTestCase(LeaseTestCase):
    """Killed at every boundary; a run that is gone on with."""

    def killed(self, point: str, work: Any) -> None:
        def reach(subject: str, kind: str, reached: str) -> None:
            if (subject, kind, reached) == ('lease', 'lease', point):
                raise _Died

        with mock.patch.object(
            crash, 'reach', autospec=True, side_effect=reach
        ):
            self.assertRaises(_Died, work)

    def goes_on(self, run: runs.RunRecord, who: runs.Process) -> None:
        """What resume does, in another process, to the end."""
        env = self.alice
        env.journal.dispose()
        env.journal = store.Journal(env.journal._url)
        self.addCleanup(env.journal.dispose)
        env.journal.set_state(run.id, State.PAUSED)
        again = env.journal.take_over(run.id, who)
        lease.Holding(env, again, self.plan()).take()
        found = leases.parse(self.reason())
        assert found is not None
        self.assertEqual(
            (run.id, f'{who.operator}@{who.machine}'),
            (found.run_id, found.who),
        )
        env.journal.set_state(run.id, State.DONE)
        self.assertEqual(FENCED, self.reason())

    def test_taking(self) -> None:
        for point in (
            crash.AFTER_INTENT,
            crash.BEFORE_ACT,
            crash.AFTER_ACT,
            crash.AFTER_OUTCOME,
        ):
            for who in (ALICE, BOB):
                with self.subTest(f'{point} {who.operator}'):
                    run, holding = self.begun(self.alice)
                    self.killed(point, holding.take)
                    self.goes_on(run, who)

    def test_giving_back(self) -> None:
        for point in (crash.BEFORE_UNDO, crash.AFTER_UNDO):
            with self.subTest(point):
                run, holding = self.begun(self.alice)
                holding.take()
                self.killed(point, holding.give_back)
                self.goes_on(run, BOB)

    def test_twice(self) -> None:
        run, holding = self.begun(self.alice)
        self.killed(crash.AFTER_ACT, holding.take)
        again = lease.Holding(self.alice, run, self.plan())
        self.killed(crash.AFTER_INTENT, again.take)
        self.goes_on(run, BOB)

    def test_reason_changed_meanwhile(self) -> None:
        """An operator wrote something between the crash and the resume."""
        run, holding = self.begun(self.alice)
        holding.take()
        self.put('rack 12')
        again = lease.Holding(self.alice, run, self.plan())
        again.take()
        self.alice.journal.set_state(run.id, State.DONE)
        self.assertEqual('rack 12', self.reason())

    def test_abandoned(self) -> None:
        run, holding = self.begun(self.alice)
        holding.take()
        self.alice.journal.set_state(run.id, State.PAUSED)
        self.alice.journal = store.Journal(self.alice.journal._url)
        self.addCleanup(self.alice.journal.dispose)
        self.alice.journal.abandon(run.id)
        self.assertTrue(lease.release(self.alice, run, self.plan()))
        self.assertEqual(FENCED, self.reason())
        self.assertFalse(lease.release(self.alice, run, self.plan()))


class LeftOverTestCase(LeaseTestCase):
    """The cell's database was away when the run ended."""

    def setUp(self) -> None:
        super().setUp()
        self.run_left, holding = self.begun(self.alice)
        holding.take()
        path = str(self.cell_db.database.engine.url.database)
        os.rename(path, f'{path}.away')
        with self.assertLogs(lease.LOG, 'WARNING') as logs:
            self.alice.journal.set_state(self.run_left.id, State.DONE)
        os.rename(f'{path}.away', path)
        self.said = ' '.join(logs.output)

    def test_said(self) -> None:
        run = self.run_left.id
        self.assertIn(f'openstack recovery run abandon {run}', self.said)
        self.assertEqual(State.DONE, self.alice.journal.run(run).state)
        self.assertIsNotNone(leases.parse(self.reason()))

    def test_others_are_refused(self) -> None:
        bob = self.operator('bob')
        self.assertRaises(exceptions.Held, lease.refuse_held, bob, HOST)
        self.assertRaises(exceptions.Held, self.begun(bob, BOB)[1].take)

    def test_own_next_run(self) -> None:
        lease.refuse_held(self.alice, HOST)
        run, holding = self.begun(self.alice)
        holding.take()
        self.alice.journal.set_state(run.id, State.DONE)
        self.assertEqual(FENCED, self.reason())

    def test_released_later(self) -> None:
        run = self.alice.journal.run(self.run_left.id)
        self.assertTrue(lease.release(self.alice, run, self.plan()))
        self.assertEqual(FENCED, self.reason())

    def test_still_away(self) -> None:
        run = self.alice.journal.run(self.run_left.id)
        path = str(self.cell_db.database.engine.url.database)
        os.rename(path, f'{path}.away')
        self.addCleanup(os.rename, f'{path}.away', path)
        error = self.assertRaises(
            exceptions.ServiceUnavailable,
            *(lease.release, self.alice, run, self.plan()),
        )
        self.assertIn(HOST, str(error))

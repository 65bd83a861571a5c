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
from typing import Any
from unittest import mock

from osc_recovery.db import leases as db
from osc_recovery import exceptions
from osc_recovery.execution import crash
from osc_recovery.journal import store
from osc_recovery.model import leases
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.scenarios import lease
from osc_recovery.steps import lease as step
from osc_recovery.tests.unit.scenarios import leasing

State = results.RunState


class _Died(BaseException):
    """The process was killed."""


class TakeTestCase(leasing.LeaseTestCase):
    """Taken, kept and given back."""

    def test_round_trip(self) -> None:
        for before in (leasing.FENCED, None, '', 'rack 12', 'r\xe9ack'):
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
        self.assertEqual(leasing.FENCED, record.intent['before'])

    def test_another_run_holds_it(self) -> None:
        self.put(leasing.THEIRS)
        run, holding = self.begun(self.alice)
        error = self.assertRaises(exceptions.Held, holding.take)
        self.assertEqual(exceptions.ExitCode.HELD, error.exit_code)
        for text in (
            leasing.HOST,
            'r-20261122-0002',
            'dave@desk9',
            '2026-11-22T10:00:00Z',
            'openstack recovery run show r-20261122-0002',
            'openstack recovery run abandon r-20261122-0002',
            '--override lease-held --reason <text>',
        ):
            self.assertIn(text, str(error))
        self.assertEqual(leasing.THEIRS, self.reason())
        self.assertEqual((), self.alice.journal.steps(run.id))

    def test_somebody_was_first(self) -> None:
        """Between our look and our write."""
        for written, said in (
            (leasing.THEIRS, 'dave@desk9'),
            ('rack 12 is on fire', 'Try again'),
        ):
            with self.subTest(written):
                self.put(leasing.FENCED)
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
                self.put(leasing.THEIRS, disabled=disabled)
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
        _, theirs = self.begun(bob, leasing.BOB, override=[step.GATE])
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
        for index, reason in enumerate((None, 'rack 12', leasing.FENCED)):
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
        self.assertEqual(leasing.FENCED, self.reason())

    def test_a_fence_leaves_its_name(self) -> None:
        for before in (None, 'rack 12'):
            with self.subTest(str(before)):
                self.put(before, disabled=before is not None)
                run, holding = self.begun(self.alice)
                holding.take()
                journal = self.alice.journal
                journal.begin_step(
                    run.id, leasing.HOST, 1, 'fence-disable', {}
                )
                journal.end_step(run.id, leasing.HOST, 1, steps.StepState.DONE)
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
        run = self.alice.journal.create_run('repair', '', {}, leasing.ALICE)
        plan = plans.Plan('repair', '', '', 'now', {}, {}, '', (), ())
        lease.Holding(self.alice, run, plan).take()
        self.assertEqual((), self.alice.journal.steps(run.id))


class RefuseTestCase(leasing.LeaseTestCase):
    """Whoever would be refused is told before a plan is made."""

    def test_refuse_held(self) -> None:
        for reason, refused in (
            (None, False),
            (leasing.FENCED, False),
            ('rack 12', False),
            (leasing.THEIRS, True),
        ):
            with self.subTest(str(reason)):
                self.put(reason)
                if refused:
                    self.assertRaises(
                        exceptions.Held,
                        lease.refuse_held,
                        self.alice,
                        leasing.HOST,
                    )
                else:
                    lease.refuse_held(self.alice, leasing.HOST)

    def test_unknown_host(self) -> None:
        lease.refuse_held(self.alice, 'nowhere')


class CrashTestCase(leasing.LeaseTestCase):
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
        self.assertEqual(leasing.FENCED, self.reason())

    def test_taking(self) -> None:
        for point in (
            crash.AFTER_INTENT,
            crash.BEFORE_ACT,
            crash.AFTER_ACT,
            crash.AFTER_OUTCOME,
        ):
            for who in (leasing.ALICE, leasing.BOB):
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
                self.goes_on(run, leasing.BOB)

    def test_twice(self) -> None:
        run, holding = self.begun(self.alice)
        self.killed(crash.AFTER_ACT, holding.take)
        again = lease.Holding(self.alice, run, self.plan())
        self.killed(crash.AFTER_INTENT, again.take)
        self.goes_on(run, leasing.BOB)

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
        self.assertEqual(leasing.FENCED, self.reason())
        self.assertFalse(lease.release(self.alice, run, self.plan()))


class LeftOverTestCase(leasing.LeaseTestCase):
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
        self.assertRaises(
            exceptions.Held, lease.refuse_held, bob, leasing.HOST
        )
        self.assertRaises(
            exceptions.Held, self.begun(bob, leasing.BOB)[1].take
        )

    def test_own_next_run(self) -> None:
        lease.refuse_held(self.alice, leasing.HOST)
        run, holding = self.begun(self.alice)
        holding.take()
        self.alice.journal.set_state(run.id, State.DONE)
        self.assertEqual(leasing.FENCED, self.reason())

    def test_released_later(self) -> None:
        run = self.alice.journal.run(self.run_left.id)
        self.assertTrue(lease.release(self.alice, run, self.plan()))
        self.assertEqual(leasing.FENCED, self.reason())

    def test_still_away(self) -> None:
        run = self.alice.journal.run(self.run_left.id)
        path = str(self.cell_db.database.engine.url.database)
        os.rename(path, f'{path}.away')
        self.addCleanup(os.rename, f'{path}.away', path)
        error = self.assertRaises(
            exceptions.ServiceUnavailable,
            *(lease.release, self.alice, run, self.plan()),
        )
        self.assertIn(leasing.HOST, str(error))

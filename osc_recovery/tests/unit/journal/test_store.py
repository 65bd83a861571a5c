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


"""What the journal keeps, and what it refuses."""

import re
from typing import Any
from unittest import mock

from oslo_db import exception as db_exception
import testscenarios

from osc_recovery.db import engine
from osc_recovery import exceptions
from osc_recovery.journal import clock
from osc_recovery.journal import process
from osc_recovery.journal import runs as rows
from osc_recovery.journal import store
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.tests.unit.journal import servers

load_tests = testscenarios.load_tests_apply_scenarios

Run = results.RunState
Step = steps.StepState

ALICE = runs.Process('desk1', 4711, 99, 'alice')
BOB = runs.Process('desk2', 4712, 98, 'bob')


class JournalCase(servers.ServerTestCase):
    """A journal, and processes whose life is made up."""

    scenarios = servers.SCENARIOS

    def setUp(self) -> None:
        super().setUp()
        self.url = self.made()
        self.journal = self.open()
        self.lives: bool | None = False
        patch = mock.patch.object(
            process,
            'alive',
            autospec=True,
            side_effect=lambda _process: self.lives,
        )
        patch.start()
        self.addCleanup(patch.stop)

    def open(self) -> store.Journal:
        return self.opened(self.url)

    def create(
        self, host: str = 'dead1', who: runs.Process = ALICE
    ) -> runs.RunRecord:
        return self.journal.create_run('relocate', host, {'a': [1]}, who)


class RunTestCase(JournalCase):
    """Runs and how they are found."""

    def test_round_trip(self) -> None:
        made = self.create()
        self.assertEqual(Run.RUNNING, made.state)
        self.assertEqual(made, self.open().run(made.id))
        self.assertRegex(made.created_at, r'^\d{4}-\d\d-\d\dT[\d:.]+Z$')

    def test_id(self) -> None:
        ids = set()
        for number in range(20):
            ids.add(self.create(f'host{number}').id)
        self.assertEqual(20, len(ids))
        for run_id in ids:
            self.assertRegex(run_id, r'^r-\d{8}-[0-9a-f]{4}$')

    def test_id_that_is_taken(self) -> None:
        with mock.patch.object(
            rows, 'new_id', autospec=True, side_effect=['r-1', 'r-1', 'r-2']
        ):
            first, second = self.create('host1'), self.create('host2')
        self.assertEqual(['r-1', 'r-2'], [first.id, second.id])

    def test_no_id_is_left(self) -> None:
        with mock.patch.object(
            rows, 'new_id', autospec=True, return_value='r-1'
        ):
            self.create('host1')
            self.assertRaises(store.JournalError, self.create, 'host2')
        self.assertIsNone(self.journal.lease('host2'))

    def test_find(self) -> None:
        ids = ['r-1-aa', 'r-1-ab', 'r-1-a', 'r-2-%']
        with mock.patch.object(rows, 'new_id', autospec=True, side_effect=ids):
            for number in range(4):
                self.create(f'host{number}')
        for given, found in (
            ('r-1-aa', 'r-1-aa'),
            ('r-1-a', 'r-1-a'),
            ('r-2', 'r-2-%'),
        ):
            with self.subTest(given):
                self.assertEqual(found, self.journal.run(given).id)
        for given, said in (
            ('r-1', 'r-1-a, r-1-aa, r-1-ab'),
            ('r-3', 'no run'),
            ('', 'no run'),
            ('r-_-aa', 'no run'),
            ('%', 'no run'),
        ):
            with self.subTest(given):
                error = self.assertRaises(
                    exceptions.UsageError, self.journal.run, given
                )
                self.assertIn(said, str(error))

    def test_list(self) -> None:
        times = ('2026-01-01', '2026-01-03', '2026-01-02')
        with mock.patch.object(
            clock, 'now', autospec=True, side_effect=lambda: times[len(made)]
        ):
            made: list[str] = []
            for number in range(3):
                made.append(self.create(f'host{number}').id)
        found = self.journal.runs()
        wanted = [made[1], made[2], made[0]]
        self.assertEqual(wanted, [run.id for run in found])
        self.assertEqual([{}] * 3, [run.plan for run in found])

    def test_states_and_the_lease(self) -> None:
        for state in Run:
            with self.subTest(state.value):
                host = f'host-{state.value}'
                run = self.create(host)
                self.journal.set_state(run.id, state, 'why\nso')
                found = self.journal.run(run.id)
                self.assertEqual(
                    (state, 'why so'), (found.state, found.message)
                )
                kept = state in (Run.RUNNING, Run.PAUSED)
                self.assertEqual(kept, self.journal.lease(host) is not None)
                self.assertEqual(kept, found.finished_at == '')

    def test_lost_answer_to_a_commit(self) -> None:
        """The commit took place, its answer broke off: no second run."""
        writing = store._in_writing
        broken = [engine.Disconnected('the connection broke')]

        def once(*args: Any) -> Any:
            result = writing(*args)
            if broken:
                raise broken.pop()
            return result

        with mock.patch.object(store, '_in_writing', once):
            run = self.create()
        self.assertEqual([run.id], [found.id for found in self.journal.runs()])
        self.assertEqual([], broken)


class LeaseTestCase(JournalCase):
    """One run per host, and who may go on with it."""

    def test_second_run_is_refused(self) -> None:
        run = self.create()
        table = (
            (True, 'look with'),
            (None, 'cannot be told from here'),
            (False, 'that process is gone'),
        )
        for lives, advice in table:
            with self.subTest(str(lives)):
                self.lives = lives
                error = self.assertRaises(
                    exceptions.Held, self.create, who=BOB
                )
                self.assertEqual(exceptions.ExitCode.HELD, error.exit_code)
                lease = self.journal.lease('dead1')
                assert lease is not None
                for said in (
                    'dead1',
                    run.id,
                    'alice',
                    'desk1',
                    '4711',
                    lease.since,
                    f'openstack recovery run show {run.id}',
                    advice,
                ):
                    self.assertIn(said, str(error))
        self.assertEqual(1, len(self.journal.runs()))

    def test_other_host(self) -> None:
        self.create()
        self.create('dead2', BOB)
        lease = self.journal.lease('dead2')
        assert lease is not None
        self.assertEqual(BOB, lease.process)

    def test_lease_taken_between_look_and_insert(self) -> None:
        """What a database without SQLite's one writer can show."""
        run = self.create()
        first = [None]

        def blind(connection: Any, host: str) -> Any:
            return first.pop() if first else read(connection, host)

        read = rows.read_lease
        with mock.patch.object(rows, 'read_lease', blind):
            self.assertRaises(exceptions.Held, self.create, who=BOB)
        self.assertEqual([run.id], [found.id for found in self.journal.runs()])

    def test_released(self) -> None:
        run = self.create()
        self.journal.release(run.id)
        self.journal.release(run.id)
        self.assertIsNone(self.journal.lease('dead1'))
        self.create()

    # the run's state, whether its process lives, vouched for: what happens
    TAKE_OVER = (
        (Run.RUNNING, False, False, None),
        (Run.RUNNING, True, False, exceptions.Held),
        (Run.RUNNING, True, True, exceptions.Held),
        (Run.RUNNING, None, False, exceptions.Held),
        (Run.RUNNING, None, True, None),
        # Nobody works on a run that is not running.
        (Run.PAUSED, True, False, None),
        (Run.PAUSED, None, False, None),
        (Run.PARTLY, None, False, None),
        (Run.FAILED, True, False, None),
        (Run.UNVERIFIED, True, False, None),
        (Run.DONE, False, True, exceptions.NothingToDo),
        (Run.REVERTED, False, True, exceptions.NothingToDo),
        (Run.ABANDONED, False, True, exceptions.UsageError),
    )

    def test_take_over(self) -> None:
        for number, row in enumerate(self.TAKE_OVER):
            state, self.lives, unseen, error = row
            with self.subTest(str(row)):
                host = f'host{number}'
                run = self.create(host)
                self.journal.set_state(run.id, state)
                other = self.open()
                if error:
                    self.assertRaises(
                        error, other.take_over, run.id, BOB, unseen
                    )
                    self.assertEqual(ALICE, self.journal.run(run.id).process)
                    continue
                taken = other.take_over(run.id, BOB, unseen)
                self.assertEqual(run.plan, taken.plan)
                self.assertEqual(
                    (BOB, Run.RUNNING), (taken.process, taken.state)
                )
                lease = self.journal.lease(host)
                assert lease is not None
                self.assertEqual((run.id, BOB), (lease.run_id, lease.process))

    def test_take_over_of_a_host_that_another_run_holds(self) -> None:
        run = self.create()
        self.journal.set_state(run.id, Run.PARTLY)
        second = self.create()
        error = self.assertRaises(
            exceptions.Held, self.journal.take_over, run.id, BOB
        )
        self.assertIn(second.id, str(error))
        self.assertEqual(Run.PARTLY, self.journal.run(run.id).state)

    def test_take_over_again_by_the_same_process(self) -> None:
        run = self.create()
        self.lives = True
        self.journal.take_over(run.id, ALICE)

    def test_former_process_cannot_write_any_more(self) -> None:
        run = self.create()
        self.journal.begin_step(run.id, 's', 0, 'k', {})
        self.open().take_over(run.id, BOB)
        for call, args in (
            (self.journal.begin_step, (run.id, 's', 1, 'k', {})),
            (self.journal.end_step, (run.id, 's', 0, Step.DONE)),
            (self.journal.set_state, (run.id, Run.DONE)),
        ):
            with self.subTest(call.__name__):
                error = self.assertRaises(exceptions.Held, call, *args)
                self.assertIn('bob', str(error))
        (step,) = self.journal.steps(run.id)
        self.assertEqual(Step.INTENDED, step.state)

    ABANDON = (
        (Run.RUNNING, False, False, None),
        (Run.RUNNING, True, False, exceptions.Held),
        (Run.RUNNING, True, True, exceptions.Held),
        (Run.RUNNING, None, False, exceptions.Held),
        (Run.RUNNING, None, True, None),
        (Run.PAUSED, True, False, None),
        (Run.DONE, False, True, exceptions.NothingToDo),
        (Run.PARTLY, False, True, exceptions.NothingToDo),
    )

    def test_abandon(self) -> None:
        for number, row in enumerate(self.ABANDON):
            state, self.lives, unseen, error = row
            with self.subTest(str(row)):
                host = f'host{number}'
                run = self.create(host)
                self.journal.set_state(run.id, state)
                other = self.open()
                if error:
                    self.assertRaises(error, other.abandon, run.id, unseen)
                    self.assertEqual(state, other.run(run.id).state)
                    continue
                made = other.abandon(run.id, unseen)
                self.assertEqual(Run.ABANDONED, made.state)
                self.assertIsNone(self.journal.lease(host))
                self.assertRaises(
                    exceptions.Held,
                    self.journal.begin_step,
                    *(run.id, 's', 0, 'k', {}),
                )


class StepTestCase(JournalCase):
    """Intents and outcomes."""

    def setUp(self) -> None:
        super().setUp()
        self.run_id = self.create().id

    def _step(self) -> steps.StepRecord:
        (step,) = self.open().steps(self.run_id)
        return step

    def test_life_of_a_step(self) -> None:
        journal, key = self.journal, (self.run_id, 's', 0)
        journal.begin_step(*key, 'attach', {'a': (1, 2), 'b': None})
        step = self._step()
        self.assertEqual(Step.INTENDED, step.state)
        self.assertEqual({'a': [1, 2], 'b': None}, step.intent)
        self.assertEqual(('', {}), (step.finished_at, step.outcome))
        self.assertNotEqual('', step.started_at)

        journal.remember(*key, {'b': 'id', 'c': 3})
        intent = {'a': [1, 2], 'b': 'id', 'c': 3}
        self.assertEqual(intent, self._step().intent)

        journal.end_step(*key, Step.FAILED, error='a\nb password=x')
        step = self._step()
        self.assertEqual('a b password=***', step.error)
        self.assertNotEqual('', step.finished_at)

        journal.end_step(*key, Step.UNDOING)
        step = self._step()
        self.assertEqual((Step.UNDOING, ''), (step.state, step.finished_at))
        self.assertEqual('a b password=***', step.error)

        journal.end_step(*key, Step.UNDONE, {'o': 1})
        step = self._step()
        self.assertEqual((Step.UNDONE, {'o': 1}), (step.state, step.outcome))
        self.assertEqual(intent, step.intent)

    def test_begun_again(self) -> None:
        key = (self.run_id, 's', 0)
        self.journal.begin_step(*key, 'send', {'a': 1})
        self.journal.end_step(*key, Step.FAILED, {'o': 1}, 'no')
        self.journal.begin_step(*key, 'send', {'a': 2})
        step = self._step()
        self.assertEqual((Step.INTENDED, {'a': 2}), (step.state, step.intent))
        self.assertEqual(({}, ''), (step.outcome, step.error))

    def test_never_begun(self) -> None:
        for call, value in (
            (self.journal.end_step, Step.DONE),
            (self.journal.remember, {'a': 1}),
        ):
            with self.subTest(call.__name__):
                self.assertRaises(
                    store.JournalError, call, self.run_id, 's', 0, value
                )

    def test_order(self) -> None:
        for subject, index in (('b', 0), ('a', 10), ('a', 2)):
            self.journal.begin_step(self.run_id, subject, index, 'k', {})
        found = [(s.subject, s.index) for s in self.journal.steps(self.run_id)]
        self.assertEqual([('a', 2), ('a', 10), ('b', 0)], found)
        of_a = self.journal.steps(self.run_id, 'a')
        self.assertEqual([2, 10], [step.index for step in of_a])

    def test_servers(self) -> None:
        check = results.Check('host', results.Verdict.WRONG, 'a', 'b', 'nova')
        state = results.ServerState
        first = results.ServerResult('u2', 'web2', state.PENDING)
        second = results.ServerResult(
            'u1', 'web1', state.RUNNING, 'x', (), 1.5
        )
        self.journal.set_servers(self.run_id, [first, second])
        changed = results.ServerResult(
            'u2', 'web2', state.UNVERIFIED, 'why', (check,), 2.25
        )
        self.journal.set_server(self.run_id, changed)
        found = self.open().servers(self.run_id)
        self.assertEqual((second, changed), found)


class FenceTestCase(JournalCase):
    """Fences."""

    def test_latest_that_was_not_released(self) -> None:
        journal = self.journal
        self.assertIsNone(journal.fence('dead1'))
        old = facts.Fence('dead1', 'statement', 'off', 'alice', '2026-01-01')
        new = facts.Fence('dead1', 'statement', 'cut', 'bob', '2026-01-02')
        other = facts.Fence('dead2', 'statement', 'x', 'bob', '2026-01-03')
        for fence in (new, old, other, new):
            journal.record_fence(fence)
        self.assertEqual(new, self.open().fence('dead1'))
        journal.release_fence('dead1')
        self.assertIsNone(journal.fence('dead1'))
        self.assertEqual(other, journal.fence('dead2'))
        later = facts.Fence('dead1', 'statement', 'z', 'bob', '2026-01-04')
        journal.record_fence(later)
        self.assertEqual(later, journal.fence('dead1'))


class ErrorTestCase(JournalCase):
    """A database that does not do its part."""

    def test_one_error_for_all(self) -> None:
        self.create()
        for error in (
            exceptions.ServiceUnavailable('no host'),
            exceptions.RecoveryError('disk is full'),
        ):
            database = self.journal._database
            with mock.patch.object(
                database, 'writing', side_effect=error, autospec=True
            ):
                raised = self.assertRaises(store.JournalError, self.create)
            self.assertIn(str(error), str(raised))

    def test_duplicates_elsewhere_are_errors_too(self) -> None:
        with mock.patch.object(
            rows,
            'set_state',
            side_effect=db_exception.DBDuplicateEntry(),
            autospec=True,
        ):
            run = self.create()
            self.assertRaises(
                store.JournalError, self.journal.set_state, run.id, Run.DONE
            )

    def test_no_password_in_errors(self) -> None:
        url = 'mysql+pymysql://u:s3cret@127.0.0.1:1/j'
        journal = store.Journal(url)
        with mock.patch(
            'sqlalchemy.engine.default.DefaultDialect.connect',
            side_effect=OSError('refused'),
            autospec=True,
        ):
            error = self.assertRaises(store.JournalError, journal.runs)
        self.assertIsNone(re.search('s3cret', repr(error) + str(error)))

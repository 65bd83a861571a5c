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


"""What becomes of servers and runs, one process at a time."""

import functools
import json
import threading
from typing import Any
from unittest import mock

import sqlalchemy
from testtools import matchers

from osc_recovery import exceptions
from osc_recovery.execution import engine
from osc_recovery.execution import limits
from osc_recovery.journal import process
from osc_recovery.journal import store
from osc_recovery.model import codec
from osc_recovery.model import events
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.execution import fakes
from osc_recovery.tests.unit.journal import fixtures

DONE = results.ServerState.DONE
UNDONE = results.ServerState.UNDONE
UNVERIFIED = results.ServerState.UNVERIFIED
ASK = results.ServerState.ASK
LEFT_OUT = results.ServerState.LEFT_OUT
PENDING = results.ServerState.PENDING
RUNNING = results.ServerState.RUNNING
Run = results.RunState


class EngineCase(base.TestCase):
    """An engine in this process, with a world and a journal in files."""

    def setUp(self) -> None:
        super().setUp()
        self.world_file = self.home / 'world'
        self.world = fakes.World(self.world_file)
        self.registry = fakes.registry(self.world_file)
        self.useFixture(fixtures.Unsynced())
        self.url = fixtures.make(self.home / 'journal.db')
        self.journal = store.Journal(self.url)
        self.addCleanup(self.journal.dispose)
        self.heard: list[events.Event] = []
        self.stop = threading.Event()

    def engine(self, **bounds: int) -> engine.Engine:
        limit = limits.Limits(**{'concurrency': 1, **bounds})
        return engine.Engine(
            self.journal, self.registry, limit, self.heard.append, self.stop
        )

    def begin(self, plan: plans.Plan) -> str:
        data = codec.encode(plan)
        me = process.current()
        return self.journal.create_run('fake', plan.host, data, me).id

    def run_plan(self, plan: plans.Plan, **bounds: int) -> results.RunResult:
        self.run_id = self.begin(plan)
        return self.engine(**bounds).run(self.run_id, plan)

    def resume(self, plan: plans.Plan, **bounds: int) -> results.RunResult:
        self.journal.take_over(self.run_id, process.current())
        self.stop.clear()
        return self.engine(**bounds).run(self.run_id, plan)

    def records(self, name: str) -> list[tuple[str, steps.StepState]]:
        found = self.journal.steps(self.run_id, f'uuid-{name}')
        return [(record.kind, record.state) for record in found]

    def states(
        self, result: results.RunResult
    ) -> dict[str, results.ServerState]:
        stored = self.journal.servers(result.run_id)
        self.assertEqual(
            {s.uuid: s for s in stored}, {s.uuid: s for s in result.servers}
        )
        run = self.journal.run(result.run_id)
        self.assertEqual(
            (result.state, result.message), (run.state, run.message)
        )
        return {server.name: server.state for server in result.servers}


class FailureTestCase(EngineCase):
    """One step of one server fails; the other server goes on."""

    # What fails (kind, method, error), and: the state of the server, the
    # run's, how many steps stay done, the server's message.
    TABLE: tuple[tuple[str, str, str, Any, Run, int, str], ...] = (
        *(
            ('set', 'prepare', error, LEFT_OUT, Run.PARTLY, 0, message)
            for error, message in (
                ('StepFailed', 'set: it is broken'),
                ('RowMismatch', 'set: it is broken'),
                ('ServiceUnavailable', 'set: it is broken'),
                ('KeyError', 'set: ValueError: it is broken'),
            )
        ),
        ('set', 'act', 'StepFailed', UNDONE, Run.PARTLY, 0, 'set: it is'),
        ('set', 'act', 'KeyError', UNDONE, Run.PARTLY, 0, 'set: ValueError'),
        ('make', 'prepare', 'RowMismatch', UNDONE, Run.PARTLY, 0, 'make: it'),
        ('make', 'act', 'StepFailed', UNDONE, Run.PARTLY, 0, 'make: it is'),
        ('activate', 'prepare', 'StepFailed', UNDONE, Run.PARTLY, 0, 'act'),
        # From the intent of the first final step on nothing is undone.
        ('activate', 'act', 'StepFailed', UNVERIFIED, Run.UNVERIFIED, 2, 'a'),
        ('activate', 'act', 'KeyError', UNVERIFIED, Run.UNVERIFIED, 2, 'act'),
        ('send', 'prepare', 'RowMismatch', UNVERIFIED, Run.UNVERIFIED, 3, ''),
        ('send', 'act', 'StepFailed', UNVERIFIED, Run.UNVERIFIED, 3, 'send'),
        ('verify', 'act', 'Unverified', UNVERIFIED, Run.UNVERIFIED, 4, 'ver'),
    )

    def test_table(self) -> None:
        for number, row in enumerate(self.TABLE):
            with self.subTest(':'.join(row[:3])):
                self._check_row(number, row)

    def _check_row(self, number: int, row: tuple[Any, ...]) -> None:
        kind, method, error, state, run_state, kept, message = row
        victim, other = f'v{number}', f'o{number}'
        self.world.fault(kind, method, subject=f'uuid-{victim}', error=error)
        plan = fakes.plan(fakes.server_plan(victim), fakes.server_plan(other))
        result = self.run_plan(plan)
        self.assertEqual({victim: state, other: DONE}, self.states(result))
        self.assertEqual(run_state, result.state)
        records = self.records(victim)
        done = [kind for kind, at in records if at is steps.StepState.DONE]
        self.assertEqual(kept, len(done), str(records))
        said = result.servers[0].message
        self.assertThat(said, matchers.StartsWith(message))
        values = self.world.condition()['values']
        self.assertEqual(bool(kept), f'uuid-{victim}' in values)
        self.assertIsNone(self.journal.lease('dead1'))

    def test_undone_in_reverse(self) -> None:
        kinds = ('set', 'make', 'set', 'activate')
        self.world.fault('activate', 'prepare')
        self.run_plan(fakes.plan(fakes.server_plan('a', kinds=kinds)))
        undone = [
            (event.step, event.index)
            for event in self.heard
            if event.kind is events.EventKind.STEP_UNDONE
        ]
        self.assertEqual([('set', 3), ('make', 2), ('set', 1)], undone)

    def test_nothing_is_done(self) -> None:
        self.world.fault('make', 'act', times=2)
        result = self.run_plan(
            fakes.plan(fakes.server_plan('a'), fakes.server_plan('b'))
        )
        self.assertEqual(Run.FAILED, result.state)

    def test_undo_fails(self) -> None:
        kinds = ('set', 'set', 'make', 'activate')
        plan = fakes.plan(
            fakes.server_plan('a', kinds=kinds), fakes.server_plan('b')
        )
        self.world.fault('make', 'act', subject='uuid-a')
        self.world.fault(
            'set', 'undo', subject='uuid-a', message='a password=hidden'
        )
        result = self.run_plan(plan)
        self.assertEqual({'a': ASK, 'b': DONE}, self.states(result))
        self.assertEqual(Run.PARTLY, result.state)
        message = result.servers[0].message
        self.assertEqual(
            'set could not be undone: a password=*** (undone because of '
            'make: it is broken)',
            message,
        )
        # Nothing else of it is touched.
        state = steps.StepState
        wanted = [
            ('set', state.DONE),
            ('set', state.UNDOING),
            ('make', state.UNDONE),
        ]
        self.assertEqual(wanted, self.records('a'))
        # Later it goes on being undone, from where it stands.
        result = self.resume(plan)
        self.assertEqual({'a': UNDONE, 'b': DONE}, self.states(result))
        self.assertEqual(1, self.world.ledger('make.undo').count('uuid-a'))

    def test_what_was_remembered_is_undone(self) -> None:
        """An act that fails after it made something leaves nothing."""
        make = self.registry['make']
        acts = make.act

        def act(task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
            acts(task, intent)
            raise exceptions.StepFailed('late')

        seen = {}

        def undo(task: steps.Task, intent: dict[str, Any]) -> None:
            seen.update(intent)

        with (
            mock.patch.object(make, 'act', act),
            mock.patch.object(make, 'undo', undo),
        ):
            self.run_plan(fakes.plan(fakes.server_plan('a')))
        things = self.world.read()['things']
        self.assertEqual([seen['made']], list(things))

    def test_unverified_keeps_its_checks(self) -> None:
        kinds = ('set', 'send', 'verify', 'set')
        result = self.run_plan(fakes.plan(fakes.server_plan('a', kinds=kinds)))
        self.assertEqual({'a': UNVERIFIED}, self.states(result))
        (check,) = result.servers[0].checks
        self.assertEqual(results.Verdict.WRONG, check.verdict)
        self.assertEqual(3, len(self.records('a')))

    def test_unverified_undoes_nothing_without_a_final_step(self) -> None:
        plan = fakes.plan(fakes.server_plan('a', kinds=('set', 'verify')))
        result = self.run_plan(plan)
        self.assertEqual({'a': UNVERIFIED}, self.states(result))
        self.assertIn('uuid-a', self.world.condition()['values'])
        result = self.resume(plan)
        self.assertEqual({'a': UNVERIFIED}, self.states(result))

    def test_unverified_is_tried_again(self) -> None:
        plan = fakes.plan(fakes.server_plan('a'))
        self.world.fault('send', 'act')
        result = self.run_plan(plan)
        self.assertEqual({'a': UNVERIFIED}, self.states(result))
        result = self.resume(plan)
        self.assertEqual({'a': DONE}, self.states(result))
        self.assertEqual(Run.DONE, result.state)
        self.assertEqual('', result.servers[0].message)
        self.assertEqual(
            results.Verdict.OK, result.servers[0].checks[0].verdict
        )
        self.assertEqual(['uuid-a'], self.world.ledger('sent'))
        self.assertEqual(1, len(self.world.ledger('send.prepare')))
        # Nothing of the failure is left in the journal.
        errors = {step.error for step in self.journal.steps(self.run_id)}
        self.assertEqual({''}, errors)

    def test_undone_and_left_out_stay_so(self) -> None:
        plan = fakes.plan(*(fakes.server_plan(n) for n in 'abc'))
        self.world.fault('set', 'prepare', subject='uuid-a')
        self.world.fault('make', 'act', subject='uuid-b')
        wanted = {'a': LEFT_OUT, 'b': UNDONE, 'c': DONE}
        self.assertEqual(wanted, self.states(self.run_plan(plan)))
        before = self.world.read()
        self.assertEqual(wanted, self.states(self.resume(plan)))
        self.assertEqual(before, self.world.read())


class PlanTestCase(EngineCase):
    """What the engine makes of the plan itself."""

    def test_empty(self) -> None:
        self.assertEqual(Run.DONE, self.run_plan(fakes.plan()).state)

    def test_no_steps(self) -> None:
        plan = fakes.plan(fakes.server_plan('a', kinds=()))
        self.assertEqual({'a': DONE}, self.states(self.run_plan(plan)))

    def test_blocked_server_is_left_out(self) -> None:
        finding = findings.Finding(
            'local-disk', findings.Severity.BLOCKER, 'fact', 'remedy'
        )
        result = self.run_plan(
            fakes.plan(
                fakes.server_plan('a', findings=(finding,)),
                fakes.server_plan('b'),
            )
        )
        self.assertEqual({'a': LEFT_OUT, 'b': DONE}, self.states(result))
        self.assertEqual('local-disk', result.servers[0].message)
        self.assertEqual(Run.PARTLY, result.state)
        self.assertNotIn('uuid-a', self.world.read()['values'])

    def test_left_out_before_the_run(self) -> None:
        """A server that only the journal knows of counts, too."""
        plan = fakes.plan(fakes.server_plan('a'))
        self.run_id = self.begin(plan)
        changed = results.ServerResult('uuid-b', 'b', LEFT_OUT, 'changed')
        self.journal.set_server(self.run_id, changed)
        result = self.engine().run(self.run_id, plan)
        self.assertEqual({'a': DONE, 'b': LEFT_OUT}, self.states(result))
        self.assertEqual(Run.PARTLY, result.state)

    def test_unknown_step(self) -> None:
        del self.registry['verify']
        plan = fakes.plan(fakes.server_plan('a'))
        self.assertRaises(exceptions.UsageError, self.run_plan, plan)
        self.assertEqual([], self.world.read()['ledger'])

    def test_without_the_lease(self) -> None:
        plan = fakes.plan(fakes.server_plan('a'))
        run_id = self.begin(plan)
        self.journal.release(run_id)
        self.assertRaises(exceptions.Held, self.engine().run, run_id, plan)
        self.assertEqual([], self.world.read()['ledger'])

    def test_what_was_begun_comes_first(self) -> None:
        plan = fakes.plan(*(fakes.server_plan(n) for n in 'abc'))
        self.world.fault('make', 'act', error='Interrupted')
        self.run_id = self.begin(plan)
        half = fakes.plan(plan.servers[1])
        self.engine().run(self.run_id, half)
        self.heard.clear()
        self.resume(plan)
        begun = [
            event.name
            for event in self.heard
            if event.kind is events.EventKind.SERVER_STARTED
        ]
        self.assertEqual(['b', 'a', 'c'], begun)

    def test_seconds_add_up(self) -> None:
        plan = fakes.plan(fakes.server_plan('a'))
        self.world.fault('send', 'act')
        first = self.run_plan(plan).servers[0].seconds
        self.assertGreater(first, 0)
        self.assertGreater(self.resume(plan).servers[0].seconds, first)


class PauseTestCase(EngineCase):
    """A row of failures for one cause pauses the run."""

    # Per server: the cause of its failure, '' for none. Then how many
    # servers were begun.
    TABLE = (
        (('x', 'x', 'x', '', ''), 3),
        (('x', 'x', '', 'x', 'x', ''), 6),
        (('x', 'y', 'x', 'y', ''), 5),
        (('x', 'x', 'y', 'y', 'y', ''), 5),
        # Left out because it changed is no failure, and no success either.
        (('changed-since-plan',) * 4, 4),
        (('x', 'x', 'changed-since-plan', 'x', ''), 4),
    )

    def test_table(self) -> None:
        for number, (causes, begun) in enumerate(self.TABLE):
            with self.subTest(','.join(causes)):
                self._check_row(number, causes, begun)

    def _check_row(
        self, number: int, causes: tuple[str, ...], begun: int
    ) -> None:
        servers = []
        for index, cause in enumerate(causes):
            name = f'{number}-{index}'
            servers.append(fakes.server_plan(name))
            if cause:
                subject = f'uuid-{name}'
                self.world.fault('make', 'act', subject=subject, cause=cause)
        plan = fakes.plan(*servers, host=f'dead{number}')
        result = self.run_plan(plan)
        states = list(self.states(result).values())
        pending = len(causes) - begun
        self.assertEqual([PENDING] * pending, states[begun:])
        self.assertNotIn(PENDING, states[:begun])
        self.assertEqual(pending > 0, result.state is Run.PAUSED)
        if pending:
            self.assertIn('3 servers in a row', result.message)
            # The host stays held, and the run can be gone on with.
            lease = self.journal.lease(plan.host)
            assert lease is not None
            self.assertEqual(self.run_id, lease.run_id)
            states = list(self.states(self.resume(plan)).values())
            self.assertEqual([DONE] * pending, states[begun:])

    def test_never(self) -> None:
        self.world.fault('make', 'act', times=9)
        names = 'abcdefghi'
        plan = fakes.plan(*(fakes.server_plan(n) for n in names))
        result = self.run_plan(plan, pause_after=0)
        self.assertEqual({n: UNDONE for n in names}, self.states(result))

    def test_failures_forward_count(self) -> None:
        self.world.fault('send', 'act', times=9)
        plan = fakes.plan(*(fakes.server_plan(n) for n in 'abcd'))
        result = self.run_plan(plan)
        self.assertEqual(Run.PAUSED, result.state)
        self.assertEqual(
            3, list(self.states(result).values()).count(UNVERIFIED)
        )


class StopTestCase(EngineCase):
    """The operator's stop, seen from inside one process."""

    def test_before_anything(self) -> None:
        self.stop.set()
        result = self.run_plan(fakes.plan(fakes.server_plan('a')))
        self.assertEqual(Run.PAUSED, result.state)
        self.assertEqual({'a': PENDING}, self.states(result))
        self.assertEqual([], self.world.read()['ledger'])

    def test_between_two_steps(self) -> None:
        plan = fakes.plan(fakes.server_plan('a'), fakes.server_plan('b'))
        self._stop_in('make', 'act')
        result = self.run_plan(plan)
        self.assertEqual(Run.PAUSED, result.state)
        self.assertEqual({'a': RUNNING, 'b': PENDING}, self.states(result))
        self.assertEqual('stopped at activate', result.servers[0].message)
        done = steps.StepState.DONE
        self.assertEqual([('set', done), ('make', done)], self.records('a'))
        result = self.resume(plan)
        self.assertEqual({'a': DONE, 'b': DONE}, self.states(result))

    def test_in_the_last_step(self) -> None:
        self._stop_in('verify', 'act')
        result = self.run_plan(fakes.plan(fakes.server_plan('a')))
        self.assertEqual(Run.DONE, result.state)

    def test_while_undoing(self) -> None:
        plan = fakes.plan(
            fakes.server_plan('a', kinds=('set', 'make', 'activate'))
        )
        self.world.fault('activate', 'prepare', times=99)
        self._stop_in('make', 'undo')
        result = self.run_plan(plan)
        self.assertEqual({'a': RUNNING}, self.states(result))
        state = steps.StepState
        wanted = [('set', state.DONE), ('make', state.UNDONE)]
        self.assertEqual(wanted, self.records('a'))
        result = self.resume(plan)
        self.assertEqual({'a': UNDONE}, self.states(result))
        self.assertEqual('activate: it is broken', result.servers[0].message)
        self.assertEqual(['uuid-a'], self.world.ledger('make.undo'))

    def test_step_that_gives_up_waiting(self) -> None:
        plan = fakes.plan(fakes.server_plan('a'))
        self.world.fault('activate', 'act', error='Interrupted')
        result = self.run_plan(plan)
        self.assertEqual({'a': RUNNING}, self.states(result))
        intended = ('activate', steps.StepState.INTENDED)
        self.assertEqual(intended, self.records('a')[-1])
        self.assertEqual({'a': DONE}, self.states(self.resume(plan)))

    def _stop_in(self, kind: str, method: str) -> None:
        step = self.registry[kind]
        former = getattr(step, method)

        def stopping(*args: Any) -> Any:
            self.stop.set()
            setattr(step, method, former)
            return former(*args)

        setattr(step, method, stopping)


class UndoTestCase(EngineCase):
    """Reverting an unfinished run."""

    def _half_done(self) -> plans.Plan:
        """One server in every state that a run can leave behind."""
        plan = fakes.plan(
            fakes.server_plan('done'),
            fakes.server_plan('stays'),
            fakes.server_plan('undone'),
            fakes.server_plan('half'),
            fakes.server_plan('new'),
        )
        self.world.fault('send', 'act', subject='uuid-stays')
        self.world.fault('make', 'act', subject='uuid-undone')
        self.world.fault(
            'make', 'act', subject='uuid-half', error='Interrupted'
        )
        self.run_id = self.begin(plan)
        self.engine().run(self.run_id, _only(plan, 4))
        return plan

    def test_everything_that_can_be(self) -> None:
        plan = self._half_done()
        self.journal.take_over(self.run_id, process.current())
        result = self.engine().undo(self.run_id, plan)
        wanted = {
            'done': DONE,
            'stays': UNVERIFIED,
            'undone': UNDONE,
            'half': UNDONE,
            'new': LEFT_OUT,
        }
        self.assertEqual(wanted, self.states(result))
        self.assertEqual(Run.PARTLY, result.state)
        self.assertEqual(
            'past the point of no return, left there: done, stays',
            result.message,
        )
        values = self.world.condition()['values']
        self.assertEqual({'uuid-done', 'uuid-stays'}, set(values))

    def test_nothing_was_final(self) -> None:
        plan = fakes.plan(fakes.server_plan('a'), fakes.server_plan('b'))
        self.world.fault('make', 'act', error='Interrupted', times=2)
        self.run_plan(plan)
        result = self.engine().undo(self.run_id, plan)
        self.assertEqual({'a': UNDONE, 'b': UNDONE}, self.states(result))
        self.assertEqual(Run.REVERTED, result.state)
        self.assertEqual({}, self.world.condition()['values'])
        self.assertIsNone(self.journal.lease('dead1'))

    def test_done_without_a_final_step(self) -> None:
        plan = fakes.plan(fakes.server_plan('a', kinds=('set', 'make')))
        self.world.fault('set', 'undo')
        self.run_plan(plan)
        journal = self.journal
        journal.set_state(self.run_id, Run.PAUSED)
        journal.take_over(self.run_id, process.current())
        result = self.engine().undo(self.run_id, plan)
        self.assertEqual({'a': ASK}, self.states(result))
        self.assertEqual(Run.PARTLY, result.state)
        journal.take_over(self.run_id, process.current())
        result = self.engine().undo(self.run_id, plan)
        self.assertEqual({'a': UNDONE}, self.states(result))


class JournalFailureTestCase(EngineCase):
    """Nothing is done that the journal cannot keep."""

    METHODS = ('begin_step', 'end_step', 'remember', 'set_server')

    def test_failure_halts(self) -> None:
        for number, method in enumerate(self.METHODS):
            with self.subTest(method):
                self._check(method, number)

    def _check(self, method: str, number: int) -> None:
        names = [f'{number}{letter}' for letter in 'ab']
        plan = fakes.plan(
            *(fakes.server_plan(n) for n in names), host=f'dead{number}'
        )
        self.run_id = self.begin(plan)
        former = getattr(self.journal, method)
        calls = []

        def failing(*args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            if len(calls) < 2:
                return former(*args, **kwargs)
            raise store.JournalError('database or disk is full')

        run = functools.partial(self.engine().run, self.run_id, plan)
        with mock.patch.object(self.journal, method, failing):
            error = self.assertRaises(exceptions.Interrupted, run)
        self.assertIn('disk is full', str(error))
        self.assertIn(f'run resume {self.run_id}', str(error))
        acts = [
            (entry['act'], entry['subject'])
            for entry in self.world.read()['ledger']
            if entry['act'].endswith('.act') and entry['subject'][5:] in names
        ]
        intents = {
            (f'{record.kind}.act', record.subject)
            for record in self.journal.steps(self.run_id)
        }
        # Never an act without a durable intent.
        self.assertLessEqual(set(acts), intents)
        self.assertLess(len(acts), 10)
        # A stop that nobody asked for: it can be resumed.
        result = self.resume(plan)
        self.assertEqual({n: DONE for n in names}, self.states(result))
        made = self.world.ledger('made') + self.world.ledger('sent')
        for name in names:
            self.assertEqual(2, made.count(f'uuid-{name}'))

    def test_full_disk(self) -> None:
        """The real thing: SQLite may not grow any more."""
        plan = fakes.plan(fakes.server_plan('a'))
        self.run_id = self.begin(plan)
        make = self.registry['make']
        begin = make.prepare

        def fill(connection: sqlalchemy.Connection) -> None:
            # No page more than the file has at this moment.
            connection.exec_driver_sql('PRAGMA max_page_count=1')

        def prepare(task: steps.Task) -> Any:
            sqlalchemy.event.listen(
                self.journal._database.engine, 'begin', fill
            )
            return {**begin(task), 'padding': 'x' * 100_000}

        with mock.patch.object(make, 'prepare', prepare):
            run = functools.partial(self.engine().run, self.run_id, plan)
            error = self.assertRaises(exceptions.Interrupted, run)
        self.assertIn('full', str(error))
        self.assertEqual([], self.world.ledger('make.act'))
        self.journal.dispose()
        self.assertEqual({'a': DONE}, self.states(self.resume(plan)))

    def test_taken_over(self) -> None:
        """A process that lost its run to another one stops."""
        plan = fakes.plan(fakes.server_plan('a'))
        self.run_id = self.begin(plan)
        other = store.Journal(self.url)
        self.addCleanup(other.dispose)
        make = self.registry['make']
        former = make.prepare

        def prepare(task: steps.Task) -> Any:
            me = process.current()
            with mock.patch.object(
                process, 'alive', autospec=True, return_value=False
            ):
                successor = codec.encode(me) | {'pid': me.pid + 1}
                other.take_over(self.run_id, type(me)(**successor))
            return former(task)

        run = functools.partial(self.engine().run, self.run_id, plan)
        with mock.patch.object(make, 'prepare', prepare):
            error = self.assertRaises(exceptions.Held, run)
        self.assertIn('taken over', str(error))
        self.assertEqual([], self.world.ledger('make.act'))


class MaskTestCase(EngineCase):
    """No secret and no line break gets into the journal or an event."""

    def test_errors(self) -> None:
        message = 'no\n"mysql://nova:s3:c@re/t@db/nova" password=s3cret'
        self.world.fault('set', 'act', message=message)
        self.world.fault('send', 'act', message=message, error='ValueError')
        plan = fakes.plan(fakes.server_plan('a'), fakes.server_plan('b'))
        result = self.run_plan(plan)
        self.assertEqual({'a': UNDONE, 'b': UNVERIFIED}, self.states(result))
        told = json.dumps([codec.encode(event) for event in self.heard])
        stored = json.dumps(
            codec.encode(
                [
                    self.journal.steps(self.run_id),
                    self.journal.servers(self.run_id),
                ]
            )
        )
        for text in (told, stored):
            self.assertIn('mysql://nova:***@db/nova', text)
            self.assertNotIn('s3', text)
            self.assertNotIn('\\n', text)


class EventTestCase(EngineCase):
    """What a listener hears."""

    def test_order(self) -> None:
        kinds = ('set', 'verify')
        self.run_plan(fakes.plan(fakes.server_plan('a', kinds=kinds)))
        kind = events.EventKind
        heard = [(event.kind, event.step) for event in self.heard]
        wanted = [
            (kind.RUN_STARTED, ''),
            (kind.SERVER_STARTED, ''),
            (kind.STEP_STARTED, 'set'),
            (kind.STEP_DONE, 'set'),
            (kind.STEP_STARTED, 'verify'),
            (kind.STEP_FAILED, 'verify'),
            (kind.SERVER_FINISHED, 'unverified'),
            (kind.RUN_FINISHED, 'unverified'),
        ]
        self.assertEqual(wanted, heard)

    def test_listener_that_fails_stops_nothing(self) -> None:
        plan = fakes.plan(fakes.server_plan('a'))
        self.run_id = self.begin(plan)
        listener = mock.Mock(side_effect=OSError('the terminal is gone'))
        made = engine.Engine(
            self.journal, self.registry, limits.Limits(), listener
        )
        result = made.run(self.run_id, plan)
        self.assertEqual({'a': DONE}, self.states(result))


def _only(plan: plans.Plan, count: int) -> plans.Plan:
    """The plan with its first servers only."""
    return fakes.plan(*plan.servers[:count], host=plan.host)

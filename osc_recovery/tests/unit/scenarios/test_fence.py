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
"""The scenario of a fence: who is asked, what is kept, who is counted."""

import dataclasses
from typing import Any
from unittest import mock

import fixtures

from osc_recovery import exceptions
from osc_recovery.fencing import base as fencing
from osc_recovery.journal import process
from osc_recovery.journal import store
from osc_recovery.model import codec
from osc_recovery.model import events
from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.planning import fence as planning
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import fence
from osc_recovery.scenarios import runner
from osc_recovery.steps import base as steps_base
from osc_recovery.tests.unit.fencing import base
from osc_recovery.tests.unit.journal import fixtures as journals
from osc_recovery.tests.unit.planning import builders

CELL = builders.cell().uuid
ALIVE = 'nova-compute reported at 15:59 (report_count 1 -> 2)'
PASSED = findings.Override(frozenset({'host-alive'}), 'CHG0042')


class FenceTestCase(base.AgentTestCase):
    """Real agents of shell, a real journal, and a host that is made up."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(journals.Unsynced())
        self.journal = store.Journal(journals.make(self.home / 'journal.db'))
        self.addCleanup(self.journal.dispose)
        self.host = builders.host('kvm1')
        self.others: tuple[facts.Host, ...] = tuple(
            builders.like(self.host, f'kvm{n}', n) for n in range(2, 21)
        )
        self.alive: list[tuple[str, ...]] = []
        self.env: Any = mock.create_autospec(
            environment.Environment, instance=True
        )
        self.env.journal = self.journal
        cell = mock.Mock(spec=['heartbeats'])
        cell.heartbeats.return_value = ('2026-11-22 16:00:00', 7)
        self.env.cells = {CELL: cell}
        self.configure()
        for target, made in (
            ('watch.watched', lambda env, name: self.host),
            ('hosts.gather', lambda *_, **__: (self.host, *self.others)),
            ('liveness.Watch', self._watch),
        ):
            where = f'osc_recovery.scenarios.fence.{target}'
            self.useFixture(fixtures.MonkeyPatch(where, made))
        self.scenario = fence.Fencing(self.env)

    def configure(self, body: str = base.SOUND, lines: str = '') -> None:
        """Have an agent that does this."""
        self.env.conf = self.configured(body, lines)

    def _watch(self, origin: Any, cell: str, host: str) -> Any:
        watched = mock.Mock(spec=['verdict'])
        evidence = self.alive.pop(0) if self.alive else ()
        watched.verdict.return_value.evidence = evidence
        return watched

    def run_of(self, plan: plans.Plan) -> runs.RunRecord:
        """A run of a plan, in the journal."""
        return self.journal.create_run(
            plan.scenario, plan.host, codec.encode(plan), process.current()
        )

    def task(self, run: runs.RunRecord, plan: plans.Plan) -> steps.Task:
        """The task of the step that cuts the power."""
        return steps.Task(
            run_id=run.id,
            subject='kvm1',
            name='kvm1',
            params=plan.servers[0].steps[0].params,
            remember=lambda _: None,
            tell=lambda _: None,
            stop=mock.Mock(spec=['wait', 'is_set']),
        )


class TestCheck(FenceTestCase):
    def test_asked_and_nothing_else(self) -> None:
        for power, off in (('on', False), ('off', True)):
            self.power(power)
            found = self.scenario.check('kvm1')
            self.assertEqual((power, off), (found.power, found.off))
        self.assertEqual(['status', 'status'], self.calls)
        self.assertEqual((), self.journal.runs())
        self.assertEqual([], self.env.mock_calls)

    def test_no_agent(self) -> None:
        self.assertRaises(exceptions.UsageError, self.scenario.check, 'rack9')

    def test_no_answer(self) -> None:
        self.configure('exit 1')
        self.assertRaises(fencing.AgentFailed, self.scenario.check, 'kvm1')


class TestPlan(FenceTestCase):
    def codes(self, plan: plans.Plan) -> list[str]:
        return [finding.code for finding in plan.findings]

    def test_an_agent_where_there_is_one(self) -> None:
        plan = self.scenario.plan('kvm1')
        self.assertEqual('agent', planning.method_of(plan))
        self.assertEqual([], self.codes(plan))
        self.assertEqual('on', plan.frame['power'])
        self.assertEqual(['status'], self.calls)
        self.assertNotIn(base.SECRET, str(codec.encode(plan)))

    def test_a_statement_asks_nobody(self) -> None:
        plan = self.scenario.plan('kvm1', statement='unplugged')
        self.assertEqual('statement', planning.method_of(plan))
        self.assertEqual(['fence-agent-unused'], self.codes(plan))
        self.assertEqual([], self.calls)

    def test_a_statement_beside_a_broken_section(self) -> None:
        self.configure(lines='option = action=reboot')
        self.assertRaises(exceptions.ConfigError, self.scenario.plan, 'kvm1')
        plan = self.scenario.plan('kvm1', statement='unplugged')
        self.assertEqual([], self.codes(plan))

    def test_an_empty_statement(self) -> None:
        for text in ('', ' '):
            error = self.assertRaises(
                exceptions.UsageError,
                *(self.scenario.plan, 'kvm1'),
                statement=text,
            )
            self.assertIn('statement is empty', str(error))

    def test_no_answer_blocks(self) -> None:
        self.configure('echo "wrong password" >&2; exit 1')
        plan = self.scenario.plan('kvm1')
        self.assertEqual(['fence-agent-failed'], self.codes(plan))
        self.assertIn('wrong password', plan.findings[0].fact)

    def test_gates(self) -> None:
        self.host = dataclasses.replace(self.host, alive_evidence=(ALIVE,))
        plan = self.scenario.plan('kvm1', override=PASSED)
        self.assertFalse(plan.blocked)
        self.assertRaises(
            exceptions.UsageError,
            *(self.scenario.plan, 'kvm1'),
            statement='unplugged',
            override=PASSED,
        )

    def test_changed(self) -> None:
        plan = self.scenario.plan('kvm1')
        self.assertEqual({}, self.scenario.changed(plan))
        for body, lines, evidence in (
            (base.SOUND, 'option = plug=7', ()),
            ('exit 1', '', ()),
            (base.SOUND, '', (ALIVE,)),
        ):
            self.configure(body, lines)
            self.host = dataclasses.replace(self.host, alive_evidence=evidence)
            self.assertRaises(
                exceptions.FactsChanged, self.scenario.changed, plan
            )


class TestBegin(FenceTestCase):
    """What is kept before the first step, and who is counted again."""

    def test_a_statement_is_kept_at_once(self) -> None:
        override = findings.Override(frozenset({'blast-radius'}), 'fire')
        plan = self.scenario.plan(
            'kvm1', statement='unplugged', override=override
        )
        self.scenario.begin(plan, self.run_of(plan))
        kept = self.journal.fence('kvm1')
        assert kept is not None
        self.assertEqual('statement', kept.method)
        self.assertEqual(
            'unplugged; overridden: blast-radius: fire', kept.statement
        )

    def test_a_proof_is_not(self) -> None:
        plan = self.scenario.plan('kvm1')
        self.scenario.begin(plan, self.run_of(plan))
        self.assertIsNone(self.journal.fence('kvm1'))

    def test_fences_that_began_at_the_same_time(self) -> None:
        plan = self.scenario.plan('kvm1')
        mine = self.run_of(plan)
        for number in range(2, 7):
            self.scenario.begin(plan, mine)
            other = dataclasses.replace(plan, host=f'kvm{number}')
            self.run_of(other)
        error = self.assertRaises(
            exceptions.Blocked, self.scenario.begin, plan, mine
        )
        self.assertIn('blast-radius', str(error))
        override = findings.Override(frozenset({'blast-radius'}), 'fire')
        passed = self.scenario.plan('kvm1', override=override)
        self.scenario.begin(passed, mine)

    def test_the_runner_frees_the_host(self) -> None:
        """A run that is refused at its beginning keeps no lease."""
        plan = self.scenario.plan('kvm1')
        for number in range(2, 8):
            self.run_of(dataclasses.replace(plan, host=f'kvm{number}'))
        heard: list[events.Event] = []
        self.assertRaises(
            exceptions.Blocked,
            *(runner.Runner(self.env).start, plan, heard.append),
            recheck=False,
        )
        (mine,) = [run for run in self.journal.runs() if run.host == 'kvm1']
        self.assertIs(results.RunState.FAILED, mine.state)
        self.assertIn('blast-radius', mine.message)
        self.assertIsNone(self.journal.lease('kvm1'))
        self.assertEqual(['status'], self.calls)


class TestResumable(FenceTestCase):
    """Whether a host has to be dead before a run is gone on with."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str] = []
        self.useFixture(
            fixtures.MonkeyPatch(
                'osc_recovery.scenarios.fence.watch.require_dead',
                lambda env, name: self.asked.append(name),
            )
        )

    def test_a_statement(self) -> None:
        plan = self.scenario.plan('kvm1', statement='unplugged')
        self.scenario.resumable(self.run_of(plan))
        self.assertEqual(['kvm1'], self.asked)

    def test_before_and_after_the_proof(self) -> None:
        plan = self.scenario.plan('kvm1')
        run = self.run_of(plan)
        self.scenario.resumable(run)
        self.journal.begin_step(run.id, 'kvm1', 0, 'fence-power', {})
        self.scenario.resumable(run)
        self.assertEqual([], self.asked)
        done = steps.StepState.DONE
        self.journal.end_step(run.id, 'kvm1', 0, done)
        self.scenario.resumable(run)
        self.assertEqual(['kvm1'], self.asked)

    def test_it_is_not_taken_back(self) -> None:
        plan = self.scenario.plan('kvm1')
        error = self.assertRaises(
            exceptions.UsageError, self.scenario.revertible, self.run_of(plan)
        )
        self.assertIn('is a fence', str(error))


class TestPower(FenceTestCase):
    """The step with a real agent and a real journal."""

    def step(self, plan: plans.Plan) -> Any:
        settings = steps_base.Settings(poll_interval=0.01)
        times = iter(range(100_000))
        return fence.power_step(
            self.env, plan, settings, now=lambda: float(next(times))
        )

    def test_a_proof_is_kept(self) -> None:
        self.host = dataclasses.replace(self.host, alive_evidence=(ALIVE,))
        plan = self.scenario.plan('kvm1', override=PASSED)
        run = self.run_of(plan)
        task, step = self.task(run, plan), self.step(plan)
        task.stop.wait.return_value = False  # type: ignore[attr-defined]
        intent = step.prepare(task)
        safe, done = steps.Observation.SAFE, steps.Observation.DONE
        self.assertIs(safe, step.observe(task, intent))
        step.act(task, intent)
        self.assertIs(done, step.observe(task, intent))
        kept = self.journal.fence('kvm1')
        assert kept is not None
        self.assertEqual(
            ('agent', run.id, '2026-11-22 16:00:00'),
            (kept.method, kept.run_id, kept.last_seen_up),
        )
        self.assertEqual(
            'fence_fake (fence agent fake) said "Status: OFF", exit code 2; '
            'overridden: host-alive: CHG0042',
            kept.statement,
        )
        self.assertNotIn(base.SECRET, str(kept))

    def test_another_runs_proof_is_not_ours(self) -> None:
        self.power('off')
        plan = self.scenario.plan('kvm1')
        first = self.task(self.run_of(plan), plan)
        step = self.step(plan)
        step.act(first, {})
        second = dataclasses.replace(first, run_id='another')
        self.assertIs(steps.Observation.SAFE, step.observe(second, {}))

    def test_nothing_is_kept_of_a_failure(self) -> None:
        body = """
            case $action in status) echo 'Status: ON';; esac
            exit 0
            """
        self.configure(body)
        plan = self.scenario.plan('kvm1')
        task = self.task(self.run_of(plan), plan)
        task.stop.wait.return_value = False  # type: ignore[attr-defined]
        self.assertRaises(fencing.AgentFailed, self.step(plan).act, task, {})
        self.assertIn('off', self.calls)
        self.assertIsNone(self.journal.fence('kvm1'))

    def test_a_host_that_goes_on_reporting(self) -> None:
        self.host = dataclasses.replace(self.host, alive_evidence=(ALIVE,))
        plan = self.scenario.plan('kvm1', override=PASSED)
        task = self.task(self.run_of(plan), plan)
        self.alive = [(ALIVE,), (ALIVE,)]
        self.assertRaises(fencing.AgentFailed, self.step(plan).act, task, {})
        self.assertIsNone(self.journal.fence('kvm1'))

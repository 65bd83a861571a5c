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

"""The runner and the host that a run holds."""

import dataclasses
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.model import codec
from osc_recovery.model import events
from osc_recovery.model import leases
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.scenarios import lease
from osc_recovery.scenarios import runner
from osc_recovery.steps import lease as step
from osc_recovery.tests.unit.scenarios import leasing

State = results.RunState


class RunnerTestCase(leasing.LeaseTestCase):
    """The runner takes it, keeps it and gives it back."""

    def setUp(self) -> None:
        super().setUp()
        self.alice.conf = mock.Mock()
        self.alice.conf.engine = mock.Mock(
            concurrency=1,
            per_target=1,
            pause_after=3,
            start_timeout=1,
            step_timeout=1,
            poll_interval=1,
        )
        self.seen: list[str | None] = []
        scenario = mock.Mock()
        scenario.return_value.begin.side_effect = self._begin
        patch = mock.patch.dict(runner._SCENARIOS, relocate=scenario)
        patch.start()
        self.addCleanup(patch.stop)
        self.runner = runner.Runner(self.alice)

    def _begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        self.seen.append(self.reason())

    def start(self) -> results.RunResult:
        server = plans.ServerPlan('u', 'web', None, 'x', False, (), (), '')
        plan = dataclasses.replace(self.plan(), servers=(server,))
        return self.runner.start(plan, self._listen, recheck=False)

    def _listen(self, event: events.Event) -> None:
        self.seen.append(self.reason())

    def run_states(self) -> list[results.RunState]:
        return [run.state for run in self.alice.journal.runs()]

    def test_start(self) -> None:
        self.assertEqual(State.DONE, self.start().state)
        first, *later, last = self.seen
        self.assertEqual((leasing.FENCED, leasing.FENCED), (first, last))
        self.assertEqual(1, len(set(later)))
        self.assertIsNotNone(leases.parse(later[0]))
        self.assertEqual(leasing.FENCED, self.reason())

    def test_refused(self) -> None:
        self.put(leasing.THEIRS)
        self.assertRaises(exceptions.Held, self.start)
        # nothing is begun, and nothing is left that holds the host
        self.assertEqual([], self.seen)
        self.assertEqual([State.ABANDONED], self.run_states())
        self.assertIn('dave@desk9', self.alice.journal.runs()[0].message)
        self.assertIsNone(self.alice.journal.lease(leasing.HOST))
        self.assertRaises(
            exceptions.Held, self.runner.refuse_held, leasing.HOST
        )
        self.runner.refuse_held(leasing.HOST, [step.GATE])

    def test_cannot_begin(self) -> None:
        begin = runner._SCENARIOS['relocate'].return_value.begin
        begin.side_effect = exceptions.Blocked('too many')
        self.assertRaises(exceptions.Blocked, self.start)
        self.assertEqual(leasing.FENCED, self.reason())
        self.assertEqual([State.ABANDONED], self.run_states())

    def test_abandon(self) -> None:
        """Given back; what a run that is over left, too; else no news."""
        for state in (State.PAUSED, State.DONE):
            with self.subTest(state.value):
                plan = codec.encode(self.plan())
                journal = self.alice.journal
                run = journal.create_run(
                    'relocate', leasing.HOST, plan, leasing.ALICE
                )
                lease.Holding(self.alice, run, self.plan()).take()
                journal._holds.clear()
                journal.set_state(run.id, state)
                journal._mine.clear()
                self.assertIsNotNone(leases.parse(self.reason()))
                self.runner.abandon(run.id)
                self.assertEqual(leasing.FENCED, self.reason())
        self.assertRaises(exceptions.NothingToDo, self.runner.abandon, run.id)

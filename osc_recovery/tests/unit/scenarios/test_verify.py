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

"""The step that reads a server back."""

import dataclasses
import threading
from typing import Any
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.facts import servers
from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.model import steps
from osc_recovery.planning.checks import whole
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import verify
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import test_whole

NAME = 'volume-backed'


class VerifyStepTestCase(base.TestCase):
    """What the step makes of what it reads."""

    def setUp(self) -> None:
        super().setUp()
        self.server = test_whole.moved(NAME)
        self.expected = test_whole.expected(NAME)
        self.env = mock.create_autospec(environment.Environment, instance=True)
        self.step = verify.VerifyStep(self.env)

    def task(self) -> steps.Task:
        """The expectation as a plan and the journal keep it."""
        return steps.Task(
            run_id='r1',
            subject=self.server.uuid,
            name=self.server.name,
            params=codec.encode(self.expected),
            remember=self.fail,
            tell=self.fail,
            stop=threading.Event(),
        )

    def act(self, *found: facts.Server) -> dict[str, Any]:
        with mock.patch.object(
            servers, 'gather', autospec=True, return_value=found
        ) as gather:
            try:
                return self.step.act(self.task(), {})
            finally:
                gather.assert_called_once_with(
                    self.env.sources.return_value,
                    uuids=[self.server.uuid],
                    depth=verify.CHECKED,
                )

    def test_whole(self) -> None:
        outcome = self.act(self.server)
        checks = [codec.decode(results.Check, c) for c in outcome['checks']]
        self.assertEqual(
            tuple(checks), tuple(whole.check(self.server, self.expected))
        )
        verdicts = {check.verdict for check in checks}
        self.assertEqual({results.Verdict.OK}, verdicts)

    def test_one_thing_is_wrong(self) -> None:
        error = self.assertRaises(
            verify.NotWhole,
            self.act,
            dataclasses.replace(self.server, zone='az9'),
        )
        self.assertEqual(exceptions.ExitCode.UNVERIFIED, error.exit_code)
        (bad,) = whole.wrong(error.checks)
        self.assertGreater(len(error.checks), 1)
        for text in (bad.name, bad.where, 'is wrong', 'nova', 'az9'):
            self.assertIn(text, str(error))
        self.assertNotIn('more', str(error))

    def test_several_things_are_wrong(self) -> None:
        error = self.assertRaises(
            verify.NotWhole,
            self.act,
            dataclasses.replace(self.server, host='kvm9', vm_state='error'),
        )
        more = len(whole.wrong(error.checks)) - 1
        self.assertGreater(more, 0)
        self.assertIn(f'and {more} more', str(error))

    def test_what_nobody_could_look_at_is_not_ok(self) -> None:
        error = self.assertRaises(
            verify.NotWhole,
            self.act,
            dataclasses.replace(
                self.server,
                allocation=None,
                unknown=('allocation: placement does not answer',),
            ),
        )
        verdicts = {check.verdict for check in whole.wrong(error.checks)}
        self.assertEqual({results.Verdict.UNKNOWN}, verdicts)
        self.assertIn('is unknown', str(error))

    def test_server_is_gone(self) -> None:
        error = self.assertRaises(exceptions.StepFailed, self.act)
        self.assertEqual('server-missing', error.cause)
        self.assertIn(self.server.name, str(error))

    def test_changes_nothing(self) -> None:
        """It can be made again at any time, and there is no way back."""
        task = self.task()
        self.assertEqual({}, self.step.prepare(task))
        self.assertIs(steps.Observation.SAFE, self.step.observe(task, {}))
        self.step.undo(task, {})
        self.assertEqual([], self.env.mock_calls)

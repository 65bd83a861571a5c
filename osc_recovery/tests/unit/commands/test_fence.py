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
"""host fence: its options, and asking without doing."""

import contextlib
import io
import logging
from typing import Any
from unittest import mock

import fixtures

from osc_recovery.commands import fence as command
from osc_recovery import exceptions
from osc_recovery.fencing import base as fencing
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.planning import fence as planning
from osc_recovery.scenarios import fence
from osc_recovery.scenarios import runner
from osc_recovery.tests.unit.commands import test_reading
from osc_recovery.tests.unit.planning import test_fence as cases


class TestFenceHost(test_reading.CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.scenario = mock.create_autospec(fence.Fencing, instance=True)
        self.client.fencing.return_value = self.scenario
        self.runner = mock.create_autospec(runner.Runner, instance=True)
        self.client.runner.return_value = self.runner
        self.client.describe_plan.return_value = ''
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.ERROR))

    def answer(self, power: str) -> None:
        """What the agent says."""
        self.scenario.check.return_value = fence.Checked(
            'kvm1', 'ipmi', 'fence_ipmilan', power, 'it said so'
        )

    def planned(self, *words: str, code: int = 0) -> Any:
        """What the scenario is asked for."""
        self.scenario.plan.return_value = cases.planned(cases.CASES[0])
        self.output(command.FenceHost, 'kvm1', '--dry-run', *words, code=code)
        return self.scenario.plan.call_args

    def test_check(self) -> None:
        for power, code in (('off', 0), ('on', 10)):
            self.answer(power)
            with self.subTest(power):
                text = self.output(
                    command.FenceHost,
                    *('kvm1', '--check', '-f', 'value'),
                    code=code,
                )
                self.assertEqual(
                    f'kvm1 ipmi fence_ipmilan {power} it said so\n', text
                )
        self.scenario.plan.assert_not_called()
        self.assertEqual([], self.runner.mock_calls)

    def test_check_without_an_answer(self) -> None:
        for error, code in (
            (fencing.AgentFailed('no answer'), 1),
            (exceptions.UsageError('no agent'), 2),
            (exceptions.ConfigError('no section'), 2),
        ):
            self.scenario.check.side_effect = error
            self.output(command.FenceHost, 'kvm1', '--check', code=code)
            self.assertIn(str(error), self.log.output)

    def test_what_is_planned(self) -> None:
        none = findings.Override()
        for words, statement, accept, override in (
            ((), None, (), none),
            (('--agent',), None, (), none),
            (('--statement', 'off'), 'off', (), none),
            (('--statement', ''), '', (), none),
            (('--accept', 'a', '--accept', 'b'), None, ('a', 'b'), none),
            (
                ('--override', 'a', '--override', 'b', '--reason', 'why'),
                None,
                (),
                findings.Override(frozenset({'a', 'b'}), 'why'),
            ),
        ):
            with self.subTest(words):
                self.assertEqual(
                    mock.call(
                        'kvm1',
                        statement=statement,
                        accept=frozenset(accept),
                        override=override,
                    ),
                    self.planned(*words),
                )

    def test_one_way_at_a_time(self) -> None:
        for words in (
            ('--agent', '--statement', 'off'),
            ('--check', '--statement', 'off'),
            ('--check', '--agent'),
        ):
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertRaises(
                    SystemExit, self.output, command.FenceHost, 'kvm1', *words
                )

    def test_a_blocked_plan_is_not_run(self) -> None:
        wish = planning.Wish()
        blocked: plans.Plan = planning.plan(
            *(cases.host(cases.NOVA), wish, cases.NONE, 'ops', 'now'),
            agent=cases.ON,
        )
        self.scenario.plan.return_value = blocked
        self.output(command.FenceHost, 'kvm1', '--yes', code=10)
        self.runner.start.assert_not_called()
        self.assertIn('--override host-alive', self.log.output)

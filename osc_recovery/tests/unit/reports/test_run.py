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

"""Tests of runs as data and as text."""

from typing import Any

import jsonschema
import testtools

from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.reports import run as report
from osc_recovery.reports import schema
from osc_recovery.tests.unit.reports import test_plan

OK = results.Check('host', results.Verdict.OK, 'host2', 'host2', 'instances')
WRONG = results.Check(
    'binding', results.Verdict.WRONG, 'host2', 'host1', 'neutron'
)
DONE = results.ServerResult(
    'u1', 'web', results.ServerState.DONE, checks=(OK, WRONG), seconds=4.21
)
LEFT = results.ServerResult(
    'u9', 'gone', results.ServerState.LEFT_OUT, 'changed-since-plan'
)


def record(**changes: Any) -> runs.RunRecord:
    """A run in the journal."""
    values: dict[str, Any] = {
        'id': 'r1',
        'scenario': 'relocate',
        'host': 'host1',
        'state': results.RunState.PARTLY,
        'plan': {},
        'process': runs.Process('m', 1, 2, 'ops'),
        'created_at': '2026-11-22T16:00:00+00:00',
        **changes,
    }
    return runs.RunRecord(**values)


def step(
    index: int, subject: str = 'u1', error: str = 'it failed'
) -> steps.StepRecord:
    """A step in the journal, with what must not be told."""
    return steps.StepRecord(
        'r1',
        subject,
        index,
        'attach',
        steps.StepState.FAILED,
        {'before': 's3cret'},
        {'after': 's3cret'},
        error,
    )


class DataTest(testtools.TestCase):
    """report.data follows the schema that plans follow."""

    def data(self, *servers: results.ServerResult) -> dict[str, Any]:
        """A run of one planned server."""
        return report.data(
            record(),
            test_plan.plan(test_plan.server()),
            servers,
            (step(0), step(7), step(0, 'other', 'not this one')),
        )

    def test_schema(self) -> None:
        for servers in ((), (DONE,), (DONE, LEFT)):
            with self.subTest(servers=servers):
                jsonschema.validate(self.data(*servers), schema.REPORT)

    def test_servers_and_steps(self) -> None:
        data = self.data(DONE, LEFT)
        web, gone = data['servers']
        self.assertEqual('done', web['state'])
        self.assertEqual(
            ['failed', 'planned'], [s['state'] for s in web['steps']]
        )
        self.assertEqual('it failed', web['steps'][0]['error'])
        self.assertEqual('wrong', web['checks'][1]['verdict'])
        self.assertEqual('changed-since-plan', gone['message'])

    def test_no_before_image_is_told(self) -> None:
        self.assertNotIn('s3cret', str(self.data(DONE)))

    def test_fences_are_runs_too(self) -> None:
        jsonschema.validate(
            report.data(record(scenario='fence'), test_plan.plan()),
            schema.REPORT,
        )


class TextTest(testtools.TestCase):
    """report.text and report.summary."""

    def result(self, *servers: results.ServerResult) -> results.RunResult:
        """What became of a run."""
        return results.RunResult('r1', results.RunState.PARTLY, servers)

    def test_summary(self) -> None:
        for servers, text in (
            ((), 'Run r1: partly done.'),
            ((DONE, DONE, LEFT), 'Run r1: partly done (2 done, 1 left out).'),
        ):
            with self.subTest(text=text):
                self.assertEqual(text, report.summary(self.result(*servers)))

    def test_only_checks_that_are_not_ok(self) -> None:
        text = report.text(self.result(DONE, LEFT))
        self.assertIn('1 of 2', text)
        self.assertIn('binding', text)
        self.assertIn('4.2', text)
        self.assertNotIn('instances', text)

    def test_nothing_wrong_is_no_table(self) -> None:
        fine = results.ServerResult(
            'u1', 'web', results.ServerState.DONE, checks=(OK,)
        )
        text = report.text(self.result(fine))
        self.assertNotIn('not ok', text)

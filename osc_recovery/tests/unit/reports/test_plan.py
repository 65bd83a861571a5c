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

"""Tests of plans as data and as text."""

import dataclasses
from typing import Any

import jsonschema
import testtools

from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.reports import plan as report
from osc_recovery.reports import schema
from osc_recovery.reports import tables

BLOCKER = findings.Finding(
    'pci-devices',
    findings.Severity.BLOCKER,
    'it has a [red]device[/red]',
    'Evacuate it.',
)
CONSENT = findings.Finding(
    'paused', findings.Severity.CONSENT, 'it is paused', '--accept paused'
)
NOTE = findings.Finding('locked', findings.Severity.NOTE, 'locked', 'None.')


def server(*found: findings.Finding, **changes: Any) -> plans.ServerPlan:
    """One server of a plan."""
    values: dict[str, Any] = {
        'uuid': 'u1',
        'name': 'web',
        'target': 'host2',
        'method': 'relocate',
        'start': True,
        'steps': (
            steps.StepSpec('attach', {'connector': {'secret': 's3cret'}}),
            steps.StepSpec('start', {}, final=True),
        ),
        'findings': found,
        'fingerprint': 'f',
        **changes,
    }
    return plans.ServerPlan(**values)


def plan(
    *servers: plans.ServerPlan, found: tuple[findings.Finding, ...] = ()
) -> plans.Plan:
    """A whole plan."""
    return plans.Plan(
        scenario='relocate',
        host='host1',
        cell='c1',
        created_at='2026-11-22T16:00:00+00:00',
        parameters={'targets': []},
        frame={'fence': 'statement', 'nested': {'not': 'shown'}},
        fingerprint='f',
        findings=found,
        servers=servers,
        capacity={'host2': {'VCPU': {'total': 16, 'used': 8, 'after': 9}}},
    )


class DataTest(testtools.TestCase):
    """report.data follows the schema."""

    def test_the_schema_is_one(self) -> None:
        jsonschema.Draft202012Validator.check_schema(schema.REPORT)

    def test_plans(self) -> None:
        for made in (
            plan(),
            plan(server(), server(BLOCKER, uuid='u2', target=None)),
            plan(server(CONSENT.accept()), found=(BLOCKER, NOTE)),
        ):
            with self.subTest(plan=made):
                jsonschema.validate(report.data(made), schema.REPORT)

    def test_the_schema_refuses_other_things(self) -> None:
        changes: tuple[dict[str, Any], ...] = (
            {'kind': 'drill'},
            {'format': 2},
            {'extra': 1},
            {'servers': [{}]},
        )
        for change in changes:
            with self.subTest(change=change):
                self.assertRaises(
                    jsonschema.ValidationError,
                    jsonschema.validate,
                    {**report.data(plan()), **change},
                    schema.REPORT,
                )

    def test_no_parameter_of_a_step_is_told(self) -> None:
        made = plan(server())
        self.assertNotIn('s3cret', str(report.data(made)))
        self.assertNotIn('s3cret', report.text(made))

    def test_states(self) -> None:
        data = report.data(plan(server(), server(BLOCKER)))
        self.assertEqual('planned', data['state'])
        self.assertEqual(
            ['planned', 'left out'], [s['state'] for s in data['servers']]
        )
        data = report.data(plan(server(), found=(BLOCKER,)))
        self.assertEqual('blocked', data['state'])
        self.assertEqual('left out', data['servers'][0]['state'])


class SummaryTest(testtools.TestCase):
    """report.summary, one sentence."""

    def test_counts(self) -> None:
        for made, text in (
            (plan(server()), '1 of 1 can be worked on.'),
            (
                plan(server(), server(BLOCKER)),
                '1 of 2 can be worked on; 1 left out for the findings above.',
            ),
            (plan(), 'There is nothing to work on at host1.'),
            (
                plan(server(), found=(BLOCKER, NOTE)),
                'Blocked: pci-devices. None of 1 servers can be worked on.',
            ),
            (plan(server(CONSENT.accept())), '1 of 1 can be worked on.'),
        ):
            with self.subTest(text=text):
                self.assertEqual(text, report.summary(made))


class TextTest(testtools.TestCase):
    """report.text for a person."""

    def test_everything_is_told(self) -> None:
        text = report.text(
            plan(
                server(NOTE, CONSENT.accept()),
                server(BLOCKER, uuid='u2', name='db', target=None),
            )
        )
        for part in (
            'relocate of host host1',
            'fence: statement',
            'host2',
            '8 -> 9',
            'consent, accepted',
            'it has a [red]device[/red]',
            'Evacuate it.',
            'left out',
            '1 of 2 can be worked on',
        ):
            with self.subTest(part=part):
                self.assertIn(part, text)
        self.assertNotIn('nested', text)

    def test_heavy_findings_first_and_equal_ones_once(self) -> None:
        text = report.text(
            plan(server(NOTE, BLOCKER), server(NOTE, name='db', uuid='u2'))
        )
        self.assertEqual(1, text.count('note: locked (web, db)'))
        listed = text[text.index('Findings\n') :]
        self.assertLess(listed.index('pci-devices'), listed.index('locked'))

    def test_no_table_is_too_wide(self) -> None:
        long = server(name='word ' * 80, uuid='u' * 300)
        for width in (80, 110, 200):
            with self.subTest(width=width):
                text = report.text(plan(long), width)
                longest = max(len(line) for line in text.splitlines())
                self.assertLessEqual(longest, width)

    def test_a_remedy_can_be_pasted(self) -> None:
        command = 'openstack ' + 'word ' * 80 + 'end'
        long = dataclasses.replace(NOTE, remedy=command)
        text = report.text(plan(server(long)), 80)
        self.assertIn(command, [line.strip() for line in text.splitlines()])

    def test_an_empty_table_is_not_drawn(self) -> None:
        self.assertEqual('', tables.table_of('t', ('a',), []))

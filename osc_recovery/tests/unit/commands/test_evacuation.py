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
"""What host evacuate takes, and what it makes of it."""

import argparse
import dataclasses
from unittest import mock

from osc_recovery import client
from osc_recovery.commands import evacuation
from osc_recovery.commands import writing
from osc_recovery.model import plans
from osc_recovery.planning import evacuate
from osc_recovery.scenarios import evacuate as scenario
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning.cases import making
from osc_recovery.tests.unit.planning import test_evacuate


class EvacuateHostTestCase(base.TestCase):
    def parse(self, *words: str) -> argparse.Namespace:
        command = evacuation.EvacuateHost(mock.Mock(), None)
        parser = command.get_parser('evacuate')
        parser.exit_on_error = False
        return parser.parse_args(words)

    def test_numbers(self) -> None:
        for text, number in (('1', 1), ('128', 128)):
            self.assertEqual(number, evacuation.positive(text))
        for text in ('0', '-1', '129', 'many', '1.5', ''):
            self.assertRaises(
                argparse.ArgumentTypeError, evacuation.positive, text
            )
        for text, seconds in (('0', 0.0), ('2.5', 2.5), ('3600', 3600.0)):
            self.assertEqual(seconds, evacuation.seconds(text))
        for text in ('-1', '3601', 'soon', 'nan', ''):
            self.assertRaises(
                argparse.ArgumentTypeError, evacuation.seconds, text
            )

    def test_what_is_planned(self) -> None:
        parsed = self.parse(
            *('kvm1', '--target', 'kvm2', '--target', 'kvm3'),
            *('--server', 'web', '--power', 'off', '--per-target', '2'),
            *('--concurrency', '5', '--stagger', '1.5'),
            *('--accept', 'stopped-guest-boots'),
        )
        recovery = mock.create_autospec(client.RecoveryClient)
        made = mock.create_autospec(scenario.Evacuation, instance=True)
        recovery.evacuation.return_value = made
        command = evacuation.EvacuateHost(mock.Mock(), None)
        with mock.patch.object(evacuation.EvacuateHost, 'recovery', recovery):
            command.make_plan(parsed)
        made.plan.assert_called_once_with(
            'kvm1',
            targets=('kvm2', 'kvm3'),
            servers=('web',),
            keep_power=False,
            accept=frozenset({'stopped-guest-boots'}),
            concurrency=5,
            per_target=2,
            stagger=1.5,
        )


class TableTestCase(base.TestCase):
    def plan(self) -> plans.Plan:
        return evacuate.plan(making.one(), test_evacuate.wish(), 'now')

    def test_waves_are_shown_where_there_are_any(self) -> None:
        columns, rows = writing.plan_table(self.plan())
        self.assertEqual(('Wave', *writing.PLAN_COLUMNS), columns)
        self.assertEqual(1, rows[0][0])

    def test_no_waves(self) -> None:
        plan = self.plan()
        servers = tuple(dataclasses.replace(s, wave=0) for s in plan.servers)
        columns, rows = writing.plan_table(
            dataclasses.replace(plan, servers=servers)
        )
        self.assertEqual(writing.PLAN_COLUMNS, columns)
        self.assertEqual(len(columns), len(rows[0]))

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
"""Drivers by their names."""

from osc_recovery import exceptions
from osc_recovery.fencing import agent
from osc_recovery.fencing import base as fencing
from osc_recovery.fencing import drivers
from osc_recovery.fencing import statement
from osc_recovery.tests.unit.fencing import base
from osc_recovery.tests.unit import test_entry_points


class TestLoad(base.AgentTestCase):
    def test_by_name(self) -> None:
        made = self.configured()
        for name, kind, cuts in (
            ('agent', agent.Agent, True),
            ('statement', statement.Statement, False),
        ):
            found = drivers.load(name, made, 'kvm1')
            self.assertIs(kind, type(found))
            self.assertIs(cuts, found.cuts_power)

    def test_every_entry_point_is_a_driver(self) -> None:
        names = test_entry_points.entry_points(fencing.NAMESPACE)
        self.assertEqual({'agent', 'statement'}, set(names))
        for target in names.values():
            kind = test_entry_points.load(target)
            self.assertTrue(issubclass(kind, fencing.Driver))

    def test_an_unknown_name(self) -> None:
        error = self.assertRaises(
            exceptions.UsageError,
            drivers.load,
            'prayer',
            self.configured(),
            'kvm1',
        )
        self.assertIn('prayer', str(error))

    def test_what_a_driver_says_of_the_host(self) -> None:
        self.assertRaises(
            exceptions.UsageError,
            drivers.load,
            'agent',
            self.configured(),
            'rack9',
        )


class TestStatement(base.AgentTestCase):
    def test_nobody_is_asked_and_nothing_cut(self) -> None:
        made = drivers.load('statement', self.configured(), 'kvm1')
        self.assertEqual({}, made.shown())
        self.assertEqual(0, made.patience)
        for call in (made.status, made.off):
            error = self.assertRaises(exceptions.UsageError, call)
            self.assertIn('kvm1', str(error))
        self.assertEqual([], self.calls)

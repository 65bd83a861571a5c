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

"""A plan that has waited, and what is made of a cell's broker."""

import dataclasses
from typing import Any
from unittest import mock

from osc_recovery.conf import messaging
from osc_recovery import exceptions
from osc_recovery.model import host_return as model
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.scenarios import brokers
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import host_removal
from osc_recovery.scenarios import host_return
from osc_recovery.scenarios import watch
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.db import base as databases
from osc_recovery.tests.unit.planning import homecomings
from osc_recovery.tests.unit.planning import test_host_removal

GATHER = 'osc_recovery.facts.host_return.gather'


def run(state: results.RunState) -> runs.RunRecord:
    process = runs.Process('m', 1, 1, 'op')
    return runs.RunRecord('r-1', 'return', 'h', state, {}, process, 'now')


class ScenarioTestCase(base.TestCase):
    """Facts that change between planning and applying."""

    def setUp(self) -> None:
        super().setUp()
        self.env: Any = mock.create_autospec(
            environment.Environment, instance=True
        )
        self.env.journal = mock.Mock(spec_set=('lease',))
        self.env.journal.lease.return_value = None
        self.read = homecomings.dead()
        patch = mock.patch(GATHER, autospec=True, side_effect=self.gather)
        self.gathered = patch.start()
        self.addCleanup(patch.stop)

    def gather(self, *args: Any, **more: Any) -> model.ReturnFacts:
        return self.read

    def change(self, **changes: Any) -> None:
        self.read = dataclasses.replace(self.read, **changes)

    def test_return(self) -> None:
        scenario = host_return.Return(self.env)
        plan = scenario.plan('kvm1', wait=9)
        self.assertTrue(plan.runnable)
        # more may have come to wait: it is thrown away as well
        self.change(queues=(homecomings.queue(messages=5),))
        self.assertEqual({}, scenario.changed(plan))
        self.change(queues=(homecomings.queue(consumers=1),))
        error = self.assertRaises(
            exceptions.FactsChanged, scenario.changed, plan
        )
        self.assertIn('host return kvm1 --dry-run', str(error))

    def test_consent_is_given_again(self) -> None:
        self.change(queues=(homecomings.queue(consumers=1),))
        scenario = host_return.Return(self.env)
        accept = frozenset({'compute-running'})
        plan = scenario.plan('kvm1', wait=9, enable=False, accept=accept)
        self.assertEqual({}, scenario.changed(plan))

    def test_a_lease_is_a_finding(self) -> None:
        self.env.journal.lease.return_value = mock.Mock(
            spec_set=('run_id',), run_id='r-7'
        )
        host_return.Return(self.env).plan('kvm1', wait=9)
        self.assertIn('r-7', self.gathered.call_args.args)

    def test_what_can_be_reverted(self) -> None:
        scenario = host_return.Return(self.env)
        scenario.revertible(run(results.RunState.PAUSED))
        self.assertRaises(
            exceptions.UsageError,
            scenario.revertible,
            run(results.RunState.DONE),
        )

    def test_removal(self) -> None:
        self.read = test_host_removal.gone()
        scenario = host_removal.Removal(self.env)
        with mock.patch.object(
            watch, 'watched', autospec=True, return_value=self.read.host
        ) as watched:
            plan = scenario.plan('kvm1')
            self.assertTrue(plan.runnable)
            self.assertEqual({}, scenario.changed(plan))
            watched.return_value = dataclasses.replace(
                self.read.host, alive_evidence=('it reported',)
            )
            error = self.assertRaises(
                exceptions.FactsChanged, scenario.changed, plan
            )
        self.assertIn('--never --dry-run', str(error))
        self.assertRaises(
            exceptions.UsageError,
            scenario.revertible,
            run(results.RunState.PAUSED),
        )


class BrokersTestCase(databases.DatabaseTestCase):
    """cell_mappings and nova.conf together."""

    def test_the_url_of_a_cell(self) -> None:
        rows = databases.rows('cloud')['nova_api']
        del rows['host_mappings']
        rows['cell_mappings'][0].update(
            uuid=databases.CELL.uuid,
            transport_url='rabbit://{username}:{password}@mq/v',
        )
        env: Any = mock.create_autospec(environment.Environment, instance=True)
        env.cells = {
            databases.CELL.uuid: mock.Mock(
                spec_set=('cell',), cell=databases.CELL
            )
        }
        env.api_db = mock.Mock(
            spec_set=('database',),
            database=self.database('nova-api-34-2026.2', rows),
        )
        env.nova = mock.Mock(
            spec_set=('messaging',),
            messaging=messaging.Messaging('rabbit://u:s3cr3t@h/'),
        )
        found = brokers.Brokers(env)(databases.CELL.uuid)
        self.assertEqual('rabbit://mq/v', found.where)
        self.assertNotIn('s3cr3t', repr(found))

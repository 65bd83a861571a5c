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

"""The audit, the plans of its repairs, and the step that ends one."""

import threading
from typing import Any
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.journal import store
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.model import steps
from osc_recovery.scenarios import auditing
from osc_recovery.scenarios import consistency
from osc_recovery.scenarios import server_set
from osc_recovery.scenarios import verify
from osc_recovery.tests.unit.db import base as db_base
from osc_recovery.tests.unit.facts import base
from osc_recovery.tests.unit.scenarios import test_reading

KVM1 = '74316657-f2c8-42dd-8d0c-af1c107f61a2'


class ScenarioTestCase(test_reading.ReadingTestCase):
    """A recorded server of kvm1, and no service but the databases."""

    def env(self, *names: str) -> Any:
        """An environment with these servers, and an empty journal."""
        made = self.environment(*(db_base.rows(name) for name in names))
        made.journal = mock.create_autospec(store.Journal, instance=True)
        made.journal.runs.return_value = ()
        made.clouds = self.clouds
        made.schema.return_value = {'cell1': 'x'}
        return made

    def task(self, **params: Any) -> steps.Task:
        """What the last step is given."""
        return steps.Task(
            run_id='r-1',
            subject=base.IMAGE,
            name='web',
            params=params,
            remember=lambda _: None,
            tell=lambda _: None,
            stop=threading.Event(),
        )


class ConsistencyTest(ScenarioTestCase):
    def test_audit(self) -> None:
        """What the mocked services do not know is wrong or unknown."""
        reader = consistency.Consistency(self.env('image-backed'))
        for found in (
            reader.audit(),
            reader.audit(('kvm1',)),
            reader.audit((), (base.IMAGE,)),
        ):
            server = next(s for s in found if s.uuid == base.IMAGE)
            codes = {defect.code for defect in server.defects}
            self.assertIn('allocation-elsewhere', codes)
            self.assertIn('facts-unknown', codes)

    def test_what_is_not_there(self) -> None:
        reader = consistency.Consistency(self.env('image-backed'))
        for work in (
            lambda: reader.audit(('nowhere',)),
            lambda: reader.audit((), ('nobody',)),
            lambda: reader.plan(host='nowhere'),
            lambda: reader.plan(servers=('nobody',)),
        ):
            self.assertRaises(exceptions.UsageError, work)

    def test_one_host_at_a_time(self) -> None:
        env = self.env('image-backed', 'volume-backed')
        self.query(
            env.sources().cells[db_base.CELL.uuid].database,
            "UPDATE instances SET host = 'kvm2' WHERE uuid = :uuid",
            uuid=base.IMAGE,
        )
        other = db_base.rows('volume-backed')['nova_cell1']['instances'][0]
        reader = consistency.Consistency(env)
        error = self.assertRaises(
            exceptions.UsageError,
            lambda: reader.plan(servers=(base.IMAGE, other['uuid'])),
        )
        self.assertIn('kvm1, kvm2', str(error))

    def test_on_no_host(self) -> None:
        env = self.env('image-backed')
        self.query(
            env.sources().cells[db_base.CELL.uuid].database,
            'UPDATE instances SET host = NULL',
        )
        reader = consistency.Consistency(env)
        error = self.assertRaises(
            exceptions.UsageError, lambda: reader.plan(servers=(base.IMAGE,))
        )
        self.assertIn('on no host', str(error))

    def test_a_plan_and_its_changes(self) -> None:
        env = self.env('image-backed')
        reader = consistency.Consistency(env)
        plan = reader.plan(host='kvm1')
        self.assertEqual('kvm1', plan.host)
        self.assertEqual({}, reader.changed(plan))
        self.lose('kvm1')
        lost = consistency.Consistency(self.env('image-backed'))
        self.assertRaises(exceptions.FactsChanged, lost.changed, plan)


class ServerStatesTest(ScenarioTestCase):
    def test_plan(self) -> None:
        reader = server_set.ServerStates(self.env('image-backed'))
        self.assertRaises(exceptions.UsageError, reader.plan, base.IMAGE)
        plan = reader.plan(base.IMAGE, vm_state='error')
        self.assertEqual(1, len(plan.runnable))
        self.assertEqual({}, reader.changed(plan))
        refused = reader.plan(base.IMAGE, vm_state='stopped')
        self.assertEqual((), refused.runnable)


class AuditStepTest(ScenarioTestCase):
    """Done means that the audit finds nothing."""

    def act(self, env: Any, **params: Any) -> dict[str, Any]:
        return auditing.AuditStep(env).act(self.task(**params), {})

    def test_states(self) -> None:
        env = self.env('image-backed')
        view = facts.ApiView('ACTIVE', 'kvm1', 'kvm1', 'active', None, 1)
        self.clouds.compute.servers.return_value = {base.IMAGE: view}
        wanted = {'vm_state': 'active', 'task_state': None}
        done = self.act(env, whole=False, expected=wanted)
        self.assertEqual({'ok'}, {c['verdict'] for c in done['checks']})
        error = self.assertRaises(
            verify.NotWhole,
            lambda: self.act(
                env, whole=False, expected={'vm_state': 'stopped'}
            ),
        )
        self.assertIn('vm_state', str(error))

    def test_whole(self) -> None:
        error: Any = self.assertRaises(
            verify.NotWhole,
            lambda: self.act(
                self.env('image-backed'), whole=True, expected={}
            ),
        )
        names = {
            check.name
            for check in error.checks
            if check.verdict is not results.Verdict.OK
        }
        self.assertIn('allocation-elsewhere', names)
        self.assertIn('facts-unknown', names)

    def test_a_consumer(self) -> None:
        env = self.env()
        self.clouds.placement.allocation.side_effect = None
        self.clouds.placement.allocation.return_value = facts.Allocation(
            base.IMAGE, None, '', '', {}
        )
        self.act(env, whole=False, expected=None)
        self.clouds.placement.allocation.return_value = base.allocation('x')
        self.assertRaises(
            verify.NotWhole,
            lambda: self.act(env, whole=False, expected=None),
        )

    def test_gone(self) -> None:
        error = self.assertRaises(
            exceptions.StepFailed,
            lambda: self.act(self.env(), whole=True, expected={}),
        )
        self.assertEqual('server-missing', error.cause)

    def test_protocol(self) -> None:
        step = auditing.AuditStep(self.env())
        self.assertEqual({}, step.prepare(self.task()))
        step.undo(self.task(), {})
        self.assertEqual(steps.Observation.SAFE, step.observe(self.task(), {}))

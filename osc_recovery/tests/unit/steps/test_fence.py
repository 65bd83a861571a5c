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

"""Forcing down and disabling a service."""

from typing import Any, ClassVar

from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import fence
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes


class TestDown(base.Journey):
    params: ClassVar[dict[str, Any]] = {'service': 'service-1'}
    changes = ('force_down',)

    def make(self, world: Any) -> steps.Step:
        return fence.Down(world)

    def test_forced_down(self) -> None:
        self.assertIs(True, self.clean().compute.found[0]['forced_down'])


class TestDisable(base.Journey):
    params: ClassVar[dict[str, Any]] = {
        'service': 'service-1',
        'operator': 'op',
    }
    changes = ('disable',)

    def make(self, world: Any) -> steps.Step:
        return fence.Disable(world)

    def test_reason(self) -> None:
        world = self.clean()
        found = world.compute.found[0]
        self.assertEqual('disabled', found['status'])
        self.assertEqual('osc-recovery r1 op', found['disabled_reason'])
        self.assertEqual(
            {'status': 'enabled', 'disabled_reason': None}, world.intent
        )

    def test_another_reason_is_not_ours(self) -> None:
        world = self.clean()
        world.compute.found[0]['disabled_reason'] = 'another'
        task = world.task(**self.params)
        self.assertEqual(
            steps.Observation.SAFE, self.make(world).observe(task, {})
        )


class TestGone(base.StepTestCase):
    """nova does not list the service."""

    def test_gone(self) -> None:
        for kind in (fence.Down, fence.Disable):
            world: Any = fakes.World()
            error = self.assertRaises(
                exceptions.RowMismatch,
                kind(world).prepare,
                world.task(service='other', operator='op'),
            )
            self.assertIn('compute service list', str(error))

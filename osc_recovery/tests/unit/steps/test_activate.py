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

"""The point of no return: always forward, never back."""

from typing import Any, ClassVar

from osc_recovery.cloud import errors
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import activate
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

_PARAMS = {
    'port': fakes.PORT,
    'source': storage.SOURCE,
    'target': storage.TARGET,
    'staged': True,
    'device_owner': None,
}
_THERE = {storage.TARGET: ('ACTIVE', 'ovs')}


class TestStaged(base.Journey):
    params: ClassVar[dict[str, Any]] = _PARAMS
    changes: tuple[str, ...] = ('activate_binding', 'delete_binding')

    def make(self, world: Any) -> steps.Step:
        return activate.Activate(world)

    def world(self) -> fakes.World:
        world = fakes.World()
        world.network.found[storage.TARGET] = ('INACTIVE', 'ovs')
        return world

    def test_one_binding(self) -> None:
        self.assertEqual(_THERE, self.clean().network.found)

    def test_undo_is_refused(self) -> None:
        world = self.clean()
        error = self.assertRaises(
            exceptions.StepFailed,
            self.make(world).undo,
            world.task(**self.params),
            world.intent,
        )
        self.assertEqual('no-return', error.cause)
        self.assertEqual(_THERE, world.network.found)


class TestStagedToAnotherZone(TestStaged):
    params: ClassVar[dict[str, Any]] = {
        **_PARAMS,
        'device_owner': 'compute:az2',
    }
    changes = ('activate_binding', 'delete_binding', 'set_owner')

    def test_owner(self) -> None:
        self.assertEqual('compute:az2', self.clean().network.owner)

    def test_clean(self) -> None:
        """Whether the owner is set is not seen: acting again is safe."""
        world = self.clean()
        task = world.task(**self.params)
        self.assertEqual(
            steps.Observation.SAFE, self.make(world).observe(task, {})
        )

    def go_on(self, world: fakes.World, task: steps.Task) -> None:
        step = self.make(world)
        self.assertEqual(steps.Observation.SAFE, step.observe(task, {}))
        step.act(task, dict(world.intent))


class TestNotStaged(base.Journey):
    params: ClassVar[dict[str, Any]] = {
        **_PARAMS,
        'staged': False,
        'device_owner': 'compute:az2',
    }
    changes = ('set_host',)

    def make(self, world: Any) -> steps.Step:
        return activate.Activate(world)

    def test_one_binding(self) -> None:
        world = self.clean()
        self.assertEqual(_THERE, world.network.found)
        self.assertEqual('compute:az2', world.network.owner)


class TestFailures(base.StepTestCase):
    """What it says, and that it can be gone on from."""

    def test_prepared_binding_lost(self) -> None:
        world: Any = fakes.World()
        step, task = activate.Activate(world), world.task(**_PARAMS)
        step.act(task, {})
        self.assertEqual(_THERE, world.network.found)

    def test_lost_and_not_to_be_had(self) -> None:
        world: Any = fakes.World()
        world.network.dead.add(storage.TARGET)
        step, task = activate.Activate(world), world.task(**_PARAMS)
        error = self.assertRaises(exceptions.StepFailed, step.act, task, {})
        self.assertEqual('binding-failed', error.cause)

    def test_refused(self) -> None:
        world: Any = fakes.World()
        world.network.failing = True
        world.failing['activate_binding'] = errors.Refused('no', 'x', 400)
        step, task = activate.Activate(world), world.task(**_PARAMS)
        self.assertRaises(errors.Refused, step.act, task, {})

    def test_not_bound(self) -> None:
        """neutron answers 200 and binding_failed."""
        for staged in (True, False):
            world: Any = fakes.World()
            world.network.dead.add(storage.TARGET)
            if staged:
                world.network.found[storage.TARGET] = ('INACTIVE', 'unbound')
            params = {**_PARAMS, 'staged': staged}
            step, task = activate.Activate(world), world.task(**params)
            for _ in range(2):
                error = self.assertRaises(
                    exceptions.StepFailed, step.act, task, {}
                )
                self.assertEqual('binding-failed', error.cause)
                self.assertEqual(
                    steps.Observation.SAFE, step.observe(task, {})
                )

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

"""Locking, and unlocking what is ours alone."""

from typing import Any, ClassVar

from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import lock
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes

_PARAMS = {'cell': fakes.CELL}


class TestLock(base.RoundTrip):
    params: ClassVar[dict[str, Any]] = _PARAMS
    changes = ('lock',)

    def make(self, world: Any) -> steps.Step:
        return lock.Lock(world.cells, world)

    def test_reason(self) -> None:
        self.assertEqual('osc-recovery r1', self.clean().compute.reason)


class TestLockedBefore(base.RoundTrip):
    """An owner's lock and reason survive act and undo."""

    params: ClassVar[dict[str, Any]] = _PARAMS

    def make(self, world: Any) -> steps.Step:
        return lock.Lock(world.cells, world)

    def world(self) -> fakes.World:
        world = fakes.World()
        world.compute.locked, world.compute.reason = True, 'mine'
        return world


class TestUnlock(base.Journey):
    params: ClassVar[dict[str, Any]] = _PARAMS
    changes = ('unlock',)

    def make(self, world: Any) -> steps.Step:
        return lock.Unlock(world.cells, world)

    def world(self) -> fakes.World:
        world = fakes.World()
        world.compute.locked, world.compute.reason = True, 'osc-recovery r1'
        return world

    def test_undo_is_refused(self) -> None:
        world = self.world()
        error = self.assertRaises(
            exceptions.StepFailed,
            self.make(world).undo,
            world.task(**_PARAMS),
            {},
        )
        self.assertEqual('no-return', error.cause)


class TestNotOurs(base.StepTestCase):
    """Whoever locked it after us keeps the lock."""

    def test_others_lock(self) -> None:
        for reason in (None, 'mine', 'osc-recovery r2'):
            world: Any = fakes.World()
            world.compute.locked, world.compute.reason = True, reason
            step, task = lock.Unlock(world.cells, world), world.task(**_PARAMS)
            self.assertEqual(steps.Observation.DONE, step.observe(task, {}))
            self.assertEqual({'unlocked': False}, step.act(task, {}))
            lock.Lock(world.cells, world).undo(task, {'locked': False})
            self.assertEqual((True, reason), world.image()['lock'])

    def test_server_gone(self) -> None:
        world: Any = fakes.World()
        world.compute.gone = True
        error = self.assertRaises(
            exceptions.RowMismatch,
            lock.Lock(world.cells, world).prepare,
            world.task(**_PARAMS),
        )
        self.assertEqual('changed-since-plan', error.cause)

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

"""Moving an allocation, in one PUT."""

from typing import Any

from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import allocate
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

_SOURCE, _TARGET = (
    fakes.PROVIDERS[storage.SOURCE],
    fakes.PROVIDERS[storage.TARGET],
)
_RESOURCES = {'VCPU': 1, 'MEMORY_MB': 64}
_PARAMS = {
    'source_provider': _SOURCE,
    'target_provider': _TARGET,
    'resources': _RESOURCES,
}


class TestAllocate(base.RoundTrip):
    params = _PARAMS
    changes = ('put_allocation',)

    def make(self, world: Any) -> steps.Step:
        return allocate.Allocate(world)

    def test_only_the_target(self) -> None:
        self.assertEqual({_TARGET: _RESOURCES}, self.clean().placement.held)

    def test_others_generation(self) -> None:
        """Somebody wrote the same allocation again: read it, then PUT."""
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        world.placement.generation += 5
        step.act(task, world.intent)
        self.assertEqual({_TARGET: _RESOURCES}, world.placement.held)

    def test_lost_answer(self) -> None:
        """The PUT was done, its answer lost: the next one conflicts."""
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        step.act(task, world.intent)
        step.act(task, world.intent)
        self.assertEqual({_TARGET: _RESOURCES}, world.placement.held)

    def test_others_change(self) -> None:
        cases: tuple[Any, ...] = (
            {},
            {_SOURCE: _RESOURCES, _TARGET: _RESOURCES},
            {_SOURCE: {'VCPU': 2, 'MEMORY_MB': 64}},
            {'other': _RESOURCES},
        )
        for held in cases:
            world = self.world()
            step, task = self.prepared(world, self.make, self.params)
            world.placement.generation += 1
            world.placement.held = held
            self.assertEqual(
                steps.Observation.ASK, step.observe(task, world.intent)
            )
            for change in (step.act, step.undo):
                error = self.assertRaises(
                    exceptions.StepFailed, change, task, world.intent
                )
                self.assertEqual('placement-conflict', error.cause)
                self.assertEqual(held, world.placement.held)
            error = self.assertRaises(
                exceptions.RowMismatch, step.prepare, task
            )
            self.assertIn('allocation show', str(error))

    def test_endless_conflict(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        world.failing['put_allocation'] = exceptions.StepFailed(
            'conflict', 'placement-conflict'
        )
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertIn('keeps changing', str(error))

    def test_no_capacity(self) -> None:
        world = self.world()
        before = world.image()
        step, task = self.prepared(world, self.make, self.params)
        world.placement.full = True
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertEqual('no-capacity', error.cause)
        step.undo(task, world.intent)
        self.assertEqual(before, world.image())

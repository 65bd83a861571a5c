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

"""Preparing a binding beside the active one."""

from typing import Any

from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import bind
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

_PARAMS = {
    'port': fakes.PORT,
    'source': storage.SOURCE,
    'target': storage.TARGET,
    'vnic_type': 'normal',
}


class TestBind(base.RoundTrip):
    params = _PARAMS
    changes = ('create_binding',)

    def make(self, world: Any) -> steps.Step:
        return bind.Bind(world)

    def test_source_stays_active(self) -> None:
        self.assertEqual(
            {
                storage.SOURCE: ('ACTIVE', 'ovs'),
                storage.TARGET: ('INACTIVE', 'ovs'),
            },
            self.clean().network.found,
        )


class TestExisting(base.RoundTrip):
    """A good binding that was there before is used, and stays."""

    params = _PARAMS
    changes = ('create_binding',)

    def make(self, world: Any) -> steps.Step:
        return bind.Bind(world)

    def world(self) -> fakes.World:
        world = fakes.World()
        world.network.found[storage.TARGET] = ('INACTIVE', 'ovs')
        return world


class TestRefusals(base.StepTestCase):
    """What stops it."""

    def make(self, world: Any) -> steps.Step:
        return bind.Bind(world)

    def test_changed_since_plan(self) -> None:
        cases: tuple[dict[str, tuple[str, str]], ...] = (
            {},
            {storage.TARGET: ('ACTIVE', 'ovs')},
            {'compute9': ('ACTIVE', 'ovs')},
            {storage.SOURCE: ('INACTIVE', 'unbound')},
            {
                storage.SOURCE: ('ACTIVE', 'ovs'),
                storage.TARGET: ('ACTIVE', 'ovs'),
            },
        )
        for found in cases:
            world = fakes.World()
            world.network.found = dict(found)
            self.assertRaises(
                exceptions.RowMismatch,
                self.make(world).prepare,
                world.task(**_PARAMS),
            )

    def test_dead_agent(self) -> None:
        world = fakes.World()
        before = world.image()
        world.network.dead.add(storage.TARGET)
        step, task = self.prepared(world, self.make, _PARAMS)
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertEqual('binding-failed', error.cause)
        step.undo(task, world.intent)
        self.assertEqual(before, world.image())

    def test_bad_vif_type(self) -> None:
        """An existing binding does not bind: said, and then taken back."""
        for vif_type in ('binding_failed', 'unbound'):
            world = fakes.World()
            before = world.image()
            step, task = self.prepared(world, self.make, _PARAMS)
            world.network.found[storage.TARGET] = ('INACTIVE', vif_type)
            self.assertEqual(
                steps.Observation.SAFE, step.observe(task, world.intent)
            )
            error = self.assertRaises(
                exceptions.StepFailed, step.act, task, world.intent
            )
            self.assertEqual('binding-failed', error.cause)
            self.assertIn(vif_type, str(error))
            step.undo(task, world.intent)
            self.assertEqual(before, world.image())

    def test_stale_leftover(self) -> None:
        """A leftover that lost its vif_type is made anew, not activated."""
        world = fakes.World()
        world.network.found[storage.TARGET] = ('INACTIVE', 'unbound')
        step, task = self.prepared(world, self.make, _PARAMS)
        step.act(task, world.intent)
        self.assertEqual(
            ('INACTIVE', 'ovs'), world.network.found[storage.TARGET]
        )
        step.undo(task, world.intent)
        self.assertEqual(
            {storage.SOURCE: ('ACTIVE', 'ovs')}, world.network.found
        )

    def test_active_is_never_deleted(self) -> None:
        world = fakes.World()
        step, task = self.prepared(world, self.make, _PARAMS)
        step.act(task, world.intent)
        world.network.activate_binding(fakes.PORT, storage.TARGET)
        self.assertEqual(
            steps.Observation.ASK, step.observe(task, world.intent)
        )
        self.assertRaises(exceptions.StepFailed, step.undo, task, world.intent)
        self.assertIn(storage.TARGET, world.network.found)

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

"""Takes a step through every crash and every undo."""

from collections.abc import Callable
import json
from typing import Any, ClassVar

import fixtures

from osc_recovery.model import steps
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import points
from osc_recovery.tests.unit.steps import storage

#: crash positions tried before a step counts as endless
_MOST = 100


class StepTestCase(base.TestCase):
    """For tests of steps upon a world in memory."""

    def setUp(self) -> None:
        super().setUp()
        for name, fake in (
            ('attach.mappings', storage.Mappings()),
            ('move.moves', storage.Moves()),
            ('reattach.mappings', storage.Mappings()),
            ('detach.mappings', storage.Mappings()),
            ('row.repairs', storage.Repairs()),
            ('state.repairs', storage.Repairs()),
        ):
            self.useFixture(
                fixtures.MonkeyPatch(f'osc_recovery.steps.{name}', fake)
            )

    def prepared(
        self,
        world: fakes.World,
        make: Callable[[fakes.World], steps.Step],
        params: dict[str, Any],
    ) -> tuple[steps.Step, steps.Task]:
        """A step whose intent is in the journal, as JSON's types."""
        step, task = make(world), world.task(**params)
        intent = step.prepare(task)
        world.intent = json.loads(json.dumps(intent))
        return step, task


class Journey(StepTestCase):
    """Every crash of one kind of step; subclasses say which.

    ``make`` builds the step, ``params`` is its params, ``world`` a world in
    which it can begin.
    """

    params: ClassVar[dict[str, Any]] = {}
    #: changes that a clean act makes
    changes: tuple[str, ...] = ()

    def make(self, world: fakes.World) -> steps.Step:
        raise NotImplementedError

    def world(self) -> fakes.World:
        return fakes.World()

    def run_to(
        self, world: fakes.World, crash_at: int | None
    ) -> tuple[steps.Task, bool]:
        """Prepare and act; whether it died at the point."""
        step, task = self.prepared(world, self.make, self.params)
        world.passed.clear()
        world.crash_at = crash_at
        died = False
        try:
            step.act(task, dict(world.intent))
        except points.Crash:
            died = True
        world.crash_at = None
        return task, died

    def clean(self) -> fakes.World:
        """The world after a clean act."""
        world = self.world()
        _, died = self.run_to(world, None)
        self.assertFalse(died)
        return world

    def test_clean(self) -> None:
        world = self.clean()
        made = tuple(
            name.removeprefix('after ')
            for name in world.passed
            if name.startswith('after ') and name != 'after remember'
        )
        self.assertEqual(self.changes, made)
        self.assertNotIn(storage.SECRET, json.dumps(world.intent))
        step, task = self.make(world), world.task(**self.params)
        self.assertEqual(
            steps.Observation.DONE, step.observe(task, world.intent)
        )

    def test_crash_and_go_on(self) -> None:
        """Whatever point it dies at, a successor ends in the same place."""
        aim = self.clean()
        for position in range(_MOST):
            world = self.world()
            task, died = self.run_to(world, position)
            if not died:
                self.assertEqual(len(aim.passed), position)
                return
            self.go_on(world, task)
            self.assertEqual(aim.image(), world.image(), f'at {position}')
        self.fail('endless')

    def go_on(self, world: fakes.World, task: steps.Task) -> None:
        """What the engine does on resume: observe, then perhaps act."""
        step = self.make(world)
        seen = step.observe(task, world.intent)
        self.assertIn(seen, (steps.Observation.DONE, steps.Observation.SAFE))
        if seen is steps.Observation.SAFE:
            step.act(task, dict(world.intent))
        seen = step.observe(task, world.intent)
        self.assertEqual(steps.Observation.DONE, seen)


class RoundTrip(Journey):
    """A step that can be undone, from every point."""

    def test_undo(self) -> None:
        """From every point, undone exactly, also when undo itself dies."""
        before = self.world().image()
        for position in range(_MOST):
            world = self.world()
            task, died = self.run_to(world, position)
            self.make(world).undo(task, dict(world.intent))
            self.assertEqual(before, world.image(), f'at {position}')
            self.make(world).undo(task, dict(world.intent))
            self.assertEqual(before, world.image(), 'undone twice')
            self.crash_undo(position, before)
            if not died:
                return
        self.fail('endless')

    def crash_undo(self, position: int, before: Any) -> None:
        for undo_position in range(_MOST):
            world = self.world()
            task, _ = self.run_to(world, position)
            world.passed.clear()
            world.crash_at = undo_position
            try:
                self.make(world).undo(task, dict(world.intent))
            except points.Crash:
                world.crash_at = None
                self.make(world).undo(task, dict(world.intent))
                where = f'at {position}, undone at {undo_position}'
                self.assertEqual(before, world.image(), where)
            else:
                return
        self.fail('endless')

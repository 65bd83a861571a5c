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

"""Starting exactly once."""

import datetime
from typing import Any

from osc_recovery.cloud import errors
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base as step_base
from osc_recovery.steps import start
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

_PARAMS = {'cell': fakes.CELL}
_EVENT = 'compute_start_instance'


class _Host:
    """The target: sleeping lets it get on with what was submitted."""

    def __init__(self, world: fakes.World, result: str = 'Success') -> None:
        self._world = world
        self._result = result
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._world.compute.clock += datetime.timedelta(seconds=seconds)
        cell = self._world.cell
        for request, action in cell.actions:
            if action not in ('start', 'reboot'):
                continue
            if request not in cell.results:
                cell.results[request] = ((_EVENT, None),)
                cell.instance['task_state'] = 'powering-on'
            elif cell.results[request][0][1] is None:
                cell.results[request] = ((_EVENT, self._result),)
                cell.instance['task_state'] = None
                if self._result == 'Success':
                    cell.instance['vm_state'] = 'active'


def _world() -> fakes.World:
    world = fakes.World()
    world.cell.instance.update(host=storage.TARGET, vm_state='stopped')
    world.cell.actions.append(('req-1', 'start'))
    world.cell.results['req-1'] = ((_EVENT, 'Success'),)
    return world


class TestStart(base.Journey):
    """However often it dies, one start is sent."""

    params = _PARAMS
    changes = ('start',)

    def world(self) -> fakes.World:
        return _world()

    def make(self, world: Any) -> steps.Step:
        self.host = _Host(world)
        settings = step_base.Settings(start_timeout=5)
        return start.Start(world.cells, world, settings, self.host.sleep)

    def test_active(self) -> None:
        world = self.clean()
        self.assertEqual('active', world.cell.instance['vm_state'])
        self.assertEqual(3, len(world.cell.actions))
        self.assertEqual('req-start-2', world.intent['request'])
        self.assertEqual([1.0, 1.0], self.host.slept)

    def test_wait_before_sending_again(self) -> None:
        """Nothing was submitted, so far as one can see after a crash."""
        for passed, wait in ((0, 61.0), (40, 21.0), (61, 1.0)):
            world = self.world()
            task, died = self.run_to(world, 0)
            self.assertTrue(died)
            world.compute.clock += datetime.timedelta(seconds=passed)
            self.go_on(world, task)
            self.assertEqual(wait, self.host.slept[0])
            self.assertEqual(3, len(world.cell.actions))

    def test_arrives_while_waiting(self) -> None:
        """The killed process' request was still under way."""
        world = self.world()
        task, _ = self.run_to(world, 0)
        step = self.make(world)
        arrived = self.host.sleep

        def sleep(seconds: float) -> None:
            if len(world.cell.actions) == 2:
                world.cell.actions.append(('req-late', 'start'))
            arrived(seconds)

        fake: Any = world
        step = start.Start(fake.cells, fake, step_base.Settings(), sleep)
        self.assertEqual({'request': 'req-late'}, step.act(task, world.intent))
        self.assertEqual(3, len(world.cell.actions))

    def test_answer_without_request_id(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        sent = world.compute.start

        def start(uuid: str) -> str:
            sent(uuid)
            return ''

        world.compute.start = start  # type: ignore
        self.assertEqual(
            {'request': 'req-start-2'}, step.act(task, world.intent)
        )

    def test_somebody_else_rebooted(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        world.cell.actions.append(('req-other', 'reboot'))
        self.assertEqual(
            {'request': 'req-other'}, step.act(task, world.intent)
        )

    def test_other_actions_do_not_count(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        world.cell.actions.append(('req-other', 'lock'))
        step.act(task, world.intent)
        self.assertEqual(('req-start-3', 'start'), world.cell.actions[-1])

    def test_somebody_was_faster(self) -> None:
        """409, and the action that explains it."""
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        listed = world.cell.action_request_ids

        def first_without(uuid: str) -> Any:
            found = listed(uuid)
            world.cell.action_request_ids = listed  # type: ignore
            world.cell.actions.append(('req-other', 'start'))
            world.cell.instance['task_state'] = 'powering-on'
            return found

        world.cell.action_request_ids = first_without  # type: ignore
        self.assertEqual(
            {'request': 'req-other'}, step.act(task, world.intent)
        )


class TestFailures(base.StepTestCase):
    """What it says when the server does not start."""

    def made(
        self, world: Any, result: str = 'Success', **settings: Any
    ) -> tuple[steps.Step, steps.Task]:
        def make(world: Any) -> steps.Step:
            host = _Host(world, result)
            return start.Start(
                world.cells, world, step_base.Settings(**settings), host.sleep
            )

        return self.prepared(world, make, _PARAMS)

    def test_event_error(self) -> None:
        """The driver refuses: SHUTOFF, no task, no fault, but an event."""
        world = _world()
        step, task = self.made(world, 'Error')
        for _ in range(2):
            error = self.assertRaises(
                exceptions.StepFailed, step.act, task, world.intent
            )
            self.assertEqual('start-failed', error.cause)
            self.assertIn(f'{_EVENT} ended with Error', str(error))
            self.assertIn('server event show', str(error))
            self.assertEqual(
                steps.Observation.SAFE, step.observe(task, world.intent)
            )
        self.assertEqual(3, len(world.cell.actions))

    def test_started_by_hand_after_an_error(self) -> None:
        world = _world()
        step, task = self.made(world, 'Error')
        self.assertRaises(exceptions.StepFailed, step.act, task, world.intent)
        world.cell.actions.append(('req-hand', 'start'))
        world.cell.results['req-hand'] = ((_EVENT, 'Success'),)
        world.cell.instance['vm_state'] = 'active'
        self.assertEqual(
            steps.Observation.DONE, step.observe(task, world.intent)
        )

    def test_success_is_not_enough(self) -> None:
        """The event says Success, but the server has yet to be active."""
        for vm_state, task_state in (
            ('stopped', None),
            ('active', 'powering-off'),
        ):
            world = _world()
            step, task = self.made(world)
            world.cell.actions.append(('req-2', 'start'))
            world.cell.results['req-2'] = ((_EVENT, 'Success'),)
            world.cell.instance.update(
                vm_state=vm_state, task_state=task_state
            )
            self.assertEqual(
                steps.Observation.SAFE, step.observe(task, world.intent)
            )

    def test_timeout(self) -> None:
        world = _world()
        step, task = self.made(world, start_timeout=-1.0)
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertEqual('start-timeout', error.cause)

    def test_refused(self) -> None:
        for status in (403, 409):
            world = _world()
            step, task = self.made(world)
            world.failing['start'] = errors.Refused('no', 'x', status)
            error = self.assertRaises(
                errors.Refused, step.act, task, world.intent
            )
            self.assertEqual(status, error.status)

    def test_undo_is_refused(self) -> None:
        world = _world()
        step, task = self.made(world)
        error = self.assertRaises(
            exceptions.StepFailed, step.undo, task, world.intent
        )
        self.assertEqual('no-return', error.cause)

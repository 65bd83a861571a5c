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

"""Stopping once, and starting again when it has to be taken back."""

import datetime
from typing import Any, ClassVar

from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base as step_base
from osc_recovery.steps import stop
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import points

_AFTER = {'stop': 'stopped', 'start': 'active'}


class _Host:
    """Sleeping lets the host get on with what was submitted."""

    def __init__(self, world: fakes.World, result: str = 'Success') -> None:
        self._world = world
        self._result = result

    def sleep(self, seconds: float) -> None:
        self._world.compute.clock += datetime.timedelta(seconds=seconds)
        cell = self._world.cell
        for request, action in cell.actions[1:]:
            if request not in cell.results:
                cell.results[request] = ((f'compute_{action}', self._result),)
                if self._result == 'Success':
                    cell.instance['vm_state'] = _AFTER[action]


class TestStop(base.Journey):
    params: ClassVar[dict[str, Any]] = {
        'cell': fakes.CELL,
        'vm_state': 'active',
    }
    changes = ('stop',)
    result = 'Success'

    def make(self, world: Any) -> steps.Step:
        host = _Host(world, self.result)
        settings = step_base.Settings(start_timeout=5)
        return stop.Stop(world.cells, world, settings, host.sleep)

    def test_stopped(self) -> None:
        world = self.clean()
        self.assertEqual('stopped', world.cell.instance['vm_state'])
        self.assertEqual(2, len(world.cell.actions))

    def test_undo(self) -> None:
        """It runs again, wherever act died, and wherever undo does."""
        for position in range(9):
            world = self.world()
            task, died = self.run_to(world, position)
            self.undo_with_crashes(world, task)
            self.assertEqual('active', world.cell.instance['vm_state'])
            names = [action for _, action in world.cell.actions]
            self.assertLessEqual(names.count('start'), 1)
            if not died:
                return
        self.fail('endless')

    def undo_with_crashes(self, world: fakes.World, task: steps.Task) -> None:
        for position in range(20):
            world.passed.clear()
            world.crash_at = position
            try:
                self.make(world).undo(task, dict(world.intent))
            except points.Crash:
                continue
            finally:
                world.crash_at = None
            return
        self.fail('endless')

    def test_undo_of_a_server_in_error(self) -> None:
        world = self.world()
        world.cell.instance['vm_state'] = 'error'
        params = {**self.params, 'vm_state': 'error'}
        step, task = self.prepared(world, self.make, params)
        step.act(task, world.intent)
        self.assertEqual('stopped', world.cell.instance['vm_state'])
        step.undo(task, world.intent)
        self.assertEqual('error', world.cell.instance['vm_state'])

    def test_a_host_that_cannot(self) -> None:
        self.result = 'Error'
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertEqual('stop-failed', error.cause)
        step.undo(task, world.intent)
        self.assertEqual('active', world.cell.instance['vm_state'])

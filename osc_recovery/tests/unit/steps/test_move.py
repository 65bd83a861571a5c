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

"""The step around the database transaction."""

from typing import Any

from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import move
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

_PARAMS = {
    'cell': fakes.CELL,
    'source': {
        'host': storage.SOURCE,
        'node': storage.SOURCE,
        'compute_id': 4,
    },
    'target': {
        'host': storage.TARGET,
        'node': storage.TARGET,
        'compute_id': 6,
        'zone': 'nova',
    },
    'vm_state': 'active',
    'task_state': None,
    'zone': 'nova',
}


class TestMove(base.RoundTrip):
    params = _PARAMS
    changes = ('move',)

    def make(self, world: Any) -> steps.Step:
        return move.Move(world.cells)

    def test_tombstone_is_in_the_intent(self) -> None:
        world = self.clean()
        self.assertEqual([world.intent['tombstone']], world.cell.tombstones)

    def test_changed_since_plan(self) -> None:
        for column, value in (
            ('host', 'compute9'),
            ('node', 'compute9'),
            ('vm_state', 'error'),
            ('task_state', 'powering-on'),
        ):
            world = self.world()
            world.cell.instance[column] = value
            error = self.assertRaises(
                exceptions.RowMismatch,
                self.make(world).prepare,
                world.task(**self.params),
            )
            self.assertIn(f'its {column} is {value}', str(error))

    def test_changed_since_prepare(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        world.cell.instance['host'] = 'compute9'
        self.assertRaises(exceptions.RowMismatch, step.act, task, world.intent)
        self.assertEqual(
            steps.Observation.ASK, step.observe(task, world.intent)
        )

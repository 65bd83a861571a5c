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

"""Moves a server's rows in its cell's database to the target host.

The transaction itself is osc_recovery.db.moves'; here it is fixed what it
is given: the before-image and the tombstone's uuid.
"""

from collections.abc import Mapping
from typing import Any
import uuid

from osc_recovery.db import moves
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import steps

#: what the plan rests on, by the name of the instances column
_EXPECTED = ('vm_state', 'task_state')


class Move:
    """Params: cell, source, target, vm_state, task_state, zone, ...

    source and target hold host, node and compute_id.  The node must be set
    with the host: nova's resource tracker reads servers by both
    (compute/resource_tracker.py, _update_available_resource).
    """

    kind = 'move'

    def __init__(self, cells: Mapping[str, nova_cell.NovaCell]) -> None:
        self._cells = cells

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Read the before-image; raises RowMismatch when it is another."""
        source = task.params['source']
        before = moves.before_image(
            self._cell(task),
            task.subject,
            source['host'],
            task.params['target']['host'],
        )
        expected = {name: task.params[name] for name in _EXPECTED}
        expected |= {'host': source['host'], 'node': source['node']}
        for name, value in expected.items():
            if before['instance'][name] != value:
                raise exceptions.RowMismatch(
                    f'server {task.name} has changed: its {name} is '
                    f'{before["instance"][name]} and not {value}; make a '
                    f'new plan'
                )
        return {'before': before, 'tombstone': str(uuid.uuid4())}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when the row is on the target beside our tombstone."""
        return moves.moved(
            self._cell(task), self._params(task), intent['tombstone']
        )

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Move it, in one transaction that compares before it writes."""
        moves.move(
            self._cell(task),
            self._params(task),
            intent['before'],
            intent['tombstone'],
        )
        return {'tombstone': intent['tombstone']}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Bring the before-image back, updated_at included."""
        moves.move_back(
            self._cell(task),
            self._params(task),
            intent['before'],
            intent['tombstone'],
        )

    def _cell(self, task: steps.Task) -> nova_cell.NovaCell:
        return self._cells[task.params['cell']]

    def _params(self, task: steps.Task) -> dict[str, Any]:
        return {**task.params, 'uuid': task.subject}

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

"""Calls a server active or in error, by way of nova's API."""

from collections.abc import Mapping
from typing import Any

from osc_recovery.cloud import session
from osc_recovery.db import nova_cell
from osc_recovery.db import repairs
from osc_recovery.model import steps


class ResetState:
    """Params: cell, expected, values, retire and tombstone (None).

    Those of ``set-row``: what the row is compared with, and what the call
    makes of it (nova/api/openstack/compute/admin_actions.py, _reset_state:
    vm_state, and no task).
    """

    kind = 'reset-state'

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        clouds: session.Clouds,
    ) -> None:
        self._cells = cells
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Read the before-image; raises RowMismatch when it is another."""
        return {
            'before': repairs.before_image(
                self._cell(task), task.subject, task.params
            )
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when the row has the state."""
        return repairs.observe(
            self._cell(task), task.subject, task.params, intent['before'], ''
        )

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Send it, unless the row has the state."""
        if self.observe(task, intent) is not steps.Observation.DONE:
            self._clouds.compute.reset_state(
                task.subject, task.params['values']['vm_state']
            )
        return {}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Bring the row back: nova's API has no way to give a task back."""
        repairs.change_back(
            self._cell(task), task.subject, task.params, intent['before'], ''
        )

    def _cell(self, task: steps.Task) -> nova_cell.NovaCell:
        return self._cells[task.params['cell']]

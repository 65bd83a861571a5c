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

"""Sets columns of a server's row, as db/repairs.py does it."""

from collections.abc import Mapping
from typing import Any
import uuid

from osc_recovery.db import nova_cell
from osc_recovery.db import repairs
from osc_recovery.model import steps


class SetRow:
    """Params: cell, expected, values, retire, tombstone.

    ``expected`` and ``values`` are columns of instances; ``retire`` is the
    host whose destroying evacuation rows are retired, or None;
    ``tombstone`` what one is made of (those of the step ``move``), or None.
    """

    kind = 'set-row'

    def __init__(self, cells: Mapping[str, nova_cell.NovaCell]) -> None:
        self._cells = cells

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Read the before-image; raises RowMismatch when it is another."""
        before = repairs.before_image(
            self._cell(task), task.subject, task.params
        )
        return {'before': before, 'tombstone': str(uuid.uuid4())}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when the row holds the values, beside our tombstone."""
        return repairs.observe(self._cell(task), *self._of(task, intent))

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Change it, in one transaction that compares before it writes."""
        repairs.change(self._cell(task), *self._of(task, intent))
        return {}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Bring the before-image back, updated_at included."""
        repairs.change_back(self._cell(task), *self._of(task, intent))

    def _cell(self, task: steps.Task) -> nova_cell.NovaCell:
        return self._cells[task.params['cell']]

    def _of(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any], str]:
        return (
            task.subject,
            task.params,
            intent['before'],
            intent['tombstone'],
        )

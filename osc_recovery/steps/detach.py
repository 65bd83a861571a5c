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

"""Deletes an attachment of cinder that none of nova's mappings names."""

from collections.abc import Mapping
from typing import Any

from osc_recovery.cloud import session
from osc_recovery.db import mappings
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base


class DropAttachment(base.ForwardOnly):
    """Params: cell, volume, attachment.

    What nova itself does at a hard reboot (compute/manager.py,
    _delete_dangling_bdms).  cinder withdraws the export; an attachment that
    is deleted does not come back with its id.
    """

    kind = 'drop-attachment'

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        clouds: session.Clouds,
    ) -> None:
        self._cells = cells
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Raise RowMismatch when a mapping names it after all."""
        self._unnamed(task)
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when cinder does not list it."""
        listed = self._clouds.volume.attachments_of(
            task.params['volume'], task.subject
        )
        if task.params['attachment'] in {row['id'] for row in listed}:
            return steps.Observation.SAFE
        return steps.Observation.DONE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Delete it; gone is fine."""
        self._unnamed(task)
        self._clouds.volume.delete_attachment(task.params['attachment'])
        return {}

    def _unnamed(self, task: steps.Task) -> None:
        attachment = task.params['attachment']
        cell = self._cells[task.params['cell']]
        if mappings.named(cell, attachment):
            raise exceptions.RowMismatch(
                f'a block device mapping of {task.name} names attachment '
                f'{attachment}; audit again'
            )

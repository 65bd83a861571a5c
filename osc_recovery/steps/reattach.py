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

"""Gives a mapping an attachment again that cinder does not have any more.

As the step ``attach``, with nothing to take off the storage first: cinder
calls the volume available, because whoever reset it deleted the attachment
there and left nova's mapping.
"""

from typing import Any

from osc_recovery.db import mappings
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import attach


class Reattach(attach.Attach):
    """Params: those of ``attach``; ``attachment`` may be None.

    ``attachment`` is what the mapping names; cinder must not have it.
    """

    kind = 'reattach'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Compare the mapping with the plan, and ask cinder."""
        row, listed = self._row(task), self._listed(task)
        old = task.params['attachment']
        if (
            row['attachment_id'] != old
            or row['connection_digest'] != task.params['connection_digest']
            or old in listed
        ):
            raise exceptions.RowMismatch(
                f'volume {task.params["volume"]} of {task.name} is not '
                f'detached as the plan says; audit again'
            )
        return {'multiattach': self._multiattach(task)}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Let the mapping name what it named, and delete the new one.

        connection_info that led nowhere is not brought back: it may hold
        secrets and is kept nowhere.
        """
        listed = self._listed(task)
        old, new = task.params['attachment'], intent.get('new')
        row = self._row(task)
        if new is not None and row['attachment_id'] == new:
            mappings.repoint_mapping(
                self._cell(task), task.params['mapping'], new, old
            )
        elif row['attachment_id'] != old:
            raise exceptions.RowMismatch(
                f'volume {task.params["volume"]} of {task.name} was '
                f'attached by somebody else; look at "openstack volume '
                f'attachment list --volume-id {task.params["volume"]}"'
            )
        for attachment, status in listed.items():
            if attachment == new or status == attach.BLANK:
                self._clouds.volume.delete_attachment(attachment)

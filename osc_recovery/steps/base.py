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

"""What the steps have in common."""

import dataclasses
from typing import Any

from osc_recovery import exceptions
from osc_recovery.model import steps


@dataclasses.dataclass(frozen=True)
class Settings:
    """How long steps wait, in seconds."""

    #: for a server to have started
    start_timeout: float = 300.0
    #: for another server's attachment to be out of the way
    step_timeout: float = 120.0
    #: between two looks at the database
    poll_interval: float = 1.0


class ForwardOnly:
    """A step behind the point of no return: it is never undone.

    Activating a port binding empties the former one for good, and a guest
    that has started has written to its disks.
    """

    kind: str

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Refuse: raises StepFailed."""
        raise exceptions.StepFailed(
            f'{self.kind} of {task.name} is not undone: from here on a '
            f'server only goes forward; resume the run',
            cause='no-return',
        )

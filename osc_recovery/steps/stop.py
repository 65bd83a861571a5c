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

"""Stops a server whose volumes can only be exchanged while it is off."""

import contextlib
from typing import Any

from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import start


class Stop(start.Start):
    """Params: cell, vm_state, the one before.

    The same rules as for a start: an action that is new since the intent
    means that a request was submitted, and it is waited for.  nova stops
    servers in error, too (nova/compute/api.py, stop).
    """

    kind = 'stop'
    actions = ('stop',)
    wanted = 'stopped'

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Start it, once; one that was in error is called so again.

        The request's intent is durable before it is sent, as that of the
        step ``start`` is.
        """
        self._settle(task, intent)
        state = self._cell(task).states([task.subject]).get(task.subject)
        if state is None or state[1] == task.params['vm_state']:
            return
        if task.params['vm_state'] == 'error':
            self._clouds.compute.reset_state(task.subject, 'error')
            return
        starter = start.Start(
            self._cells, self._clouds, self._settings, self._sleep
        )
        known = intent.get('undo')
        if known is None:
            known = starter.prepare(task)
            task.remember({'undo': known})
        starter.act(task, known)

    def _settle(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Wait for a stop that may be under way; it may well have failed."""
        request = self._submitted(task, intent)
        if not request:
            self._outwait(task, intent)
            request = self._submitted(task, intent)
        if request:
            with contextlib.suppress(exceptions.StepFailed):
                self._wait(task, request)

    def _request(self, task: steps.Task) -> str:
        return self._clouds.compute.stop(task.subject)

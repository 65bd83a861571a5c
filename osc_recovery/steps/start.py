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

"""Starts a server on its new host, exactly once.

nova writes an instance action before it casts the request to the host, so
an action that was not there at the intent means that a request was
submitted, whoever sent it; it is then waited for and never sent again.
"""

from collections.abc import Callable, Mapping
import datetime
import time
from typing import Any

from osc_recovery.cloud import errors
from osc_recovery.cloud import session
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base


class Start(base.ForwardOnly):
    """Params: cell.  The server is stopped, and on a host that is up."""

    kind = 'start'
    #: the actions that boot a guest, and how it is afterwards
    actions: tuple[str, ...] = ('start', 'reboot')
    wanted = 'active'

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        clouds: session.Clouds,
        settings: base.Settings,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cells = cells
        self._clouds = clouds
        self._settings = settings
        self._sleep = sleep
        # Only who wrote the intent knows that nothing was sent after it.
        self._prepared: set[tuple[str, str]] = set()

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note every instance action, nova's clock and our time limit."""
        known = self._cell(task).action_request_ids(task.subject)
        self._prepared.add((task.run_id, task.subject))
        return {
            'actions': [request for request, _ in known],
            'at': self._clouds.compute.now().isoformat(),
            'limit': self._clouds.compute.time_limit,
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when a new start has succeeded; acting is always safe.

        A start that failed is told by act, which does not send another.
        """
        request = self._submitted(task, intent)
        try:
            done = bool(request) and self._finished(task, request)
        except exceptions.StepFailed:
            done = False
        return steps.Observation.DONE if done else steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Send a start unless there is one, and wait until it is done.

        Raises StepFailed with cause 'start-failed' when the event says
        Error, and 'start-timeout'.
        """
        fresh = (task.run_id, task.subject) in self._prepared
        self._prepared.discard((task.run_id, task.subject))
        request = self._submitted(task, intent)
        if not request and not fresh:
            self._outwait(task, intent)
            request = self._submitted(task, intent)
        request = request or self._send(task, intent)
        self._wait(task, request)
        return {'request': request}

    def _send(self, task: steps.Task, intent: dict[str, Any]) -> str:
        try:
            request = self._request(task)
        except errors.Refused as exc:
            # 409: its state forbids it, perhaps as somebody was faster.
            submitted = self._submitted(task, intent)
            if exc.status != 409 or not submitted:
                raise
            return submitted
        if not request:
            return self._submitted(task, intent)
        task.remember({'request': request})
        return request

    def _request(self, task: steps.Task) -> str:
        return self._clouds.compute.start(task.subject)

    def _outwait(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Wait until a request of a killed process can no longer arrive."""
        sent = datetime.datetime.fromisoformat(intent['at'])
        passed = (self._clouds.compute.now() - sent).total_seconds()
        # One second more: an HTTP date is whole seconds.
        left = intent['limit'] + 1 - passed
        if left > 0:
            task.tell(
                f'waiting {left:.0f} s: an earlier {self.kind} may be under '
                f'way'
            )
            self._sleep(left)

    def _wait(self, task: steps.Task, request: str) -> None:
        deadline = time.monotonic() + self._settings.start_timeout
        while not self._finished(task, request):
            if time.monotonic() > deadline:
                raise exceptions.StepFailed(
                    f'server {task.name}: {self.kind} has not ended after '
                    f'{self._settings.start_timeout:.0f} s; look at '
                    f'"openstack server event show {task.subject} '
                    f'{request}" and resume the run',
                    cause=f'{self.kind}-timeout',
                )
            self._sleep(self._settings.poll_interval)

    def _finished(self, task: steps.Task, request: str) -> bool:
        """Whether the server runs; raises StepFailed when it cannot.

        The status alone does not tell: nova's drivers may refuse and leave
        the server stopped, without a task or a fault.
        """
        cell = self._cell(task)
        result = cell.action_results(task.subject, request)
        outcomes = dict(result.events) if result else {}
        for event, outcome in outcomes.items():
            if outcome == 'Error':
                raise exceptions.StepFailed(
                    f'server {task.name} did not {self.kind}: {event} ended '
                    f'with Error; see "openstack server event show '
                    f'{task.subject} {request}" and nova-compute\'s log on '
                    f'its host',
                    cause=f'{self.kind}-failed',
                )
        if 'Success' not in outcomes.values():
            return False
        state = cell.states([task.subject]).get(task.subject)
        return state is not None and state[1:3] == (self.wanted, None)

    def _submitted(self, task: steps.Task, intent: dict[str, Any]) -> str:
        """The request id of the newest start that came after the intent."""
        known = set(intent['actions'])
        now = self._cell(task).action_request_ids(task.subject)
        new = [
            request
            for request, action in now
            if action in self.actions and request not in known
        ]
        return new[-1] if new else str(intent.get('request', ''))

    def _cell(self, task: steps.Task) -> nova_cell.NovaCell:
        return self._cells[task.params['cell']]

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
"""Evacuates a server with nova, never submitting it twice.

nova itself would take a second submission while the first is under way
(compute/api.py, evacuate: the task is not looked at), so everything is
read back first: an evacuation that was not there at the intent is ours,
whoever sent it, and is waited for.
"""

from collections.abc import Callable, Mapping
import time
from typing import Any

from osc_recovery.cloud import session
from osc_recovery.db import evacuating
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import attempting
from osc_recovery.steps import base
from osc_recovery.steps import following
from osc_recovery.steps import tools
from osc_recovery.steps import verdicts

_DEFAULTS = tools.Pace()


class Evacuate(base.ForwardOnly):
    """An evacuation that is waited for.

    Params: cell, source, target (None: nova's scheduler chooses), others
    (targets for a retry), vm_state, task_state, microversion, providers
    (those of the allocation before).

    Nothing is undone: what nova has begun it finishes, or fails, itself.
    No lock is taken: nova does not look at it here, and an admin's lock
    would replace an owner's.
    """

    kind = 'evacuate'

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        clouds: session.Clouds,
        around: tools.Surroundings,
        pace: tools.Pace = _DEFAULTS,
        sleep: Callable[[float], None] | None = None,
        clock: following.Clock = time.monotonic,
    ) -> None:
        follower = following.Follower(cells, pace.poll_interval, clock)
        self._cells = cells
        self._tools = tools.Tools(
            cells, clouds, around, pace, follower, clock, sleep
        )

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note every evacuation that there is: all of them are over."""
        params = task.params
        found = self._read(task)
        planned = (params['source'], params['vm_state'], params['task_state'])
        if found is None:
            raise exceptions.RowMismatch(f'server {task.name} is gone')
        now = (found.host, found.vm_state, found.task_state)
        if now != planned:
            raise exceptions.RowMismatch(
                f'server {task.name} was planned {_words(*planned)} and is '
                f'{_words(*now)}'
            )
        for attempt in found.attempts:
            if attempt.status in evacuating.UNDER_WAY:
                raise exceptions.RowMismatch(
                    f'server {task.name}: evacuation {attempt.id} is '
                    f'{attempt.status} and not of this run'
                )
        known = self._cells[params['cell']].action_request_ids(task.subject)
        return {
            'over': [attempt.id for attempt in found.attempts],
            'actions': [request for request, _ in known],
            'sent': 0,
            'dead': [],
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it lives elsewhere; acting looks before it sends."""
        verdict = verdicts.judge(
            self._read(task), task.params['source'], intent['over']
        )
        if verdict is verdicts.Verdict.DONE:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Submit it unless it was, and wait until it lives elsewhere.

        Raises StepFailed with the causes 'no-valid-host',
        'evacuation-refused', 'evacuation-failed', 'evacuation-timeout',
        'target-died' and 'server-missing'; Interrupted while waiting.
        """
        cell = task.params['cell']
        follower = self._tools.follower
        follower.follow(cell, task.subject)
        try:
            return attempting.Evacuation(self._tools, task, dict(intent)).run()
        finally:
            follower.leave(cell, task.subject)

    def _read(self, task: steps.Task) -> evacuating.Seen | None:
        cell = self._cells[task.params['cell']]
        return evacuating.seen(cell, [task.subject]).get(task.subject)


def _words(host: str | None, vm_state: str, task_state: str | None) -> str:
    return f'{vm_state} on {host} with task {task_state or "none"}'

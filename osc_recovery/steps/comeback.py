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

"""After a repaired host's nova-compute has started: wait, trust, use."""

from collections.abc import Callable, Mapping
import time
from typing import Any

from osc_recovery.cloud import session
from osc_recovery.db import homecoming
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base
from osc_recovery.steps import fence

#: nova keeps its scheduler from a provider with it (os-traits)
DISABLED_TRAIT = 'COMPUTE_STATUS_DISABLED'
_UP = 'up'

Sleep = Callable[[float], None]


class Await(base.ForwardOnly):
    """nova-compute starts and cleans up; params: cell, wait in seconds.

    nova-compute completes its evacuation rows before it reports for the
    first time (nova/service.py, start: init_host goes first), and destroys
    its copy of a server before it completes the row.
    """

    kind = 'return-await'

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        settings: base.Settings,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._cells = cells
        self._settings = settings
        self._sleep = sleep

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note when it had reported last, and what is to be cleaned up."""
        cell = self._cell(task)
        return {
            'heartbeat': list(cell.heartbeats(task.subject)),
            'evacuations': [
                row.id for row in homecoming.evacuated(cell, task.subject)
            ],
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it reports and nothing is left to be cleaned up."""
        if self._reports(task, intent) and not self._left(task):
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Say what to do and wait; raises Interrupted when nobody does it.

        Raises StepFailed (cause 'cleanup-incomplete') when nova-compute
        reports and leaves evacuations behind.
        """
        self._wait_for_report(task, intent)
        self._wait_for_cleanup(task)
        return {'cleaned': len(intent['evacuations'])}

    def _wait_for_report(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> None:
        seconds = task.params['wait']
        if 'gave_up' in intent:
            # Who resumes the run has started it.
            seconds = max(seconds, self._settings.step_timeout)
        deadline = time.monotonic() + seconds
        if not self._reports(task, intent):
            task.tell(
                f'start nova-compute on {task.name} now; it is waited for '
                f'{seconds:.0f} s'
            )
        while not self._reports(task, intent):
            if time.monotonic() > deadline:
                task.tell(
                    f'nova-compute on {task.name} does not report yet: '
                    'start it, then resume the run'
                )
                task.remember({'gave_up': True})
                raise exceptions.Interrupted
            self._pause(task)

    def _wait_for_cleanup(self, task: steps.Task) -> None:
        deadline = time.monotonic() + self._settings.step_timeout
        told = None
        while left := self._left(task):
            if left != told:
                task.tell(f'nova has {left} evacuations to clean up')
                told = left
            if time.monotonic() > deadline:
                raise exceptions.StepFailed(
                    f'nova-compute on {task.name} reports, but has not '
                    f'cleaned up {left} evacuations: look into its log, '
                    'restart it, and resume the run',
                    cause='cleanup-incomplete',
                )
            self._pause(task)

    def _pause(self, task: steps.Task) -> None:
        """Wait a moment; Ctrl-C loses nothing here."""
        if task.stop.is_set():
            raise exceptions.Interrupted
        self._sleep(self._settings.poll_interval)

    def _reports(self, task: steps.Task, intent: dict[str, Any]) -> bool:
        now = list(self._cell(task).heartbeats(task.subject))
        return bool(now != intent['heartbeat'])

    def _left(self, task: steps.Task) -> int:
        return len(homecoming.evacuated(self._cell(task), task.subject))

    def _cell(self, task: steps.Task) -> nova_cell.NovaCell:
        return self._cells[task.params['cell']]


class Up(fence.Service):
    """nova trusts the host's reports again; params: service (its uuid)."""

    kind = 'return-up'

    def __init__(
        self,
        clouds: session.Clouds,
        settings: base.Settings,
        sleep: Sleep = time.sleep,
    ) -> None:
        super().__init__(clouds)
        self._settings = settings
        self._sleep = sleep

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note the state before, for the report."""
        return {'forced_down': bool(self.read(task)['forced_down'])}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is not forced down, and up."""
        found = self.read(task)
        if not found['forced_down'] and found['state'] == _UP:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Un-force it (PUT os-services, 2.53) and wait until it is up.

        nova refuses (400) while evacuations of the host are not cleaned up.
        """
        if self.read(task)['forced_down']:
            self.clouds.compute.force_down(task.params['service'], False)
        _wait(
            task,
            self._settings,
            self._sleep,
            lambda: self.read(task)['state'] == _UP,
            f'nova-compute on {task.name} is not up for nova',
        )
        return {}


class Enable(fence.Service):
    """nova's scheduler may choose the host; params: service, provider.

    It has to be up before: enabling a service that is down leaves the
    trait at its provider until the service is restarted (nova/compute/
    api.py, _update_compute_provider_status).
    """

    kind = 'return-enable'

    def __init__(
        self,
        clouds: session.Clouds,
        settings: base.Settings,
        sleep: Sleep = time.sleep,
    ) -> None:
        super().__init__(clouds)
        self._settings = settings
        self._sleep = sleep

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note the state before, for the report."""
        found = self.read(task)
        return {
            'status': found['status'],
            'disabled_reason': found['disabled_reason'],
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is enabled, in placement too."""
        if self.read(task)['status'] == 'enabled' and self._open(task):
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Enable it and wait until placement offers it."""
        if self.read(task)['status'] != 'enabled':
            self.clouds.compute.enable(task.params['service'])
        _wait(
            task,
            self._settings,
            self._sleep,
            lambda: self._open(task),
            f'{task.name} is enabled, but its provider still has the trait '
            f'{DISABLED_TRAIT}',
        )
        return {}

    def _open(self, task: steps.Task) -> bool:
        traits = self.clouds.placement.traits(task.params['provider'])
        return DISABLED_TRAIT not in traits


def _wait(
    task: steps.Task,
    settings: base.Settings,
    sleep: Sleep,
    reached: Callable[[], bool],
    otherwise: str,
) -> None:
    """Wait until something is reached, as long as a step may take."""
    deadline = time.monotonic() + settings.step_timeout
    while not reached():
        if task.stop.is_set():
            raise exceptions.Interrupted
        if time.monotonic() > deadline:
            raise exceptions.StepFailed(
                f'{otherwise} after {settings.step_timeout:.0f} s; look into '
                'its log, then resume the run',
                cause='return-timeout',
            )
        sleep(settings.poll_interval)

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

"""Cuts a host's power with its fence agent, and records the proof."""

from collections.abc import Callable
import time
from typing import Any, Protocol

from osc_recovery import exceptions
from osc_recovery.fencing import base as fencing
from osc_recovery.model import steps
from osc_recovery.steps import base

_TELL_EVERY = 10.0
#: looks at the heartbeats after the power is off: reports that were under
#: way may still be written during the first
_LOOKS = 2


class Book(Protocol):
    """Where proofs are kept, and who listens to the host."""

    def record(self, task: steps.Task, said: str) -> None:
        """Keep the proof that the host of the task is off."""

    def recorded(self, task: steps.Task) -> bool:
        """Whether the proof of this run is kept already."""

    def alive(self, task: steps.Task) -> tuple[str, ...]:
        """Signs of life over two report intervals; waits for them."""


class Power(base.ForwardOnly):
    """Off, and proven off; params: method, cell, alive, shown.

    It comes before the service is forced down, because forced down means
    "is dead" to everyone who then moves its servers.  Nothing is taken
    back: nobody powers on a host that may be broken.
    """

    kind = 'fence-power'

    def __init__(
        self,
        driver: Callable[[str, str], fencing.Driver],
        book: Book,
        settings: base.Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._driver = driver
        self._book = book
        self._settings = settings
        self._clock = clock

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note the power before; an agent that cannot tell ends it here."""
        return {'power': self._made(task).status().power.value}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is off now and the proof is kept."""
        answer = self._made(task).status()
        if answer.power is fencing.Power.OFF and self._book.recorded(task):
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Switch it off, ask until it is off, and keep the answer."""
        driver = self._made(task)
        answer = driver.status()
        if answer.power is not fencing.Power.OFF:
            answer = self._off(task, driver)
        self._require_silence(task)
        self._book.record(task, answer.said)
        return {'power': answer.power.value, 'said': answer.said}

    def _made(self, task: steps.Task) -> fencing.Driver:
        """The driver, if it still does what the plan has shown."""
        driver = self._driver(task.params['method'], task.subject)
        if driver.shown() != task.params['shown']:
            raise exceptions.RowMismatch(
                f'the fence agent of {task.name} is not configured as it '
                'was when the plan was made; make a new plan'
            )
        return driver

    def _off(self, task: steps.Task, driver: fencing.Driver) -> fencing.Answer:
        """Send "off" once and wait for the status to say so.

        Raises Interrupted on Ctrl-C: who goes on asks again first.
        """
        limit = self._clock() + driver.patience
        told = self._clock()
        complaint = driver.off()
        while True:
            said = ''
            try:
                answer = driver.status()
                if answer.power is fencing.Power.OFF:
                    return answer
            except fencing.AgentFailed as exc:
                said = str(exc)
            now = self._clock()
            if now >= limit:
                raise fencing.AgentFailed(
                    f'{task.name} is not proven off {driver.patience:g} s '
                    f'after its power was cut: {said or answer.said}'
                    f'{_also(complaint)}'
                )
            if now - told >= _TELL_EVERY:
                task.tell('waiting for the power to be off')
                told = now
            if task.stop.wait(self._settings.poll_interval):
                raise exceptions.Interrupted(
                    f'{task.name} was told to be off; that it is was not '
                    'seen yet'
                )

    def _require_silence(self, task: steps.Task) -> None:
        """A host that reported before must not report any more.

        Its own hardware says that it is off: if it goes on reporting, the
        agent has cut the power of another machine.
        """
        if not task.params['alive']:
            return
        for _ in range(_LOOKS):
            evidence = self._book.alive(task)
            if not evidence:
                return
        raise fencing.AgentFailed(
            f'the fence agent says that {task.name} is off, yet '
            f'{evidence[0]}: it has cut the power of another machine. '
            'Correct its address or plug, and look which machine went off'
        )


def _also(complaint: str) -> str:
    return f' (told to switch it off: {complaint})' if complaint else ''

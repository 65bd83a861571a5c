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

"""The steps of a run and what the engine may hear about them."""

from collections.abc import Callable
import dataclasses
import enum
import threading
from typing import Any, Protocol


class Observation(enum.StrEnum):
    """What looking at the world says of a step whose outcome is unknown."""

    #: its effect is there: record it and go on
    DONE = 'done'
    #: its effect is not there and acting is safe
    SAFE = 'safe'
    #: nobody can tell: stop this server and ask
    ASK = 'ask'


class StepState(enum.StrEnum):
    """Where a step of a run stands in the journal."""

    INTENDED = 'intended'
    DONE = 'done'
    FAILED = 'failed'
    UNDOING = 'undoing'
    UNDONE = 'undone'


@dataclasses.dataclass(frozen=True)
class StepSpec:
    """One step of a plan, as data.

    ``kind`` is the name under which the step's code is registered,
    ``params`` is what it needs, in JSON's types, expected old values
    included.  From the first step with ``final`` on, a server only goes
    forward: nothing is undone any more.
    """

    kind: str
    params: dict[str, Any]
    final: bool = False


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """A step as the journal keeps it.

    ``intent`` holds the before-image and every identifier fixed before the
    act; ``outcome`` what the act returned.
    """

    run_id: str
    subject: str
    index: int
    kind: str
    state: StepState
    intent: dict[str, Any]
    outcome: dict[str, Any]
    error: str = ''
    started_at: str = ''
    finished_at: str = ''


@dataclasses.dataclass(frozen=True)
class Task:
    """What a step is given to work with, besides its own adapters.

    ``subject`` is the server's uuid (or the host's name), ``remember``
    adds values to the step's intent and returns when they are durable: a
    step calls it as soon as it knows an identifier that a successor would
    need after a crash.  ``stop`` is set when the operator pressed Ctrl-C;
    a step that waits gives up waiting then only if nothing is lost by it.
    """

    run_id: str
    subject: str
    name: str
    params: dict[str, Any]
    remember: Callable[[dict[str, Any]], None]
    tell: Callable[[str], None]
    stop: threading.Event


class Step(Protocol):
    """One kind of step: how to look, act and take back.

    Every method may be called by another process than the one that called
    the former: all it knows is the task and the journaled intent.
    """

    kind: str

    def prepare(self, task: Task) -> dict[str, Any]:
        """Read the before-image and fix identifiers: the intent.

        Changes nothing.  Raises RowMismatch (cause changed-since-plan)
        when the world is not as the plan expects.
        """

    def observe(self, task: Task, intent: dict[str, Any]) -> Observation:
        """Look whether the act of a former process took place."""

    def act(self, task: Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Do it, and return the outcome; raises StepFailed.

        Can be called again after a crash in the middle: what is already
        there is recognised and not done twice.
        """

    def undo(self, task: Task, intent: dict[str, Any]) -> None:
        """Bring the before-image back, however far ``act`` came.

        Can be called again after a crash in the middle.  Raises StepFailed
        when that is not possible.
        """

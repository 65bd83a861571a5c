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


"""What the servers of one run share: journal, steps, control and events."""

from collections.abc import Callable, Mapping
import dataclasses
import logging
import threading
import time
from typing import Any

from osc_recovery import exceptions
from osc_recovery.execution import control as controls
from osc_recovery.execution import crash
from osc_recovery.journal import store
from osc_recovery.journal import text
from osc_recovery.model import codec
from osc_recovery.model import events
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps

LOG = logging.getLogger(__name__)

Listener = Callable[[events.Event], None]


@dataclasses.dataclass(frozen=True)
class Ending:
    """What became of a server.

    ``cause`` is what its failure has in common with others, empty after a
    success; None says nothing about either.
    """

    result: results.ServerResult
    cause: str | None = None


class Context:
    """One run.

    Every write to the journal goes through here: one that fails halts the
    whole run, because nothing may be done without a durable intent.
    """

    def __init__(
        self,
        run_id: str,
        journal: store.Journal,
        registry: Mapping[str, steps.Step],
        control: controls.Control,
        listener: Listener,
    ) -> None:
        self.run_id = run_id
        self.journal = journal
        self.registry = registry
        self.control = control
        self._listener = listener
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}

    def clock(self, server: plans.ServerPlan, spent: float) -> None:
        """Measure a server's time from now on; ``spent`` is in seconds."""
        self._begun[server.uuid] = time.monotonic() - spent

    def tell(self, kind: events.EventKind, **details: Any) -> None:
        """Hand an event to the listener, whose errors stop no run."""
        if 'message' in details:
            details['message'] = text.one_line(details['message'])
        with self._lock:
            try:
                self._listener(events.Event(kind=kind, **details))
            except Exception as exc:
                # A terminal that went away, for instance.
                LOG.debug('The listener failed: %s', text.of_error(exc))

    def tell_step(
        self,
        kind: events.EventKind,
        server: plans.ServerPlan,
        index: int,
        message: str = '',
    ) -> None:
        """Hand on an event about a step."""
        self.tell(
            kind,
            subject=server.uuid,
            name=server.name,
            step=server.steps[index].kind,
            message=message,
            index=index + 1,
            total=len(server.steps),
        )

    def task(self, server: plans.ServerPlan, index: int) -> steps.Task:
        """What a step of a server is given to work with."""
        spec = server.steps[index]

        def remember(values: dict[str, Any]) -> None:
            crash.reach(server.uuid, spec.kind, crash.BEFORE_REMEMBER)
            self._store(
                self.journal.remember, self.run_id, server.uuid, index, values
            )
            crash.reach(server.uuid, spec.kind, crash.AFTER_REMEMBER)

        def tell(message: str) -> None:
            kind = events.EventKind.NOTE
            self.tell_step(kind, server, index, message)

        return steps.Task(
            run_id=self.run_id,
            subject=server.uuid,
            name=server.name,
            params=spec.params,
            remember=remember,
            tell=tell,
            stop=self.control.stop,
        )

    def step(self, server: plans.ServerPlan, index: int) -> steps.Step:
        """The code of a step."""
        return self.registry[server.steps[index].kind]

    def records(
        self, server: plans.ServerPlan
    ) -> tuple[steps.StepRecord, ...]:
        """The steps of a server that were begun, in order."""
        found: tuple[steps.StepRecord, ...] = self._store(
            self.journal.steps, self.run_id, server.uuid
        )
        return found

    def begin(
        self, server: plans.ServerPlan, index: int, intent: dict[str, Any]
    ) -> None:
        """Make the intent of a step durable."""
        kind = server.steps[index].kind
        self._store(
            self.journal.begin_step,
            *(self.run_id, server.uuid, index, kind, intent),
        )
        crash.reach(server.uuid, kind, crash.AFTER_INTENT)

    def end(
        self,
        server: plans.ServerPlan,
        index: int,
        state: steps.StepState,
        outcome: Mapping[str, Any] | None = None,
        error: str = '',
    ) -> None:
        """Make the outcome of a step durable."""
        self._store(
            self.journal.end_step,
            *(self.run_id, server.uuid, index, state, outcome, error),
        )

    def set_server(
        self,
        server: plans.ServerPlan,
        state: results.ServerState,
        message: str = '',
        checks: tuple[results.Check, ...] = (),
    ) -> results.ServerResult:
        """Make durable where a server stands."""
        result = results.ServerResult(
            uuid=server.uuid,
            name=server.name,
            state=state,
            message=text.one_line(message),
            checks=checks,
            seconds=self._seconds(server),
        )
        self._store(self.journal.set_server, self.run_id, result)
        return result

    def check_halted(self) -> None:
        """Raise Halted when the journal has failed in any thread."""
        if self.control.broken is not None:
            raise controls.Halted

    def _seconds(self, server: plans.ServerPlan) -> float:
        begun = self._begun.get(server.uuid)
        return 0.0 if begun is None else round(time.monotonic() - begun, 3)

    def _store(self, work: Callable[..., Any], *args: Any) -> Any:
        try:
            return work(*args)
        except exceptions.RecoveryError as exc:
            # JournalError, or Held: somebody else took the run over.
            self.control.halt(exc)
            raise controls.Halted from exc


def cause_of(error: BaseException) -> str:
    """What groups an error with others of the same origin."""
    if isinstance(error, exceptions.StepFailed):
        return error.cause
    if isinstance(error, exceptions.ServiceUnavailable):
        return 'service-unavailable'
    return type(error).__name__


def checks_of(outcome: Mapping[str, Any]) -> tuple[results.Check, ...]:
    """The checks that a step put into its outcome, if it made any."""
    return tuple(
        codec.decode(results.Check, check)
        for check in outcome.get('checks', ())
    )

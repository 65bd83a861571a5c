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


"""Runs a plan in child processes that can be killed, and resumes it.

What is run is a plan and a function that makes the registry of steps in
the child.  The world that the steps work in must live outside the process.
Children are forked: what the test has imported is there at once.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import threading
import traceback
from typing import Any
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.execution import cancel
from osc_recovery.execution import crash
from osc_recovery.execution import engine
from osc_recovery.execution import limits
from osc_recovery.journal import process
from osc_recovery.journal import store
from osc_recovery.model import codec
from osc_recovery.model import events
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps
from osc_recovery.tests.unit.journal import fixtures

CHILD_DEADLINE = 30  # seconds until a child that hangs is killed

Registry = Callable[[], Mapping[str, steps.Step]]


@dataclasses.dataclass(frozen=True)
class Boundary:
    """A point at which a run can be killed."""

    subject: str
    kind: str
    point: str
    count: int = 1

    def __str__(self) -> str:
        return f'{self.subject}:{self.kind}:{self.point}:{self.count}'


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a child ended: by a signal, an error, or with a result."""

    signal: int = 0
    result: results.RunResult | None = None
    error: str = ''
    exit_code: int = 0

    @property
    def was_killed(self) -> bool:
        """Whether the crash took place."""
        return self.signal == signal.SIGKILL


@contextlib.contextmanager
def recorded() -> Iterator[list[Boundary]]:
    """Record every boundary that a run in this process comes to."""
    seen: list[Boundary] = []
    lock = threading.Lock()

    def reach(subject: str, kind: str, point: str) -> None:
        with lock:
            same = [
                b
                for b in seen
                if (b.subject, b.kind, b.point) == (subject, kind, point)
            ]
            seen.append(Boundary(subject, kind, point, len(same) + 1))

    with mock.patch.object(crash, 'reach', autospec=True, side_effect=reach):
        yield seen


def missing_boundaries(
    boundaries: Iterable[Boundary], records: Iterable[steps.StepRecord]
) -> set[str]:
    """The steps of a journal that lack a kill point they must have."""
    wanted = {
        steps.StepState.DONE: (
            crash.AFTER_INTENT,
            crash.AFTER_ACT,
            crash.AFTER_OUTCOME,
        ),
        steps.StepState.UNDONE: (crash.BEFORE_UNDO, crash.AFTER_UNDO),
    }
    have = {(b.subject, b.kind, b.point) for b in boundaries}
    return {
        f'{record.subject}:{record.kind}:{point}'
        for record in records
        for point in wanted.get(record.state, ())
        if (record.subject, record.kind, point) not in have
    }


def kinds_without_kill(
    kinds: Collection[str], boundaries: Iterable[Boundary]
) -> set[str]:
    """The step kinds that no kill case interrupts after their intent.

    ``kinds`` are those that planning can produce, or a registry's.
    """
    killed = {b.kind for b in boundaries if b.point == crash.AFTER_ACT}
    return set(kinds) - killed


class Rig:
    """A journal and a plan, each start of which is a process of its own."""

    def __init__(
        self,
        directory: pathlib.Path,
        plan: plans.Plan,
        registry: Registry,
        bounds: limits.Limits | None = None,
        url: str = '',
    ) -> None:
        self.plan = plan
        self.url = url or fixtures.make(directory / 'journal.db')
        self.bounds = bounds or limits.Limits()
        self._registry = registry
        self._directory = directory
        self._answer = directory / 'answer.json'
        #: every event of every child, one line each
        self.events = directory / 'events'

    def start(self, crash_at: Boundary | str = '') -> Ended:
        """Run the plan in a child and wait for its end."""
        return self.wait(self.spawn(self._run, str(crash_at)))

    def resume(self, crash_at: Boundary | str = '') -> Ended:
        """Take the run over in another child and go on with it."""
        return self.wait(self.spawn(self._go_on, str(crash_at)))

    def revert(self, crash_at: Boundary | str = '') -> Ended:
        """Take the run over in another child and undo it."""
        return self.wait(self.spawn(self._undo, str(crash_at)))

    def begin(self) -> int:
        """Run the plan in a child and return its process id at once."""
        return self.spawn(self._run, '')

    def run_id(self) -> str:
        """The only run of the journal."""
        journal = store.Journal(self.url)
        try:
            return journal.runs()[0].id
        finally:
            journal.dispose()

    @contextlib.contextmanager
    def journal(self) -> Iterator[store.Journal]:
        """The journal, for a look from the test."""
        journal = store.Journal(self.url)
        try:
            yield journal
        finally:
            journal.dispose()

    def record(self) -> tuple[list[Boundary], results.RunResult]:
        """Run the plan in this process and record its boundaries."""
        with recorded() as boundaries:
            result = self._run()
        return boundaries, result

    def spawn(
        self, work: Callable[[], results.RunResult], crash_at: str
    ) -> int:
        """Fork a child that does the work; it never returns from here."""
        self._answer.unlink(missing_ok=True)
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(CHILD_DEADLINE)
            if crash_at:
                os.environ[crash.VARIABLE] = crash_at
            self._answer_with(work)
        finally:
            os._exit(0)

    def wait(self, pid: int) -> Ended:
        """Wait for the end of a child."""
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            return Ended(signal=os.WTERMSIG(status))
        answer = json.loads(self._answer.read_text())
        if 'result' not in answer:
            return Ended(error=answer['error'], exit_code=answer['code'])
        return Ended(result=codec.decode(results.RunResult, answer['result']))

    def _answer_with(self, work: Callable[[], results.RunResult]) -> None:
        answer: dict[str, Any]
        try:
            answer = {'result': codec.encode(work())}
        except exceptions.RecoveryError as exc:
            answer = {'error': str(exc), 'code': int(exc.exit_code)}
        except BaseException:
            answer = {'error': traceback.format_exc(), 'code': -1}
        self._answer.write_text(json.dumps(answer))

    def _run(self) -> results.RunResult:
        journal = store.Journal(self.url)
        data = codec.encode(self.plan)
        me = process.current()
        scenario, host = self.plan.scenario, self.plan.host
        run = journal.create_run(scenario, host, data, me)
        return self._work(journal, run.id, undo=False)

    def _go_on(self) -> results.RunResult:
        journal = store.Journal(self.url)
        run = journal.take_over(self.run_id(), process.current())
        return self._work(journal, run.id, undo=False)

    def _undo(self) -> results.RunResult:
        journal = store.Journal(self.url)
        run = journal.take_over(self.run_id(), process.current())
        return self._work(journal, run.id, undo=True)

    def _work(
        self, journal: store.Journal, run_id: str, undo: bool
    ) -> results.RunResult:
        with cancel.interruptible(threading.Event()) as stop:
            made = engine.Engine(
                journal, self._registry(), self.bounds, self._listen, stop
            )
            plan = codec.decode(plans.Plan, journal.run(run_id).plan)
            work = made.undo if undo else made.run
            return work(run_id, plan)

    def _listen(self, event: events.Event) -> None:
        with open(self.events, 'a') as lines:
            lines.write(json.dumps(codec.encode(event)) + '\n')

    def told(self, kind: events.EventKind) -> list[dict[str, Any]]:
        """The events of one kind that the children have told so far."""
        if not self.events.exists():
            return []
        lines = self.events.read_text().splitlines()
        return [e for e in map(json.loads, lines) if e['kind'] == kind.value]

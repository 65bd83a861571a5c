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


"""Executes a plan with the journal, and goes on with what a crash left.

Per server: a step's intent is durable before it acts and its outcome
before the next one begins.  After a crash a step whose outcome is unknown
is looked at first.  What a step does is not known here.
"""

from collections.abc import Callable, Mapping
import threading

from osc_recovery import exceptions
from osc_recovery.execution import context as contexts
from osc_recovery.execution import control as controls
from osc_recovery.execution import limits as limit_types
from osc_recovery.execution import outcome
from osc_recovery.execution import recovery
from osc_recovery.execution import scheduling
from osc_recovery.execution import sequence
from osc_recovery.execution import undoing
from osc_recovery.journal import store
from osc_recovery.journal import text
from osc_recovery.model import events
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps

_Results = dict[str, results.ServerResult]
_Work = Callable[[plans.ServerPlan, results.ServerResult], contexts.Ending]

_BEGUN_FIRST = {
    results.ServerState.RUNNING: 0,
    results.ServerState.UNVERIFIED: 1,
    results.ServerState.ASK: 1,
    results.ServerState.PENDING: 2,
}


class Engine:
    """Runs plans: in parallel, within limits, stoppable and resumable."""

    def __init__(
        self,
        journal: store.Journal,
        registry: Mapping[str, steps.Step],
        limits: limit_types.Limits,
        listener: contexts.Listener,
        stop: threading.Event | None = None,
    ) -> None:
        self._journal = journal
        self._registry = registry
        self._limits = limits
        self._listener = listener
        self._stop = stop

    def run(self, run_id: str, plan: plans.Plan) -> results.RunResult:
        """Do everything of a plan that is not yet done.

        The same for a new run and for one that is resumed.  Servers that
        were undone or left out stay so; unverified ones and those that
        needed a decision are gone on with.  Raises Interrupted when the
        journal fails, Held when another process took the run over.
        """
        run = _Run(self._context(run_id), plan, self._limits)
        return run.guarded(run.forward)

    def undo(self, run_id: str, plan: plans.Plan) -> results.RunResult:
        """Undo every server of an unfinished run that can be undone.

        Those past their first final step are left, and named in the
        result's message.  Raises like :meth:`run`.
        """
        run = _Run(self._context(run_id), plan, self._limits)
        return run.guarded(run.backward)

    def _context(self, run_id: str) -> contexts.Context:
        return contexts.Context(
            run_id,
            self._journal,
            self._registry,
            controls.Control(self._limits, self._stop),
            self._listener,
        )


class _Run:
    """One run of one plan in one direction."""

    def __init__(
        self,
        context: contexts.Context,
        plan: plans.Plan,
        limits: limit_types.Limits,
    ) -> None:
        self._context = context
        self._plan = plan
        self._limits = limits
        self._results: _Results = {}
        self._records: dict[str, list[steps.StepRecord]] = {}

    def guarded(
        self, work: Callable[[], results.RunResult]
    ) -> results.RunResult:
        """Do it; a journal that fails becomes an interruption."""
        try:
            return work()
        except (store.JournalError, controls.Halted) as exc:
            error = self._context.control.broken or exc
            raise self._broken(error) from error

    def forward(self) -> results.RunResult:
        """Do what is left to do."""
        self._start()
        waiting = [
            server
            for server in self._plan.servers
            if self._results[server.uuid].state not in recovery.OVER
        ]
        waiting.sort(key=lambda s: _BEGUN_FIRST[self._results[s.uuid].state])
        self._dispatch(waiting, self._go_on)
        servers = tuple(self._results.values())
        message = ''
        state = outcome.of_run(servers)
        if state is results.RunState.PAUSED:
            message = self._context.control.pause or 'interrupted'
        return self._finish(state, message)

    def backward(self) -> results.RunResult:
        """Undo what can be undone."""
        self._start()
        kept, waiting = self._sort_out()
        self._dispatch(waiting, self._take_back)
        state = outcome.of_undo(self._results.values())
        message = ''
        if state is results.RunState.PAUSED:
            message = 'interrupted'
        elif kept:
            names = ', '.join(server.name for server in kept)
            message = f'past the point of no return, left there: {names}'
        return self._finish(state, message)

    def _start(self) -> None:
        """Check that we may, and store where every server stands."""
        journal, run_id = self._context.journal, self._context.run_id
        self._require_kinds()
        self._require_lease()
        known = {s.uuid: s for s in journal.servers(run_id)}
        new = []
        for server in self._plan.servers:
            result = known.get(server.uuid)
            if result is None:
                result = _first(server, self._plan.blocked)
                new.append(result)
            self._results[server.uuid] = result
        # Those that the run was told about and the plan has not: they were
        # left out before it was started, and count.
        others = known.keys() - self._results.keys()
        self._results |= {uuid: known[uuid] for uuid in sorted(others)}
        for record in journal.steps(run_id):
            self._records.setdefault(record.subject, []).append(record)
        journal.set_servers(run_id, new)
        journal.set_state(run_id, results.RunState.RUNNING)
        self._context.tell(
            events.EventKind.RUN_STARTED,
            subject=run_id,
            name=self._plan.host,
            total=len(self._plan.servers),
        )

    def _require_kinds(self) -> None:
        kinds = {s.kind for p in self._plan.servers for s in p.steps}
        missing = sorted(kinds - set(self._context.registry))
        if missing:
            raise exceptions.UsageError(
                f'The plan has a step that this osc-recovery does not know '
                f'({missing[0]}): make a new plan.'
            )

    def _require_lease(self) -> None:
        run_id, host = self._context.run_id, self._plan.host
        lease = self._context.journal.lease(host)
        if lease is None or lease.run_id != run_id:
            raise exceptions.Held(
                f'Run {run_id} does not hold host {host}: resume it with '
                f'"openstack recovery run resume {run_id}".'
            )

    def _sort_out(
        self,
    ) -> tuple[list[plans.ServerPlan], list[plans.ServerPlan]]:
        """Who has to stay and who can be undone; the rest is left out."""
        kept, waiting = [], []
        for server in self._plan.servers:
            state = self._results[server.uuid].state
            if (
                state in recovery.OVER
                and state is not results.ServerState.DONE
            ):
                continue
            records = self._records.get(server.uuid, [])
            if recovery.is_past_return(server, records):
                self._keep(server)
                kept.append(server)
            else:
                waiting.append(server)
        return kept, waiting

    def _keep(self, server: plans.ServerPlan) -> None:
        result = self._results[server.uuid]
        if result.state is results.ServerState.RUNNING:
            self._results[server.uuid] = self._context.set_server(
                server,
                results.ServerState.UNVERIFIED,
                'past the point of no return when the run was reverted',
            )

    def _dispatch(self, servers: list[plans.ServerPlan], work: _Work) -> None:
        def one(server: plans.ServerPlan) -> None:
            self._work(server, work)

        control = self._context.control
        scheduling.dispatch(servers, self._limits, control, one, self._told)
        self._context.check_halted()

    def _work(self, server: plans.ServerPlan, work: _Work) -> None:
        former = self._results[server.uuid]
        self._context.clock(server, former.seconds)
        self._context.tell(
            events.EventKind.SERVER_STARTED,
            subject=server.uuid,
            name=server.name,
            total=len(server.steps),
        )
        ending = work(server, former)
        self._results[server.uuid] = ending.result
        self._context.control.count(ending.cause)
        self._context.tell(
            events.EventKind.SERVER_FINISHED,
            subject=server.uuid,
            name=server.name,
            step=ending.result.state.value,
            message=ending.result.message,
            index=len(server.steps),
            total=len(server.steps),
        )

    def _go_on(
        self, server: plans.ServerPlan, former: results.ServerResult
    ) -> contexts.Ending:
        records = tuple(self._records.get(server.uuid, ()))
        return sequence.work(self._context, server, former, records)

    def _take_back(
        self, server: plans.ServerPlan, former: results.ServerResult
    ) -> contexts.Ending:
        return undoing.go_back(
            self._context, server, former.message or 'the run was reverted'
        )

    def _told(self) -> None:
        self._context.tell(
            events.EventKind.NOTE,
            message='steps under way are finished, nothing new is begun',
        )

    def _broken(self, error: Exception) -> Exception:
        """What to tell when nothing can be stored any more."""
        if not isinstance(error, store.JournalError):
            return error
        run_id = self._context.run_id
        return exceptions.Interrupted(
            f'Run {run_id} has stopped, because nothing may be done that '
            f'the journal cannot keep. {text.of_error(error)} Put that '
            f'right, then: openstack recovery run resume {run_id}'
        )

    def _finish(
        self, state: results.RunState, message: str
    ) -> results.RunResult:
        run_id = self._context.run_id
        self._context.journal.set_state(run_id, state, message)
        self._context.tell(
            events.EventKind.RUN_FINISHED,
            subject=run_id,
            name=self._plan.host,
            step=state.value,
            message=message,
        )
        servers = tuple(self._results.values())
        return results.RunResult(run_id, state, servers, message)


def _first(
    server: plans.ServerPlan, plan_blocked: bool
) -> results.ServerResult:
    """Where a server stands before anything was done."""
    codes = [finding.code for finding in server.findings if finding.blocks]
    if plan_blocked:
        codes.append('the plan is blocked')
    state = results.ServerState.PENDING
    if codes:
        state = results.ServerState.LEFT_OUT
    return results.ServerResult(
        server.uuid, server.name, state, ', '.join(codes)
    )

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

"""Carries out plans, and goes on with, undoes and shows runs."""

from collections.abc import Callable
import dataclasses
import threading
from typing import Any

from osc_recovery import exceptions
from osc_recovery.execution import cancel
from osc_recovery.execution import engine
from osc_recovery.execution import limits
from osc_recovery.journal import process
from osc_recovery.journal import runs as leases
from osc_recovery.model import codec
from osc_recovery.model import events
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.reports import run as report
from osc_recovery.scenarios import auditing
from osc_recovery.scenarios import consistency
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import evacuate
from osc_recovery.scenarios import fence
from osc_recovery.scenarios import host_removal
from osc_recovery.scenarios import host_return
from osc_recovery.scenarios import relocate
from osc_recovery.scenarios import server_set
from osc_recovery.scenarios import verify
from osc_recovery.steps import base
from osc_recovery.steps import registry

Listener = Callable[[events.Event], None]

_SCENARIOS: dict[str, Any] = {
    evacuate.SCENARIO: evacuate.Evacuation,
    fence.SCENARIO: fence.Fencing,
    relocate.SCENARIO: relocate.Relocation,
    consistency.SCENARIO: consistency.Consistency,
    server_set.SCENARIO: server_set.ServerStates,
    host_return.SCENARIO: host_return.Return,
    host_removal.SCENARIO: host_removal.Removal,
}


class Runner:
    """Runs of one cloud, by way of its journal."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def refuse_held(self, host: str) -> None:
        """Raise Held at once when another run has the host.

        The lease is taken when the run starts; this only spares whoever
        would be refused then from waiting for a plan, which a run under
        way changes while it is made.
        """
        lease = self._env.journal.lease(host)
        if lease is not None:
            raise leases.held(lease)

    def start(
        self, plan: plans.Plan, listener: Listener, *, recheck: bool
    ) -> results.RunResult:
        """Carry out a plan.

        With ``recheck`` the facts are read again first: raises FactsChanged
        when the frame differs, and leaves out the servers that differ.
        Raises Held when another run has the host.
        """
        scenario = _scenario(self._env, plan)
        changed = scenario.changed(plan) if recheck else {}
        kept = _without(plan, changed)
        if not kept.runnable:
            raise exceptions.FactsChanged(
                'Every server has changed since the plan was made: make a '
                'new plan. Nothing was changed.'
            )
        journal = self._env.journal
        run = journal.create_run(
            plan.scenario, plan.host, codec.encode(kept), process.current()
        )
        for left in _left_out(plan, changed):
            journal.set_server(run.id, left)
        scenario.begin(plan, run)
        return self._run(run.id, kept, listener)

    def resume(
        self, run_id: str, listener: Listener, *, process_gone: bool = False
    ) -> results.RunResult:
        """Go on with a run whose process is gone, or that was paused.

        ``process_gone`` is the operator's word about a process on another
        machine, which cannot be looked at from here.
        """
        run = self._env.journal.run(run_id)
        if run.state is results.RunState.DONE:
            raise exceptions.NothingToDo(
                f'Run {run.id} is done: there is nothing to go on with.'
            )
        plan = self.plan_of(run.id)
        _scenario(self._env, plan).resumable(run)
        self._env.journal.take_over(
            run.id, process.current(), unseen=process_gone
        )
        return self._run(run.id, plan, listener)

    def revert(
        self, run_id: str, listener: Listener, *, process_gone: bool = False
    ) -> results.RunResult:
        """Undo what can be undone of an unfinished run."""
        run = self._env.journal.run(run_id)
        plan = self.plan_of(run.id)
        _scenario(self._env, plan).revertible(run)
        self._env.journal.take_over(
            run.id, process.current(), unseen=process_gone
        )
        with cancel.interruptible(threading.Event()) as stop:
            return self._engine(plan, listener, stop).undo(run.id, plan)

    def abandon(self, run_id: str, *, process_gone: bool = False) -> None:
        """Release the lease of a run whose process is gone."""
        journal = self._env.journal
        journal.abandon(journal.run(run_id).id, unseen=process_gone)

    def runs(self) -> tuple[runs.RunRecord, ...]:
        """All runs, newest first."""
        return self._env.journal.runs()

    def plan_of(self, run_id: str) -> plans.Plan:
        """The plan of a run, as it was started."""
        return codec.decode(plans.Plan, self._env.journal.run(run_id).plan)

    def report(self, run_id: str) -> dict[str, Any]:
        """A run with its servers and steps, in the reports' schema."""
        journal = self._env.journal
        run = journal.run(run_id)
        return report.data(
            run,
            self.plan_of(run.id),
            journal.servers(run.id),
            journal.steps(run.id),
        )

    def _run(
        self, run_id: str, plan: plans.Plan, listener: Listener
    ) -> results.RunResult:
        with cancel.interruptible(threading.Event()) as stop:
            return self._engine(plan, listener, stop).run(run_id, plan)

    def _engine(
        self, plan: plans.Plan, listener: Listener, stop: threading.Event
    ) -> engine.Engine:
        env, settings = self._env, self._env.conf.engine
        times = base.Settings(
            start_timeout=settings.start_timeout,
            step_timeout=settings.step_timeout,
            poll_interval=settings.poll_interval,
        )
        known: dict[str, steps.Step] = registry.registry(
            env.cells, env.cinder_db, env.clouds, times
        )
        known.update(host_return.made(env, times))
        known.update(host_removal.made(env))
        known[verify.VerifyStep.kind] = verify.VerifyStep(env)
        known[auditing.AuditStep.kind] = auditing.AuditStep(env)
        known |= {step.kind: step for step in evacuate.made_steps(env)}
        return engine.Engine(
            env.journal,
            known,
            limits.Limits(
                concurrency=plan.parameters.get('concurrency')
                or settings.concurrency,
                per_target=plan.parameters.get('per_target')
                or settings.per_target,
                pause_after=settings.pause_after,
                stagger=plan.parameters.get('stagger') or 0.0,
            ),
            listener,
            stop,
        )


def describe(result: results.RunResult) -> str:
    """What is wrong after a run, and the line that goes on with it."""
    text = report.text(result, servers=False)
    if result.state in (results.RunState.PAUSED, results.RunState.UNVERIFIED):
        text += f'Go on: openstack recovery run resume {result.run_id}\n'
    return text


def verified(server: results.ServerResult) -> str:
    """How many of a server's checks are right."""
    return report.verified(server)


def _scenario(env: environment.Environment, plan: plans.Plan) -> Any:
    try:
        return _SCENARIOS[plan.scenario](env)
    except KeyError:
        raise exceptions.UsageError(
            f'The plan is of a scenario that this version does not know: '
            f'{plan.scenario}.'
        ) from None


def _without(plan: plans.Plan, changed: dict[str, str]) -> plans.Plan:
    return dataclasses.replace(
        plan,
        servers=tuple(s for s in plan.runnable if s.uuid not in changed),
    )


def _left_out(
    plan: plans.Plan, changed: dict[str, str]
) -> list[results.ServerResult]:
    left = []
    for server in plan.servers:
        if server.uuid in changed:
            message = f'changed-since-plan: {changed[server.uuid]}'
        elif server.blocked:
            codes = [f.code for f in server.findings if f.blocks]
            message = f'blocked: {", ".join(codes)}'
        else:
            continue
        left.append(
            results.ServerResult(
                server.uuid,
                server.name,
                results.ServerState.LEFT_OUT,
                message,
            )
        )
    return left

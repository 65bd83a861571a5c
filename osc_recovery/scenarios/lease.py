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

"""Holds a host for a run where every operator looks: in its service's row.

Taken when a run starts or goes on, kept while it is paused, given back
before the journal says that the run is over.  In the journal it is the only
step of the subject ``lease``.
"""

import logging
import threading
from typing import Any

from osc_recovery.db import leases as db
from osc_recovery import exceptions
from osc_recovery.execution import crash
from osc_recovery.journal import clock
from osc_recovery.journal import runs as journal_runs
from osc_recovery.journal import text
from osc_recovery.model import leases
from osc_recovery.model import plans
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.scenarios import environment
from osc_recovery.steps import fence
from osc_recovery.steps import lease as step

LOG = logging.getLogger(__name__)

SUBJECT = 'lease'
_KEY = (SUBJECT, 0)
_TAKEN = (
    steps.StepState.INTENDED,
    steps.StepState.DONE,
    steps.StepState.UNDOING,
)


def refuse_held(env: environment.Environment, host: str) -> None:
    """Raise Held when a run in another journal has a host.

    A host that nova does not know is left to whoever says so.
    """
    cell = env.api_db.host_cells().get(host)
    if cell is None or cell not in env.cells:
        return
    found = db.read(env.cells[cell], host)
    theirs = leases.parse(found.text if found else None)
    if theirs is not None and _left_over(env, theirs, found) is None:
        raise step.held(host, theirs)


def release(
    env: environment.Environment, run: runs.RunRecord, plan: plans.Plan
) -> bool:
    """Give back what a run that is over holds; whether it held anything.

    Raises ServiceUnavailable when the cell's database does not answer.
    """
    record = _record(env, run.id)
    if record is None or record.state not in _TAKEN:
        return False
    try:
        Holding(env, run, plan).release()
    except exceptions.RecoveryError as exc:
        raise exceptions.ServiceUnavailable(
            f'Run {run.id} is over, but still holds host {plan.host} for '
            f'whoever has another journal: {text.of_error(exc)} Try again '
            'then.'
        ) from exc
    return True


class Holding:
    """The lease of one run; the journal asks it before every intent."""

    def __init__(
        self,
        env: environment.Environment,
        run: runs.RunRecord,
        plan: plans.Plan,
    ) -> None:
        self._env = env
        self._run = run
        self._plan = plan
        self._step = step.Lease(env.cells)

    def look(self) -> dict[str, Any] | None:
        """What taking it would change; raises Held, and changes nothing.

        None for a plan that is about no host of a cell, and for a host
        without a service: there is nothing to take.
        """
        if not self._plan.host or self._plan.cell not in self._env.cells:
            return None
        task = self._task()
        if self._step.read(task) is None:
            return None
        return self._step.prepare(task, self._former(task))

    def take(self) -> None:
        """Write the run's name into the row; raises Held."""
        journal, run_id = self._env.journal, self._run.id
        intent = self.look()
        if intent is None:
            return
        journal.begin_step(run_id, *_KEY, self._step.kind, intent)
        crash.reach(SUBJECT, self._step.kind, crash.AFTER_INTENT)
        crash.reach(SUBJECT, self._step.kind, crash.BEFORE_ACT)
        self._step.act(self._task(), intent)
        crash.reach(SUBJECT, self._step.kind, crash.AFTER_ACT)
        journal.end_step(run_id, *_KEY, steps.StepState.DONE)
        crash.reach(SUBJECT, self._step.kind, crash.AFTER_OUTCOME)
        journal.hold(run_id, self)

    def check(self) -> None:
        """Raise Held when another run has taken the host meanwhile.

        A database that does not answer says nothing about that: the step
        which needs it will fail.
        """
        try:
            self._step.check(self._task())
        except exceptions.ServiceUnavailable as exc:
            LOG.debug('The lease could not be read: %s', exc)

    def give_back(self) -> None:
        """Bring the former reason back; what fails is told, not raised.

        A fence that has closed the host leaves its own name there.
        """
        try:
            self.release()
        except exceptions.Held:
            raise
        except exceptions.RecoveryError as exc:
            LOG.warning(
                'Run %s is over, but still holds host %s: %s Then: '
                'openstack recovery run abandon %s',
                self._run.id,
                self._plan.host,
                text.of_error(exc),
                self._run.id,
            )

    def release(self) -> None:
        """As give_back, but raising."""
        journal, run_id = self._env.journal, self._run.id
        record = _record(self._env, run_id)
        if record is None or record.state not in _TAKEN:
            return
        intent = _resting(self._env, self._run, record.intent)
        journal.end_step(run_id, *_KEY, steps.StepState.UNDOING)
        crash.reach(SUBJECT, self._step.kind, crash.BEFORE_UNDO)
        self._step.undo(self._task(), intent)
        crash.reach(SUBJECT, self._step.kind, crash.AFTER_UNDO)
        journal.end_step(run_id, *_KEY, steps.StepState.UNDONE)

    def _former(self, task: steps.Task) -> dict[str, Any] | None:
        """What this run wrote, or one that is over and did not clean up."""
        record = _record(self._env, self._run.id)
        if record is not None:
            return record.intent
        found = self._step.read(task)
        theirs = leases.parse(found.text if found else None)
        if theirs is None:
            return None
        return _left_over(self._env, theirs, found)

    def _who(self) -> str:
        process = self._run.process
        return f'{process.operator}@{process.machine}'

    def _task(self) -> steps.Task:
        plan = self._plan
        return steps.Task(
            run_id=self._run.id,
            subject=SUBJECT,
            name=plan.host,
            params={
                'cell': plan.cell,
                'host': plan.host,
                'who': self._who(),
                'since': clock.now(),
                'override': plan.parameters.get('override', ()),
            },
            remember=lambda values: None,
            tell=lambda message: None,
            stop=threading.Event(),
        )


def _record(
    env: environment.Environment, run_id: str
) -> steps.StepRecord | None:
    found = env.journal.steps(run_id, SUBJECT)
    return found[0] if found else None


def _left_over(
    env: environment.Environment,
    lease: leases.HostLease,
    found: db.Reason | None,
) -> dict[str, Any] | None:
    """The intent of a lease that a run of this journal has left behind.

    Its run is over, and the cell's database was away when it ended.
    """
    try:
        run = env.journal.run(lease.run_id)
    except exceptions.UsageError:
        return None
    record = _record(env, run.id)
    if run.state not in journal_runs.OVER or record is None or found is None:
        return None
    if found.text not in record.intent['texts']:
        return None
    return _resting(env, run, record.intent)


def _resting(
    env: environment.Environment, run: runs.RunRecord, intent: dict[str, Any]
) -> dict[str, Any]:
    """The intent with the reason that has to stand there after the run.

    A run that has closed the host leaves its name, as a fence does.
    """
    closed = [
        record
        for record in env.journal.steps(run.id)
        if record.kind == fence.Disable.kind
        and record.state is steps.StepState.DONE
    ]
    if not closed:
        return intent
    return {**intent, 'before': leases.closed(run.id, run.process.operator)}

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


"""Takes one server through its steps, and back when one of them fails.

From the intent of its first final step on a server is never taken back:
what fails then leaves it where it is, to be repaired forward.
"""

from typing import Any

from osc_recovery import exceptions
from osc_recovery.execution import context as contexts
from osc_recovery.execution import control
from osc_recovery.execution import crash
from osc_recovery.execution import recovery
from osc_recovery.execution import undoing
from osc_recovery.journal import text
from osc_recovery.model import codec
from osc_recovery.model import events
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps


class _Stopped(Exception):
    """Nothing new may begin."""


def work(
    context: contexts.Context,
    server: plans.ServerPlan,
    former: results.ServerResult,
    records: tuple[steps.StepRecord, ...],
) -> contexts.Ending:
    """Do what is left to do for a server, whoever began it.

    ``former`` is where the journal says that it stands, ``records`` are
    the steps that were begun.  Raises Halted when the journal fails.
    """
    if recovery.way(server, former.state, records) is recovery.Way.BACK:
        reason = former.message or _reason(records)
        return undoing.go_back(context, server, reason)
    return go_forward(context, server, records)


def go_forward(
    context: contexts.Context,
    server: plans.ServerPlan,
    records: tuple[steps.StepRecord, ...],
) -> contexts.Ending:
    """Perform the steps that are not known to be done, in order."""
    known = {record.index: record for record in records}
    checks: tuple[results.Check, ...] = ()
    context.set_server(server, results.ServerState.RUNNING)
    for index in range(len(server.steps)):
        record = known.get(index)
        if record is not None and record.state is steps.StepState.DONE:
            checks = contexts.checks_of(record.outcome) or checks
            continue
        try:
            outcome = _perform(context, server, index, record)
            checks = contexts.checks_of(outcome) or checks
        except control.Halted:
            raise
        except (_Stopped, exceptions.Interrupted):
            return _waits(context, server, index)
        except recovery.Undecided as exc:
            return _undecided(context, server, exc)
        except Exception as exc:
            context.check_halted()
            return _failed(context, server, index, exc)
    state = results.ServerState.DONE
    result = context.set_server(server, state, checks=checks)
    return contexts.Ending(result, '')


def _perform(
    context: contexts.Context,
    server: plans.ServerPlan,
    index: int,
    record: steps.StepRecord | None,
) -> dict[str, Any]:
    """Do one step unless it is found done; its outcome."""
    if context.control.stopping:
        raise _Stopped
    context.tell_step(events.EventKind.STEP_STARTED, server, index)
    kind = server.steps[index].kind
    step = context.step(server, index)
    task = context.task(server, index)
    if record is None:
        intent: dict[str, Any] = codec.encode(step.prepare(task))
        context.begin(server, index, intent)
    elif recovery.settle(context, server, record):
        return {}
    else:
        intent = record.intent
        if record.state is steps.StepState.FAILED:
            context.begin(server, index, intent)
    crash.reach(server.uuid, kind, crash.BEFORE_ACT)
    outcome = step.act(task, intent)
    crash.reach(server.uuid, kind, crash.AFTER_ACT)
    context.end(server, index, steps.StepState.DONE, outcome)
    crash.reach(server.uuid, kind, crash.AFTER_OUTCOME)
    context.tell_step(events.EventKind.STEP_DONE, server, index)
    return outcome


def _failed(
    context: contexts.Context,
    server: plans.ServerPlan,
    index: int,
    error: Exception,
) -> contexts.Ending:
    """Store a failure, then stay or go back."""
    kind = server.steps[index].kind
    said = text.of_error(error)
    context.tell_step(events.EventKind.STEP_FAILED, server, index, said)
    records = context.records(server)
    unverified = isinstance(error, exceptions.Unverified)
    checks = tuple(getattr(error, 'checks', ()))
    if any(record.index == index for record in records):
        outcome = {'checks': codec.encode(checks)} if checks else None
        state = steps.StepState.FAILED
        context.end(server, index, state, outcome, said)
    cause = contexts.cause_of(error)
    reason = f'{kind}: {said}'
    if not unverified and not recovery.is_past_return(server, records):
        return undoing.go_back(context, server, reason, cause)
    result = context.set_server(
        server, results.ServerState.UNVERIFIED, reason, checks
    )
    return contexts.Ending(result, cause)


def _undecided(
    context: contexts.Context,
    server: plans.ServerPlan,
    error: recovery.Undecided,
) -> contexts.Ending:
    state = results.ServerState.ASK
    result = context.set_server(server, state, str(error))
    return contexts.Ending(result, 'undecided')


def _waits(
    context: contexts.Context, server: plans.ServerPlan, index: int
) -> contexts.Ending:
    message = f'stopped at {server.steps[index].kind}'
    state = results.ServerState.RUNNING
    return contexts.Ending(context.set_server(server, state, message))


def _reason(records: tuple[steps.StepRecord, ...]) -> str:
    failed = [record for record in records if record.error]
    if not failed:
        return 'an earlier failure'
    return f'{failed[0].kind}: {failed[0].error}'

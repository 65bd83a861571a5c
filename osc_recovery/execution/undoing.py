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


"""Takes back what was done to one server, the last step first."""

from osc_recovery import exceptions
from osc_recovery.execution import context as contexts
from osc_recovery.execution import control
from osc_recovery.execution import crash
from osc_recovery.journal import text
from osc_recovery.model import events
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps


def go_back(
    context: contexts.Context,
    server: plans.ServerPlan,
    reason: str,
    cause: str | None = None,
) -> contexts.Ending:
    """Undo every step of a server that was begun, in reverse.

    A step whose undo fails ends it: the server needs a decision and
    nothing else of it is touched.
    """
    records = context.records(server)
    if not records:
        state = results.ServerState.LEFT_OUT
        return contexts.Ending(
            context.set_server(server, state, reason), cause
        )
    # After a crash the reason is known from here.
    running = context.set_server(server, results.ServerState.RUNNING, reason)
    for record in reversed(records):
        if record.state is steps.StepState.UNDONE:
            continue
        if context.control.stopping:
            return contexts.Ending(running)
        try:
            _undo(context, server, record)
        except control.Halted:
            raise
        except exceptions.Interrupted:
            return contexts.Ending(running)
        except Exception as exc:
            return _stuck(context, server, record, reason, exc, cause)
    state = results.ServerState.UNDONE
    return contexts.Ending(context.set_server(server, state, reason), cause)


def _undo(
    context: contexts.Context,
    server: plans.ServerPlan,
    record: steps.StepRecord,
) -> None:
    index = record.index
    context.end(server, index, steps.StepState.UNDOING)
    crash.reach(server.uuid, record.kind, crash.BEFORE_UNDO)
    step = context.step(server, index)
    step.undo(context.task(server, index), record.intent)
    crash.reach(server.uuid, record.kind, crash.AFTER_UNDO)
    context.end(server, index, steps.StepState.UNDONE)
    context.tell_step(events.EventKind.STEP_UNDONE, server, index)


def _stuck(
    context: contexts.Context,
    server: plans.ServerPlan,
    record: steps.StepRecord,
    reason: str,
    error: Exception,
    cause: str | None,
) -> contexts.Ending:
    context.check_halted()
    said = text.of_error(error)
    state = steps.StepState.UNDOING
    context.end(server, record.index, state, error=said)
    message = f'{record.kind} could not be undone: {said}'
    kind = events.EventKind.STEP_FAILED
    context.tell_step(kind, server, record.index, message)
    result = context.set_server(
        server,
        results.ServerState.ASK,
        f'{message} (undone because of {reason})',
    )
    if cause is None:
        cause = contexts.cause_of(error)
    return contexts.Ending(result, cause)

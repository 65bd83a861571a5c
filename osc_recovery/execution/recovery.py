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


"""What to do with a server that a former process has begun.

The journal says what was meant and what is known to have come of it; what
it does not say has to be looked at.
"""

from collections.abc import Iterable
import enum

from osc_recovery import exceptions
from osc_recovery.execution import context as contexts
from osc_recovery.execution import crash
from osc_recovery.journal import text
from osc_recovery.model import events
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps


class Way(enum.StrEnum):
    """Where a server goes."""

    FORWARD = 'forward'
    BACK = 'back'
    STAYS = 'stays'


class Undecided(Exception):
    """Nobody can tell whether a step took place; somebody has to look."""


#: a server in one of these is not worked on any more
OVER = (
    results.ServerState.DONE,
    results.ServerState.UNDONE,
    results.ServerState.LEFT_OUT,
)
_BACK = (
    steps.StepState.FAILED,
    steps.StepState.UNDOING,
    steps.StepState.UNDONE,
)


def way(
    server: plans.ServerPlan,
    state: results.ServerState,
    records: Iterable[steps.StepRecord],
) -> Way:
    """Where a server goes when its run is started or resumed."""
    if state in OVER:
        return Way.STAYS
    known = tuple(records)
    if state is results.ServerState.UNVERIFIED:
        return Way.FORWARD
    if is_past_return(server, known):
        return Way.FORWARD
    if any(record.state in _BACK for record in known):
        return Way.BACK
    return Way.FORWARD


def is_past_return(
    server: plans.ServerPlan, records: Iterable[steps.StepRecord]
) -> bool:
    """Whether the first final step, or one after it, has an intent."""
    finals = [i for i, spec in enumerate(server.steps) if spec.final]
    if not finals:
        return False
    return any(record.index >= finals[0] for record in records)


def settle(
    context: contexts.Context,
    server: plans.ServerPlan,
    record: steps.StepRecord,
) -> bool:
    """Whether a step that was begun before has already taken place.

    False means that acting is safe.  Raises Undecided when neither can be
    said, be it that the step cannot tell or that it could not look.
    """
    task = context.task(server, record.index)
    step = context.step(server, record.index)
    try:
        seen = step.observe(task, record.intent)
    except exceptions.Interrupted:
        raise
    except Exception as exc:
        context.check_halted()
        raise Undecided(
            f'{record.kind}: what came of it could not be looked at: '
            f'{text.of_error(exc)}'
        ) from exc
    if seen is steps.Observation.ASK:
        raise Undecided(
            f'{record.kind}: nobody can tell whether it took place'
        )
    if seen is steps.Observation.SAFE:
        return False
    context.end(server, record.index, steps.StepState.DONE)
    crash.reach(server.uuid, record.kind, crash.AFTER_OUTCOME)
    kind = events.EventKind.STEP_DONE
    context.tell_step(kind, server, record.index, 'had already been done')
    return True

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
"""What nova's rows say of an evacuation: under way, done, or failed how."""

from collections.abc import Collection
import enum

from osc_recovery.db import evacuating


class Verdict(enum.StrEnum):
    """Where an evacuation stands."""

    #: there is no attempt that we do not know to be over
    NONE = 'not submitted'
    #: the API took it, no host has claimed it
    ACCEPTED = 'accepted'
    #: a host works on it
    CLAIMED = 'rebuilding'
    #: the server lives on its new host, without a task
    DONE = 'done'
    #: the scheduler found no host
    NO_HOST = 'no valid host'
    #: the host's claim or a late check of the group failed, nothing begun
    REFUSED = 'given up by the target'
    #: something went wrong on the target
    FAILED = 'failed on the target'
    #: the server was deleted
    GONE = 'gone'


_OVER = ('done', 'completed')


def newest(
    seen: evacuating.Seen, source: str, over: Collection[int]
) -> evacuating.Attempt | None:
    """The newest evacuation from the source that is not known to be over."""
    new = [
        attempt
        for attempt in seen.attempts
        if attempt.source == source and attempt.id not in over
    ]
    return new[-1] if new else None


def judge(
    seen: evacuating.Seen | None, source: str, over: Collection[int]
) -> Verdict:
    """Where the evacuation from the source stands.

    Done is three things: the host has changed, no task is left, and the
    newest row is done.  nova shows the server active on its OLD host for a
    moment before (_update_instance_after_spawn), and the row is set last
    (resource_tracker.finish_evacuation).  A row that failed comes before
    the server's own state: as long as there is a task, it is waited for.
    """
    if seen is None:
        return Verdict.GONE
    attempt = newest(seen, source, over)
    if attempt is None:
        return Verdict.NONE
    settled = seen.task_state is None
    if attempt.status in _OVER and settled and seen.host != source:
        return Verdict.DONE
    if attempt.status == 'error' and settled:
        return Verdict.NO_HOST
    if attempt.status == evacuating.FAILED and settled:
        if seen.vm_state == 'error':
            return Verdict.FAILED
        return Verdict.REFUSED
    if attempt.status == 'accepted':
        return Verdict.ACCEPTED
    return Verdict.CLAIMED

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


"""Kills the process at a boundary of the journal: support for tests.

A run must survive a crash anywhere, and what has to be shown is the crash
itself.  ``OSC_RECOVERY_CRASH_AT="<subject>:<kind>:<point>[:<n>]"`` makes
the process kill itself (SIGKILL) the n-th time, the first by default, that
it comes to that point; ``*`` stands for every subject or kind.  Without
the variable nothing happens.
"""

import os
import signal
import threading

VARIABLE = 'OSC_RECOVERY_CRASH_AT'

#: the intent is durable, nothing was done yet
AFTER_INTENT = 'after-intent'
#: as above, but after a resume has looked, too
BEFORE_ACT = 'before-act'
#: an identifier is known and not yet durable
BEFORE_REMEMBER = 'before-remember'
#: it has just become durable
AFTER_REMEMBER = 'after-remember'
#: it was done, the outcome is not durable
AFTER_ACT = 'after-act'
#: the outcome is durable, the next step has not begun
AFTER_OUTCOME = 'after-outcome'
#: it is durable that the step is being undone, nothing was undone yet
BEFORE_UNDO = 'before-undo'
#: it was undone, and that is not durable
AFTER_UNDO = 'after-undo'

POINTS = (
    AFTER_INTENT,
    BEFORE_ACT,
    BEFORE_REMEMBER,
    AFTER_REMEMBER,
    AFTER_ACT,
    AFTER_OUTCOME,
    BEFORE_UNDO,
    AFTER_UNDO,
)

_lock = threading.Lock()
_seen = 0


def reach(subject: str, kind: str, point: str) -> None:
    """Die here if that is what the environment asks for."""
    wanted = os.environ.get(VARIABLE)
    if wanted and _is_meant(wanted, subject, kind, point):
        os.kill(os.getpid(), signal.SIGKILL)


def _is_meant(wanted: str, subject: str, kind: str, point: str) -> bool:
    parts = wanted.split(':')
    count = int(parts.pop()) if parts[-1].isdigit() else 1
    where = (':'.join(parts[:-2]), parts[-2])
    if parts[-1] != point:
        return False
    for pattern, value in zip(where, (subject, kind), strict=True):
        if pattern not in ('*', value):
            return False
    return _count() == count


def _count() -> int:
    global _seen
    with _lock:
        _seen += 1
        return _seen

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


"""Whether a run goes on: Ctrl-C, a row of failures, a broken journal."""

import threading

from osc_recovery.execution import limits

#: a server that changed since the plan is left out, which is no failure;
#: one that is too big for every host tells nothing about the next one
_NO_FAILURE = ('changed-since-plan', 'no-valid-host')


class Halted(Exception):
    """The journal takes nothing any more, so nothing may be done."""


class Control:
    """What the threads of a run look at before they begin anything."""

    def __init__(
        self, bounds: limits.Limits, stop: threading.Event | None = None
    ) -> None:
        self.stop = stop or threading.Event()
        self.broken: Exception | None = None
        self.pause = ''
        self._pause_after = bounds.pause_after
        self._lock = threading.Lock()
        self._cause = ''
        self._row = 0

    @property
    def stopping(self) -> bool:
        """Whether no further step may begin."""
        return self.stop.is_set()

    @property
    def may_begin(self) -> bool:
        """Whether a further server may begin."""
        return not self.stopping and not self.pause

    def halt(self, error: Exception) -> None:
        """Begin nothing any more; the first error is the one to tell."""
        with self._lock:
            self.broken = self.broken or error
        self.stop.set()

    def count(self, cause: str | None) -> None:
        """Count a server that ended, by the cause of its failure if any."""
        if cause is None or cause in _NO_FAILURE:
            return
        with self._lock:
            self._row = self._row + 1 if cause == self._cause else 1
            self._cause = cause
            if cause and self._pause_after and self._row >= self._pause_after:
                self.pause = (
                    f'{self._row} servers in a row failed for one cause '
                    f'({cause})'
                )

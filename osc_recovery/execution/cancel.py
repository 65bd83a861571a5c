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


"""Ctrl-C: what is under way finishes, nothing new begins."""

from collections.abc import Iterator
import contextlib
import signal
import threading
from typing import Any

#: from the keyboard, from the system, from a terminal that went away
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible(stop: threading.Event) -> Iterator[threading.Event]:
    """Set ``stop`` when the operator or the system ends the program.

    Further signals change nothing.  The former handlers come back at the
    end.  A signal that is ignored (nohup) stays so, and outside the main
    thread, where Python allows no handler, nothing is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handler = _Handler(stop)
    former = {}
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            former[number] = signal.signal(number, handler)
    try:
        yield stop
    finally:
        for number, old in former.items():
            signal.signal(number, old)


class _Handler:
    """Sets the event once.

    Event.set takes a lock that is not reentrant: a second signal which
    arrives inside of it must not call it again.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pressed = False

    def __call__(self, _number: int, _frame: Any) -> None:
        if self._pressed:
            return
        self._pressed = True
        self._stop.set()

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


"""Which server is next: order, concurrency and the cap of every target."""

import collections
from collections.abc import Callable, Iterable
from concurrent import futures
import time

from osc_recovery.execution import control as controls
from osc_recovery.execution import limits
from osc_recovery.model import plans

#: seconds between two looks at Ctrl-C while servers are worked on
_LOOK = 0.5


class Queue:
    """Servers that wait, in order, and how many each target has."""

    def __init__(
        self, servers: Iterable[plans.ServerPlan], bounds: limits.Limits
    ) -> None:
        self._waiting = list(servers)
        self._bounds = bounds
        self._under_way = 0
        self._targets: collections.Counter[str] = collections.Counter()
        self._serials: set[str] = set()

    def take(self) -> plans.ServerPlan | None:
        """The next server that may begin now, None if there is none."""
        if self._under_way >= self._bounds.concurrency:
            return None
        for server in self._waiting:
            if self._has_room(server.target) and self._is_alone(server):
                self._waiting.remove(server)
                self._serials.add(server.serial)
                self._under_way += 1
                self._targets[server.target or ''] += 1
                return server
        return None

    @property
    def empty(self) -> bool:
        """Whether no server waits."""
        return not self._waiting

    def give_back(self, server: plans.ServerPlan) -> None:
        """A server that was taken has ended."""
        self._under_way -= 1
        self._targets[server.target or ''] -= 1
        self._serials.discard(server.serial)

    def _is_alone(self, server: plans.ServerPlan) -> bool:
        return not server.serial or server.serial not in self._serials

    def _has_room(self, target: str | None) -> bool:
        if target is None:
            return True
        return self._targets[target] < self._bounds.per_target


class _Pacing:
    """The time between the beginnings of two servers, in seconds."""

    def __init__(self, stagger: float) -> None:
        self._stagger = stagger
        self._next = float('-inf')

    def begun(self) -> None:
        """A server begins now."""
        self._next = time.monotonic() + self._stagger

    def is_time(self) -> bool:
        """Whether the next one may begin."""
        return time.monotonic() >= self._next

    def wait(self, most: float) -> float:
        """Seconds until then, ``most`` at most."""
        left = self._next - time.monotonic()
        return min(most, left) if left > 0 else most


def dispatch(
    servers: Iterable[plans.ServerPlan],
    bounds: limits.Limits,
    control: controls.Control,
    work: Callable[[plans.ServerPlan], None],
    on_stop: Callable[[], None],
) -> None:
    """Work on all servers, several at once, until none may begin.

    Returns when nothing is under way any more.  ``on_stop`` is called
    once, as soon as it is seen that nothing new begins.
    """
    queue = Queue(servers, bounds)
    pacing = _Pacing(bounds.stagger)
    running: dict[futures.Future[None], plans.ServerPlan] = {}
    told = False
    with futures.ThreadPoolExecutor(bounds.concurrency) as pool:
        try:
            while True:
                while (
                    control.may_begin
                    and pacing.is_time()
                    and (server := queue.take())
                ):
                    pacing.begun()
                    running[pool.submit(work, server)] = server
                if control.stopping and not told:
                    told = True
                    on_stop()
                if not running and (not control.may_begin or queue.empty):
                    return
                _collect(running, queue, control, pacing.wait(_LOOK))
        except BaseException:
            control.stop.set()
            raise


def _collect(
    running: dict[futures.Future[None], plans.ServerPlan],
    queue: Queue,
    control: controls.Control,
    seconds: float,
) -> None:
    if not running:
        control.stop.wait(seconds)
        return
    first = futures.FIRST_COMPLETED
    done, _ = futures.wait(running, timeout=seconds, return_when=first)
    for future in done:
        queue.give_back(running.pop(future))
        error = future.exception()
        if isinstance(error, Exception) and not isinstance(
            error, controls.Halted
        ):
            # An error of the engine itself: nothing can be relied on.
            control.halt(error)

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
"""Follows evacuations: one look at the database for all servers at once."""

from collections.abc import Callable, Mapping
import dataclasses
import threading
import time

from osc_recovery.db import evacuating
from osc_recovery.db import nova_cell

Clock = Callable[[], float]


@dataclasses.dataclass
class _Board:
    """What was read last of one cell, and when, in seconds of our clock."""

    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    at: float = float('-inf')
    followed: set[str] = dataclasses.field(default_factory=set)
    read: set[str] = dataclasses.field(default_factory=set)
    seen: dict[str, evacuating.Seen] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class _Service:
    """How often a service had reported, and since when it is silent."""

    count: int
    since: float
    forced_down: bool


class Follower:
    """Reads the servers under way, at most once in an interval (seconds).

    Whoever asks first reads for all; the others get what was read.  The
    reports of the services are counted as well: a count that grows tells
    that a service lives, whatever the clocks of the machines say.
    """

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        interval: float,
        clock: Clock = time.monotonic,
    ) -> None:
        self._cells = cells
        self._interval = interval
        self._clock = clock
        self._boards = {uuid: _Board() for uuid in cells}
        self._services: dict[str, dict[tuple[str, str], _Service]] = {}
        self._services_lock = threading.Lock()
        self._services_at: dict[str, float] = {}

    def follow(self, cell: str, uuid: str) -> None:
        """Read this server as well from now on."""
        board = self._boards[cell]
        with board.lock:
            board.followed.add(uuid)

    def leave(self, cell: str, uuid: str) -> None:
        """Read this server no longer."""
        board = self._boards[cell]
        with board.lock:
            board.followed.discard(uuid)

    def look(
        self, cell: str, uuid: str, *, after: float = float('-inf')
    ) -> evacuating.Seen | None:
        """The server as it was read after a moment; None when it is gone.

        Raises ServiceUnavailable when the database does not answer.
        """
        board = self._boards[cell]
        with board.lock:
            now = self._clock()
            old = now - board.at >= self._interval or board.at <= after
            if old or uuid not in board.read:
                wanted = {*board.followed, uuid}
                board.seen = evacuating.seen(self._cells[cell], wanted)
                board.read, board.at = wanted, now
            return board.seen.get(uuid)

    def silence(self, cell: str, host: str) -> float:
        """Seconds that nova-compute there was not heard; inf: forced down.

        Counted from the first look on, so that it grows slowly at first.
        """
        found = self._read_services(cell).get((evacuating.COMPUTE, host))
        if found is None or found.forced_down:
            return float('inf')
        return self._clock() - found.since

    def conductors_silence(self) -> float:
        """The same for the conductors: of the cell that is silent most."""
        silent = 0.0
        for cell in self._cells:
            found = [
                self._clock() - service.since
                for (binary, _), service in self._read_services(cell).items()
                if binary == evacuating.CONDUCTOR
            ]
            silent = max(silent, min(found, default=0.0))
        return silent

    def _read_services(self, cell: str) -> dict[tuple[str, str], _Service]:
        with self._services_lock:
            now = self._clock()
            known = self._services.setdefault(cell, {})
            last = self._services_at.get(cell, float('-inf'))
            if now - last < self._interval:
                return known
            for key, (count, down) in evacuating.reports(
                self._cells[cell]
            ).items():
                service = known.setdefault(key, _Service(count, now, down))
                service.forced_down = down
                if service.count != count:
                    service.count, service.since = count, now
            self._services_at[cell] = now
            return known

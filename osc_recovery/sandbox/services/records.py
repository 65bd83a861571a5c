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

"""The files in which the simulated hardware keeps what it knows.

Guests of a host, exports of the storage array, violations: each survives
its process, as hardware does. Standard library only: the controller reads
the same files.
"""

from collections.abc import Callable
import datetime
import fcntl
import json
import os
import pathlib
import threading
from typing import Any, NamedTuple

RUNNING = 'running'
PAUSED = 'paused'
SUSPENDED = 'suspended'
SHUTDOWN = 'shutdown'

GUESTS = 'guests.json'
LOCK = 'guests.lock'
EXPORTS = 'exports.json'
VIOLATIONS = 'violations.jsonl'


def write_json(path: pathlib.Path, value: Any) -> None:
    """Replace the file at once: a reader sees the old or the new text."""
    temporary = path.with_name(f'.{path.name}.{os.getpid()}')
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + '\n')
    temporary.replace(path)


def _read_json(path: pathlib.Path, default: Any) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default


class Guest(NamedTuple):
    """A guest as its hypervisor knows it."""

    name: str
    state: str


def read_guests(host: pathlib.Path) -> dict[str, Guest]:
    """The guests of the host with this directory, by server uuid."""
    found = _read_json(host / GUESTS, {})
    return {uuid: Guest(**guest) for uuid, guest in found.items()}


def write_guests(host: pathlib.Path, guests: dict[str, Guest]) -> None:
    """Store the guests of a host."""
    host.mkdir(parents=True, exist_ok=True)
    write_json(
        host / GUESTS,
        {uuid: guest._asdict() for uuid, guest in guests.items()},
    )


def update_guests(
    host: pathlib.Path,
    change: Callable[[dict[str, Guest]], dict[str, Guest]],
) -> None:
    """Replace the guests of a host by what ``change`` makes of them.

    One at a time, of the threads of nova-compute that start guests as well
    as of other processes: nobody's guest is lost.
    """
    host.mkdir(parents=True, exist_ok=True)
    # Every open file has a lock of its own, those of one process too.
    with (host / LOCK).open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_guests(host, change(read_guests(host)))


def shut_down_guests(host: pathlib.Path) -> None:
    """What a power cut does: nothing runs, everything stays defined."""
    update_guests(
        host,
        lambda guests: {
            uuid: guest._replace(state=SHUTDOWN)
            if guest.state in (RUNNING, PAUSED)
            else guest
            for uuid, guest in guests.items()
        },
    )


def running_elsewhere(host: pathlib.Path, uuid: str) -> list[str]:
    """The names of the other hosts on which that guest runs."""
    return sorted(
        other.name
        for other in host.parent.iterdir()
        if other.name != host.name
        and (guest := read_guests(other).get(uuid)) is not None
        and guest.state in (RUNNING, PAUSED)
    )


class Export(NamedTuple):
    """A volume that the array shows to a host."""

    volume: str
    host: str


class Exports:
    """The export table; one process writes it, whoever wants reads it."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._file = directory / EXPORTS
        self._lock = threading.Lock()

    def read(self) -> set[Export]:
        """Every export there is."""
        return {Export(**row) for row in _read_json(self._file, [])}

    def add(self, volume: str, host: str) -> None:
        """Show a volume to a host; again is no error, as on an array."""
        with self._lock:
            self._write(self.read() | {Export(volume, host)})

    def remove(self, volume: str, host: str | None = None) -> None:
        """Hide a volume from one host, or from all of them."""
        with self._lock:
            self._write(
                {
                    export
                    for export in self.read()
                    if export.volume != volume
                    or host not in (None, export.host)
                }
            )

    def _write(self, exports: set[Export]) -> None:
        rows = [export._asdict() for export in sorted(exports)]
        write_json(self._file, rows)


def record_violation(
    directory: pathlib.Path, kind: str, server: str, **facts: Any
) -> None:
    """Append what real hardware would have let happen in silence."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
    row = {'time': now, 'kind': kind, 'server': server, **facts}
    line = json.dumps(row, sort_keys=True) + '\n'
    with (directory / VIOLATIONS).open('a') as output:
        output.write(line)


def read_violations(directory: pathlib.Path) -> list[dict[str, Any]]:
    """Every violation so far, oldest first."""
    try:
        text = (directory / VIOLATIONS).read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines()]

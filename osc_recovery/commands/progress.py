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

"""Draws the engine's events: live on a terminal, one line each elsewhere."""

from collections.abc import Callable, Iterator
import contextlib
import sys
import threading
import time
from typing import TextIO

from rich import console as rich_console
from rich import progress as rich_progress

from osc_recovery.model import events

Listener = Callable[[events.Event], None]

#: events that are worth a line of their own where nothing is drawn
_SPOKEN = {
    events.EventKind.RUN_STARTED,
    events.EventKind.SERVER_STARTED,
    events.EventKind.STEP_DONE,
    events.EventKind.STEP_FAILED,
    events.EventKind.STEP_UNDONE,
    events.EventKind.SERVER_FINISHED,
    events.EventKind.RUN_FINISHED,
    events.EventKind.NOTE,
}


@contextlib.contextmanager
def drawn(total: int, stream: TextIO | None = None) -> Iterator[Listener]:
    """A listener for the engine; ``total`` servers will be worked on.

    Everything goes to standard error: standard output belongs to the
    result, which may be JSON.
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream)
        return
    with Bars(stream, total) as bars:
        yield bars


class Lines:
    """One line per event, with the seconds since the start."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def __call__(self, event: events.Event) -> None:
        """Write the event, if it is one to speak of."""
        if event.kind not in _SPOKEN:
            return
        seconds = time.monotonic() - self._started
        with self._lock:
            self._stream.write(f'{seconds:7.1f}s  {line(event)}\n')
            self._stream.flush()


class Bars:
    """A bar for the whole run, and a line for each server under way."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._progress = rich_progress.Progress(
            rich_progress.SpinnerColumn(),
            rich_progress.TextColumn('{task.description}'),
            rich_progress.BarColumn(bar_width=24),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn('{task.fields[note]}'),
            rich_progress.TimeElapsedColumn(),
            console=rich_console.Console(file=stream),
        )
        self._whole = self._progress.add_task('servers', total=total, note='')
        self._servers: dict[str, rich_progress.TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> 'Bars':
        self._progress.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._progress.stop()

    def __call__(self, event: events.Event) -> None:
        """Draw the event."""
        with self._lock:
            self._draw(event)

    def _draw(self, event: events.Event) -> None:
        if event.kind is events.EventKind.SERVER_STARTED:
            self._servers[event.subject] = self._progress.add_task(
                event.name, total=event.total or None, note=''
            )
        elif event.kind is events.EventKind.SERVER_FINISHED:
            self._finish(event)
        elif event.subject in self._servers:
            self._progress.update(
                self._servers[event.subject],
                completed=event.index,
                note=event.step,
            )
            if event.kind is events.EventKind.STEP_FAILED:
                self._progress.console.print(line(event), highlight=False)
        else:
            self._progress.console.print(line(event), highlight=False)

    def _finish(self, event: events.Event) -> None:
        task = self._servers.pop(event.subject, None)
        if task is not None:
            self._progress.remove_task(task)
        self._progress.advance(self._whole)
        self._progress.console.print(line(event), highlight=False)


def line(event: events.Event) -> str:
    """An event in words."""
    if event.kind is events.EventKind.RUN_STARTED:
        return f'run {event.subject} of host {event.name} started'
    if event.kind is events.EventKind.RUN_FINISHED:
        return f'run {event.subject}: {event.step} {event.message}'.strip()
    parts = [event.name or event.subject, event.step]
    if event.kind is events.EventKind.STEP_DONE:
        parts.append(f'done ({event.index}/{event.total})')
    elif event.kind is events.EventKind.STEP_FAILED:
        parts.append('FAILED')
    elif event.kind is events.EventKind.STEP_UNDONE:
        parts.append('undone')
    elif event.kind is events.EventKind.SERVER_STARTED:
        parts.append('started')
    parts.append(event.message)
    return ' '.join(part for part in parts if part)

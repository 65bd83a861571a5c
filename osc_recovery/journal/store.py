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


"""The journal: what was meant and what came of it, durable before the next.

One transaction per call; when a call has returned, what it stored survives
a crash.  Every transaction can be repeated, so one whose answer was lost
(a broken connection, a deadlock) is simply run again.
"""

from collections.abc import Callable, Iterable, Mapping
import threading
from typing import Any, Protocol, TypeVar

from oslo_db import exception as db_exception
import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery import exceptions
from osc_recovery.journal import clock
from osc_recovery.journal import entries
from osc_recovery.journal import fences
from osc_recovery.journal import files
from osc_recovery.journal import migrate
from osc_recovery.journal import runs as rows
from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.model import runs as run_model
from osc_recovery.model import steps as step_model

T = TypeVar('T')
_ID_TRIES = 20
#: refusals of our own, as opposed to a journal that does not work
_REFUSALS = (
    exceptions.Held,
    exceptions.NothingToDo,
    exceptions.UsageError,
)


class JournalError(exceptions.ServiceUnavailable):
    """The journal cannot be read or written."""


class Hold(Protocol):
    """What a run holds outside of the journal, and gives back at its end."""

    def check(self) -> None:
        """Raise Held when it was taken away."""

    def give_back(self) -> None:
        """Give it back; raises nothing but Held."""


class _Taken(JournalError):
    """A row with that key is there already."""


class Journal:
    """The journal at a database URL; safe to use from several threads.

    Every method raises JournalError when the database does not do its
    part.  An SQLite file and its directories are made on first use.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._database = engine.Database('journal', _with_characters(url))
        self._lock = threading.Lock()
        self._opened = False
        self._mine: dict[str, run_model.Process] = {}
        self._holds: dict[str, Hold] = {}

    def upgrade(self) -> None:
        """Bring the schema up to date; done by the first other call, too.

        Raises ConfigError when the file cannot be used, and UsageError
        when a newer release made it.
        """
        with self._lock:
            self._open()

    def dispose(self) -> None:
        """Close the connections; the next call opens it again."""
        with self._lock:
            self._database.dispose()
            self._opened = False

    # Runs and leases

    def create_run(
        self,
        scenario: str,
        host: str,
        plan: dict[str, Any],
        process: run_model.Process,
    ) -> run_model.RunRecord:
        """Store a new run and take the lease for its host.

        Raises Held when another run has it.
        """
        for _ in range(_ID_TRIES):
            run = run_model.RunRecord(
                id=rows.new_id(),
                scenario=scenario,
                host=host,
                state=results.RunState.RUNNING,
                plan=codec.encode(plan),
                process=process,
                created_at=clock.now(),
            )
            try:
                self._write(rows.insert, run)
            except _Taken:
                # The id is taken, or somebody took the lease this very
                # moment, which the next round sees.
                continue
            self._mine[run.id] = process
            return run
        raise JournalError('The journal gave no id to a new run.')

    def run(self, run_id: str) -> run_model.RunRecord:
        """A run by its id or an unambiguous beginning of it (UsageError)."""
        return self._read(rows.find, run_id)

    def runs(self) -> tuple[run_model.RunRecord, ...]:
        """All runs, the newest first, without their plans."""
        return self._read(rows.read_all)

    def take_over(
        self, run_id: str, process: run_model.Process, unseen: bool = False
    ) -> run_model.RunRecord:
        """Go on with a run in this process: resume or revert.

        ``unseen`` is the operator's word that the former process is gone
        when that cannot be seen from here.  Raises Held when it lives or
        when another run holds the host, NothingToDo when the run is done,
        UsageError when it is unknown or abandoned.
        """
        found = self.run(run_id)
        try:
            self._write(rows.take_over, found.id, process, unseen)
        except _Taken:
            # Another run took the host this very moment; now it is seen.
            self._write(rows.take_over, found.id, process, unseen)
        self._mine[found.id] = process
        return self.run(found.id)

    def hold(self, run_id: str, hold: Hold) -> None:
        """Look at something else, too, before every intent of a run.

        It is given back before the run is over: what a crash leaves then
        is a run that can be gone on with.
        """
        self._holds[run_id] = hold

    def set_state(
        self, run_id: str, state: results.RunState, message: str = ''
    ) -> None:
        """Store where a run stands.

        The lease is kept while it is running or paused, and given back
        together with any other state.
        """

        def work(connection: sa.Connection) -> None:
            self._require_mine(connection, run_id)
            rows.set_state(connection, run_id, state, message)

        if state in rows.OVER and run_id in self._holds:
            self._holds.pop(run_id).give_back()
        self._write(work)

    def release(self, run_id: str) -> None:
        """Give back the host that a run holds, if it holds one."""
        self._write(rows.release, run_id)

    def abandon(
        self, run_id: str, unseen: bool = False
    ) -> run_model.RunRecord:
        """Give up a run whose process is gone, and give back its host.

        Raises Held while the process lives, or when that cannot be told
        from here and the operator does not vouch for it (``unseen``);
        NothingToDo when the run is over.
        """
        found = self.run(run_id)
        self._write(rows.abandon, found.id, unseen)
        return self.run(found.id)

    def lease(self, host: str) -> run_model.Lease | None:
        """Who holds a host."""
        return self._read(rows.read_lease, host)

    # Steps and servers

    def begin_step(
        self,
        run_id: str,
        subject: str,
        index: int,
        kind: str,
        intent: Mapping[str, Any],
    ) -> None:
        """Store what a step is about to do, before it does it.

        Raises Held when another process took the run over: whoever gets
        that must not act.
        """

        def work(connection: sa.Connection) -> None:
            self._require_mine(connection, run_id)
            entries.begin(connection, (run_id, subject, index), kind, intent)

        self._check_hold(run_id)
        self._write(work)

    def remember(
        self, run_id: str, subject: str, index: int, values: Mapping[str, Any]
    ) -> None:
        """Add to a step's intent what its successor needs after a crash."""
        self._write(entries.remember, (run_id, subject, index), values)

    def end_step(
        self,
        run_id: str,
        subject: str,
        index: int,
        state: step_model.StepState,
        outcome: Mapping[str, Any] | None = None,
        error: str = '',
    ) -> None:
        """Store where a step stands; what is left out stays as it was."""

        def work(connection: sa.Connection) -> None:
            self._require_mine(connection, run_id)
            key = (run_id, subject, index)
            entries.end(connection, key, state, outcome, error)

        if state is step_model.StepState.UNDOING:
            self._check_hold(run_id)
        self._write(work)

    def steps(
        self, run_id: str, subject: str | None = None
    ) -> tuple[step_model.StepRecord, ...]:
        """The steps of a run, or of one subject of it, in order."""
        return self._read(entries.read_steps, run_id, subject)

    def set_server(self, run_id: str, server: results.ServerResult) -> None:
        """Store where a server stands."""
        self.set_servers(run_id, [server])

    def set_servers(
        self, run_id: str, servers: Iterable[results.ServerResult]
    ) -> None:
        """Store where several servers stand, in one transaction."""
        several = tuple(servers)

        def work(connection: sa.Connection) -> None:
            for server in several:
                entries.set_server(connection, run_id, server)

        self._write(work)

    def servers(self, run_id: str) -> tuple[results.ServerResult, ...]:
        """The servers of a run, by name."""
        return self._read(entries.read_servers, run_id)

    # Fences

    def record_fence(self, fence: facts.Fence) -> None:
        """Store the proof or the statement that a host is dead."""
        self._write(fences.record, fence)

    def fence(self, host: str) -> facts.Fence | None:
        """The latest fence of a host that was not released."""
        return self._read(fences.read, host)

    def fences(self) -> dict[str, facts.Fence]:
        """The latest fence of every host that has one, by host."""
        return self._read(fences.read_all)

    def release_fence(self, host: str) -> None:
        """End the fences of a host."""
        self._write(fences.release, host)

    # Transactions

    def _open(self) -> None:
        if self._opened:
            return
        files.prepare(sa.make_url(self._url))
        _calling(migrate.upgrade, self._database)
        self._opened = True

    def _require_mine(self, connection: sa.Connection, run_id: str) -> None:
        process = self._mine.get(run_id)
        if process is not None:
            rows.require_holder(connection, run_id, process)

    def _check_hold(self, run_id: str) -> None:
        if run_id in self._holds:
            self._holds[run_id].check()

    def _read(self, work: Callable[..., T], *args: Any) -> T:
        if not self._opened:
            self.upgrade()
        found: T = _calling(_in_reading, self._database, work, *args)
        return found

    def _write(self, work: Callable[..., T], *args: Any) -> T:
        # One writer at a time: SQLite has no more, and threads that wait
        # here wait less than in its busy loop.
        with self._lock:
            self._open()
            made: T = _calling(_in_writing, self._database, work, *args)
            return made


def _with_characters(url: str) -> sa.URL | str:
    """Ask MySQL for every character: oslo.db's default stops at three bytes.

    A URL that cannot be understood is left to whoever says so.
    """
    try:
        parsed = sa.make_url(url)
        mysql = parsed.get_backend_name() in ('mysql', 'mariadb')
    except (sa.exc.ArgumentError, ValueError):
        return url
    if not mysql or 'charset' in parsed.query:
        return url
    return parsed.update_query_dict({'charset': 'utf8mb4'})


def _in_reading(
    database: engine.Database, work: Callable[..., T], *args: Any
) -> T:
    with database.reading() as connection:
        return work(connection, *args)


def _in_writing(
    database: engine.Database, work: Callable[..., T], *args: Any
) -> T:
    with database.writing() as connection:
        return work(connection, *args)


def _calling(work: Callable[..., T], *args: Any) -> T:
    try:
        return engine.retrying(work)(*args)
    except _REFUSALS:
        raise
    except db_exception.DBDuplicateEntry as exc:
        raise _Taken('The journal has this entry already.') from exc
    except exceptions.RecoveryError as exc:
        raise JournalError(f'The journal does not work: {exc}') from exc

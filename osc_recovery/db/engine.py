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


"""One oslo.db engine per database: transactions, retries, clear errors.

The engine is oslo.db's; its enginefacade is not used because that
registers options with the global CONF of oslo.config.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import functools
import logging
import os
import re
import sqlite3
import threading
from typing import Any, TypeVar
from urllib import parse

from oslo_db import api as oslo_api
from oslo_db import exception as oslo_exc
from oslo_db.sqlalchemy import engines
from oslo_utils import strutils
import sqlalchemy
from sqlalchemy import event
from sqlalchemy import exc as sa_exc

from osc_recovery.db import drivers
from osc_recovery.db import idle
from osc_recovery import exceptions

T = TypeVar('T')

#: seconds to wait for a connection, for a lock (as long as InnoDB does) and
#: for an answer
CONNECT_TIMEOUT = 10
LOCK_TIMEOUT = 50
ANSWER_TIMEOUT = 120
#: milliseconds that SQLite waits for a lock
BUSY_TIMEOUT = 60_000
RETRIES = 5

# oslo.db logs every error with a traceback and the driver's own words; here
# each becomes an exception that says the same in one line, masked.
logging.getLogger('oslo_db').setLevel(logging.CRITICAL)

#: the drivers we install, where a URL names none
_DRIVERS = {
    'mariadb': 'mysql+pymysql',
    'mariadb+pymysql': 'mysql+pymysql',
    'mysql': 'mysql+pymysql',
    'postgresql': 'postgresql+psycopg2',
}
_WRITER = 'osc_recovery_writer'
#: what drivers raise when they connect: PyMySQL a RuntimeError when the
#: server's authentication needs another package, all a TypeError when the
#: URL has parameters that they do not know
_CONNECT_ERRORS = (
    oslo_exc.DBError,
    sa_exc.SQLAlchemyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_HOST = re.compile(r'[\w.:%-]+')


class Disconnected(exceptions.ServiceUnavailable):
    """The connection to a database broke in the middle of a transaction."""


class Unreachable(exceptions.ServiceUnavailable):
    """A database server does not accept connections at the moment."""


class ReadOnly(exceptions.ServiceUnavailable):
    """A database server takes no writes: a replica, or a fail-over."""


class Contended(exceptions.ServiceUnavailable):
    """A transaction was rolled back because of a deadlock or a lock."""


class Database:
    """A database: its name for messages, and how to work in it.

    ``reading`` and ``writing`` each give a connection inside one
    transaction of its own; the first is always rolled back, the second is
    committed unless the block raises.  No exception that comes out of them
    holds a password, a URL or a statement's values, but for
    ``oslo_db.exception.DBDuplicateEntry`` every error of the database is a
    RecoveryError.

    With ``must_exist`` a SQLite file that is missing is an error and not
    an empty database.
    """

    def __init__(
        self,
        name: str,
        url: str | sqlalchemy.URL,
        *,
        must_exist: bool = False,
    ) -> None:
        self.name = name
        self._url = _parse(name, url)
        self._must_exist = must_exist
        self._lock = threading.Lock()
        self._engine: sqlalchemy.Engine | None = None
        self._idle = idle.Idle(_file(self._url))

    def __repr__(self) -> str:
        return f'Database({self.name!r}, {self._url!r})'

    @property
    def where(self) -> str:
        """The database's place: host and port, or the file; no secret."""
        if self._url.host:
            port = f':{self._url.port}' if self._url.port else ''
            return f'{self._url.host}{port}'
        return self._url.database or 'memory'

    @property
    def dialect(self) -> str:
        """``sqlite``, ``mysql``, ``postgresql``."""
        return self._url.get_backend_name()

    @property
    def engine(self) -> sqlalchemy.Engine:
        """The engine; made on first use, connects only when it is used."""
        with self._lock:
            if self._engine is None:
                self._engine = self._create()
            return self._engine

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlalchemy.Connection]:
        """A connection inside a transaction that is rolled back."""
        with self._connection() as connection:
            connection = connection.execution_options(**{_WRITER: False})
            with self._clear_errors():
                transaction = connection.begin()
                try:
                    yield connection
                finally:
                    transaction.rollback()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlalchemy.Connection]:
        """A connection inside a transaction that is committed.

        On SQLite the transaction takes the write lock when it begins: one
        that takes it later dies when somebody else has written meanwhile.
        """
        with self._connection() as connection, self._clear_errors():
            if self.dialect == 'sqlite':
                raw: Any = connection.connection.dbapi_connection
                # A change of mode fails while others write; it can wait.
                with contextlib.suppress(sqlite3.OperationalError):
                    raw.execute('PRAGMA journal_mode=WAL')
            connection = connection.execution_options(**{_WRITER: True})
            with connection.begin():
                yield connection

    def dispose(self) -> None:
        """Close every connection."""
        self._idle.close()
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlalchemy.Connection]:
        self._check_file()
        connection = self._idle.take() or self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.give_back(connection)

    def _connect(self) -> sqlalchemy.Connection:
        try:
            return self.engine.connect()
        except _CONNECT_ERRORS as exc:
            kind = exceptions.ServiceUnavailable
            if self.dialect != 'sqlite':
                kind = Unreachable
            raise kind(self._message('cannot be reached', exc)) from None

    @contextlib.contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """Make every error of the database one of ours, without secrets."""
        try:
            yield
        except oslo_exc.DBDuplicateEntry:
            raise
        except oslo_exc.DBDeadlock as exc:
            raise Contended(
                self._message('rolled a transaction back', exc)
            ) from None
        except (oslo_exc.DBConnectionError, sa_exc.InterfaceError) as exc:
            raise Disconnected(
                self._message('broke the connection', exc)
            ) from None
        except (oslo_exc.DBError, sa_exc.SQLAlchemyError) as exc:
            if getattr(exc, 'connection_invalidated', False):
                raise Disconnected(
                    self._message('broke the connection', exc)
                ) from None
            if drivers.is_commit_unknown(exc):
                raise Disconnected(
                    self._message('lost its quorum', exc)
                ) from None
            if drivers.is_read_only(exc):
                raise ReadOnly(
                    self._message(
                        'is read-only; name the server that takes writes, or '
                        'wait for the fail-over',
                        exc,
                    )
                ) from None
            if drivers.is_busy(exc):
                raise Contended(self._message('is locked', exc)) from None
            raise exceptions.RecoveryError(
                self._message('refused a statement', exc)
            ) from None

    def _check_file(self) -> None:
        if self._must_exist and self.dialect == 'sqlite':
            path = self._url.database
            if path and path != ':memory:' and not os.path.exists(path):
                raise exceptions.ServiceUnavailable(
                    f'database {self.name}: there is no file {path}'
                )

    def _create(self) -> sqlalchemy.Engine:
        try:
            engine: sqlalchemy.Engine = engines.create_engine(
                _with_parameters(self._url),
                mysql_sql_mode='TRADITIONAL',
                max_retries=0,
                max_pool_size=32,
                max_overflow=64,
                thread_checkin=False,
            )
        except (ImportError, sa_exc.SQLAlchemyError) as exc:
            raise exceptions.ConfigError(
                f'database {self.name}: no driver for '
                f'{self._url.drivername} ({type(exc).__name__})'
            ) from None
        engine.hide_parameters = True
        if self.dialect == 'postgresql':
            event.listen(engine, 'connect', _set_server_timeouts)
        if self.dialect == 'mysql':
            event.listen(engine, 'connect', drivers.wait_for_others)
        if self.dialect == 'sqlite':
            event.listen(engine, 'connect', _set_busy_timeout)
            event.listen(
                engine, 'before_cursor_execute', _begin_immediate, retval=True
            )
        return engine

    def _message(self, what: str, exc: Exception) -> str:
        inner = getattr(exc, 'inner_exception', None) or exc
        reason = str(getattr(inner, 'orig', None) or inner)
        lines = reason.strip().splitlines() or [type(exc).__name__]
        return (
            f'database {self.name} at {self.where} {what}: '
            f'{_masked(lines[0], self._url.password)}'
        )


def retrying(func: Callable[..., T]) -> Callable[..., T]:
    """Run a function again when its transaction died by no fault of its own.

    For functions that make one transaction and can be repeated: a broken
    connection leaves open whether the commit took place, so what is
    already there must be recognised.  A cluster that changes its server is
    waited for, some ten seconds at most.
    """
    retry = oslo_api.wrap_db_retry(
        retry_interval=0.2,
        max_retries=RETRIES,
        max_retry_interval=5,
        exception_checker=lambda exc: isinstance(
            exc, Contended | Disconnected | Unreachable
        ),
        jitter=True,
    )
    wrapped: Callable[..., T] = functools.wraps(func)(retry(func))
    return wrapped


def _parse(name: str, url: str | sqlalchemy.URL) -> sqlalchemy.URL:
    try:
        parsed = sqlalchemy.make_url(url)
        parsed.get_backend_name()
    except (sa_exc.ArgumentError, ValueError):
        raise exceptions.ConfigError(
            f'database {name}: its URL cannot be understood'
        ) from None
    # What follows an unescaped "@" of a password looks like the host.
    if parsed.host and not _HOST.fullmatch(parsed.host):
        raise exceptions.ConfigError(
            f'database {name}: its URL holds a wrong host name (special '
            'characters of a password have to be percent-encoded)'
        )
    return parsed.set(
        drivername=_DRIVERS.get(parsed.drivername, parsed.drivername)
    )


def _file(url: sqlalchemy.URL) -> str | None:
    """The path of a SQLite file; None for any other database."""
    if url.get_backend_name() != 'sqlite' or url.database == ':memory:':
        return None
    return url.database or None


def _with_parameters(url: sqlalchemy.URL) -> sqlalchemy.URL:
    """Give up connecting, and waiting for an answer, at some time.

    A connection to a SQLite file is kept, and used by any thread.
    """
    wanted: dict[str, str] = {}
    if _file(url):
        wanted['check_same_thread'] = 'false'
    if url.get_backend_name() in ('mysql', 'postgresql'):
        wanted['connect_timeout'] = str(CONNECT_TIMEOUT)
    if url.drivername == 'mysql+pymysql':
        wanted['read_timeout'] = str(ANSWER_TIMEOUT)
        wanted['write_timeout'] = str(ANSWER_TIMEOUT)
    missing = {k: v for k, v in wanted.items() if k not in url.query}
    return url.update_query_dict(missing)


def _set_server_timeouts(connection: Any, _record: Any) -> None:
    """PostgreSQL waits for ever unless it is told not to."""
    with connection.cursor() as cursor:
        cursor.execute(f'SET lock_timeout = {LOCK_TIMEOUT * 1000}')
        cursor.execute(f'SET statement_timeout = {ANSWER_TIMEOUT * 1000}')
    connection.commit()


def _set_busy_timeout(connection: Any, _record: Any) -> None:
    connection.execute(f'PRAGMA busy_timeout={BUSY_TIMEOUT}')


def _begin_immediate(
    connection: sqlalchemy.Connection,
    _cursor: Any,
    statement: str,
    parameters: Any,
    _context: Any,
    _many: bool,
) -> tuple[str, Any]:
    """Sharpen the BEGIN that oslo.db emits at a writer's start."""
    if statement == 'BEGIN' and connection.get_execution_options().get(
        _WRITER
    ):
        statement = 'BEGIN IMMEDIATE'
    return statement, parameters


def _masked(text: str, password: Any) -> str:
    """A driver's words without the password, however it is written."""
    plain = str(password or '')
    for hidden in (plain, parse.quote_plus(plain), parse.quote(plain, '')):
        if hidden:
            text = text.replace(hidden, '***')
    masked: str = strutils.mask_password(text)
    return masked

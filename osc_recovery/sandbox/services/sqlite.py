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

"""Lets stock services share SQLite files among threads and processes."""

import functools
from typing import Any

from oslo_db.sqlalchemy import enginefacade
from oslo_db.sqlalchemy import engines
import sqlalchemy
from sqlalchemy import event
from sqlalchemy import pool

WRITER = 'recovery_sandbox_writer'
#: connections a process keeps open to each of its databases
KEPT = 8


def install() -> None:
    """Prepare every engine that oslo.db makes from now on.

    oslo.db begins each transaction with a deferred BEGIN. A transaction
    that reads and then writes dies at once (SQLITE_BUSY_SNAPSHOT) when
    somebody else has written in between, whatever the busy timeout. So a
    writer takes the write lock when it begins.

    oslo.db opens and closes a file for every transaction as well, and the
    last one to close it puts its write-ahead log away: a quarter of
    keystone's time. Connections are kept, as they are to a server.
    """
    engines.create_engine = functools.partial(
        engines.create_engine, _engine_target=_keeping_connections
    )
    event.listen(sqlalchemy.engine.Engine, 'connect', _set_pragmas)
    event.listen(
        sqlalchemy.engine.Engine,
        'before_cursor_execute',
        _begin_immediate,
        retval=True,
    )
    _mark_writers(enginefacade._TransactionFactory)


def _keeping_connections(url: Any, **options: Any) -> Any:
    """oslo.db's own maker of engines, but for the pool of SQLite files."""
    if options.get('poolclass') is pool.NullPool:
        options.update(
            poolclass=pool.QueuePool,
            pool_size=KEPT,
            max_overflow=-1,
            pool_pre_ping=False,
        )
    return engines._create_engine(url, **options)


def _set_pragmas(connection: Any, _record: Any) -> None:
    if type(connection).__module__.startswith('sqlite3'):
        connection.execute('PRAGMA busy_timeout=60000')
        connection.execute('PRAGMA journal_mode=WAL')
        connection.execute('PRAGMA synchronous=OFF')


def _begin_immediate(
    conn: Any,
    _cursor: Any,
    statement: str,
    parameters: Any,
    _context: Any,
    _executemany: bool,
) -> tuple[str, Any]:
    if statement == 'BEGIN' and conn.get_execution_options().get(WRITER):
        statement = 'BEGIN IMMEDIATE'
    return statement, parameters


def _writer(factory: Any) -> Any:
    if not factory._started:
        factory._start()
    engine = factory._writer_engine
    if engine.dialect.name != 'sqlite':
        return engine
    return engine.execution_options(**{WRITER: True})


def _mark_writers(factory_class: Any) -> None:
    create_connection = factory_class._create_connection
    create_session = factory_class._create_session

    def connection(self: Any, mode: Any) -> Any:
        if mode is enginefacade._WRITER:
            return _writer(self).connect()
        return create_connection(self, mode)

    def session(self: Any, mode: Any, bind: Any = None) -> Any:
        if mode is enginefacade._WRITER and bind is None:
            bind = _writer(self)
        return create_session(self, mode, bind)

    factory_class._create_connection = connection
    factory_class._create_session = session

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


"""Tests of transactions, retries and of what errors say."""

import logging
import os
import sqlite3
import threading
import traceback
from typing import Any
from unittest import mock

import fixtures
from oslo_db import exception as oslo_exc
import pymysql
import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery import exceptions
from osc_recovery.tests.unit import base as unit
from osc_recovery.tests.unit.db import base

PASSWORD = 'pa%s/wo?rd#1'
ESCAPED = 'pa%25s%2Fwo%3Frd%231'
URL = f'mysql+pymysql://nova:{ESCAPED}@db.example.org:3307/nova?charset=utf8'


def spoken(error: BaseException) -> str:
    """Everything that a log could say about an error."""
    return ''.join(traceback.format_exception(error)) + repr(error)


class EngineTestCase(unit.TestCase):
    """A database in a file, with one table."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.path = str(self.home / 'test.db')
        self.database = self.open()
        with self.database.writing() as connection:
            connection.execute(sa.text('CREATE TABLE t (a INTEGER UNIQUE)'))

    def open(self, **options: Any) -> engine.Database:
        made = engine.Database('test', f'sqlite:///{self.path}', **options)
        self.addCleanup(made.dispose)
        return made

    def insert(self, value: int, connection: sa.Connection) -> None:
        connection.execute(
            sa.text('INSERT INTO t VALUES (:value)'), {'value': value}
        )

    def values(self) -> list[int]:
        with self.database.reading() as connection:
            return list(connection.scalars(sa.text('SELECT a FROM t')))


class TransactionsTest(EngineTestCase):
    """reading and writing."""

    def test_writing_is_committed(self) -> None:
        with self.database.writing() as connection:
            self.insert(1, connection)
        self.assertEqual([1], self.values())

    def test_writing_that_raises_is_rolled_back(self) -> None:
        def write() -> None:
            with self.database.writing() as connection:
                self.insert(1, connection)
                raise KeyError

        self.assertRaises(KeyError, write)
        self.assertEqual([], self.values())

    def test_reading_is_rolled_back(self) -> None:
        with self.database.reading() as connection:
            self.insert(1, connection)
        self.assertEqual([], self.values())

    def test_a_writer_locks_when_it_begins(self) -> None:
        other = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        self.addCleanup(other.close)
        with self.database.writing():
            self.assertRaises(
                sqlite3.OperationalError, other.execute, 'BEGIN IMMEDIATE'
            )
        with self.database.reading() as connection:
            connection.execute(sa.text('SELECT a FROM t')).all()
            other.execute('BEGIN IMMEDIATE')
            other.execute('ROLLBACK')

    def test_readers_read_while_somebody_writes(self) -> None:
        with self.database.writing() as connection:
            self.insert(1, connection)
            self.assertEqual([], self.values())

    def test_a_file_that_is_locked_too_long(self) -> None:
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute('BEGIN IMMEDIATE')

        def write() -> None:
            with self.database.writing() as connection:
                self.insert(1, connection)

        # A connection that is kept would wait as long as it was told first.
        self.database.dispose()
        with mock.patch.object(engine, 'BUSY_TIMEOUT', 1):
            error = self.assertRaises(engine.Contended, write)
        self.assertIn('test.db', str(error))

    def test_threads(self) -> None:
        def write(value: int) -> None:
            with self.database.writing() as connection:
                self.insert(value, connection)

        threads = [
            threading.Thread(target=write, args=(value,))
            for value in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(list(range(20)), sorted(self.values()))

    def test_duplicates_are_the_callers(self) -> None:
        def write() -> None:
            with self.database.writing() as connection:
                self.insert(1, connection)
                self.insert(1, connection)

        self.assertRaises(oslo_exc.DBDuplicateEntry, write)


class ErrorsTest(EngineTestCase):
    """Errors are ours, in one line, and hold no secret."""

    def fail_with(self, error: Exception) -> exceptions.RecoveryError:
        """What comes out when the driver fails to connect."""
        database = engine.Database('nova_cell1', URL)
        self.addCleanup(database.dispose)
        with (
            mock.patch(
                'pymysql.connections.Connection.connect',
                autospec=True,
                side_effect=error,
            ),
            self.reaching(),
        ):
            return self.assertRaises(
                exceptions.RecoveryError, self.read, database
            )

    def reaching(self) -> Any:
        """Let the driver be called: it goes nowhere here."""

        def connect(_self: Any, *args: Any, **kwargs: Any) -> Any:
            return pymysql.connect(*args, **kwargs)

        return mock.patch(
            'sqlalchemy.engine.default.DefaultDialect.connect', connect
        )

    def read(self, database: engine.Database) -> None:
        with database.reading() as connection:
            connection.execute(sa.text('SELECT 1'))

    def assert_silent(self, error: BaseException) -> None:
        for text in (spoken(error), self.log.output):
            for secret in (PASSWORD, ESCAPED):
                self.assertNotIn(secret, text)

    def test_a_database_that_does_not_answer(self) -> None:
        error = self.fail_with(
            pymysql.err.OperationalError(2003, f"Can't connect {PASSWORD}")
        )
        self.assertIsInstance(error, engine.Unreachable)
        self.assertIn('nova_cell1 at db.example.org:3307', str(error))
        self.assertIn("Can't connect ***", str(error))
        self.assertEqual(1, len(str(error).splitlines()))
        self.assert_silent(error)

    def test_access_denied(self) -> None:
        error = self.fail_with(
            pymysql.err.OperationalError(
                1045, "Access denied for user 'nova' (using password: YES)"
            )
        )
        self.assertIn('Access denied', str(error))
        self.assert_silent(error)

    def test_any_other_failure_of_the_driver(self) -> None:
        for failure in (
            RuntimeError(f'cryptography {PASSWORD}'),
            pymysql.err.InternalError(1, f'x {ESCAPED}'),
        ):
            with self.subTest(failure):
                self.assert_silent(self.fail_with(failure))

    def test_urls_nobody_can_use(self) -> None:
        for url in (
            's3cr3t',
            '',
            'mysql+pymysql://nova:s3cr3t@db:s3cr3t/nova',
            # everything after the first "@" looks like the host
            'mysql+pymysql://nova:x@s3cr3t!@db/nova',
            'mysql+pymysql://nova:x@s3cr3t@db/nova',
        ):
            with self.subTest(url):
                error = self.assertRaises(
                    exceptions.ConfigError, engine.Database, 'cell1', url
                )
                self.assertNotIn('s3cr3t', spoken(error))
                self.assertIn('cell1', str(error))

    def test_drivers_that_are_missing(self) -> None:
        for url in (
            'nosuch://nova:s3cr3t@db/nova',
            'mysql+nosuch://nova:s3cr3t@db/nova',
        ):
            with self.subTest(url):

                def read(text: str = url) -> None:
                    self.read(engine.Database('cell1', text))

                error = self.assertRaises(exceptions.ConfigError, read)
                self.assertNotIn('s3cr3t', spoken(error))

    def test_repr(self) -> None:
        text = repr(engine.Database('nova_cell1', URL))
        self.assertNotIn(ESCAPED, text)
        self.assertNotIn(PASSWORD, text)
        self.assertIn('***', text)

    def test_statements_keep_their_values(self) -> None:
        def write() -> None:
            with self.database.writing() as connection:
                connection.execute(
                    sa.text('INSERT INTO nosuch VALUES (:x)'),
                    {'x': PASSWORD},
                )

        error = self.assertRaises(exceptions.RecoveryError, write)
        self.assertIn('no such table: nosuch', str(error))
        self.assert_silent(error)

    def test_a_duplicate_keeps_its_values(self) -> None:
        def write() -> None:
            with self.database.writing() as connection:
                for _ in range(2):
                    connection.execute(
                        sa.text('INSERT INTO t VALUES (:x)'), {'x': PASSWORD}
                    )

        error = self.assertRaises(oslo_exc.DBDuplicateEntry, write)
        self.assertNotIn(PASSWORD, spoken(error))

    def test_a_file_that_must_exist(self) -> None:
        missing = str(self.home / 'missing.db')
        database = engine.Database(
            'nova_api', f'sqlite:///{missing}', must_exist=True
        )
        error = self.assertRaises(
            exceptions.ServiceUnavailable, self.read, database
        )
        self.assertIn(missing, str(error))
        self.assertFalse(os.path.exists(missing))

    def test_nothing_is_logged(self) -> None:
        self.test_a_database_that_does_not_answer()
        self.assertNotIn('Traceback', self.log.output)


class DriverErrorsTest(EngineTestCase):
    """What errors that oslo.db leaves alone are taken for."""

    def fail_with(self, **attributes: Any) -> type:
        """The type of what comes out of a transaction that fails so."""
        driver = sqlite3.OperationalError('no')
        for name, value in attributes.items():
            setattr(driver, name, value)

        def read() -> None:
            with self.database.reading():
                error = sa.exc.OperationalError('SELECT', {}, driver)
                error.connection_invalidated = bool(attributes.get('lost'))
                raise error

        return type(self.assertRaises(exceptions.RecoveryError, read))

    def test_kinds(self) -> None:
        for attributes, expected in (
            ({'pgcode': '55P03'}, engine.Contended),
            ({'pgcode': '42601'}, exceptions.RecoveryError),
            ({'sqlite_errorcode': sqlite3.SQLITE_BUSY}, engine.Contended),
            ({'sqlite_errorcode': sqlite3.SQLITE_LOCKED}, engine.Contended),
            ({'sqlite_errorcode': 1}, exceptions.RecoveryError),
            ({'lost': True}, engine.Disconnected),
            ({}, exceptions.RecoveryError),
        ):
            with self.subTest(attributes):
                self.assertEqual(expected, self.fail_with(**attributes))

    def test_postgresql_is_told_not_to_wait_for_ever(self) -> None:
        connection = mock.MagicMock()
        engine._set_server_timeouts(connection, None)
        cursor = connection.cursor.return_value.__enter__.return_value
        self.assertEqual(
            [
                mock.call('SET lock_timeout = 50000'),
                mock.call('SET statement_timeout = 120000'),
            ],
            cursor.execute.mock_calls,
        )
        connection.commit.assert_called_once_with()


class UrlsTest(unit.TestCase):
    """What is added to a URL."""

    def url(self, text: str) -> sa.URL:
        return engine._with_parameters(engine.Database('x', text)._url)

    def test_timeouts(self) -> None:
        query = self.url('mysql+pymysql://u@h/d?connect_timeout=3').query
        self.assertEqual('3', query['connect_timeout'])
        self.assertEqual('120', query['read_timeout'])
        query = self.url('postgresql://u@h/d').query
        self.assertEqual({'connect_timeout': '10'}, dict(query))
        self.assertEqual({}, dict(self.url('sqlite://').query))

    def test_threads_share_a_file(self) -> None:
        query = self.url('sqlite:///x').query
        self.assertEqual({'check_same_thread': 'false'}, dict(query))

    def test_drivers(self) -> None:
        for text, expected in (
            ('mysql://h/d', 'mysql+pymysql'),
            ('mysql+mysqldb://h/d', 'mysql+mysqldb'),
            ('postgresql://h/d', 'postgresql+psycopg2'),
            ('sqlite:///x', 'sqlite'),
        ):
            self.assertEqual(expected, self.url(text).drivername)

    def test_where(self) -> None:
        for text, expected in (
            ('mysql://u:p@h:3306/d', 'h:3306'),
            ('mysql://u:p@h/d', 'h'),
            ('mysql://u:p@[::1]:3306/d', '::1:3306'),
            ('sqlite:////var/x.db', '/var/x.db'),
            ('sqlite://', 'memory'),
        ):
            self.assertEqual(expected, engine.Database('x', text).where)


class RetryingTest(unit.TestCase):
    """engine.retrying."""

    def setUp(self) -> None:
        super().setUp()
        self.sleep = self.useFixture(
            fixtures.MockPatch('time.sleep', autospec=True)
        ).mock
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))

    def calls(self, *errors: Exception) -> int:
        """How often a function that raises these is called."""
        made = []
        left = list(errors)

        @engine.retrying
        def function() -> str:
            made.append(1)
            if left:
                raise left.pop(0)
            return 'result'

        try:
            self.assertEqual('result', function())
        except type(errors[0]):
            pass
        return len(made)

    def test_what_is_tried_again(self) -> None:
        lost = engine.Disconnected('x')
        contended = engine.Contended('x')
        gone = engine.Unreachable('x')
        self.assertEqual(2, self.calls(lost))
        self.assertEqual(4, self.calls(lost, gone, gone))
        self.assertEqual(3, self.calls(contended, lost))
        self.assertEqual(
            engine.RETRIES + 1, self.calls(*[lost] * (engine.RETRIES + 5))
        )

    def test_what_is_not(self) -> None:
        for error in (
            exceptions.RowMismatch('x'),
            exceptions.RecoveryError('x'),
            exceptions.ServiceUnavailable('x'),
            KeyError('x'),
        ):
            with self.subTest(error):
                self.assertEqual(1, self.calls(error))

    def test_how_long_it_takes_at_most(self) -> None:
        lost = engine.Unreachable('x')
        self.calls(*[lost] * (engine.RETRIES + 1))
        waited = sum(call.args[0] for call in self.sleep.mock_calls)
        self.assertLess(waited, 15)

    def test_the_last_error_comes_out_quietly(self) -> None:
        @engine.retrying
        def function() -> None:
            raise engine.Contended('locked')

        self.assertRaises(engine.Contended, function)
        self.assertNotIn('Traceback', self.log.output)


class DisconnectTest(base.DatabaseTestCase):
    """A connection that breaks in the middle."""

    def test_it_is_told_apart(self) -> None:
        database = self.database('nova-api-34-2026.2')

        def read() -> None:
            with database.reading():
                raise oslo_exc.DBConnectionError(sqlite3.Error('gone'))

        error = self.assertRaises(engine.Disconnected, read)
        self.assertIn('gone', str(error))

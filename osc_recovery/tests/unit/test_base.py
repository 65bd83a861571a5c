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

"""The tests' own base class: what it forbids and what it isolates."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import typing as ty
from unittest import mock
import urllib.request

import sqlalchemy
from sqlalchemy.engine import default
import testtools

from osc_recovery.tests.unit import base


def _open_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def _connect() -> None:
    socket.create_connection(('127.0.0.1', 1))


def _look_up() -> None:
    socket.getaddrinfo('localhost', 80)


def _open_url() -> None:
    urllib.request.urlopen('http://127.0.0.1:1/')


def _open_mariadb() -> None:
    sqlalchemy.create_engine('mysql+pymysql://u@127.0.0.1/d').connect()


def _open_database_in_c() -> None:
    # As a driver that opens its sockets out of the socket module's sight.
    default.DefaultDialect(dbapi=mock.Mock()).connect()


def _open_sqlite() -> None:
    with sqlalchemy.create_engine('sqlite://').connect() as connection:
        connection.execute(sqlalchemy.text('SELECT 1'))
    sqlite3.connect(':memory:').close()


async def _sleep() -> None:
    await asyncio.sleep(0)


def _run_event_loop() -> None:
    asyncio.run(_sleep())


class PoisonTestCase(testtools.TestCase):
    """A test which does what no unit test may do, has failed."""

    def _run(self, action: ty.Callable[[], None]) -> testtools.TestResult:
        class Victim(base.TestCase):
            def test_swallows_every_error(self) -> None:
                with contextlib.suppress(BaseException):
                    action()

        result = testtools.TestResult()
        Victim('test_swallows_every_error').run(result)
        return result

    def test_forbidden(self) -> None:
        for action in (
            _open_socket,
            _connect,
            _look_up,
            _open_url,
            _open_mariadb,
            _open_database_in_c,
        ):
            with self.subTest(action.__name__):
                result = self._run(action)
                self.assertEqual(1, len(result.failures))
                self.assertIn(action.__name__, result.failures[0][1])

    def test_allowed(self) -> None:
        for action in (_open_sqlite, _run_event_loop):
            with self.subTest(action.__name__):
                result = self._run(action)
                self.assertTrue(result.wasSuccessful(), result.failures)

    def test_nothing_stays_poisoned(self) -> None:
        self._run(_open_socket)
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


class EnvironmentTestCase(testtools.TestCase):
    """The environment of a test shows nothing of the caller's."""

    def test_caller_is_hidden(self) -> None:
        seen: dict[str, str] = {}

        class Witness(base.TestCase):
            def test_look(self) -> None:
                seen.update(os.environ, home=str(self.home))

        os.environ['OS_CLOUD'] = 'production'
        self.addCleanup(os.environ.pop, 'OS_CLOUD')
        result = testtools.TestResult()
        Witness('test_look').run(result)

        self.assertTrue(result.wasSuccessful(), result.errors)
        self.assertNotIn('OS_CLOUD', seen)
        self.assertEqual(seen['home'], seen['HOME'])
        self.assertEqual(
            os.path.join(seen['home'], '.local/state'), seen['XDG_STATE_HOME']
        )
        self.assertEqual('production', os.environ['OS_CLOUD'])

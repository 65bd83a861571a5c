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


"""Connections to SQLite files that are kept between transactions."""

import os
import sqlite3
import threading

from oslo_db import exception as oslo_exc
import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery.db import idle
from osc_recovery import exceptions
from osc_recovery.tests.unit import base


class IdleTest(base.TestCase):
    """A database in a file; the DBAPI's connections that were made to it."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.home / 'test.db'
        self.database = engine.Database(
            'test', f'sqlite:///{self.path}', must_exist=True
        )
        self.addCleanup(self.database.dispose)
        self.made: list[object] = []
        sa.event.listen(
            self.database.engine,
            'connect',
            lambda connection, _: self.made.append(connection),
        )
        self.make_file()

    def make_file(self) -> None:
        """An empty table, in whatever file has the path now."""
        with sqlite3.connect(self.path) as connection:
            connection.execute('CREATE TABLE t (a INTEGER UNIQUE)')
        connection.close()

    def insert(self, value: int) -> None:
        """One transaction that writes."""
        with self.database.writing() as connection:
            connection.execute(
                sa.text('INSERT INTO t VALUES (:a)'), {'a': value}
            )

    def values(self) -> list[int]:
        """One transaction that reads."""
        with self.database.reading() as connection:
            return list(
                connection.execute(sa.text('SELECT a FROM t')).scalars()
            )

    def test_one_for_all_transactions(self) -> None:
        self.insert(1)
        self.assertEqual([1], self.values())
        thread = threading.Thread(target=self.insert, args=(2,))
        thread.start()
        thread.join()
        self.assertEqual([1, 2], self.values())
        self.assertEqual(1, len(self.made))

    def test_a_reader_after_a_writer_takes_no_lock(self) -> None:
        self.insert(1)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute('BEGIN IMMEDIATE')
        self.assertEqual([1], self.values())

    def test_two_at_a_time_are_two(self) -> None:
        with self.database.reading():
            self.insert(1)
        self.assertEqual([1], self.values())
        self.assertEqual(2, len(self.made))

    def test_a_replaced_file_is_opened(self) -> None:
        self.insert(1)
        self.path.rename(self.home / 'former.db')
        self.make_file()
        self.insert(2)
        self.assertEqual([2], self.values())

    def test_a_removed_file_is_an_error(self) -> None:
        self.insert(1)
        os.unlink(self.path)
        self.assertRaises(exceptions.ServiceUnavailable, self.insert, 2)

    def test_what_failed_is_not_kept(self) -> None:
        self.insert(1)
        self.assertRaises(oslo_exc.DBDuplicateEntry, self.insert, 1)
        self.assertEqual([1], self.values())
        self.assertEqual(2, len(self.made))

    def test_dispose(self) -> None:
        self.insert(1)
        self.database.dispose()
        (connection,) = self.made
        assert isinstance(connection, sqlite3.Connection)
        self.assertRaises(
            sqlite3.ProgrammingError, connection.execute, 'SELECT 1'
        )

    def test_no_more_than_that(self) -> None:
        several = [
            self.database.engine.connect() for _ in range(idle.MOST + 1)
        ]
        keeper = idle.Idle(str(self.path))
        for connection in several:
            keeper.give_back(connection)
        self.assertEqual([True], [c.closed for c in several if c.closed])
        keeper.close()
        self.assertTrue(all(connection.closed for connection in several))

    def test_memory_is_left_alone(self) -> None:
        memory = engine.Database('memory', 'sqlite://')
        self.addCleanup(memory.dispose)
        with memory.writing() as connection:
            connection.execute(sa.text('CREATE TABLE t (a INTEGER)'))
        with memory.reading() as connection:
            connection.execute(sa.text('SELECT a FROM t'))

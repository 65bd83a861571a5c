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

"""Errors that oslo.db has no name for, and the session of Galera."""

from typing import Any
from unittest import mock

import pymysql
import sqlalchemy as sa

from osc_recovery.db import drivers
from osc_recovery.db import engine
from osc_recovery.tests.unit import base

READ_ONLY = (
    'The MariaDB server is running with the --read-only option so it cannot '
    'execute this statement'
)


def raised(driver: Any) -> Exception:
    """What SQLAlchemy makes of a driver's error."""
    return sa.exc.OperationalError('UPDATE', {}, driver)


def postgresql(code: str) -> Exception:
    """An error with an SQLSTATE."""
    driver = Exception('cannot execute UPDATE in a read-only transaction')
    driver.pgcode = code  # type: ignore[attr-defined]
    return driver


class ErrorsTestCase(base.TestCase):
    """By the numbers that servers give."""

    def test_read_only(self) -> None:
        mysql = pymysql.err.OperationalError
        for driver, found in (
            (mysql(1290, READ_ONLY), True),
            (mysql(1290, 'running with the --secure-file-priv option'), False),
            (mysql(1792, 'Cannot execute in a READ ONLY transaction'), True),
            (mysql(1205, 'Lock wait timeout exceeded'), False),
            (mysql(), False),
            (postgresql('25006'), True),
            (postgresql('40001'), False),
            (None, False),
        ):
            with self.subTest(repr(driver)):
                self.assertIs(found, drivers.is_read_only(raised(driver)))

    def test_commit_unknown(self) -> None:
        mysql = pymysql.err.OperationalError
        for driver, found in (
            (mysql(1180, 'Got error 6 during COMMIT'), True),
            (mysql(1290, READ_ONLY), False),
            (None, False),
        ):
            with self.subTest(repr(driver)):
                self.assertIs(found, drivers.is_commit_unknown(raised(driver)))

    def test_what_the_caller_gets(self) -> None:
        """Named, and only what may be made again is retried."""
        mysql = pymysql.err.OperationalError
        for driver, kind, tries, said in (
            (mysql(1290, READ_ONLY), engine.ReadOnly, 1, 'is read-only'),
            (mysql(1180, 'x'), engine.Disconnected, 3, 'lost its quorum'),
        ):
            with self.subTest(kind.__name__):
                database = engine.Database('test', 'sqlite://')
                self.addCleanup(database.dispose)
                count = 0

                @engine.retrying
                def work(
                    database: engine.Database = database,
                    driver: Any = driver,
                    tries: int = tries,
                ) -> None:
                    nonlocal count
                    with database.writing():
                        count += 1
                        if tries == 1 or count < tries:
                            raise raised(driver)

                if tries > 1:
                    work()
                    self.assertEqual(tries, count)
                    continue
                error = self.assertRaises(kind, work)
                self.assertEqual(tries, count)
                self.assertIn(said, str(error))


class GaleraTestCase(base.TestCase):
    """Reads wait for what other nodes have committed."""

    def sent(self, found: tuple[str, str] | None) -> list[str]:
        connection = mock.MagicMock()
        cursor = connection.cursor.return_value.__enter__.return_value
        cursor.fetchone.return_value = found
        drivers.wait_for_others(connection, None)
        return [call.args[0] for call in cursor.execute.call_args_list]

    def test_only_where_galera_is(self) -> None:
        wait = 'SET SESSION wsrep_sync_wait = 1'
        for found, waits in (
            (('wsrep_on', 'ON'), True),
            (('wsrep_on', '1'), True),
            (('wsrep_on', 'OFF'), False),
            (None, False),
        ):
            with self.subTest(str(found)):
                self.assertIs(waits, wait in self.sent(found))

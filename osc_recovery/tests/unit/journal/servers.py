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

"""The database servers that a journal can be on, for tests.

SQLite always.  MariaDB and PostgreSQL where one answers: at the URL that
the environment names, or on this machine where packages and CI put them.
Every test makes a database of its own there and drops it.
"""

import functools
import os
import pathlib
import uuid

import fixtures
import sqlalchemy as sa

from osc_recovery.journal import store
from osc_recovery.journal import tables
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.journal import fixtures as files

SQLITE = 'sqlite'
MARIADB = 'mariadb'
POSTGRESQL = 'postgresql'

#: read when the tests are loaded: while one runs they are hidden from it
URLS = {
    MARIADB: os.environ.get('OSC_RECOVERY_TEST_JOURNAL_MYSQL_URL')
    or 'mysql+pymysql://root@127.0.0.1:3306/',
    POSTGRESQL: os.environ.get('OSC_RECOVERY_TEST_JOURNAL_POSTGRESQL_URL')
    or 'postgresql+psycopg2://postgres@127.0.0.1:5432/postgres',
}
Scenarios = list[tuple[str, dict[str, str]]]
SCENARIOS: Scenarios = [
    (name, {'server': name}) for name in (SQLITE, MARIADB, POSTGRESQL)
]
#: seconds to find out whether a server answers
_PATIENCE = 3


class Database(fixtures.Fixture):
    """An empty database on a server; ``url`` is where it is.

    ``defaults`` follows MariaDB's CREATE DATABASE.
    """

    def __init__(self, server: str, defaults: str = '') -> None:
        super().__init__()
        self._server = server
        self._defaults = defaults
        self.url = ''

    def _setUp(self) -> None:
        name = f'osc_recovery_test_{uuid.uuid4().hex[:16]}'
        self._execute(f'CREATE DATABASE {name} {self._defaults}')
        force = ' WITH (FORCE)' if self._server == POSTGRESQL else ''
        self.addCleanup(self._execute, f'DROP DATABASE {name}{force}')
        url = sa.make_url(URLS[self._server]).set(database=name)
        self.url = url.render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        with _engine(self._server).connect() as connection:
            connection.execute(sa.text(statement))


class ServerTestCase(base.TestCase):
    """A test that is repeated on every server; see SCENARIOS."""

    #: which one: a scenario sets it
    server = SQLITE

    def setUp(self) -> None:
        self.network = self.server != SQLITE
        super().setUp()
        self.useFixture(files.Unsynced())
        if self.network:
            reason = absent(self.server)
            if reason:
                self.skipTest(reason)

    def empty(self, defaults: str = '') -> str:
        """The URL of a journal that has to be made yet."""
        if self.server == SQLITE:
            return f'sqlite:///{self.home}/journal.db'
        return self.useFixture(Database(self.server, defaults)).url

    def made(self, directory: pathlib.Path | None = None) -> str:
        """The URL of an empty journal."""
        if self.server == SQLITE:
            return files.make((directory or self.home) / 'journal.db')
        url = self.empty()
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            # What the migrations make, which takes longer: test_migrate.
            tables.METADATA.create_all(connection)
            connection.execute(
                sa.text(
                    f'CREATE TABLE {tables.VERSION_TABLE} '
                    '(version_num VARCHAR(32) PRIMARY KEY)'
                )
            )
            connection.execute(
                sa.text(f'INSERT INTO {tables.VERSION_TABLE} VALUES (:head)'),
                {'head': tables.HEAD},
            )
        engine.dispose()
        return url

    def opened(self, url: str) -> store.Journal:
        """The journal there, closed after the test."""
        journal = store.Journal(url)
        self.addCleanup(journal.dispose)
        return journal


@functools.cache
def absent(server: str) -> str:
    """Why a server cannot be used; empty when it can."""
    try:
        with _engine(server).connect():
            return ''
    except sa.exc.SQLAlchemyError as exc:
        first = str(getattr(exc, 'orig', None) or exc).splitlines()[0]
        where = sa.make_url(URLS[server]).render_as_string()
        return f'no {server} server answers at {where}: {first}'


def _engine(server: str) -> sa.Engine:
    return sa.create_engine(
        URLS[server],
        poolclass=sa.NullPool,
        isolation_level='AUTOCOMMIT',
        connect_args={'connect_timeout': _PATIENCE},
    )

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


"""The migrations, the tables and the number in the code agree."""

from typing import Any

from alembic import autogenerate
from alembic.runtime import migration
from alembic import script
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable
import testscenarios

from osc_recovery.db import engine
from osc_recovery import exceptions
from osc_recovery.journal import migrate
from osc_recovery.journal import process
from osc_recovery.journal import tables
from osc_recovery.tests.unit.journal import servers


load_tests = testscenarios.load_tests_apply_scenarios


class MigrationTestCase(servers.ServerTestCase):
    """Old, new and newer schemas."""

    scenarios = servers.SCENARIOS

    def setUp(self) -> None:
        super().setUp()
        # whatever MariaDB's administrator had in mind
        latin = 'CHARACTER SET latin1' * (self.server == servers.MARIADB)
        self.url = self.empty(latin)
        self.database = engine.Database('journal', self.url)
        self.addCleanup(self.database.dispose)

    def _version(self) -> str | None:
        with self.database.reading() as connection:
            return migrate.version(connection)

    def test_head_is_the_newest(self) -> None:
        scripts = script.ScriptDirectory(str(migrate._MIGRATIONS))
        self.assertEqual([tables.HEAD], scripts.get_heads())

    def test_upgrade_twice(self) -> None:
        self.assertIsNone(self._version())
        migrate.upgrade(self.database)
        self.assertEqual(tables.HEAD, self._version())
        migrate.upgrade(self.database)

    def test_migrations_make_the_tables(self) -> None:
        migrate.upgrade(self.database)
        with self.database.reading() as connection:
            context = migration.MigrationContext.configure(
                connection,
                opts={
                    'version_table': tables.VERSION_TABLE,
                    'compare_type': True,
                },
            )
            found = autogenerate.compare_metadata(context, tables.METADATA)
        self.assertEqual([], found)

    def test_cut_off(self) -> None:
        """MariaDB keeps the tables that were made before a crash."""
        with self.database.writing() as connection:
            for name in ('runs', 'leases'):
                tables.METADATA.tables[name].create(connection)
        if self.server != servers.MARIADB:
            # the others roll them back
            with self.database.writing() as connection:
                tables.METADATA.drop_all(connection)
        migrate.upgrade(self.database)
        self.test_migrations_make_the_tables()

    def test_names_are_compared_exactly(self) -> None:
        """Whatever the database's own character set and collation are."""
        journal = self.opened(self.url)
        for host in ('dead1', 'Dead1', 'd\xe9ad1', 'dead\U0001f480'):
            journal.create_run('relocate', host, {}, process.current())
        self.assertEqual(4, len(journal.runs()))
        for host in ('DEAD1', 'dead'):
            self.assertIsNone(journal.lease(host))

    def test_newer_journal(self) -> None:
        migrate.upgrade(self.database)
        with self.database.writing() as connection:
            connection.execute(
                sa.text(
                    f"UPDATE {tables.VERSION_TABLE} SET version_num = '999'"
                )
            )
        journal = self.opened(self.url)
        error = self.assertRaises(exceptions.UsageError, journal.runs)
        self.assertIn('999', str(error))
        self.assertIn('upgrade osc-recovery', str(error))

    def test_types_are_known_everywhere(self) -> None:
        modules: tuple[Any, ...] = (mysql, postgresql)
        for dialect in [module.dialect() for module in modules]:
            for table in tables.METADATA.sorted_tables:
                with self.subTest(f'{dialect.name} {table.name}'):
                    made = str(CreateTable(table).compile(dialect=dialect))
                    self.assertIn(f'CREATE TABLE {table.name}', made)

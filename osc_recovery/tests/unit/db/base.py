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


"""SQLite databases with the real schemas and rows of a real cloud.

The schemas are those that the releases' own migrations make, trimmed to
the tables used; the rows were recorded from nova 34 and cinder 29.
"""

from collections.abc import Iterator
import contextlib
import itertools
import json
import os
import pathlib
import re
import sqlite3
from typing import Any
import uuid as uuid_module

import fixtures
import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery.db import nova_cell
from osc_recovery.model import facts
from osc_recovery.tests.unit import base

DATA = pathlib.Path(base.__file__).parent / 'data'
NEWEST = 'nova-main-34-2026.2'
CELL = facts.Cell('883c6d82-075c-41cd-aee3-0732e8e64474', 'cell1')

_SECONDS = re.compile(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d')

Rows = dict[str, list[dict[str, Any]]]


def rows(name: str) -> dict[str, Any]:
    """Recorded rows by database and table."""
    with open(DATA / 'rows' / f'{name}.json') as file:
        found: dict[str, Any] = json.load(file)
    return found


def schema_file(name: str) -> pathlib.Path:
    """The statements that make a release's tables."""
    return DATA / 'schemas' / f'{name}.sql'


class DatabaseTestCase(base.TestCase):
    """Makes databases, and counts the statements that they are sent."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self._numbers = itertools.count()

    def database(
        self, schema: str, *inserts: Rows, name: str = 'nova_cell1'
    ) -> engine.Database:
        """A database of a release with these rows.

        Values of columns that the release has not are left out.
        """
        path = os.path.join(self.directory, f'{name}{next(self._numbers)}.db')
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute('PRAGMA synchronous=OFF')
            connection.execute('PRAGMA journal_mode=WAL')
            connection.executescript(
                f'BEGIN; {schema_file(schema).read_text()} COMMIT;'
            )
            for tables in inserts:
                for table, values in tables.items():
                    for row in values:
                        insert(connection, table, row)
            connection.commit()
        made = engine.Database(name, f'sqlite:///{path}', must_exist=True)
        self.addCleanup(made.dispose)
        return made

    def cell(self, *inserts: Rows, schema: str = NEWEST) -> nova_cell.NovaCell:
        """A cell database with these rows."""
        return nova_cell.NovaCell(self.database(schema, *inserts), CELL)

    @contextlib.contextmanager
    def counted(self, database: engine.Database) -> Iterator[list[str]]:
        """The statements that are sent to a database meanwhile."""
        sent: list[str] = []

        def count(*args: Any) -> None:
            sent.append(args[2])

        sa.event.listen(database.engine, 'before_cursor_execute', count)
        try:
            yield sent
        finally:
            sa.event.remove(database.engine, 'before_cursor_execute', count)

    def query(
        self, database: engine.Database, statement: str, **values: Any
    ) -> list[dict[str, Any]]:
        """Rows, read past the code under test."""
        path = database.engine.url.database
        assert path
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(statement, values).fetchall()
            connection.commit()
        return [dict(row) for row in found]


def insert(
    connection: sqlite3.Connection, table: str, row: dict[str, Any]
) -> None:
    """Insert a row without the columns that the table has not."""
    info = connection.execute(f'PRAGMA table_info({table})').fetchall()
    if not info:
        return
    names = [name for name in row if name in {column[1] for column in info}]
    columns = ', '.join(f'"{name}"' for name in names)
    marks = ', '.join('?' * len(names))
    connection.execute(
        f'INSERT INTO {table} ({columns}) VALUES ({marks})',
        [_as_stored(row[name]) for name in names],
    )


def _as_stored(value: Any) -> Any:
    """A time of MariaDB's as SQLAlchemy stores it in SQLite."""
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        return f'{value}.000000'
    return value


def copies(tables: Rows, count: int) -> Rows:
    """The rows of one server, for as many servers with their own uuids."""
    (server,) = tables['instances']
    made: Rows = {table: [] for table in tables}
    for number, (table, values) in itertools.product(
        range(1, count + 1), tables.items()
    ):
        for row in values:
            text = json.dumps(row).replace(server['uuid'], uuid(number))
            copy = json.loads(text)
            for key in ('id', 'action_id'):
                if isinstance(copy.get(key), int):
                    copy[key] += 1000 * number
            if row.get('uuid', server['uuid']) != server['uuid']:
                copy['uuid'] = str(uuid_module.uuid4())
            if 'token_hash' in copy:
                copy['token_hash'] += f'-{number}'
            made[table].append(copy)
    return made


def uuid(number: int) -> str:
    """A uuid that shows its number."""
    return f'00000000-0000-4000-8000-{number:012x}'

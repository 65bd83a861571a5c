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


"""Compares the declared tables with those of a real database.

A schema's version number does not tell the release (cinder's is the same
from 2024.1 to 2026.2), so old and new are told apart by looking.
"""

import contextlib
import dataclasses
import threading
from typing import Any, ClassVar

import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery import exceptions


@dataclasses.dataclass(frozen=True)
class Schema:
    """Which of the declared tables and columns a database has."""

    database: str
    columns: dict[str, frozenset[str]]

    def has(self, item: sa.Table | sa.Column[Any]) -> bool:
        """Whether the database has this table or column."""
        if isinstance(item, sa.Table):
            return item.name in self.columns
        return item.name in self.columns.get(item.table.name, frozenset())

    def present(self, table: sa.Table) -> list[sa.Column[Any]]:
        """The declared columns of a table that the database has."""
        return [column for column in table.columns if self.has(column)]

    def values(self, table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
        """A row for INSERT or UPDATE without the columns that are absent."""
        return {k: v for k, v in row.items() if self.has(table.columns[k])}

    def describe(self) -> dict[str, str]:
        """The used columns by table, for a fingerprint."""
        return {
            f'{self.database}.{table}': ','.join(sorted(columns))
            for table, columns in sorted(self.columns.items())
        }


def check(database: engine.Database, tables: sa.MetaData) -> Schema:
    """Compare the declared tables with the database's.

    Raises UsageError that names the first column (or table) that is needed
    and missing: such a release is too old, or too new, to be worked on.
    """
    declared = list(tables.tables.values())
    with database.reading() as connection:
        found = sa.inspect(connection).get_multi_columns(
            filter_names=[table.name for table in declared]
        )
    real = {
        key[1]: {column['name'] for column in columns}
        for key, columns in found.items()
    }
    for table in declared:
        _check_table(database, table, real)
    return Schema(
        database.name,
        {
            table.name: frozenset(table.columns.keys()) & real[table.name]
            for table in declared
            if table.name in real
        },
    )


def _check_table(
    database: engine.Database, table: sa.Table, real: dict[str, set[str]]
) -> None:
    missing = ''
    if table.name not in real:
        if not table.info.get('optional'):
            missing = f'table {table.name}'
    else:
        for column in table.columns:
            needed = not column.info.get('optional')
            if needed and column.name not in real[table.name]:
                missing = f'column {table.name}.{column.name}'
                break
    if missing:
        raise exceptions.UsageError(
            f'database {database.name} has no {missing}: this schema is not '
            'supported (Queens is the oldest release that is)'
        )


class Checked:
    """A database that is used only after its schema was looked at.

    All that the subclasses read or write raises ServiceUnavailable when
    the database does not answer, and UsageError when its schema is not one
    that is known.
    """

    tables: ClassVar[sa.MetaData]

    def __init__(self, database: engine.Database) -> None:
        self.database = database
        self._schema: Schema | None = None
        self._checking = threading.Lock()

    @property
    def schema(self) -> Schema:
        """What the database has of the declared tables; looked at once."""
        with self._checking:
            if self._schema is None:
                self._schema = check(self.database, self.tables)
            return self._schema

    def check(self) -> None:
        """Look at the schema now; raises UsageError."""
        _ = self.schema

    def reading(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """A connection inside a transaction that is rolled back."""
        self.check()
        return self.database.reading()

    def writing(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """A connection inside a transaction that is committed."""
        self.check()
        return self.database.writing()

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

"""Brings the journal's schema to the newest migration."""

import pathlib

import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery import exceptions
from osc_recovery.journal import tables

_MIGRATIONS = pathlib.Path(__file__).parent / 'migrations'


def upgrade(database: engine.Database) -> None:
    """Run the migrations that are missing; nothing when none is.

    Raises UsageError when a newer release made the journal.
    """
    with database.reading() as connection:
        found = version(connection)
    if found == tables.HEAD:
        return
    if found is not None and found > tables.HEAD:
        raise exceptions.UsageError(
            f'The journal at {database.where} has schema {found}, this '
            f'osc-recovery knows {tables.HEAD}: upgrade osc-recovery.'
        )
    _migrate(database)


def version(connection: sa.Connection) -> str | None:
    """The schema's number, None while there is no schema."""
    if not sa.inspect(connection).has_table(tables.VERSION_TABLE):
        return None
    column: sa.ColumnClause[str] = sa.column('version_num')
    table = sa.table(tables.VERSION_TABLE, column)
    found: str | None = connection.execute(
        sa.select(column).select_from(table)
    ).scalar()
    return found


def _migrate(database: engine.Database) -> None:
    # Imported here: most runs find the schema up to date.
    from alembic import command
    from alembic import config

    made = config.Config()
    made.set_main_option(
        'script_location', str(_MIGRATIONS).replace('%', '%%')
    )
    with database.writing() as connection:
        made.attributes['connection'] = connection
        command.upgrade(made, 'head')

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

from collections.abc import Iterator
import contextlib
import pathlib

import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery import exceptions
from osc_recovery.journal import tables
from osc_recovery.journal import text

_MIGRATIONS = pathlib.Path(__file__).parent / 'migrations'
#: errors that say for themselves what to do
_TOLD = (exceptions.UsageError, exceptions.ServiceUnavailable)
#: of PostgreSQL's advisory lock: any number that nobody else uses
_LOCK = 0x6F73635F


def upgrade(database: engine.Database) -> None:
    """Run the migrations that are missing; nothing when none is.

    Raises UsageError when a newer release made the journal, and Contended
    when it may help to do this again.
    """
    try:
        _upgrade(database)
    except Exception as exc:
        if database.dialect != 'mysql' or isinstance(exc, _TOLD):
            raise
        raise _another(database, exc) from None


def _upgrade(database: engine.Database) -> None:
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
    with database.writing() as connection, _alone(connection):
        if version(connection) == tables.HEAD:
            return
        made.attributes['connection'] = connection
        command.upgrade(made, 'head')


def _another(database: engine.Database, exc: Exception) -> engine.Contended:
    """What to do about any statement that failed on MySQL: look again.

    The lock holds on one server.  On another one of its cluster somebody
    may be making the same tables, and these statements commit at once.
    """
    return engine.Contended(
        f'database {database.name} at {database.where}: the tables of the '
        f'journal could not be made: {text.of_error(exc)}'
    )


@contextlib.contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """Make the tables while nobody else does; SQLite has one writer.

    PostgreSQL's lock ends with the transaction.
    """
    if connection.dialect.name == 'postgresql':
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if connection.dialect.name != 'mysql':
        yield
        return
    # Names of locks are the server's, not the database's, and short.
    name = sa.func.left(
        sa.func.concat('osc-recovery:', sa.func.database()), 64
    )
    taken = sa.select(sa.func.get_lock(name, engine.LOCK_TIMEOUT))
    if connection.scalar(taken) != 1:
        raise engine.Contended(
            'another process has been making the tables of the journal for '
            f'{engine.LOCK_TIMEOUT} seconds'
        )
    try:
        yield
    finally:
        connection.execute(sa.select(sa.func.release_lock(name)))

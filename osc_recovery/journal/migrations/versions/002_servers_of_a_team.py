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

"""What several operators need who share a journal on a database server.

The count of a run's writes; and on MariaDB and MySQL, whatever the
database's own defaults were, names that are compared exactly, every
character there is, and seconds with all their digits.
"""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '002'
down_revision = '001'

_TABLES = ('runs', 'leases', 'steps', 'servers', 'fences')
_LINES = (
    ('runs', 'message'),
    ('steps', 'error'),
    ('servers', 'message'),
    ('fences', 'statement'),
)


def upgrade() -> None:
    """Add the column and convert the tables; can be begun again."""
    connection = op.get_bind()
    if 'writes' not in _columns(connection, 'runs'):
        op.add_column(
            'runs',
            sa.Column(
                'writes', sa.BigInteger, nullable=False, server_default='0'
            ),
        )
    if connection.dialect.name != 'mysql':
        return
    for table in _TABLES:
        op.execute(f'ALTER TABLE {table} ENGINE=InnoDB')
        op.execute(
            f'ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 '
            'COLLATE utf8mb4_bin'
        )
    for table, column in _LINES:
        _alter(table, column, mysql.MEDIUMTEXT())
    _alter('servers', 'seconds', mysql.DOUBLE(asdecimal=False))


def _alter(table: str, column: str, wanted: Any) -> None:
    op.alter_column(table, column, type_=wanted, existing_nullable=False)


def _columns(connection: sa.Connection, table: str) -> set[str]:
    found = sa.inspect(connection).get_columns(table)
    return {column['name'] for column in found}

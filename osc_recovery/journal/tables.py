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

"""The journal's tables, in types that SQLite, MariaDB and PostgreSQL share.

Times are ISO 8601 text in UTC, so that they sort and read the same in every
database.  On MariaDB and MySQL names are compared exactly, as the others do
(``utf8mb4_bin``), and JSON is as long as LONGTEXT.  A change here needs a
migration, and its number in ``HEAD``.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

#: the newest migration; known here so that alembic is only imported when
#: there is something to migrate
HEAD = '002'

VERSION_TABLE = 'journal_version'

METADATA = sa.MetaData()

#: a line of text (journal/text.py)
_LINE = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql')

_OPTIONS: dict[str, Any] = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}

RUNS = sa.Table(
    'runs',
    METADATA,
    sa.Column('id', sa.String(32), primary_key=True),
    sa.Column('scenario', sa.String(64), nullable=False),
    sa.Column('host', sa.String(255), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('plan', sa.JSON, nullable=False),
    sa.Column('machine', sa.String(255), nullable=False),
    sa.Column('pid', sa.BigInteger, nullable=False),
    sa.Column('started', sa.BigInteger, nullable=False),
    sa.Column('operator', sa.String(255), nullable=False),
    sa.Column('created_at', sa.String(32), nullable=False),
    sa.Column('finished_at', sa.String(32), nullable=False),
    sa.Column('message', _LINE, nullable=False),
    # Counted up with every intent: where several servers of a Galera
    # cluster are written to, only a change of the row excludes another.
    sa.Column('writes', sa.BigInteger, nullable=False, server_default='0'),
    **_OPTIONS,
)

#: one row per host at most: the primary key is what excludes a second run
LEASES = sa.Table(
    'leases',
    METADATA,
    sa.Column('host', sa.String(255), primary_key=True),
    sa.Column('run_id', sa.String(32), nullable=False),
    sa.Column('since', sa.String(32), nullable=False),
    **_OPTIONS,
)

STEPS = sa.Table(
    'steps',
    METADATA,
    sa.Column('run_id', sa.String(32), primary_key=True),
    sa.Column('subject', sa.String(255), primary_key=True),
    sa.Column('step_index', sa.Integer, primary_key=True, autoincrement=False),
    sa.Column('kind', sa.String(64), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('intent', sa.JSON, nullable=False),
    sa.Column('outcome', sa.JSON, nullable=False),
    sa.Column('error', _LINE, nullable=False),
    sa.Column('started_at', sa.String(32), nullable=False),
    sa.Column('finished_at', sa.String(32), nullable=False),
    **_OPTIONS,
)

SERVERS = sa.Table(
    'servers',
    METADATA,
    sa.Column('run_id', sa.String(32), primary_key=True),
    sa.Column('uuid', sa.String(255), primary_key=True),
    sa.Column('name', sa.String(255), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('message', _LINE, nullable=False),
    sa.Column('checks', sa.JSON, nullable=False),
    # FLOAT would be rounded to six digits by MariaDB
    sa.Column(
        'seconds',
        sa.Float().with_variant(mysql.DOUBLE(asdecimal=False), 'mysql'),
        nullable=False,
    ),
    **_OPTIONS,
)

FENCES = sa.Table(
    'fences',
    METADATA,
    sa.Column('host', sa.String(255), primary_key=True),
    sa.Column('recorded_at', sa.String(32), primary_key=True),
    sa.Column('method', sa.String(64), nullable=False),
    sa.Column('statement', _LINE, nullable=False),
    sa.Column('operator', sa.String(255), nullable=False),
    sa.Column('run_id', sa.String(32), nullable=False),
    sa.Column('released_at', sa.String(32), nullable=False),
    sa.Column('last_seen_up', sa.String(64), nullable=False),
    **_OPTIONS,
)

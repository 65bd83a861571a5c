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

"""Row locks, deadlocks and broken connections in a MariaDB cell database.

What is locked is an evacuation row that the move of one server has to
retire: nobody but that move wants it, and the move has locked and changed
the server's own row before it comes there.
"""

import contextlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy import pool

from osc_recovery.db import engine
from osc_recovery.model import facts
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import mariadb
from osc_recovery.tests.functional import cloud as clouds

#: rows that a transaction of ours inserts: InnoDB rolls back the one of two
#: deadlocked transactions that has changed less
WEIGHT = 500
SCRATCH = 'recovery_test_weight'
TIMEOUT = 180.0

WAITING = """
SELECT asks.trx_mysql_thread_id FROM information_schema.innodb_lock_waits w
JOIN information_schema.innodb_trx asks ON asks.trx_id = w.requesting_trx_id
JOIN information_schema.innodb_trx has ON has.trx_id = w.blocking_trx_id
WHERE has.trx_mysql_thread_id = {thread}
"""


class Urls:
    """The databases of the cells, as the API database names them."""

    def __init__(self, api: engine.Database) -> None:
        self._api = api
        self._saved = self._read()

    def replace(self, cell: str, old: str, new: str) -> None:
        """Change a cell's URL."""
        self._write(cell, self._saved[cell].replace(old, new))

    def restore(self) -> None:
        """Write all of them as they were."""
        for cell, url in self._saved.items():
            self._write(cell, url)

    def _read(self) -> dict[str, str]:
        query = sa.text('SELECT name, database_connection FROM cell_mappings')
        with self._api.reading() as connection:
            return {name: url for name, url in connection.execute(query)}

    def _write(self, cell: str, url: str) -> None:
        statement = sa.text(
            'UPDATE cell_mappings SET database_connection = :url '
            'WHERE name = :cell'
        )
        with self._api.writing() as connection:
            connection.execute(statement, {'url': url, 'cell': cell})


class Row:
    """A locked row that a move has to change."""

    def __init__(
        self,
        cloud: clouds.Cloud,
        server: facts.Server,
        target: str,
        admin: mariadb.Server,
    ) -> None:
        self._server = server
        self._admin = admin
        cloud.insert_stale(server, target)
        cell = cloud.cell().database
        self._engine = sa.create_engine(
            cell.engine.url, poolclass=pool.NullPool
        )
        self._connection = self._engine.connect()
        self._thread = self._ask('SELECT CONNECTION_ID()')
        # By primary key: no gap is locked in which others insert.
        row = self._ask(
            'SELECT id FROM migrations WHERE instance_uuid = :server '
            'AND source_compute = :target AND status = :status',
            server=server.uuid,
            target=target,
            status='accepted',
        )
        self._connection.rollback()
        self._ask(
            'SELECT id FROM migrations WHERE id = :id FOR UPDATE', id=row
        )

    def wait(self, former: int | None = None) -> int:
        """Wait until somebody waits for the row; their connection's id.

        :param former: a connection that does not count any more
        """
        return apis.wait(
            f'the move of {self._server.name} to wait for a lock',
            lambda: self._waiting(former),
            TIMEOUT,
            0.1,
        )

    def _waiting(self, former: int | None) -> int | None:
        with self._admin.connected() as connection:
            found = connection.exec_driver_sql(
                WAITING.format(thread=self._thread)
            )
            return next((t for t in found.scalars() if t != former), None)

    def release(self) -> None:
        """Let go of everything."""
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            self._connection.rollback()
        self._connection.close()

    def deadlock(self) -> None:
        """Want the server's own row, which the waiting move has locked.

        Returns when we have it: the move was rolled back.
        """
        self._ask(
            'SELECT id FROM instances WHERE uuid = :uuid FOR UPDATE',
            uuid=self._server.uuid,
        )

    def gain_weight(self) -> None:
        """Change more rows than any move does."""
        values = ', '.join(f'({n})' for n in range(WEIGHT))
        self._connection.execute(
            sa.text(f'INSERT INTO {SCRATCH} VALUES {values}')
        )

    def kill(self, thread: int) -> None:
        """Cut somebody's connection."""
        with self._admin.connected() as connection:
            connection.exec_driver_sql(f'KILL {int(thread)}')

    def _ask(self, statement: str, **values: Any) -> int:
        found = self._connection.execute(sa.text(statement), values)
        return int(found.scalar_one())

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


"""The synced databases of a server, kept as statements that make them.

They are synced once, in databases that the sandbox at hand drops again, and
loaded into each sandbox from then on. What a server shows of a table differs
from release to release, so each release has a template of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
import concurrent.futures
import json
import os
import pathlib
import shutil
from typing import Any

import sqlalchemy

from osc_recovery.sandbox import backends
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import events
from osc_recovery.sandbox import mariadb
from osc_recovery.sandbox import template

Statements = Mapping[str, Sequence[str]]
"""By database: what makes its tables and their first rows."""

SCRATCH = 'template_'
"""Databases that are synced, read and dropped."""

THREADS = 4


class Maker:
    """Makes one sandbox's databases on a server."""

    def __init__(
        self,
        server: mariadb.Server,
        account: backends.Account,
        environment: environments.Environment,
        directory: pathlib.Path,
    ) -> None:
        self._server = server
        self._account = account
        self._environment = environment
        self._directory = directory

    def key(self) -> str:
        """The key of the template for today's environment and server."""
        return environments.digest(
            environments.key(),
            pathlib.Path(template.__file__).read_text(),
            pathlib.Path(__file__).read_text(),
            self._server.version(),
        )

    def ensure(
        self, cache: pathlib.Path, progress: events.Progress
    ) -> Statements:
        """The cached template, made when there is none.

        :raises RecoveryError: a synchronisation failed
        """
        path = cache / f'mariadb-{self.key()}.json'
        if not path.exists():
            with environments.cache_lock(path, progress):
                if not path.exists():
                    environments.remove_leftovers(path)
                    self._make(path, progress)
        found: Statements = json.loads(path.read_text())
        return found

    def provision(self, found: Statements, cells: Iterable[str]) -> None:
        """Make the databases; ``cells`` are those with a cell's tables."""
        wanted = {name: name for name in found if name != template.CELL}
        wanted.update(dict.fromkeys(cells, template.CELL))
        self._each(wanted, lambda name: self._load(name, found[wanted[name]]))

    def _make(self, path: pathlib.Path, progress: events.Progress) -> None:
        names = [
            database
            for options in template.OPTIONS.values()
            for _, database in options
        ]
        work = path.with_name(f'{path.name}.incomplete-{os.getpid()}')
        self._each(names, lambda name: self._load(SCRATCH + name, ()))
        template.synchronise(
            work,
            self._environment,
            str(self._directory),
            {n: self._server.url(self._account, SCRATCH + n) for n in names},
            template.SERVER_LANES,
            progress,
        )
        text = json.dumps({name: self._read(name) for name in names})
        (work / path.name).write_text(text)
        for name in names:
            self._server.drop_database(self._account, SCRATCH + name)
        (work / path.name).rename(path)
        shutil.rmtree(work)

    def _each(self, names: Iterable[str], work: Any) -> None:
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for result in [pool.submit(work, name) for name in names]:
                result.result()

    def _load(self, name: str, statements: Iterable[str]) -> None:
        database = mariadb.database(self._account, name)
        with self._server.connected() as connection:
            for statement in (
                f'CREATE DATABASE `{database}`',
                f'USE `{database}`',
                # Tables come in no order that foreign keys would need.
                'SET SESSION foreign_key_checks = 0',
                *statements,
            ):
                connection.exec_driver_sql(statement)

    def _read(self, name: str) -> list[str]:
        database = mariadb.database(self._account, SCRATCH + name)
        with self._server.connected() as connection:
            connection.exec_driver_sql(f'USE `{database}`')
            tables = connection.exec_driver_sql('SHOW TABLES').scalars().all()
            return [
                statement
                for table in tables
                for statement in _statements(connection, table)
            ]


def _statements(connection: sqlalchemy.Connection, table: str) -> list[str]:
    """What makes a table and its rows."""
    shown = connection.exec_driver_sql(f'SHOW CREATE TABLE `{table}`').one()
    found = [str(shown[1])]
    query = f'SELECT * FROM `{table}`'  # noqa: S608 - a name it has told us
    rows = connection.exec_driver_sql(query).all()
    if rows:
        driver: Any = connection.connection.dbapi_connection
        values = ', '.join(driver.literal(tuple(row)) for row in rows)
        found.append(f'INSERT INTO `{table}` VALUES {values}')  # noqa: S608
    return found

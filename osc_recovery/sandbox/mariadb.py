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


"""A MariaDB or MySQL server that gives a sandbox its databases."""

from collections.abc import Iterator
import contextlib
from typing import Any

import sqlalchemy
from sqlalchemy import exc as sa_exc
from sqlalchemy import pool

from osc_recovery import exceptions
from osc_recovery.sandbox import backends

CONNECT_TIMEOUT = 10
"""Seconds to wait for a connection."""


class Server:
    """The server, as a user who may make databases and users."""

    def __init__(self, url: str) -> None:
        parsed = sqlalchemy.make_url(url)
        self._url = parsed.set(drivername='mysql+pymysql')
        self._engine = sqlalchemy.create_engine(
            self._url.update_query_dict(
                {'connect_timeout': str(CONNECT_TIMEOUT), 'charset': 'utf8mb4'}
            ),
            isolation_level='AUTOCOMMIT',
            poolclass=pool.NullPool,
            # A "%" in a statement is a "%".
            execution_options={'no_parameters': True},
            hide_parameters=True,
        )

    @property
    def where(self) -> str:
        """Host and port."""
        return f'{self._url.host}:{self._url.port or 3306}'

    def url(self, account: backends.Account, name: str) -> str:
        """The URL of a sandbox's database, for its own user."""
        return (
            f'mysql+pymysql://{account.name}:{account.password}@{self.where}/'
            f'{database(account, name)}?charset=utf8mb4'
        )

    @contextlib.contextmanager
    def connected(self) -> Iterator[sqlalchemy.Connection]:
        """A connection whose statements take effect at once.

        :raises RecoveryError: the server is away or refuses something
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except (sa_exc.SQLAlchemyError, OSError, RuntimeError) as exc:
            reason = str(getattr(exc, 'orig', None) or exc).splitlines()[0]
            raise exceptions.RecoveryError(
                f'The database server at {self.where} cannot be used: {reason}'
            ) from None

    def version(self) -> str:
        """What the server says it is."""
        with self.connected() as connection:
            found = connection.exec_driver_sql('SELECT VERSION()')
            return str(found.scalar_one())

    def add_account(self, account: backends.Account) -> None:
        """Make a user who may do everything with databases of its name."""
        pattern = f'{account.name}_'.replace('_', '\\_') + '%'
        with self.connected() as connection:
            for statement in (
                f"CREATE USER '{account.name}'@'%' IDENTIFIED BY "
                f"'{account.password}'",
                f"GRANT ALL ON `{pattern}`.* TO '{account.name}'@'%'",
            ):
                connection.exec_driver_sql(statement)

    def drop(self, account: backends.Account) -> None:
        """Drop a user and every database of its name."""
        with self.connected() as connection:
            connection.exec_driver_sql(
                f"DROP USER IF EXISTS '{account.name}'@'%'"
            )
            for name in self.databases(account):
                connection.exec_driver_sql(f'DROP DATABASE `{name}`')

    def databases(self, account: backends.Account) -> list[str]:
        """Every database of a sandbox."""
        with self.connected() as connection:
            found: Any = connection.exec_driver_sql(
                'SELECT schema_name FROM information_schema.schemata'
            ).scalars()
            return [n for n in found if n.startswith(f'{account.name}_')]

    def drop_database(self, account: backends.Account, name: str) -> None:
        """Drop one database of a sandbox."""
        with self.connected() as connection:
            connection.exec_driver_sql(
                f'DROP DATABASE `{database(account, name)}`'
            )


def database(account: backends.Account, name: str) -> str:
    """What a sandbox's database is called on the server."""
    return f'{account.name}_{name}'

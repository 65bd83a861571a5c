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


"""Where the services' databases are: files, or on a server."""

import pathlib
import types
from typing import Protocol

from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import events
from osc_recovery.sandbox import ini
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import mariadb
from osc_recovery.sandbox import mariadb_template
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states
from osc_recovery.sandbox import template


class Databases(Protocol):
    """The databases of one sandbox."""

    def url(self, name: str) -> str:
        """The URL of a database, as its service is told it."""

    @property
    def options(self) -> ini.Options:
        """What every service's configuration says of its database."""

    def make(
        self,
        cache: pathlib.Path,
        environment: environments.Environment,
        shape: shapes.Shape,
        progress: events.Progress,
    ) -> None:
        """Make them from a template, which is made when there is none.

        :raises RecoveryError: a synchronisation failed, or the server
        """

    def remove(self) -> None:
        """Remove whatever there is of them; again is no error."""


def of(layout: layouts.Layout, state: states.State) -> Databases:
    """The databases of the sandbox with that state."""
    if state.backends.database:
        server = mariadb.Server(state.backends.database)
        return ServerDatabases(server, layout, state)
    return SqliteDatabases(layout)


class SqliteDatabases:
    """A file per database in one directory."""

    options: ini.Options = types.MappingProxyType(
        {'sqlite_synchronous': False}
    )

    def __init__(self, layout: layouts.Layout) -> None:
        self._layout = layout

    def url(self, name: str) -> str:
        """The URL of a database."""
        return template.url(self._layout.db, name)

    def make(
        self,
        cache: pathlib.Path,
        environment: environments.Environment,
        shape: shapes.Shape,
        progress: events.Progress,
    ) -> None:
        """Copy the files of the template."""
        marker = str(self._layout.directory)
        source = template.ensure(cache, environment, marker, progress)
        template.provision(source, self._layout.db, set(shape.databases))

    def remove(self) -> None:
        """Nothing to do: the files go with the directory."""


class ServerDatabases:
    """Databases on MariaDB or MySQL, with a user of their own."""

    # A server takes 151 connections by default, and a dozen processes have
    # a pool for every database that they use.
    options: ini.Options = types.MappingProxyType({'max_pool_size': 2})

    def __init__(
        self,
        server: mariadb.Server,
        layout: layouts.Layout,
        state: states.State,
    ) -> None:
        self._server = server
        self._layout = layout
        self._account = state.account

    def url(self, name: str) -> str:
        """The URL of a database, with the sandbox's own user."""
        return self._server.url(self._account, name)

    def make(
        self,
        cache: pathlib.Path,
        environment: environments.Environment,
        shape: shapes.Shape,
        progress: events.Progress,
    ) -> None:
        """Make the user, then load the template."""
        self._server.add_account(self._account)
        maker = mariadb_template.Maker(
            self._server, self._account, environment, self._layout.directory
        )
        found = maker.ensure(cache, progress)
        text = 'Loading the databases'
        progress(events.Event(template.STAGE, text))
        maker.provision(found, shape.databases)

    def remove(self) -> None:
        """Drop the databases and the user."""
        self._server.drop(self._account)

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

"""Where the services' databases are.

SQLite files today. What names a database and what provides it stand behind
this one class, so that databases on a server can take its place.
"""

import pathlib

from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import template


class SqliteDatabases:
    """A file per database in one directory."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory

    def url(self, name: str) -> str:
        """The URL of a database."""
        return template.url(self._directory, name)

    def provision(self, source: pathlib.Path, shape: shapes.Shape) -> None:
        """Make the databases from the template."""
        cells = {cell.database for cell in shape.cells}
        template.provision(source, self._directory, {'nova_cell0', *cells})

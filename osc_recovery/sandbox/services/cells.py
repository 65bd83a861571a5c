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

"""Writes cell and host mappings into nova's API database.

``python -m recovery_sandbox.cells <file> <nova.conf>``; the JSON file lists
the cells with their database, transport URL and hosts. Mapping hosts before
they report spares the periodic discovery.
"""

import json
import sys
from typing import Any

from nova import monkey_patch

monkey_patch.patch(backend='threading')

from nova import config  # noqa: E402
from nova import context  # noqa: E402
from nova import objects  # noqa: E402

from . import sqlite  # noqa: E402


def add_cell(admin: Any, cell: dict[str, Any]) -> None:
    """Write one cell's row and a row per host of it."""
    mapping = objects.CellMapping(
        admin,
        uuid=cell['uuid'],
        name=cell['name'],
        database_connection=cell['database'],
        transport_url=cell['transport'],
    )
    mapping.create()
    for host in cell['hosts']:
        objects.HostMapping(admin, host=host, cell_mapping=mapping).create()


def main() -> None:
    """Read the file and write every cell that it lists."""
    with open(sys.argv[1]) as source:
        cells = json.load(source)
    sqlite.install()
    config.parse_args(['nova-manage', '--config-file', sys.argv[2]])
    objects.register_all()
    admin = context.get_admin_context()
    for cell in cells:
        add_cell(admin, cell)


if __name__ == '__main__':
    main()

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

"""The SQL statements of ``host show``, for few servers and for many.

The databases are SQLite files with the real schemas of nova and cinder and
recorded rows, copied as often as there are servers.  Every statement that
is sent to any of them, and to the journal, is counted in the same process;
no API is asked.
"""

import argparse
import collections
import contextlib
import pathlib
import sqlite3
import sys
import tempfile
from typing import Any

import sqlalchemy as sa

from osc_recovery import client
from osc_recovery.tests.unit.db import base as db_base
from osc_recovery.tests.unit.facts import base as facts_base
import support

HOST = 'kvm1'
SERVER = 'image-backed'
CELL0 = '00000000-0000-0000-0000-000000000000'
#: begin and end of transactions, and what SQLite alone is asked
NOT_COUNTED = ('BEGIN', 'PRAGMA', 'SAVEPOINT', 'RELEASE')

Rows = dict[str, list[dict[str, Any]]]


def main() -> int:
    """Measure, print, and say with the exit code whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--few', type=int, default=10)
    parser.add_argument('--many', type=int, default=100)
    args = parser.parse_args()
    few, many = measured(args.few), measured(args.many)
    support.table(
        (
            ('database', f'{args.few} servers', f'{args.many} servers'),
            *((name, few[name], many[name]) for name in sorted({*few, *many})),
            ('together', few.total(), many.total()),
        )
    )
    return support.verdict(few == many, 'the same number of statements')


def measured(servers: int) -> collections.Counter[str]:
    """The statements of one ``host show``, by database."""
    with tempfile.TemporaryDirectory(prefix='recovery-benchmark-') as parent:
        directory = pathlib.Path(parent)
        _make_cloud(directory, servers)
        counts: collections.Counter[str] = collections.Counter()

        def count(connection: sa.Connection, *rest: Any) -> None:
            if not rest[1].startswith(NOT_COUNTED):
                path = connection.engine.url.database or ''
                counts[pathlib.Path(path).stem] += 1

        reader = client.RecoveryClient(None, str(directory / 'recovery.conf'))
        # Making the journal is not part of it.
        _ = reader.environment().journal
        sa.event.listen(sa.Engine, 'before_cursor_execute', count)
        try:
            shown = reader.hosts().show(HOST)
        finally:
            sa.event.remove(sa.Engine, 'before_cursor_execute', count)
        if len(shown.servers) != servers:
            raise AssertionError(f'{len(shown.servers)} servers were read')
    return counts


def _make_cloud(directory: pathlib.Path, servers: int) -> None:
    """Databases, and the configuration files that name them."""
    hosts, rows = db_base.rows('cloud'), facts_base.many(SERVER, servers)
    nova_api, nova = facts_base.NOVA_API, db_base.NEWEST
    mapped = _mappings(directory, hosts['nova_api'])
    _make(directory, 'nova_api', nova_api, mapped, rows['nova_api'])
    _make(
        *(directory, 'nova_cell1', nova),
        *(hosts['nova_cell1'], rows['nova_cell1']),
    )
    _make(directory, 'nova_cell0', nova)
    _make(directory, 'cinder', facts_base.CINDER, rows['cinder'])
    (directory / 'nova.conf').write_text(
        f'[api_database]\nconnection = {_url(directory, "nova_api")}\n'
        f'[database]\nconnection = {_url(directory, "nova_cell0")}\n'
    )
    (directory / 'cinder.conf').write_text(
        f'[database]\nconnection = {_url(directory, "cinder")}\n'
    )
    (directory / 'recovery.conf').write_text(
        f'[nova]\nconfig_files = {directory}/nova.conf\n'
        f'[cinder]\nconfig_files = {directory}/cinder.conf\n'
        f'[journal]\nconnection = {_url(directory, "journal")}\n'
    )


def _mappings(directory: pathlib.Path, recorded: Rows) -> Rows:
    """The recorded mappings of one cell and cell0, to our databases."""
    places = {db_base.CELL.uuid: 'nova_cell1', CELL0: 'nova_cell0'}
    cells = [
        {**row, 'database_connection': _url(directory, places[row['uuid']])}
        for row in recorded['cell_mappings']
        if row['uuid'] in places
    ]
    known = {row['id'] for row in cells}
    hosts = [r for r in recorded['host_mappings'] if r['cell_id'] in known]
    return {'cell_mappings': cells, 'host_mappings': hosts}


def _make(
    directory: pathlib.Path, name: str, schema: str, *inserts: Rows
) -> None:
    path = directory / f'{name}.db'
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(db_base.schema_file(schema).read_text())
        for tables in inserts:
            for table, values in tables.items():
                for row in values:
                    db_base.insert(connection, table, row)
        connection.commit()


def _url(directory: pathlib.Path, name: str) -> str:
    return f'sqlite:///{directory}/{name}.db'


if __name__ == '__main__':
    sys.exit(main())

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

"""Rows that tests change and put back: snapshots, and nova's own objects."""

from collections.abc import Mapping
import json
import pathlib
import subprocess
import tempfile
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import engine
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import library
from osc_recovery.sandbox import state as states

PROGRAM = pathlib.Path(__file__).with_name('nova_rows.py')

#: the column of each table that says whose a row is; '' for all rows
SERVER_TABLES = {
    'instances': 'uuid',
    'instance_extra': 'instance_uuid',
    'instance_system_metadata': 'instance_uuid',
    'block_device_mapping': 'instance_uuid',
    'migrations': 'instance_uuid',
    'pci_devices': 'instance_uuid',
    'share_mapping': 'instance_uuid',
}
HOST_TABLES = {'services': 'host', 'compute_nodes': 'host'}
API_TABLES = {
    'cell_mappings': '',
    'instance_mappings': 'instance_uuid',
    'request_specs': 'instance_uuid',
    'instance_groups': '',
    'instance_group_policy': '',
    'instance_group_member': '',
}
VOLUME_TABLES = {'volumes': '', 'volume_attachment': ''}

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Snapshot:
    """The rows of some servers or hosts as they were when it was made."""

    def __init__(
        self,
        database: engine.Database,
        owners: Mapping[str, str],
        values: list[str],
    ) -> None:
        self._database = database
        self._owners = owners
        self._values = values
        metadata = sa.MetaData()
        with database.reading() as connection:
            metadata.reflect(connection, only=list(owners))
            self._tables = [metadata.tables[name] for name in owners]
            self._saved = {
                table.name: self._read(connection, table)
                for table in self._tables
            }

    def restore(self) -> None:
        """Delete, insert and update until the rows are as they were."""
        with self._database.writing() as connection:
            for table in self._tables:
                now = self._read(connection, table)
                self._restore(connection, table, now)

    def _restore(
        self, connection: sa.Connection, table: sa.Table, now: Rows
    ) -> None:
        saved = self._saved[table.name]
        for key in now.keys() - saved.keys():
            connection.execute(sa.delete(table).where(_is(table, key)))
        for key, row in saved.items():
            if key not in now:
                connection.execute(sa.insert(table).values(row))
            elif row != now[key]:
                connection.execute(
                    sa.update(table).where(_is(table, key)).values(row)
                )

    def _read(self, connection: sa.Connection, table: sa.Table) -> Rows:
        query = sa.select(table)
        owner = self._owners[table.name]
        if owner:
            query = query.where(table.c[owner].in_(self._values))
        return {
            tuple(row[column.name] for column in table.primary_key): dict(row)
            for row in connection.execute(query).mappings()
        }


def _is(table: sa.Table, key: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    return sa.and_(
        *(c == v for c, v in zip(table.primary_key, key, strict=True))
    )


def change(directory: pathlib.Path, changes: list[dict[str, str]]) -> None:
    """Have nova's objects make changes in the sandbox's databases.

    They are those of nova_rows.py, which runs as nova's services do: with
    the sandbox's own Python and nova.conf.
    """
    layout = layouts.Layout(directory)
    state = states.State.read(layout.state)
    assert state is not None
    environment = environments.Environment(pathlib.Path(state.environment))
    with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        json.dump(changes, file)
        file.flush()
        done = subprocess.run(
            [
                str(environment.python),
                str(PROGRAM),
                str(layout.etc / 'nova.conf'),
                file.name,
            ],
            env=library.variables(layout.directory, str(layout.directory)),
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise AssertionError(f'{PROGRAM.name} failed: {done.stderr}')

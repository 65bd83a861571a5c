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


"""Builds servers from the rows of a cell database, set by set.

One statement for each table, whatever the number of servers (and one more
for every 500 of them).
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import hashlib
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import chunks
from osc_recovery.db import extra
from osc_recovery.db import schema
from osc_recovery.db import tables
from osc_recovery import exceptions
from osc_recovery.model import facts

Rows = Mapping[str, list[chunks.Row]]

#: nova.utils.SM_IMAGE_PROP_PREFIX
IMAGE_PREFIX = 'image_'
#: pci_devices.status of a device that a server has or is about to have
PCI_HELD = ('allocated', 'claimed')


def digest(text: str | None) -> str | None:
    """SHA-256 of connection_info as it is stored; None when there is none."""
    if text is None:
        return None
    return hashlib.sha256(text.encode()).hexdigest()


class Reader:
    """Reads everything a cell database knows about servers."""

    def __init__(
        self,
        connection: sa.Connection,
        known: schema.Schema,
        cell: facts.Cell,
        name_template: str,
    ) -> None:
        self._connection = connection
        self._schema = known
        self._cell = cell
        self._template = name_template

    def read(self, rows: Collection[chunks.Row]) -> tuple[facts.Server, ...]:
        """The servers of these rows of instances, in the same order."""
        uuids = [row['uuid'] for row in rows]
        details = {
            table.name: self._by_server(table, column, uuids)
            for table, column in _DETAILS
            if self._schema.has(table)
        }
        return tuple(self._server(row, details) for row in rows)

    def _by_server(
        self, table: sa.Table, column: sa.Column[Any], uuids: list[str]
    ) -> Rows:
        query = sa.select(*self._schema.present(table))
        if 'deleted' in table.columns:
            query = query.where(table.c.deleted == 0)
        if 'id' in table.columns:
            query = query.order_by(table.c.id)
        found: dict[str, list[chunks.Row]] = {}
        for row in chunks.rows(self._connection, query, column, uuids):
            found.setdefault(row[column.name], []).append(row)
        return found

    def _server(
        self, row: chunks.Row, details: Mapping[str, Rows]
    ) -> facts.Server:
        uuid = row['uuid']

        def rows(table: sa.Table) -> list[chunks.Row]:
            return details.get(table.name, {}).get(uuid, [])

        kept: chunks.Row = next(iter(rows(tables.instance_extra)), {})
        system = _pairs(rows(tables.instance_system_metadata))
        flavor, unknown = _flavor(kept, row)
        numbers = [r['id'] for r in rows(tables.instance_id_mappings)]
        return facts.Server(
            **self._plain(row),
            flavor=flavor,
            ec2_id=extra.ec2_id(numbers[0]) if numbers else None,
            locked_reason=system.get('locked_reason'),
            image_properties={
                key.removeprefix(IMAGE_PREFIX): value
                for key, value in system.items()
                if key.startswith(IMAGE_PREFIX)
            },
            metadata=_pairs(rows(tables.instance_metadata)),
            ties=extra.ties(
                kept,
                _held(rows(tables.pci_devices)),
                len(rows(tables.share_mapping)),
            ),
            accelerators=int('accel:device_profile' in flavor.extra_specs),
            mappings=tuple(
                _mapping(r)
                for r in rows(tables.block_device_mapping)
                if not r['no_device']
            ),
            migrations=tuple(_migration(r) for r in rows(tables.migrations)),
            unknown=unknown,
        )

    def _plain(self, row: chunks.Row) -> dict[str, Any]:
        """The fields that the instances row holds itself."""
        return {
            'uuid': row['uuid'],
            'name': row['display_name'] or '',
            'instance_name': extra.instance_name(self._template, row),
            'cell': self._cell,
            'project_id': row['project_id'] or '',
            'user_id': row['user_id'] or '',
            'host': row['host'],
            'node': row['node'],
            'compute_id': row.get('compute_id'),
            'zone': row['availability_zone'],
            'vm_state': row['vm_state'] or '',
            'power_state': row['power_state'],
            'task_state': row['task_state'],
            'locked': bool(row['locked']),
            'locked_by': row['locked_by'],
            'hidden': bool(row.get('hidden')),
            'launched': row['launched_at'] is not None,
            'instance_type_id': row['instance_type_id'],
            'cleaned': bool(row['cleaned']),
            'config_drive': extra.config_drive(row['config_drive']),
        }


_DETAILS = tuple(
    (table, table.columns[column])
    for table, column in (
        (tables.instance_extra, 'instance_uuid'),
        (tables.instance_system_metadata, 'instance_uuid'),
        (tables.instance_metadata, 'instance_uuid'),
        (tables.instance_id_mappings, 'uuid'),
        (tables.block_device_mapping, 'instance_uuid'),
        (tables.migrations, 'instance_uuid'),
        (tables.pci_devices, 'instance_uuid'),
        (tables.share_mapping, 'instance_uuid'),
    )
)


def _flavor(
    kept: chunks.Row, row: chunks.Row
) -> tuple[facts.Flavor, tuple[str, ...]]:
    try:
        flavor = extra.flavor(kept.get('flavor'), row)
    except exceptions.RecoveryError as exc:
        return extra.flavor(None, row), (f'flavor: {exc}',)
    if not kept.get('flavor'):
        return flavor, ('flavor: instance_extra.flavor is empty',)
    return flavor, ()


def _pairs(rows: Iterable[chunks.Row]) -> dict[str, str]:
    """Keys and values; nova keeps image properties without a value too."""
    return {
        row['key']: row['value'] for row in rows if row['value'] is not None
    }


def _held(rows: Iterable[chunks.Row]) -> int:
    return sum(1 for row in rows if row['status'] in PCI_HELD)


def _mapping(row: chunks.Row) -> facts.Mapping:
    return facts.Mapping(
        id=row['id'],
        uuid=row['uuid'] or '',
        device_name=row['device_name'],
        source_type=row['source_type'] or '',
        destination_type=row['destination_type'] or '',
        boot_index=row['boot_index'],
        volume_id=row['volume_id'],
        attachment_id=row['attachment_id'],
        connection_digest=digest(row['connection_info']),
        delete_on_termination=bool(row['delete_on_termination']),
        guest_format=row['guest_format'],
        tag=row['tag'],
    )


def _migration(row: chunks.Row) -> facts.Migration:
    return facts.Migration(
        id=row['id'],
        uuid=row['uuid'],
        type=row['migration_type'],
        status=row['status'] or '',
        source_host=row['source_compute'],
        source_node=row['source_node'],
        dest_host=row['dest_compute'],
        dest_node=row['dest_node'],
    )

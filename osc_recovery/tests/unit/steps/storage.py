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

"""cinder, its array and a cell database, in memory."""

import dataclasses
import hashlib
import json
from typing import Any

from osc_recovery.cloud import errors
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.tests.unit.steps import points

SERVER = '1c6adc6a-2777-4dfa-8e6f-8c0aeac961ce'
VOLUME = '7a4084cb-58b4-4182-8226-bc23f818583d'
OLD = 'a8b318c5-53c7-48b8-b742-325ba02850dc'
SOURCE, TARGET = 'compute2', 'compute3'
SECRET = 'chap-5ecret'


@dataclasses.dataclass
class Attachment:
    """A row of volume_attachment."""

    status: str = 'reserved'
    connector: dict[str, Any] | None = None


class Volume:
    """cinder with one volume that one server has, and its array."""

    def __init__(self, world: points.Points, cell: 'Cell') -> None:
        self._world = world
        self._cell = cell
        self._made = 0
        self.multiattach = False
        self.rows = {
            OLD: Attachment('attached', connector(SOURCE, '/dev/sda'))
        }
        self.exports = {SOURCE}

    def image(self) -> Any:
        return sorted(
            (row.status, json.dumps(row.connector, sort_keys=True))
            for row in self.rows.values()
        )

    def create_attachment(self, volume: str, server: str) -> str:
        self._world.change('create_attachment')
        if any(row.status == 'attaching' for row in self.rows.values()):
            raise errors.Refused('attaching', 'volume-refused', 400)
        self._made += 1
        made = f'new-{self._made}'
        self.rows[made] = Attachment()
        self._world.changed('create_attachment')
        return made

    def delete_attachment(self, attachment: str) -> None:
        self._world.change('delete_attachment')
        row = self.rows.get(attachment)
        if row is not None:
            named = self._cell.mapping['attachment_id'] == attachment
            if named and row.connector:
                raise errors.Refused('in use', 'volume-refused', 409)
            del self.rows[attachment]
            if row.connector:
                self.exports.discard(row.connector['host'])
        self._world.changed('delete_attachment')

    def update_attachment(
        self, attachment: str, wanted: dict[str, Any]
    ) -> dict[str, Any]:
        self._world.change('update_attachment')
        others = [r for key, r in self.rows.items() if key != attachment]
        if any(row.connector for row in others):
            raise errors.Refused('duplicate', 'volume-refused', 409)
        row = self.rows[attachment]
        row.status, row.connector = 'attaching', dict(wanted)
        self.exports.add(wanted['host'])
        self._world.changed('update_attachment')
        return connection(attachment, wanted['host'])

    def complete_attachment(self, attachment: str) -> None:
        self._world.change('complete_attachment')
        self.rows[attachment].status = 'attached'
        self._world.changed('complete_attachment')

    def show_attachment(self, attachment: str) -> dict[str, Any] | None:
        row = self.rows.get(attachment)
        if row is None:
            return None
        info = {}
        if row.connector:
            info = connection(attachment, row.connector['host'])
        return {'id': attachment, 'connection_info': info}

    def attachments_of(self, volume: str, server: str) -> list[Any]:
        return [
            {'id': key, 'status': row.status} for key, row in self.rows.items()
        ]

    def volumes(self, ids: list[str]) -> dict[str, facts.Volume]:
        return {
            VOLUME: facts.Volume(
                id=VOLUME,
                name='root',
                status='in-use',
                attach_status='attached',
                multiattach=self.multiattach,
                encrypted=False,
                service_host='storage@array#pool',
            )
        }

    def attachment(self, attachment: str) -> facts.Attachment | None:
        row = self.rows.get(attachment)
        if row is None:
            return None
        return facts.Attachment(
            id=attachment,
            volume_id=VOLUME,
            server=SERVER,
            attached_host=(row.connector or {}).get('host'),
            mountpoint='/dev/sda',
            status=row.status,
            connector=row.connector,
        )


class Cell:
    """A cell database: the server, its mapping, its instance actions."""

    def __init__(self, world: points.Points) -> None:
        self._world = world
        self.instance: dict[str, Any] = {
            'host': SOURCE,
            'node': SOURCE,
            'vm_state': 'active',
            'task_state': None,
        }
        self.tombstones: list[str] = []
        self.mapping: dict[str, Any] = {
            'attachment_id': OLD,
            'connection_info': stored(OLD, SOURCE),
            'deleted': False,
        }
        self.actions: list[tuple[str, str]] = [('req-0', 'create')]
        self.results: dict[str, tuple[tuple[str, str | None], ...]] = {}

    def image(self) -> Any:
        info = self.mapping['connection_info']
        return (json.loads(info) if info else None, self.mapping['deleted'])

    def running(self) -> bool:
        return self.instance['task_state'] is not None

    def action_request_ids(self, uuid: str) -> tuple[tuple[str, str], ...]:
        return tuple(self.actions)

    def action_results(
        self, uuid: str, request: str
    ) -> nova_cell.ActionResult | None:
        if request not in dict(self.actions):
            return None
        return nova_cell.ActionResult(
            dict(self.actions)[request], None, self.results.get(request, ())
        )

    def states(self, uuids: list[str]) -> dict[str, Any]:
        return {
            SERVER: (
                self.instance['host'],
                self.instance['vm_state'],
                self.instance['task_state'],
                None,
            )
        }


class Mappings:
    """osc_recovery.db.mappings upon a :class:`Cell`."""

    def mapping_row(self, cell: Cell, mapping: int) -> dict[str, Any]:
        info = cell.mapping['connection_info']
        return {
            'attachment_id': cell.mapping['attachment_id'],
            'connection_digest': digest(info) if info else None,
            'device_name': '/dev/sda',
            'deleted': cell.mapping['deleted'],
        }

    def named(self, cell: Cell, attachment: str) -> bool:
        return bool(cell.mapping['attachment_id'] == attachment)

    def repoint_mapping(
        self, cell: Cell, mapping: int, old: str, new: str
    ) -> None:
        cell._world.change('repoint_mapping')
        if cell.mapping['attachment_id'] != old:
            raise exceptions.RowMismatch('mapping')
        cell.mapping.update(attachment_id=new, connection_info=None)
        cell._world.changed('repoint_mapping')

    def set_connection(
        self, cell: Cell, mapping: int, attachment: str, info: dict[str, Any]
    ) -> None:
        cell._world.change('set_connection')
        if cell.mapping['attachment_id'] != attachment:
            raise exceptions.RowMismatch('mapping')
        cell.mapping['connection_info'] = json.dumps(info)
        cell._world.changed('set_connection')


class Moves:
    """osc_recovery.db.moves upon a :class:`Cell`."""

    def before_image(
        self, cell: Cell, uuid: str, source: str, target: str
    ) -> dict[str, Any]:
        return {'instance': dict(cell.instance), 'tokens': [], 'retired': []}

    def move(
        self,
        cell: Cell,
        params: dict[str, Any],
        before: dict[str, Any],
        tombstone: str,
    ) -> None:
        cell._world.change('move')
        if tombstone not in cell.tombstones:
            if cell.instance != before['instance']:
                raise exceptions.RowMismatch('instance')
            cell.instance.update(
                host=params['target']['host'],
                node=params['target']['node'],
                vm_state='stopped',
                task_state=None,
            )
            cell.tombstones.append(tombstone)
        cell._world.changed('move')

    def moved(
        self, cell: Cell, params: dict[str, Any], tombstone: str
    ) -> steps.Observation:
        there = cell.instance['host'] == params['target']['host']
        if there and tombstone in cell.tombstones:
            return steps.Observation.DONE
        if cell.instance['host'] == params['source']['host']:
            return steps.Observation.SAFE
        return steps.Observation.ASK

    def move_back(
        self,
        cell: Cell,
        params: dict[str, Any],
        before: dict[str, Any],
        tombstone: str,
    ) -> None:
        cell._world.change('move_back')
        if tombstone in cell.tombstones:
            cell.tombstones.remove(tombstone)
            cell.instance.update(before['instance'])
        cell._world.changed('move_back')


class Repairs:
    """osc_recovery.db.repairs upon a :class:`Cell`."""

    def before_image(
        self, cell: Cell, uuid: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        self._compare(cell, params)
        return {'instance': dict(cell.instance)}

    def change(
        self,
        cell: Cell,
        uuid: str,
        params: dict[str, Any],
        before: dict[str, Any],
        tombstone: str,
    ) -> None:
        cell._world.change('change')
        if not self._done(cell, params, tombstone):
            self._compare(cell, params)
            cell.instance.update(params['values'])
            if params['tombstone']:
                cell.tombstones.append(tombstone)
        cell._world.changed('change')

    def observe(
        self,
        cell: Cell,
        uuid: str,
        params: dict[str, Any],
        before: dict[str, Any],
        tombstone: str,
    ) -> steps.Observation:
        if self._done(cell, params, tombstone):
            return steps.Observation.DONE
        if cell.instance == before['instance']:
            return steps.Observation.SAFE
        return steps.Observation.ASK

    def change_back(
        self,
        cell: Cell,
        uuid: str,
        params: dict[str, Any],
        before: dict[str, Any],
        tombstone: str,
    ) -> None:
        cell._world.change('change_back')
        if self._done(cell, params, tombstone):
            cell.instance.update(before['instance'])
            if tombstone in cell.tombstones:
                cell.tombstones.remove(tombstone)
        cell._world.changed('change_back')

    def _compare(self, cell: Cell, params: dict[str, Any]) -> None:
        for name, value in params['expected'].items():
            if cell.instance[name] != value:
                raise exceptions.RowMismatch('instance')

    def _done(
        self, cell: Cell, params: dict[str, Any], tombstone: str
    ) -> bool:
        wanted = {**params['expected'], **params['values']}
        there = all(cell.instance[k] == v for k, v in wanted.items())
        return there and (
            not params['tombstone'] or tombstone in cell.tombstones
        )


def connector(host: str, mountpoint: str | None = None) -> dict[str, Any]:
    """A host's connector; cinder stores it with the mountpoint."""
    made: dict[str, Any] = {
        'host': host,
        'initiator': f'iqn.1993-08.org.debian:01:{host}',
        'ip': '192.0.2.1',
        'multipath': False,
    }
    return {**made, 'mountpoint': mountpoint} if mountpoint else made


def connection(attachment: str, host: str) -> dict[str, Any]:
    """What cinder answers, flat, with a secret."""
    return {
        'driver_volume_type': 'iscsi',
        'access_mode': 'rw',
        'target_lun': 1,
        'initiator_name': connector(host)['initiator'],
        'auth_method': 'CHAP',
        'auth_password': SECRET,
        'attachment_id': attachment,
    }


def stored(attachment: str, host: str) -> str:
    """What nova stores in block_device_mapping.connection_info."""
    data = connection(attachment, host)
    del data['attachment_id'], data['driver_volume_type']
    return json.dumps(
        {
            'driver_volume_type': 'iscsi',
            'data': data,
            'status': 'reserved',
            'instance': SERVER,
            'attached_at': '',
            'detached_at': '',
            'volume_id': VOLUME,
            'serial': VOLUME,
        }
    )


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

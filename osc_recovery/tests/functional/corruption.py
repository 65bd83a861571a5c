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

"""Ways to make the services of the sandbox disagree about one server."""

import json
from typing import Any
import uuid as uuids

import sqlalchemy as sa

from osc_recovery.cloud import session
from osc_recovery.model import facts
from osc_recovery.tests.functional import cloud as clouds
from osc_recovery.tests.functional import rows

#: a run that is in no journal
LOST_RUN = 'r-20200101-dead'


class Corruption:
    """Spoils one server, which lives on ``host``; ``other`` is another."""

    def __init__(self, cloud: clouds.Cloud, uuid: str, other: str) -> None:
        self._cloud = cloud
        self.uuid = uuid
        self.other = other
        self._env = cloud.client().environment()

    @property
    def services(self) -> session.Clouds:
        """The services, with the credentials of an operator."""
        return self._env.clouds

    def column(self, name: str, value: Any) -> None:
        """A column of its row, by hand."""
        self._cloud.execute(
            f'UPDATE instances SET {name} = :value WHERE uuid = :uuid',
            value=value,
            uuid=self.uuid,
        )

    def allocate(self, *hosts: str) -> None:
        """Its resources on the providers of these hosts and no others."""
        held = self.services.placement.allocation(self.uuid)
        resources = next(iter(held.providers.values()))
        self._put(held, {self._provider(h): resources for h in hosts})

    def orphan(self, host: str) -> str:
        """Resources of a host for a consumer that nobody knows."""
        held = self.services.placement.allocation(self.uuid)
        consumer = str(uuids.uuid4())
        self.services.placement.put_allocation(
            facts.Allocation(
                consumer=consumer,
                generation=None,
                project_id=held.project_id,
                user_id=held.user_id,
                providers={self._provider(host): {'VCPU': 1}},
            )
        )
        return consumer

    def nothing_allocated(self) -> None:
        """No allocation at all."""
        self._put(self.services.placement.allocation(self.uuid), {})

    def bind_elsewhere(self) -> None:
        """Its port is bound to another host."""
        self.services.network.set_host(self._port(), self.other)

    def bind_twice(self) -> None:
        """An inactive binding is left at another host."""
        self.services.network.create_binding(
            self._port(), self.other, 'normal'
        )

    def own_elsewhere(self) -> None:
        """Its port is owned by compute in another zone."""
        self.services.network.set_owner(self._port(), 'compute:elsewhere')

    def destroying_row(self, host: str) -> None:
        """nova-compute would destroy it at its next start."""
        rows.change(
            self._cloud.sandbox.directory,
            [
                {
                    'what': 'other-recovery',
                    'server': self.uuid,
                    'source': host,
                    'other': self.other,
                }
            ],
        )

    def lock(self, run: str = LOST_RUN) -> None:
        """A lock of ours whose run is over."""
        self.services.compute.lock(self.uuid, f'osc-recovery {run}')

    def another_lun(self) -> None:
        """Its mapping leads to another LUN than cinder made for it."""
        mapping = self._mapping()
        info = json.loads(mapping['connection_info'])
        info['data']['target_lun'] += 1
        self._cloud.execute(
            'UPDATE block_device_mapping SET connection_info = :info '
            'WHERE id = :id',
            info=json.dumps(info),
            id=mapping['id'],
        )

    def reset_volume(self) -> str:
        """What the guide does: available and detached, on cinder's side."""
        volume: str = self._mapping()['volume_id']
        self._cloud.api.volume.post(
            f'/volumes/{volume}/action',
            json={
                'os-reset_status': {
                    'status': 'available',
                    'attach_status': 'detached',
                }
            },
        )
        return volume

    def volume_status(self, status: str) -> None:
        """What cinder calls its volume, by hand."""
        assert self._env.cinder_db is not None
        with self._env.cinder_db.database.writing() as connection:
            connection.execute(
                sa.text('UPDATE volumes SET status = :status WHERE id = :id'),
                {'status': status, 'id': self._mapping()['volume_id']},
            )

    def forget_mapping(self) -> str:
        """What the guide does, on nova's side."""
        mapping = self._mapping()
        self._cloud.execute(
            'UPDATE block_device_mapping SET deleted = id WHERE id = :id',
            id=mapping['id'],
        )
        volume: str = mapping['volume_id']
        return volume

    def _put(
        self, held: facts.Allocation, providers: dict[str, dict[str, int]]
    ) -> None:
        self.services.placement.put_allocation(
            facts.Allocation(
                consumer=self.uuid,
                generation=held.generation,
                project_id=held.project_id,
                user_id=held.user_id,
                providers=providers,
            )
        )

    def _provider(self, host: str) -> str:
        node = self._cloud.host(host).node
        assert node is not None
        return node.uuid

    def _port(self) -> str:
        return self.services.network.ports([self.uuid])[self.uuid][0].id

    def _mapping(self) -> dict[str, Any]:
        with self._cloud.cell().database.reading() as connection:
            row = (
                connection.execute(
                    sa.text(
                        'SELECT id, volume_id, connection_info FROM '
                        'block_device_mapping WHERE instance_uuid = :uuid '
                        'AND volume_id IS NOT NULL AND deleted = 0'
                    ),
                    {'uuid': self.uuid},
                )
                .mappings()
                .one()
            )
        return dict(row)

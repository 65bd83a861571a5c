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

"""Servers that have to be refused: how each is made, and put back."""

import dataclasses
from typing import Any
import uuid as uuids

import sqlalchemy as sa

from osc_recovery.model import facts
from osc_recovery.tests.functional import cloud as clouds
from osc_recovery.tests.functional import rows

#: MEMORY_MB of a server that fits where others do not leave room
MUCH, REST = 58000, 30000

NONE: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Case:
    """How a server gets a finding, and what it cannot be without.

    ``by`` is whose row or API makes it so; ``volume`` asks for a server
    that has one.
    """

    code: str
    by: str = 'nova'
    volume: bool = False
    also: frozenset[str] = NONE


NOVA = (
    *('accelerators', 'building', 'cross-cell', 'deleted', 'deleting'),
    *('ephemeral-encryption', 'error-state', 'group-policy', 'hidden'),
    *('locked', 'migration-context', 'migration-in-flight', 'node-differs'),
    *('numa-topology', 'other-recovery', 'paused', 'pci-devices'),
    *('pci-requests', 'pmem', 'rebuilding', 'rescued', 'shares', 'shelved'),
    *('shelved-offloaded', 'soft-deleted', 'stale-evacuation', 'suspended'),
    *('target-traits', 'task-in-progress', 'task-pending', 'uefi', 'vgpu'),
    *('vtpm', 'zone-pinned'),
)
CINDER: dict[str, dict[str, Any]] = {
    'backend-down': {'host': 'storage@array2#array2'},
    'encrypted-volume': {'encryption_key_id': str(uuids.uuid4())},
    'multiattach': {'multiattach': True},
    'volume-migrating': {'migration_status': 'migrating'},
    'volume-state': {'status': 'error'},
}
PLACEMENT = (
    *('allocation-elsewhere', 'allocation-missing'),
    *('multi-provider-allocation', 'target-too-small'),
)
#: the last ones: a port cannot be bound to a dead host again
NEUTRON = ('port-binding-left', 'port-elsewhere', 'port-vnic-type')

CASES = (
    *(Case(code, 'cinder', volume=True) for code in CINDER),
    *(Case(code, 'placement') for code in PLACEMENT),
    Case('cpu-pinning', also=frozenset({'numa-topology'})),
    Case('huge-pages', also=frozenset({'numa-topology'})),
    Case(
        'resized', also=frozenset({'migration-in-flight', 'migration-context'})
    ),
    *(Case(code) for code in NOVA),
    *(Case(code, 'neutron') for code in NEUTRON),
)


class Stage:
    """Servers of one host, and the ways to spoil them.

    ``control`` stays as it is; ``plain`` and ``with_volume`` can be
    anything for the length of a plan.
    """

    def __init__(
        self, cloud: clouds.Cloud, source: str, servers: list[facts.Server]
    ) -> None:
        self.cloud = cloud
        self.source = source
        self.target, self.spare = cloud.others(source)
        self.control, *others = sorted(servers, key=lambda s: s.name)
        self.plain = [s for s in others if not s.volume_mappings]
        self.with_volume = [s for s in others if s.volume_mappings]
        self._allocations = {s.uuid: self._placement(s.uuid) for s in servers}
        self._fillers: list[str] = []
        self._ports: list[str] = []
        env = cloud.client().environment()
        assert env.cinder_db is not None
        self.api_db, self.cinder_db = env.api_db, env.cinder_db
        names = [s.uuid for s in servers]
        self._snapshots = [
            self.snapshot(rows.SERVER_TABLES, names),
            rows.Snapshot(self.api_db.database, rows.API_TABLES, names),
            rows.Snapshot(self.cinder_db.database, rows.VOLUME_TABLES, []),
        ]

    def snapshot(
        self, owners: dict[str, str], values: list[str]
    ) -> rows.Snapshot:
        """Rows of the cell database."""
        return rows.Snapshot(self.cloud.cell().database, owners, values)

    @property
    def servers(self) -> list[facts.Server]:
        """All of them."""
        return [self.control, *self.plain, *self.with_volume]

    def batches(self) -> list[dict[str, Case]]:
        """Every case once, by the uuid of the server that it is made of."""
        found: list[dict[str, Case]] = []
        left = list(CASES)
        while left:
            batch: dict[str, Case] = {}
            for server in (*self.with_volume, *self.plain):
                fits = [c for c in left if server.volumes or not c.volume]
                if fits:
                    batch[server.uuid] = fits[0]
                    left.remove(fits[0])
            found.append(batch)
        return found

    def spoil(self, batch: dict[str, Case]) -> None:
        """Give each server of a batch what its case is about."""
        self.change(
            *(
                {
                    'what': case.code,
                    'server': uuid,
                    'beside': self.control.uuid,
                    'source': self.source,
                    'other': self.target,
                }
                for uuid, case in batch.items()
                if case.by == 'nova'
            )
        )
        for uuid, case in batch.items():
            if case.by != 'nova':
                getattr(self, f'_by_{case.by}')(uuid, case.code)

    def change(self, *changes: dict[str, str]) -> None:
        """Have nova's objects make changes."""
        rows.change(self.cloud.sandbox.directory, list(changes))

    def restore(self) -> None:
        """Every server is as it was, but for where its port is bound."""
        while self._ports:
            self.cloud.api.network.delete(f'/v2.0/ports/{self._ports.pop()}')
        for snapshot in self._snapshots:
            snapshot.restore()
        for uuid, allocation in self._allocations.items():
            if (
                self._placement(uuid)['allocations']
                != allocation['allocations']
            ):
                self._allocate(uuid, allocation['allocations'])

    def fill(self) -> None:
        """Somebody takes most of the other hosts' memory."""
        for host in (self.target, self.spare):
            filler = str(uuids.uuid4())
            taken = {'resources': {'MEMORY_MB': REST}}
            self._fillers.append(filler)
            self._allocate(filler, {self._provider(host): taken})

    def forget_connectors(self, host: str) -> None:
        """Cinder has no attachment any more that was made for a host."""
        with self.cinder_db.database.writing() as connection:
            connection.execute(
                sa.text(
                    "UPDATE volume_attachment SET attached_host = 'elsewhere' "
                    'WHERE attached_host = :host'
                ),
                {'host': host},
            )

    def drain(self) -> None:
        """And gives it back."""
        for filler in self._fillers:
            self.cloud.api.placement.delete(f'/allocations/{filler}')
        self._fillers.clear()

    def _by_cinder(self, uuid: str, code: str) -> None:
        (server,) = [s for s in self.servers if s.uuid == uuid]
        names = ', '.join(f'{name} = :{name}' for name in CINDER[code])
        with self.cinder_db.database.writing() as connection:
            connection.execute(
                sa.text(f'UPDATE volumes SET {names} WHERE id = :id'),
                {**CINDER[code], 'id': server.volumes[0].id},
            )

    def _by_placement(self, uuid: str, code: str) -> None:
        if code == 'allocation-missing':
            self.cloud.api.placement.delete(f'/allocations/{uuid}')
            return
        here, there = map(self._provider, (self.source, self.target))
        ((_, held),) = self._allocations[uuid]['allocations'].items()
        resources = held['resources']
        wanted = {
            'allocation-elsewhere': {there: resources},
            'multi-provider-allocation': {here: resources, there: resources},
            'target-too-small': {here: {**resources, 'MEMORY_MB': MUCH}},
        }[code]
        self._allocate(
            uuid, {p: {'resources': found} for p, found in wanted.items()}
        )

    def _by_neutron(self, uuid: str, code: str) -> None:
        (server,) = [s for s in self.servers if s.uuid == uuid]
        (port,) = server.ports
        if code == 'port-binding-left':
            services = self.cloud.sources().clouds
            assert services is not None
            services.network.create_binding(port.id, self.spare, 'normal')
        if code == 'port-elsewhere':
            self.cloud.api.network.put(
                f'/v2.0/ports/{port.id}',
                json={'port': {'binding:host_id': self.target}},
            )
        if code == 'port-vnic-type':
            self._add_port(port.id, uuid)

    def _add_port(self, like: str, uuid: str) -> None:
        """A second port, of a kind that an attached one cannot become."""
        network = self.cloud.api.network
        port = network.get(f'/v2.0/ports/{like}').json()['port']
        kept = ('network_id', 'project_id', 'device_owner', 'binding:host_id')
        body = {name: port[name] for name in kept}
        body.update({'device_id': uuid, 'binding:vnic_type': 'direct'})
        made = network.post('/v2.0/ports', json={'port': body}).json()['port']
        self._ports.append(made['id'])

    def _placement(self, uuid: str) -> dict[str, Any]:
        answer = self.cloud.api.placement.get(f'/allocations/{uuid}')
        found: dict[str, Any] = answer.json()
        for held in found['allocations'].values():
            held.pop('generation')
        return found

    def _allocate(self, uuid: str, wanted: dict[str, Any]) -> None:
        now = self._placement(uuid)
        self.cloud.api.placement.put(
            f'/allocations/{uuid}',
            json={
                'allocations': wanted,
                'project_id': self.control.project_id,
                'user_id': self.control.user_id,
                'consumer_generation': now.get('consumer_generation'),
            },
        )

    def _provider(self, host: str) -> str:
        found = self.cloud.host(host).provider
        assert found is not None
        return found.uuid

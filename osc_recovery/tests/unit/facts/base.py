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

"""Sources of facts: real schemas with recorded rows, and mocked services."""

import dataclasses
from typing import Any
from unittest import mock

from osc_recovery.cloud import compute
from osc_recovery.cloud import network
from osc_recovery.cloud import placement
from osc_recovery.cloud import session
from osc_recovery.cloud import volume
from osc_recovery.db import cinder
from osc_recovery.db import nova_api
from osc_recovery.facts import sources
from osc_recovery.model import facts
from osc_recovery.tests.unit.db import base

IMAGE = '46c8505b-ec83-4a29-9084-2d702cb3f180'
NOVA_API = 'nova-api-34-2026.2'
CINDER = 'cinder-29-2026.2'


def clouds() -> Any:
    """All services; every call that no test prepares answers nothing."""
    made = mock.create_autospec(session.Clouds, instance=True)
    made.compute = mock.create_autospec(compute.Compute, instance=True)
    made.compute.servers.return_value = {}
    made.network = mock.create_autospec(network.Network, instance=True)
    made.network.ports.return_value = {}
    made.network.bindings.return_value = ()
    made.network.agents.return_value = ()
    made.network.can_stage = True
    made.placement = mock.create_autospec(placement.Placement, instance=True)
    made.placement.allocation.side_effect = allocation
    made.placement.candidates.return_value = ()
    made.placement.provider.side_effect = provider
    made.volume = mock.create_autospec(volume.Volume, instance=True)
    made.volume.services.return_value = ()
    return made


def allocation(consumer: str) -> facts.Allocation:
    """An allocation as the recorded servers have it."""
    return facts.Allocation(
        consumer, 1, 'project', 'user', {'rp1': {'VCPU': 1, 'DISK_GB': 1}}
    )


def provider(uuid: str) -> facts.Provider:
    """A provider with room."""
    return facts.Provider(uuid, uuid, 1, {'VCPU': 8}, {'VCPU': 3})


def calls(services: Any) -> list[str]:
    """The names of all calls that were made to mocked services."""
    return [
        f'{name}.{call[0]}'
        for name in ('compute', 'network', 'placement', 'volume')
        for call in getattr(services, name).method_calls
    ]


class FactsTestCase(base.DatabaseTestCase):
    """Has a cloud with recorded hosts, and servers of kvm1."""

    def setUp(self) -> None:
        super().setUp()
        self.hosts = base.rows('cloud')
        self.clouds = clouds()

    def origin(self, *servers: Any, **changes: Any) -> sources.Sources:
        """A cloud with the recorded hosts and these servers' rows."""
        cell = self.cell(
            self.hosts['nova_cell1'], *(s['nova_cell1'] for s in servers)
        )
        api = self.database(
            NOVA_API,
            self.hosts['nova_api'],
            *(s['nova_api'] for s in servers),
            name='nova_api',
        )
        volumes = self.database(
            CINDER, *(s.get('cinder', {}) for s in servers), name='cinder'
        )
        made = sources.Sources(
            cells={cell.cell.uuid: cell},
            api_db=nova_api.NovaApi(api),
            cinder_db=cinder.Cinder(volumes),
            clouds=self.clouds,
        )
        return dataclasses.replace(made, **changes)


def many(name: str, count: int) -> dict[str, Any]:
    """The recorded server, ``count`` times, with uuids of their own.

    Each has its own attachments, of one and the same volumes.
    """
    recorded = base.rows(name)
    (server,) = recorded['nova_cell1']['instances']
    made = {'nova_cell1': base.copies(recorded['nova_cell1'], count)}
    for database in ('nova_api', 'cinder'):
        tables = {**recorded[database], 'instances': [server]}
        made[database] = base.copies(tables, count)
        del made[database]['instances']
    made['cinder']['volumes'] = recorded['cinder']['volumes']
    for row in made['cinder']['volume_attachment']:
        row['id'] = _own(row['id'], row['instance_uuid'])
    for row in made['nova_cell1']['block_device_mapping']:
        if row.get('attachment_id'):
            row['attachment_id'] = _own(
                row['attachment_id'], row['instance_uuid']
            )
    return made


def _own(attachment: str, server: str) -> str:
    return f'{attachment[:23]}-{server[-12:]}'

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

"""Tests of what is joined into one description of a server."""

import dataclasses
import os
from typing import Any

from osc_recovery import exceptions
from osc_recovery.facts import servers
from osc_recovery.model import facts
from osc_recovery.tests.unit.db import base as db_base
from osc_recovery.tests.unit.facts import base

DOWN = exceptions.ServiceUnavailable('it answered 503')
NO = exceptions.StepFailed('it refused (403)')
VIEW = facts.ApiView('ACTIVE', 'kvm1', 'kvm1', 'active', None, 1)
BINDING = facts.PortBinding('kvm1', 'ACTIVE', 'ovs', 'normal')
PORT = facts.Port('p1', 'compute:nova', 'kvm1', 'ovs', 'normal', 'ACTIVE')


class GatherTest(base.FactsTestCase):
    """servers.gather with everything there."""

    def setUp(self) -> None:
        super().setUp()
        self.recorded = db_base.rows('image-backed')
        self.clouds.compute.servers.return_value = {base.IMAGE: VIEW}
        self.clouds.network.ports.return_value = {base.IMAGE: (PORT,)}
        self.clouds.network.bindings.return_value = (BINDING,)

    def one(self, **kwargs: Any) -> facts.Server:
        """The recorded server, gathered."""
        (server,) = servers.gather(
            self.origin(self.recorded), uuids=[base.IMAGE], **kwargs
        )
        return server

    def test_every_source_is_joined(self) -> None:
        server = self.one()
        self.assertEqual((), server.unknown)
        self.assertEqual(VIEW, server.api)
        (port,) = server.ports
        self.assertEqual(dataclasses.replace(port, bindings=()), PORT)
        self.assertEqual((BINDING,), port.bindings)
        self.assertEqual(base.allocation(base.IMAGE), server.allocation)
        self.assertEqual(server.cell.uuid, server.mapped_cell)
        (mapping,) = server.volume_mappings
        attachment = server.attachment(mapping)
        assert attachment is not None
        self.assertEqual('attached', attachment.status)
        volume = server.volume(attachment.volume_id)
        assert volume is not None
        self.assertEqual('in-use', volume.status)

    def test_one_server_costs_few_calls(self) -> None:
        self.one()
        self.assertEqual(
            [
                'compute.servers',
                'network.ports',
                'network.bindings',
                'placement.allocation',
            ],
            base.calls(self.clouds),
        )

    def test_a_list_asks_no_service(self) -> None:
        server = self.one(depth=servers.LISTED)
        self.assertEqual([], base.calls(self.clouds))
        self.assertEqual((), server.unknown)
        self.assertEqual(1, len(server.attachments))

    def test_by_host(self) -> None:
        origin = self.origin(self.recorded)
        for host, count in (('kvm1', 1), ('kvm2', 0), ('nowhere', 0)):
            with self.subTest(host=host):
                found = servers.gather(origin, hosts=[host])
                self.assertEqual(count, len(found))

    def test_the_pinned_zone_is_read(self) -> None:
        spec = self.recorded['nova_api']['request_specs'][0]
        spec['spec'] = '{"nova_object.data": {"availability_zone": "az7"}}'
        self.assertEqual('az7', self.one().pinned_zone)

    def test_a_server_that_the_api_does_not_know(self) -> None:
        self.clouds.compute.servers.return_value = {}
        server = self.one()
        self.assertIsNone(server.api)
        self.assertEqual((), server.unknown)


class UnknownTest(base.FactsTestCase):
    """What does not answer is named, and the rest is read."""

    def setUp(self) -> None:
        super().setUp()
        self.recorded = db_base.rows('image-backed')

    def one(self, **changes: Any) -> facts.Server:
        """The recorded server, gathered from these sources."""
        origin = self.origin(self.recorded, **changes)
        (server,) = servers.gather(origin, uuids=[base.IMAGE])
        return server

    def test_a_service_fails(self) -> None:
        for error in (DOWN, NO):
            for field, service, method in (
                ('ports', 'network', 'ports'),
                ('api', 'compute', 'servers'),
                ('allocation', 'placement', 'allocation'),
            ):
                with self.subTest(field=field, error=error):
                    self.clouds = base.clouds()
                    adapter = getattr(self.clouds, service)
                    getattr(adapter, method).side_effect = error
                    server = self.one()
                    self.assertEqual((f'{field}: {error}',), server.unknown)
                    self.assertEqual(1, len(server.attachments))

    def test_the_bindings_of_one_server_fail(self) -> None:
        rows = base.many('image-backed', 2)
        bad = dataclasses.replace(PORT, id='p2')
        self.clouds.network.ports.return_value = {
            db_base.uuid(1): (PORT,),
            db_base.uuid(2): (PORT, bad),
        }

        def answer(port: str) -> tuple[facts.PortBinding, ...]:
            if port == 'p2':
                raise NO
            return (BINDING,)

        self.clouds.network.bindings.side_effect = answer
        good, ill = servers.gather(self.origin(rows), hosts=['kvm1'])
        self.assertEqual((), good.unknown)
        self.assertEqual(((), (f'ports: {NO}',)), (ill.ports, ill.unknown))

    def test_without_keystone(self) -> None:
        server = self.one(clouds=None, no_clouds='no token')
        self.assertEqual(
            {'ports: no token', 'api: no token', 'allocation: no token'},
            set(server.unknown),
        )

    def test_without_cinders_database(self) -> None:
        server = self.one(cinder_db=None)
        self.assertEqual(2, len(server.unknown))
        self.assertTrue(server.unknown[0].startswith('attachments: cinder'))
        self.assertTrue(server.unknown[1].startswith('volumes: cinder'))

    def test_cinder_is_not_needed_without_volumes(self) -> None:
        self.recorded['nova_cell1']['block_device_mapping'] = []
        self.assertEqual((), self.one(cinder_db=None).unknown)

    def test_a_database_is_gone(self) -> None:
        origin = self.origin(self.recorded)
        assert origin.cinder_db is not None
        found = servers.from_cells(origin, uuids=[base.IMAGE])
        os.unlink(str(origin.cinder_db.database.engine.url.database))
        (server,) = servers.join(origin, found, servers.DATABASES)
        self.assertEqual(
            ['attachments', 'volumes'],
            [entry.split(':')[0] for entry in server.unknown],
        )
        self.assertNotIn('?', server.unknown[0])

    def test_the_cells_database_is_needed(self) -> None:
        origin = self.origin(self.recorded)
        cell = origin.cells[db_base.CELL.uuid]
        os.unlink(str(cell.database.engine.url.database))
        self.assertRaises(
            exceptions.ServiceUnavailable,
            servers.gather,
            origin,
            uuids=[base.IMAGE],
        )


class GroupTest(base.FactsTestCase):
    """Server groups with the hosts of their members."""

    def setUp(self) -> None:
        super().setUp()
        self.recorded = base.many('image-backed', 2)
        self.recorded['nova_cell1']['instances'][1]['host'] = 'kvm2'
        api = self.recorded['nova_api']
        api['instance_groups'] = [{'id': 4, 'uuid': 'g1', 'name': 'web'}]
        api['instance_group_policy'] = [
            {'id': 1, 'group_id': 4, 'policy': 'anti-affinity', 'rules': None}
        ]
        api['instance_group_member'] = [
            {'id': n, 'group_id': 4, 'instance_uuid': uuid}
            for n, uuid in enumerate(
                (db_base.uuid(1), db_base.uuid(2), 'gone'), 1
            )
        ]

    def test_members_elsewhere_and_gone(self) -> None:
        (server,) = servers.gather(self.origin(self.recorded), hosts=['kvm1'])
        assert server.group is not None
        self.assertEqual('anti-affinity', server.group.policy)
        self.assertEqual(
            {db_base.uuid(1): 'kvm1', db_base.uuid(2): 'kvm2', 'gone': None},
            server.group.member_hosts,
        )

    def _beside_an_unreadable_cell(self, mapped: str) -> facts.Server:
        """The first server; its companion is mapped to that cell."""
        other_row = next(
            row
            for row in self.hosts['nova_api']['cell_mappings']
            if row['uuid'] != db_base.CELL.uuid
        )
        for row in self.recorded['nova_api']['instance_mappings']:
            if row['instance_uuid'] == mapped:
                row['cell_id'] = other_row['id']
        origin = self.origin(self.recorded)
        other = self.cell()
        os.unlink(str(other.database.engine.url.database))
        cells = {**origin.cells, other_row['uuid']: other}
        (server,) = servers.gather(
            dataclasses.replace(origin, cells=cells), hosts=['kvm1']
        )
        return server

    def test_an_unreadable_cell_hides_its_members(self) -> None:
        server = self._beside_an_unreadable_cell(db_base.uuid(2))
        self.assertIsNone(server.group)
        self.assertTrue(server.unknown[0].startswith('group: database'))

    def test_an_unreadable_cell_hides_nobody_else(self) -> None:
        server = self._beside_an_unreadable_cell('nobody')
        assert server.group is not None
        self.assertEqual('kvm2', server.group.member_hosts[db_base.uuid(2)])


class CountTest(base.FactsTestCase):
    """What does not grow with the number of servers."""

    def statements(self, count: int) -> list[int]:
        """How many statements each database is sent for so many servers."""
        origin = self.origin(base.many('image-backed', count))
        assert origin.cinder_db is not None
        cell = origin.cells[db_base.CELL.uuid]
        databases = (cell, origin.api_db, origin.cinder_db)
        sent = []
        with self.counted(databases[0].database) as first:
            with self.counted(databases[1].database) as second:
                with self.counted(databases[2].database) as third:
                    found = servers.gather(origin, hosts=['kvm1'])
                    sent = [len(first), len(second), len(third)]
        self.assertEqual(count, len(found))
        self.assertTrue(all(server.attachments for server in found))
        return sent

    def test_statements(self) -> None:
        self.assertEqual(self.statements(10), self.statements(100))

    def test_calls(self) -> None:
        origin = self.origin(base.many('image-backed', 20))
        servers.gather(origin, hosts=['kvm1'])
        made = base.calls(self.clouds)
        self.assertEqual(20, made.count('placement.allocation'))
        self.assertEqual(22, len(made))
        self.clouds.compute.servers.assert_called_once_with(host='kvm1')


class CellsTest(base.FactsTestCase):
    """Only the cells concerned are read."""

    def setUp(self) -> None:
        super().setUp()
        origin = self.origin(db_base.rows('image-backed'))
        self.other = self.cell()
        os.unlink(str(self.other.database.engine.url.database))
        # its row in cell_mappings is the second of the recorded ones
        uuids = [r['uuid'] for r in self.hosts['nova_api']['cell_mappings']]
        self.other_uuid = next(u for u in uuids if u != db_base.CELL.uuid)
        self.both = dataclasses.replace(
            origin, cells={**origin.cells, self.other_uuid: self.other}
        )

    def test_mapped_hosts_and_servers(self) -> None:
        for kwargs in ({'hosts': ['kvm1']}, {'uuids': [base.IMAGE]}):
            with self.subTest(**kwargs):
                found = servers.from_cells(self.both, **kwargs)
                self.assertEqual([base.IMAGE], [s.uuid for s in found])

    def test_what_is_not_mapped_may_be_anywhere(self) -> None:
        for kwargs in ({'hosts': ['new']}, {'uuids': ['new']}):
            with self.subTest(**kwargs):
                self.assertRaises(
                    exceptions.ServiceUnavailable,
                    servers.from_cells,
                    self.both,
                    **kwargs,
                )

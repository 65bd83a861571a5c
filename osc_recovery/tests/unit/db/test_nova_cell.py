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


"""Tests of what is read from a cell database."""

import hashlib
import json
from typing import Any

from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.tests.unit.db import base

IMAGE = '46c8505b-ec83-4a29-9084-2d702cb3f180'
VOLUME = 'cff3e96f-1c64-4e04-b999-1664f5e5f69d'


class ServersTest(base.DatabaseTestCase):
    """NovaCell.servers and what it understands."""

    def setUp(self) -> None:
        super().setUp()
        self.image = base.rows('image-backed')['nova_cell1']
        self.volume = base.rows('volume-backed')['nova_cell1']
        self.stopped = base.rows('stopped')['nova_cell1']

    def one(self, **changes: Any) -> facts.Server:
        """The image-backed server with changes in its instances row."""
        self.image['instances'][0].update(changes)
        (server,) = self.cell(self.image).servers(uuids=[IMAGE])
        return server

    def extra(self, **changes: Any) -> facts.HardwareTies:
        """Its ties with changes in its instance_extra row."""
        self.image['instance_extra'][0].update(changes)
        return self.one().ties

    def test_a_recorded_server(self) -> None:
        server = self.one()
        self.assertEqual('sm-k-img', server.name)
        self.assertEqual('instance-00000043', server.instance_name)
        self.assertEqual('i-00000043', server.ec2_id)
        self.assertEqual(
            ('kvm1', 'kvm1', 7, 'nova'),
            (server.host, server.node, server.compute_id, server.zone),
        )
        self.assertEqual(
            ('active', 1, None),
            (server.vm_state, server.power_state, server.task_state),
        )
        self.assertTrue(server.locked)
        self.assertEqual('admin', server.locked_by)
        self.assertTrue(server.launched)
        self.assertFalse(server.config_drive)
        self.assertFalse(server.hidden)
        self.assertEqual(base.CELL, server.cell)
        self.assertEqual('m1.nano', server.flavor.name)
        self.assertEqual(64, server.flavor.memory_mb)
        self.assertEqual('pc', server.image_properties['hw_machine_type'])
        self.assertNotIn('hw_input_bus', server.image_properties)
        self.assertEqual(facts.HardwareTies(), server.ties)
        self.assertEqual((), server.unknown)

    def test_lock(self) -> None:
        cell = self.cell(self.image)
        self.assertEqual(
            nova_cell.ServerLock(True, self.one().locked_reason),
            cell.lock_of(IMAGE),
        )
        self.assertIsNone(cell.lock_of(VOLUME))

    def test_lock_without_a_reason(self) -> None:
        kept = self.image['instance_system_metadata']
        kept[:] = [row for row in kept if row['key'] != 'locked_reason']
        self.image['instances'][0]['locked'] = 0
        self.assertEqual(
            nova_cell.ServerLock(False, None),
            self.cell(self.image).lock_of(IMAGE),
        )

    def test_mappings_keep_secrets_to_themselves(self) -> None:
        mapping = self.image['block_device_mapping'][1]
        mapping['connection_info'] = '{"auth_password": "s3cr3t"}'
        server = self.one()
        root, data = server.mappings
        self.assertTrue(root.is_root)
        self.assertIsNone(root.connection_digest)
        self.assertFalse(server.volume_backed)
        self.assertEqual(
            hashlib.sha256(mapping['connection_info'].encode()).hexdigest(),
            data.connection_digest,
        )
        self.assertNotIn('s3cr3t', repr(server))

    def test_a_volume_backed_server(self) -> None:
        (server,) = self.cell(self.volume).servers(hosts=['kvm1'])
        self.assertTrue(server.volume_backed)
        self.assertEqual(
            ['/dev/vda', '/dev/vdb'],
            [m.device_name for m in server.volume_mappings],
        )
        self.assertEqual(
            'd9c4e516-3755-4ccd-84c7-438a200536d0',
            server.mappings[0].attachment_id,
        )

    def test_a_mapping_that_suppresses_a_device_is_none(self) -> None:
        self.image['block_device_mapping'][1]['no_device'] = 1
        self.assertEqual(1, len(self.one().mappings))

    def test_migrations(self) -> None:
        (migration,) = self.one().migrations
        self.assertEqual(
            facts.Migration(
                id=40,
                uuid='4588acb7-82b7-4563-9c6e-9295b1e454e4',
                type='evacuation',
                status='done',
                source_host='kvm2',
                source_node='kvm2',
                dest_host='kvm1',
                dest_node='kvm1',
            ),
            migration,
        )

    def test_filters(self) -> None:
        self.volume['instances'][0]['host'] = 'kvm2'
        cell = self.cell(self.image, self.volume, self.stopped)

        def names(**filters: Any) -> list[str]:
            return [server.name for server in cell.servers(**filters)]

        self.assertEqual(3, len(names()))
        self.assertEqual(['sm-k-bfv'], names(hosts=['kvm2']))
        self.assertEqual(['sm-k-img'], names(name='sm-k-img'))
        self.assertEqual([], names(hosts=[]))
        self.assertEqual([], names(uuids=[]))
        self.assertEqual(['sm-k-bfv'], names(uuids=[VOLUME]))
        self.assertEqual([], names(uuids=[VOLUME], hosts=['kvm1']))
        self.assertEqual([], names(uuids=[VOLUME], name='sm-k-img'))

    def test_deleted_rows_are_not_read(self) -> None:
        for table, rows in list(self.image.items()):
            if table in ('instances', 'console_auth_tokens'):
                continue
            for row in rows:
                row['deleted'] = row['id'] if 'id' in row else 1
        server = self.one()
        self.assertEqual((), server.mappings)
        self.assertEqual((), server.migrations)
        self.assertEqual({}, server.image_properties)
        self.assertIsNone(server.ec2_id)
        self.assertEqual(
            ('flavor: instance_extra.flavor is empty',), server.unknown
        )

    def test_a_deleted_server_is_not_read(self) -> None:
        self.image['instances'][0]['deleted'] = 67
        cell = self.cell(self.image)
        self.assertEqual((), cell.servers(uuids=[IMAGE]))
        self.assertEqual({}, cell.hosts_of([IMAGE]))
        self.assertEqual({}, cell.states([IMAGE]))
        self.assertEqual({}, cell.server_counts())

    def test_a_hidden_server_is_read(self) -> None:
        self.assertTrue(self.one(hidden=1).hidden)

    def test_a_server_that_never_had_a_host(self) -> None:
        server = self.one(
            host=None,
            node=None,
            compute_id=None,
            launched_at=None,
            vm_state='error',
            display_name=None,
            power_state=None,
        )
        self.assertFalse(server.launched)
        self.assertIsNone(server.host)
        self.assertEqual('', server.name)

    def test_the_lock_reason(self) -> None:
        self.image['instance_system_metadata'].append(
            {
                'instance_uuid': IMAGE,
                'key': 'locked_reason',
                'value': 'osc-recovery 1',
                'deleted': 0,
                'id': 9999,
            }
        )
        self.assertEqual('osc-recovery 1', self.one().locked_reason)

    def test_metadata(self) -> None:
        self.image['instance_metadata'] = [
            {
                'instance_uuid': IMAGE,
                'key': 'role',
                'value': 'db',
                'deleted': 0,
                'id': 1,
            }
        ]
        self.assertEqual({'role': 'db'}, self.one().metadata)

    def test_config_drive(self) -> None:
        for value, expected in (
            ('True', True),
            ('1', True),
            ('', False),
            (None, False),
            ('False', False),
        ):
            with self.subTest(value=value):
                self.assertEqual(
                    expected, self.one(config_drive=value).config_drive
                )

    def test_instance_name_templates(self) -> None:
        for template, expected in (
            ('instance-%08x', 'instance-00000043'),
            ('uuid-%(uuid)s', f'uuid-{IMAGE}'),
            ('%(hostname)s-%(id)d', 'sm-k-img-67'),
            ('%(nonsense)s', IMAGE),
        ):
            with self.subTest(template=template):
                cell = self.cell(self.image)
                cell._template = template
                (server,) = cell.servers(uuids=[IMAGE])
                self.assertEqual(expected, server.instance_name)

    def test_ties(self) -> None:
        kept = base.rows('instance_extra')
        pinned = ('pinned_dedicated', 'mixed_policy')
        for name, text in kept['numa_topology'].items():
            with self.subTest(numa_topology=name):
                ties = self.extra(numa_topology=text)
                self.assertTrue(ties.numa_topology)
                self.assertEqual(
                    name in pinned or name.startswith('emulator'),
                    ties.cpu_pinning,
                )
        self.extra(numa_topology=None)
        for name, text in kept['pci_requests'].items():
            with self.subTest(pci_requests=name):
                expected = 0 if text == '[]' else 1
                ties = self.extra(pci_requests=text)
                self.assertEqual(expected, ties.pci_requests)
        self.extra(pci_requests='[]')
        for text in kept['resources'].values():
            self.assertTrue(self.extra(resources=text).resources)
        self.extra(resources=None)
        for text in kept['migration_context'].values():
            ties = self.extra(migration_context=text)
            self.assertTrue(ties.migration_context)

    def test_cells_of_older_releases_that_pin(self) -> None:
        for cell, expected in (
            ({'cpu_policy': 'dedicated'}, True),
            ({'cpu_pinning_raw': {'0': 2}}, True),
            ({'pcpuset': [1]}, True),
            ({'cpu_policy': 'shared', 'cpu_pinning_raw': None}, False),
        ):
            with self.subTest(cell):
                cells = [{'nova_object.data': cell}]
                text = json.dumps({'nova_object.data': {'cells': cells}})
                ties = self.extra(numa_topology=text)
                self.assertEqual(expected, ties.cpu_pinning)
                self.assertTrue(ties.numa_topology)

    def test_an_empty_resource_list_is_no_tie(self) -> None:
        text = '{"nova_object.data": {"objects": []}}'
        self.assertFalse(self.extra(resources=text).resources)

    def test_text_that_nobody_understands_is_a_tie(self) -> None:
        ties = self.extra(numa_topology='{', pci_requests='{', resources='{')
        self.assertTrue(ties.numa_topology)
        self.assertTrue(ties.pci_requests)
        self.assertTrue(ties.resources)

    def test_a_flavor_that_cannot_be_understood(self) -> None:
        for text in ('{"cur": s3cr3t', None):
            with self.subTest(text=text):
                self.image['instance_extra'][0]['flavor'] = text
                server = self.one()
                self.assertEqual(1, server.flavor.vcpus)
                self.assertEqual(64, server.flavor.memory_mb)
                self.assertIn('flavor: ', server.unknown[0])
                self.assertNotIn('s3cr3t', repr(server))

    def test_accelerators_of_the_flavor(self) -> None:
        row = self.image['instance_extra'][0]
        flavor = json.loads(row['flavor'])
        flavor['cur']['nova_object.data']['extra_specs'] = {
            'accel:device_profile': 'fpga'
        }
        row['flavor'] = json.dumps(flavor)
        self.assertEqual(1, self.one().accelerators)

    def test_pci_devices_and_shares(self) -> None:
        self.image['pci_devices'] = [
            {
                'id': number,
                'instance_uuid': IMAGE,
                'status': status,
                'deleted': deleted,
                'compute_node_id': 7,
                'address': f'0000:0{number}:00.0',
                'vendor_id': '8086',
                'product_id': '154d',
                'dev_type': 'type-PF',
                'label': 'x',
            }
            for number, status, deleted in (
                (1, 'allocated', 0),
                (2, 'claimed', 0),
                (3, 'available', 0),
                (4, 'allocated', 4),
            )
        ]
        self.image['share_mapping'] = [
            {'id': 1, 'instance_uuid': IMAGE, 'share_id': 'x', 'tag': 't'}
        ]
        ties = self.one().ties
        self.assertEqual(2, ties.pci_devices)
        self.assertEqual(1, ties.shares)


class StatementsTest(base.DatabaseTestCase):
    """How many statements a read costs."""

    def count(self, number: int) -> int:
        rows = base.rows('volume-backed')['nova_cell1']
        cell = self.cell(base.copies(rows, number))
        cell.check()
        with self.counted(cell.database) as sent:
            self.assertEqual(number, len(cell.servers(hosts=['kvm1'])))
        return len(sent)

    def test_as_many_for_100_servers_as_for_10(self) -> None:
        self.assertEqual(self.count(10), self.count(100))
        self.assertLess(self.count(10), 12)

    def test_long_lists_are_cut(self) -> None:
        cell = self.cell()
        cell.check()
        with self.counted(cell.database) as sent:
            cell.states([base.uuid(n) for n in range(1001)])
        self.assertEqual(3, sum(s.startswith('SELECT') for s in sent))


class CellTest(base.DatabaseTestCase):
    """The other reads."""

    def setUp(self) -> None:
        super().setUp()
        self.rows = base.rows('cloud')['nova_cell1']
        self.image = base.rows('image-backed')['nova_cell1']
        self.volume = base.rows('volume-backed')['nova_cell1']

    def test_services(self) -> None:
        found = {s.host: s for s in self.cell(self.rows).services()}
        self.assertEqual(
            ['compute1', 'compute2', 'compute3', 'kvm1', 'kvm2'],
            sorted(found),
        )
        down = found['compute1']
        self.assertTrue(down.forced_down)
        self.assertTrue(down.disabled)
        self.assertEqual('17e7ac53-9828-412e-a7e6-a606eca28642', down.uuid)
        self.assertEqual('2026-11-22T', (down.last_seen_up or '')[:11])
        self.assertTrue((down.last_seen_up or '').endswith('+00:00'))
        self.assertFalse(found['kvm1'].forced_down)

    def test_heartbeats(self) -> None:
        cell = self.cell(self.rows)
        (service,) = [s for s in cell.services() if s.host == 'kvm1']
        self.assertEqual(
            (service.last_seen_up, service.report_count),
            cell.heartbeats('kvm1'),
        )
        self.assertEqual((None, 0), cell.heartbeats('nobody'))

    def test_a_deleted_service_does_not_beat(self) -> None:
        for row in self.rows['services']:
            row['deleted'] = row['id']
        self.assertEqual((None, 0), self.cell(self.rows).heartbeats('kvm1'))

    def test_compute_nodes(self) -> None:
        nodes = {n.host: n for n in self.cell(self.rows).compute_nodes()}
        self.assertEqual('x86_64', nodes['kvm1'].cpu_arch)
        self.assertEqual('QEMU', nodes['kvm1'].hypervisor_type)
        self.assertEqual(7, nodes['kvm1'].id)
        self.assertEqual('fake', nodes['compute1'].hypervisor_type)

    def test_cpu_info_that_is_no_json(self) -> None:
        for text in ('', '?', '[]', None):
            with self.subTest(text=text):
                self.rows['compute_nodes'][0]['cpu_info'] = text or ''
                node = self.cell(self.rows).compute_nodes()[0]
                self.assertIsNone(node.cpu_arch)

    def test_states_and_counts(self) -> None:
        cell = self.cell(self.image, self.volume)
        self.assertEqual(
            {IMAGE: ('kvm1', 'active', None, 1)}, cell.states([IMAGE, 'x'])
        )
        self.assertEqual({'kvm1': 2}, cell.server_counts())
        self.assertEqual({VOLUME: 'kvm1'}, cell.hosts_of([VOLUME]))

    def test_ec2_ids(self) -> None:
        self.image['instance_id_mappings'][0]['id'] = 70
        self.volume['instance_id_mappings'][0]['id'] = 5561
        cell = self.cell(self.image, self.volume)
        self.assertEqual(
            [(IMAGE, 'instance_id_mappings'), (VOLUME, 'instances')],
            cell.find_ec2(70),
        )
        self.assertEqual(
            [(VOLUME, 'instance_id_mappings')], cell.find_ec2(5561)
        )
        self.assertEqual([], cell.find_ec2(1))

    def test_actions(self) -> None:
        cell = self.cell(self.volume)
        ids = cell.action_request_ids(VOLUME)
        self.assertEqual(
            ['create', 'attach_volume'], [action for _, action in ids]
        )
        result = cell.action_results(VOLUME, ids[1][0])
        assert result
        self.assertEqual('attach_volume', result.action)
        self.assertEqual(
            (('compute_attach_volume', 'Success'),), result.events
        )
        self.assertIsNone(cell.action_results(VOLUME, 'req-x'))

    def test_an_action_without_events(self) -> None:
        del self.volume['instance_actions_events']
        cell = self.cell(self.volume)
        request = cell.action_request_ids(VOLUME)[0][0]
        result = cell.action_results(VOLUME, request)
        assert result
        self.assertEqual((), result.events)


class OldSchemasTest(base.DatabaseTestCase):
    """Releases are told apart by looking."""

    def test_queens_is_read(self) -> None:
        rows = base.rows('image-backed')['nova_cell1']
        for schema in ('nova-main-17-queens', 'nova-main-27-2023.1'):
            with self.subTest(schema=schema):
                cell = self.cell(rows, schema=schema)
                (server,) = cell.servers(hosts=['kvm1'])
                self.assertIsNone(server.compute_id)
                self.assertEqual(1, len(server.migrations))
                self.assertEqual(0, server.ties.shares)
                self.assertNotIn(
                    'compute_id',
                    cell.schema.describe()['nova_cell1.instances'],
                )

    def test_pike_is_refused(self) -> None:
        cell = self.cell(schema='nova-main-16-pike')
        error = self.assertRaises(exceptions.UsageError, cell.servers)
        self.assertIn('block_device_mapping.uuid', str(error))
        self.assertRaises(exceptions.UsageError, cell.services)

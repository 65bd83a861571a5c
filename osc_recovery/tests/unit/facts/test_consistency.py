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

"""What an audit reads: how much, and what a silent service hides."""

import contextlib
import os
from typing import Any

from osc_recovery.cloud import errors
from osc_recovery.facts import consistency
from osc_recovery.facts import sources
from osc_recovery.tests.unit.db import base as db_base
from osc_recovery.tests.unit.facts import base

KVM1 = '74316657-f2c8-42dd-8d0c-af1c107f61a2'
KVM2 = 'eadeba9e-c182-44b0-b4d3-613f8a33ad00'
STRANGER = '99999999-9999-4999-8999-999999999999'
JOURNAL = consistency.Journal({'r-1': 'done'})
ONE = {'VCPU': 1}


class GatherTestCase(base.FactsTestCase):
    """Recorded hosts, and servers of kvm1."""

    def setUp(self) -> None:
        super().setUp()
        self.consumers: dict[str, Any] = {KVM1: {base.IMAGE: ONE}}
        self.clouds.placement.host_allocations.side_effect = lambda provider: (
            self.consumers.get(provider, {})
        )

    def gather(self, *rows: Any, **changes: Any) -> Any:
        """The scene of these rows."""
        chosen = {
            name: changes.pop(name)
            for name in ('hosts', 'uuids')
            if name in changes
        }
        origin = self.origin(*rows, **changes)
        return consistency.gather(origin, JOURNAL, **chosen)

    def asked(self) -> list[str]:
        """The consumers that placement was asked for one by one."""
        calls = self.clouds.placement.allocation.call_args_list
        return [call.args[0] for call in calls]

    def test_a_whole_cloud(self) -> None:
        """placement is asked host by host, nova a page at a time."""
        scene = self.gather(db_base.rows('image-backed'))
        (server,) = scene.servers
        self.assertEqual({KVM1: ONE}, server.allocation.providers)
        self.assertEqual([], self.asked())
        self.clouds.compute.servers.assert_called_once_with()
        self.assertEqual({base.IMAGE: 'kvm1'}, scene.placed)
        self.assertEqual(5, len(scene.looked_at))
        self.assertEqual('kvm1', scene.host_of(KVM1))
        self.assertEqual({'r-1': 'done'}, scene.runs)

    def test_odd_ones_are_asked_for(self) -> None:
        for consumers in (
            {},
            {KVM1: {base.IMAGE: ONE}, KVM2: {base.IMAGE: ONE}},
            {KVM2: {base.IMAGE: ONE}},
        ):
            self.clouds.placement.allocation.reset_mock()
            self.consumers = consumers
            (server,) = self.gather(db_base.rows('image-backed')).servers
            self.assertEqual([base.IMAGE], self.asked())
            self.assertEqual({'rp1'}, set(server.allocation.providers))

    def test_a_host(self) -> None:
        scene = self.gather(db_base.rows('image-backed'), hosts=['kvm1'])
        self.assertEqual(('kvm1',), scene.looked_at)
        self.assertEqual([base.IMAGE], self.asked())
        scene = self.gather(db_base.rows('image-backed'), hosts=['kvm2'])
        self.assertEqual((), scene.servers)

    def test_a_server(self) -> None:
        scene = self.gather(db_base.rows('image-backed'), uuids=[base.IMAGE])
        self.assertEqual((), scene.looked_at)
        self.assertEqual({}, scene.consumers)
        self.assertEqual(1, len(scene.servers))

    def test_consumers(self) -> None:
        """A stranger, a migration, and a server that is being built."""
        rows = db_base.rows('image-backed')
        migration = rows['nova_cell1']['migrations'][0]['uuid']
        built = '88888888-8888-4888-8888-888888888888'
        self.consumers[KVM1].update(
            {STRANGER: ONE, migration: ONE, built: ONE}
        )
        mapping = dict(rows['nova_api']['instance_mappings'][0])
        mapping.update(id=9999, instance_uuid=built, cell_id=None)
        rows['nova_api']['instance_mappings'].append(mapping)
        scene = self.gather(rows)
        self.assertEqual(frozenset({migration, built}), scene.excused)
        self.assertNotIn(STRANGER, scene.placed)

    def test_nobody_is_a_stranger_while_a_cell_is_silent(self) -> None:
        self.consumers[KVM1][STRANGER] = ONE
        origin = self.origin(db_base.rows('image-backed'))
        cell = origin.cells[db_base.CELL.uuid]
        os.unlink(str(cell.database.engine.url.database))
        scene = consistency.gather(origin, JOURNAL)
        self.assertEqual({}, scene.hosts)
        self.assertEqual((), scene.servers)
        self.assertTrue(any('nova_cell1' in entry for entry in scene.unknown))

    def test_a_provider_that_is_gone(self) -> None:
        self.clouds.placement.host_allocations.side_effect = errors.Refused(
            'no such provider', 'placement-refused', 404
        )
        scene = self.gather(db_base.rows('image-backed'))
        self.assertIsNone(scene.hosts['kvm1'].provider)
        self.assertEqual((), scene.hosts['kvm1'].unknown)

    def test_silent_services(self) -> None:
        scene = self.gather(
            db_base.rows('image-backed'), clouds=None, no_clouds='no token'
        )
        (server,) = scene.servers
        fields = {entry.partition(':')[0] for entry in server.unknown}
        self.assertEqual({'ports', 'allocation', 'api'}, fields)
        self.assertEqual(('provider: no token',), scene.hosts['kvm1'].unknown)
        scene = consistency.gather(self.origin(), consistency.Journal(None))
        self.assertIsNone(scene.runs)
        self.assertTrue(scene.unknown)

    def test_statements_do_not_grow(self) -> None:
        counts = []
        for count in (10, 100):
            origin = self.origin(base.many('image-backed', count))
            databases = (
                *origin.cells.values(),
                origin.api_db,
                origin.cinder_db,
            )
            with contextlib.ExitStack() as stack:
                sent = [
                    stack.enter_context(self.counted(each.database))
                    for each in databases
                    if each is not None
                ]
                scene = consistency.gather(origin, JOURNAL)
                counts.append([len(statements) for statements in sent])
            self.assertEqual(count, len(scene.servers))
        self.assertEqual(counts[0], counts[1])

    def test_connections_are_compared(self) -> None:
        origin: sources.Sources = self.origin(db_base.rows('volume-backed'))
        (server,) = consistency.gather(origin, JOURNAL).servers
        self.assertTrue(server.volume_mappings)
        for mapping in server.volume_mappings:
            self.assertEqual((), mapping.connection_differs)
        assert origin.cinder_db is not None
        self.query(
            origin.cinder_db.database,
            "UPDATE volume_attachment SET connection_info = json_set("
            "connection_info, '$.target_lun', 99)",
        )
        (server,) = consistency.gather(origin, JOURNAL).servers
        for mapping in server.volume_mappings:
            self.assertEqual(('target_lun',), mapping.connection_differs)

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

"""Shapes, the servers of a shape, and the file that remembers it."""

import collections
import json
import os

from osc_recovery import exceptions
from osc_recovery.sandbox import fleet
from osc_recovery.sandbox import processes
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states
from osc_recovery.tests.unit import base


class ShapeTestCase(base.TestCase):
    """What can be asked for."""

    def test_refused(self) -> None:
        for hosts, servers in ((0, 1), (21, 1), (1, -1), (1, 501)):
            self.assertRaises(
                exceptions.UsageError, shapes.Shape, hosts, servers
            )

    def test_one_cell_has_all_hosts(self) -> None:
        shape = shapes.Shape(2, 0)
        (cell,) = shape.cells
        self.assertEqual(('host1', 'host2'), cell.hosts)
        self.assertEqual(cell.uuid, shapes.Shape(5, 1).cells[0].uuid)
        self.assertEqual('nova_cell1', cell.database)

    def test_another_cell_has_the_last_host(self) -> None:
        for hosts, count, expected in (
            (4, 2, (('host1', 'host2', 'host3'), ('host4',))),
            (2, 2, (('host1',), ('host2',))),
            (3, 3, (('host1',), ('host2',), ('host3',))),
        ):
            shape = shapes.Shape(hosts, 1, count)
            self.assertEqual(expected, tuple(c.hosts for c in shape.cells))
            for name in ('name', 'uuid', 'database', 'hub'):
                found = {getattr(cell, name) for cell in shape.cells}
                self.assertEqual(count, len(found), name)

    def test_a_cell_without_a_host(self) -> None:
        for count in (0, 3):
            found = self.assertRaises(
                exceptions.UsageError, shapes.Shape, 2, 1, count
            )
            self.assertIn(f'not {count}', str(found))


class FleetTestCase(base.TestCase):
    """The servers that a sandbox starts with."""

    def test_the_usual_sandbox(self) -> None:
        servers = fleet.servers(shapes.Shape())
        counts = collections.Counter(server.host for server in servers)
        self.assertEqual({'host1': 10, 'host2': 2, 'host3': 1}, counts)
        first = {s.kind for s in servers if s.host == 'host1'}
        self.assertEqual(set(fleet.Kind), first)
        names = [server.name for server in servers]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual('web-1', names[0])

    def test_the_anti_affinity_group_is_apart(self) -> None:
        servers = fleet.servers(shapes.Shape())
        hosts = [s.host for s in servers if s.kind is fleet.Kind.APART]
        self.assertEqual(['host1', 'host2'], hosts)

    def test_two_servers_share_a_volume(self) -> None:
        servers = fleet.servers(shapes.Shape())
        sharing = [s for s in servers if s.kind is fleet.Kind.SHARING]
        self.assertEqual(2, len(sharing))

    def test_every_other_host_has_a_volume(self) -> None:
        for hosts, count in ((2, 0), (3, 10), (5, 100)):
            servers = fleet.servers(shapes.Shape(hosts, count))
            with_volume = {
                s.host for s in servers if s.kind is fleet.Kind.VOLUME
            }
            others = {f'host{n}' for n in range(2, hosts + 1)}
            self.assertEqual(set(), others - with_volume)
            first = [s for s in servers if s.host == 'host1']
            self.assertEqual(count, len(first))

    def test_a_single_host(self) -> None:
        servers = fleet.servers(shapes.Shape(1, 6))
        self.assertEqual({'host1'}, {s.host for s in servers})


class StateTestCase(base.TestCase):
    """sandbox.json."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.home / 'sandbox.json'
        self.state = states.State(
            shape=shapes.Shape(4, 5),
            ports={'nova': 1},
            creator=processes.Process.of(os.getpid()),
        )

    def test_no_file(self) -> None:
        self.assertIsNone(states.State.read(self.path))

    def test_written_and_read(self) -> None:
        self.state.write(self.path)
        self.assertEqual(self.state, states.State.read(self.path))
        self.assertEqual(0o600, self.path.stat().st_mode & 0o777)

    def test_passwords_differ_and_are_not_shown(self) -> None:
        other = states.State(shape=shapes.Shape())
        self.assertNotEqual(self.state.admin_password, other.admin_password)
        self.assertNotIn(self.state.admin_password, repr(self.state))
        self.assertNotIn(self.state.service_password, repr(self.state))

    def test_claimed_once(self) -> None:
        self.assertTrue(self.state.claim(self.path))
        other = states.State(shape=shapes.Shape())
        self.assertFalse(other.claim(self.path))
        self.assertEqual(self.state, states.State.read(self.path))
        self.assertEqual([self.path], list(self.home.glob('sandbox*')))

    def test_being_made(self) -> None:
        self.assertTrue(self.state.being_made)
        self.state.status = states.READY
        self.assertFalse(self.state.being_made)
        self.state.status = states.CREATING
        pid = os.getpid()
        self.state.creator = processes.Process(pid, 0)
        # Another process had that pid.
        self.assertFalse(self.state.being_made)

    def test_not_the_file_of_a_sandbox(self) -> None:
        for text in (
            '',
            '[]',
            '{}',
            json.dumps({'version': 99}),
            json.dumps({'version': 1, 'shape': {'hosts': 1, 'x': 2}}),
        ):
            self.path.write_text(text)
            self.assertRaises(
                exceptions.UsageError, states.State.read, self.path
            )

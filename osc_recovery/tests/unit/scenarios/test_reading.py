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

"""Tests of what host list|show and server list|show read."""

import contextlib
import dataclasses
import os
from typing import Any
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.facts import sources
from osc_recovery.model import facts
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import hosts
from osc_recovery.scenarios import servers
from osc_recovery.tests.unit.db import base as db_base
from osc_recovery.tests.unit.facts import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.reports import test_plan

KVM2 = 'eadeba9e-c182-44b0-b4d3-613f8a33ad00'


class ReadingTestCase(base.FactsTestCase):
    """Has an environment whose sources are those of the base."""

    def environment(self, *rows: Any, **changes: Any) -> Any:
        """A cloud with these servers' rows; every host is up by its age."""
        origin = self.origin(*rows, service_down_time=1e9, **changes)

        def read(apis: bool = True) -> sources.Sources:
            if apis:
                return origin
            return dataclasses.replace(
                origin, clouds=None, no_clouds='the APIs were not asked'
            )

        env = mock.create_autospec(environment.Environment, instance=True)
        env.sources.side_effect = read
        return env

    def lose(self, host: str) -> None:
        """Force a host down."""
        for row in self.hosts['nova_cell1']['services']:
            if row['host'] == host:
                row.update(forced_down=1, disabled=1)


class HostsTest(ReadingTestCase):
    """The compute hosts."""

    def test_a_list_asks_no_service(self) -> None:
        listing = hosts.Hosts(self.environment()).listing()
        self.assertEqual(5, len(listing.hosts))
        self.assertEqual((), listing.warnings)
        self.assertEqual([], base.calls(self.clouds))

    def test_an_unreadable_cell_is_a_warning(self) -> None:
        env = self.environment()
        cell = env.sources().cells[db_base.CELL.uuid]
        os.unlink(str(cell.database.engine.url.database))
        listing = hosts.Hosts(env).listing()
        self.assertEqual((), listing.hosts)
        (warning,) = listing.warnings
        self.assertTrue(warning.startswith('database nova_cell1: '))

    def test_show(self) -> None:
        env = self.environment(db_base.rows('image-backed'))
        shown = hosts.Hosts(env).show('kvm1')
        self.assertEqual('kvm1', shown.host.name)
        self.assertEqual([base.IMAGE], [s.server.uuid for s in shown.servers])
        names = [target.name for target in shown.targets]
        self.assertNotIn('kvm1', names)
        # recorded as disabled
        self.assertNotIn('compute1', names)
        self.assertIn('kvm2', names)
        for target in shown.targets:
            self.assertIsNotNone(target.provider)

    def test_show_without_keystone(self) -> None:
        env = self.environment(clouds=None, no_clouds='no token')
        shown = hosts.Hosts(env).show('kvm1')
        self.assertEqual(
            ('provider, agents not read: no token',), shown.warnings
        )

    def test_an_unknown_host(self) -> None:
        reader = hosts.Hosts(self.environment())
        self.assertRaises(exceptions.UsageError, reader.show, 'nowhere')

    def test_statements_of_show_do_not_grow(self) -> None:
        counts = []
        for count in (10, 100):
            env = self.environment(base.many('image-backed', count))
            origin = env.sources()
            databases = (
                *origin.cells.values(),
                origin.api_db,
                origin.cinder_db,
            )
            with contextlib.ExitStack() as stack:
                sent = [
                    stack.enter_context(self.counted(each.database))
                    for each in databases
                ]
                shown = hosts.Hosts(env).show('kvm1')
                counts.append([len(statements) for statements in sent])
            self.assertEqual(count, len(shown.servers))
        self.assertEqual(counts[0], counts[1])

    def test_next_command(self) -> None:
        dead = builders.dead(server_count=3)
        stated = '--statement'
        for host, expected in (
            (builders.host('kvm1', server_count=3), None),
            (dead, 'openstack recovery host relocate kvm1'),
            (dataclasses.replace(dead, fence=None), stated),
            (dataclasses.replace(dead, fence_stale=True), stated),
            (dataclasses.replace(dead, server_count=0), None),
            (
                dataclasses.replace(
                    dead,
                    service=dataclasses.replace(
                        dead.service, forced_down=False
                    ),
                ),
                stated,
            ),
            (dataclasses.replace(dead, name='a b'), "relocate 'a b'"),
        ):
            with self.subTest(host=host):
                command = hosts.next_command(host)
                if expected is None:
                    self.assertEqual('', command)
                else:
                    self.assertTrue(command.startswith('openstack recovery'))
                    self.assertIn(expected, command)


class ServersListTest(ReadingTestCase):
    """Lists of servers."""

    def listed(self, *rows: Any, **kwargs: Any) -> dict[str, servers.Listed]:
        """The servers of a list by their names."""
        reader = servers.Servers(self.environment(*rows))
        return {
            item.server.name: item for item in reader.listing(**kwargs).servers
        }

    def test_one_host_or_all(self) -> None:
        rows = base.many('image-backed', 2)
        first, second = rows['nova_cell1']['instances']
        first['display_name'] = 'a'
        second.update(display_name='b', host='kvm2')
        self.assertEqual({'a', 'b'}, set(self.listed(rows)))
        self.assertEqual({'b'}, set(self.listed(rows, host='kvm2')))
        self.assertEqual([], base.calls(self.clouds))

    def test_an_unknown_host(self) -> None:
        self.assertRaises(exceptions.UsageError, self.listed, host='nowhere')

    def test_methods(self) -> None:
        for changes, expected in (
            ({}, 'blocked: storage-unproven'),
            ({'vm_state': 'rescued'}, 'blocked: rescued, storage-unproven'),
        ):
            with self.subTest(changes=changes):
                rows = db_base.rows('image-backed')
                rows['nova_cell1']['instances'][0].update(changes)
                (item,) = self.listed(rows).values()
                self.assertIn('storage-unproven', item.method)
                for code in expected.split(': ')[1].split(', '):
                    self.assertIn(code, item.method)

    def test_an_unreadable_cell_hides_servers(self) -> None:
        env = self.environment(db_base.rows('image-backed'))
        other = self.cell()
        os.unlink(str(other.database.engine.url.database))
        origin = env.sources()
        env.sources.side_effect = None
        env.sources.return_value = dataclasses.replace(
            origin, cells={**origin.cells, 'other': other}
        )
        listing = servers.Servers(env).listing()
        self.assertEqual(1, len(listing.servers))
        self.assertEqual(1, len(listing.warnings))


class MethodTest(ReadingTestCase):
    """servers.method in words."""

    def test_words(self) -> None:
        blocker, consent = test_plan.BLOCKER, test_plan.CONSENT
        for found, words in (
            ((), 'relocate'),
            ((test_plan.NOTE,), 'relocate'),
            ((consent,), 'relocate, with consent: paused'),
            ((blocker, consent, blocker), 'blocked: pci-devices'),
        ):
            with self.subTest(words=words):
                self.assertEqual(words, servers.method(found))


class ServerShowTest(ReadingTestCase):
    """One server in depth."""

    def setUp(self) -> None:
        super().setUp()
        self.view = facts.ApiView('ACTIVE', 'kvm1', 'kvm1', 'active', None, 1)
        self.clouds.placement.candidates.return_value = (KVM2,)

    def shown(self, **changes: Any) -> servers.Shown:
        """The recorded server."""
        self.clouds.compute.servers.return_value = {base.IMAGE: self.view}
        env = self.environment(db_base.rows('image-backed'), **changes)
        return servers.Servers(env).show(base.IMAGE)

    def test_candidates(self) -> None:
        self.assertEqual(('kvm2',), self.shown().candidates)

    def test_candidates_are_unknown_without_placement(self) -> None:
        self.clouds.placement.candidates.side_effect = (
            exceptions.ServiceUnavailable('503')
        )
        self.assertIsNone(self.shown().candidates)

    def test_side_by_side(self) -> None:
        self.view = dataclasses.replace(
            self.view, host='kvm2', task_state='rebuilding', locked=True
        )
        differing = {
            item.field for item in self.shown().compared if item.differs
        }
        self.assertEqual({'host', 'task_state'}, differing)

    def test_the_same(self) -> None:
        self.view = dataclasses.replace(self.view, locked=True)
        self.assertFalse(any(item.differs for item in self.shown().compared))

    def test_findings_rest_on_every_service(self) -> None:
        self.clouds.network.ports.return_value = {
            base.IMAGE: (
                facts.Port(
                    'p1', 'compute:nova', 'kvm2', 'ovs', 'normal', 'DOWN'
                ),
            )
        }
        codes = {finding.code for finding in self.shown().findings}
        self.assertIn('port-elsewhere', codes)

    def test_without_keystone(self) -> None:
        shown = self.shown(clouds=None, no_clouds='no token')
        self.assertEqual((), shown.compared)
        self.assertIsNone(shown.candidates)
        self.assertEqual(1, len(shown.warnings))
        self.assertIn('no token', shown.warnings[0])

    def test_a_server_without_a_host(self) -> None:
        rows = db_base.rows('image-backed')
        rows['nova_cell1']['instances'][0].update(
            host=None, node=None, vm_state='shelved_offloaded'
        )
        shown = servers.Servers(self.environment(rows)).show(base.IMAGE)
        self.assertIn('blocked: shelved-offloaded', shown.method)

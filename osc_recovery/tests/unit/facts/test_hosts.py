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

"""Tests of what is joined into one description of a host."""

import dataclasses
import json
import os
import pathlib
from typing import Any
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.model import facts
from osc_recovery.tests.unit.db import base as db_base
from osc_recovery.tests.unit.facts import base

FENCE = facts.Fence(
    'kvm1', 'statement', 'off', 'ops', '2026-11-22T16:30:00+00:00'
)
DOWN = exceptions.ServiceUnavailable('it answered 503')


class GatherTest(base.FactsTestCase):
    """hosts.gather: the databases and the journal."""

    def gathered(self, **changes: Any) -> dict[str, facts.Host]:
        """All hosts by name."""
        origin = self.origin(db_base.rows('image-backed'), **changes)
        return {host.name: host for host in hosts.gather(origin)}

    def test_only_compute_services_are_hosts(self) -> None:
        self.assertEqual(
            {'compute1', 'compute2', 'compute3', 'kvm1', 'kvm2'},
            set(self.gathered()),
        )

    def test_a_host(self) -> None:
        host = self.gathered(default_zone='somewhere')['kvm1']
        assert host.node is not None
        self.assertEqual('kvm1', host.node.node)
        self.assertEqual('somewhere', host.zone)
        self.assertEqual(1, host.server_count)
        self.assertIs(False, host.up)
        self.assertEqual((), host.unknown)
        self.assertEqual([], base.calls(self.clouds))

    def test_up_follows_nova(self) -> None:
        self.assertIs(True, self.gathered(service_down_time=1e9)['kvm1'].up)

    def test_named_and_neighbours(self) -> None:
        origin = self.origin()
        self.assertEqual(
            ['kvm1'], [h.name for h in hosts.gather(origin, ['kvm1'])]
        )
        self.assertEqual((), hosts.gather(origin, ['nowhere']))
        around = hosts.gather(origin, ['kvm1'], neighbours=True)
        self.assertEqual(5, len(around))

    def test_a_zone_comes_from_an_aggregate(self) -> None:
        api = self.hosts['nova_api']
        api['aggregates'] = [{'id': 1, 'uuid': 'a1', 'name': 'a'}]
        api['aggregate_hosts'] = [{'id': 1, 'host': 'kvm2', 'aggregate_id': 1}]
        api['aggregate_metadata'] = [
            {
                'id': 1,
                'aggregate_id': 1,
                'key': 'availability_zone',
                'value': 'az7',
            }
        ]
        found = self.gathered()
        self.assertEqual('az7', found['kvm2'].zone)
        self.assertEqual('nova', found['kvm1'].zone)

    def test_fences(self) -> None:
        seen_later = dataclasses.replace(
            FENCE, host='kvm2', recorded_at='2026-11-22T15:00:00+00:00'
        )
        found = self.gathered(
            fences=lambda: {'kvm1': FENCE, 'kvm2': seen_later}
        )
        for host, fence, stale in (
            ('kvm1', FENCE, False),
            ('kvm2', seen_later, True),
            ('compute1', None, False),
        ):
            with self.subTest(host=host):
                self.assertEqual(fence, found[host].fence)
                self.assertIs(stale, found[host].fence_stale)

    def test_an_unreadable_journal(self) -> None:
        for error in (exceptions.ServiceUnavailable, exceptions.ConfigError):
            with self.subTest(error=error):
                fences = mock.Mock(side_effect=error('no journal'))
                host = self.gathered(fences=fences)['kvm1']
                self.assertEqual(('fence: no journal',), host.unknown)

    def test_a_schema_that_is_not_known_is_raised_as_it_is(self) -> None:
        origin = self.origin()
        database = origin.cells[db_base.CELL.uuid].database
        self.query(database, 'ALTER TABLE services DROP COLUMN forced_down')
        self.assertRaises(exceptions.UsageError, hosts.gather, origin)

    def test_several_nodes(self) -> None:
        rows = self.hosts['nova_cell1']['compute_nodes']
        another = dict(rows[-1], id=99, uuid='u', hypervisor_hostname='n2')
        rows.append(another)
        host = self.gathered()[another['host']]
        self.assertIsNone(host.node)
        self.assertEqual(1, len(host.unknown))

    def test_a_row_in_a_cell_that_nova_does_not_ask(self) -> None:
        for row in self.hosts['nova_api']['host_mappings']:
            if row['host'] == 'kvm2':
                row['cell_id'] = 2
        self.assertNotIn('kvm2', self.gathered())

    def test_shared_instances(self) -> None:
        for patterns, expected in (
            ((), False),
            (('kvm*',), True),
            (('compute*',), False),
            (('compute*', 'kvm?'), True),
            (('KVM1',), False),
        ):
            with self.subTest(patterns=patterns):
                found = self.gathered(shared_instances=patterns)
                self.assertIs(expected, found['kvm1'].instances_shared)

    def test_an_unreadable_cell(self) -> None:
        origin = self.origin()
        other = self.cell()
        os.unlink(str(other.database.engine.url.database))
        both = dataclasses.replace(
            origin, cells={**origin.cells, 'other': other}
        )
        unreadable: list[str] = []
        found = hosts.gather(both, unreadable=unreadable)
        self.assertEqual(5, len(found))
        self.assertEqual(1, len(unreadable))
        self.assertRaises(exceptions.ServiceUnavailable, hosts.gather, both)

    def test_statements_do_not_grow(self) -> None:
        counts = []
        for count in (10, 100):
            origin = self.origin(base.many('image-backed', count))
            cell = origin.cells[db_base.CELL.uuid]
            with self.counted(cell.database) as sent:
                found = hosts.gather(origin)
            self.assertIn(count, [host.server_count for host in found])
            counts.append(len(sent))
        self.assertEqual(counts[0], counts[1])


class DeepenTest(base.FactsTestCase):
    """hosts.deepen: services, connectors."""

    def deepened(
        self, name: str = 'kvm1', *servers: Any, **changes: Any
    ) -> facts.Host:
        """One host in depth."""
        origin = self.origin(*servers, **changes)
        (host,) = hosts.deepen(origin, hosts.gather(origin, [name]))
        return host

    def test_provider_by_the_nodes_uuid(self) -> None:
        host = self.deepened()
        assert host.node is not None
        self.assertEqual(base.provider(host.node.uuid), host.provider)

    def test_agents(self) -> None:
        agent = facts.Agent('ovs', 'kvm1', 'a', False)
        self.clouds.network.agents.return_value = (agent,)
        self.assertEqual((agent,), self.deepened().agents)

    def test_what_fails_is_named(self) -> None:
        self.clouds.placement.provider.side_effect = DOWN
        self.clouds.network.agents.side_effect = DOWN
        host = self.deepened()
        self.assertEqual(
            ('provider: it answered 503', 'agents: it answered 503'),
            host.unknown,
        )

    def test_without_keystone(self) -> None:
        host = self.deepened(clouds=None, no_clouds='no token')
        self.assertEqual(
            ('provider: no token', 'agents: no token'), host.unknown
        )

    def test_connector_of_an_attachment(self) -> None:
        host = self.deepened('kvm1', db_base.rows('image-backed'))
        assert host.connector is not None
        self.assertEqual('kvm1', host.connector['host'])
        self.assertNotIn('mountpoint', host.connector)
        self.assertEqual("cinder's database", host.connector_source)

    def test_connector_in_a_file(self) -> None:
        for text, connector, unknown in (
            (json.dumps({'host': 'kvm1'}), {'host': 'kvm1'}, 0),
            ('{not json', None, 1),
            ('[]', None, 1),
            (None, None, 0),
        ):
            with self.subTest(text=text):
                path = pathlib.Path(self.directory) / 'kvm1.json'
                path.unlink(missing_ok=True)
                if text is not None:
                    path.write_text(text)
                host = self.deepened(connectors_dir=self.directory)
                self.assertEqual(connector, host.connector)
                self.assertEqual(unknown, len(host.unknown))
                if connector:
                    self.assertEqual(str(path), host.connector_source)

    def test_the_attachment_comes_before_the_file(self) -> None:
        path = pathlib.Path(self.directory) / 'kvm1.json'
        path.write_text('{"host": "old"}')
        host = self.deepened(
            'kvm1',
            db_base.rows('image-backed'),
            connectors_dir=self.directory,
        )
        self.assertEqual("cinder's database", host.connector_source)

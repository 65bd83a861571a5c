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

"""What the gate for a repaired host reads, and what it cannot read."""

from typing import Any
from unittest import mock

from osc_recovery.cloud import broker
from osc_recovery import exceptions
from osc_recovery.facts import host_return
from osc_recovery.model import broker as model
from osc_recovery.model import host_return as facts
from osc_recovery.tests.unit.db import base as databases
from osc_recovery.tests.unit.facts import base

QUEUE = model.Queue('compute.h', True, 0, 2, (model.Call('a'),))
AWAY = exceptions.ServiceUnavailable('it is away')


class GatherTestCase(base.FactsTestCase):
    """The recorded server lives on kvm1; kvm2 had it before."""

    def setUp(self) -> None:
        super().setUp()
        self.server = databases.rows('image-backed')
        self.clouds.placement.host_allocations.return_value = {}
        self.clouds.network.servers_bound.return_value = frozenset()
        self.broker = mock.create_autospec(broker.Broker, instance=True)
        self.broker.waiting.return_value = (QUEUE,)

    def gather(
        self, host: str = 'kvm2', lease: str = '', **changes: Any
    ) -> facts.ReturnFacts:
        origin = self.origin(self.server, **changes)
        return host_return.gather(
            origin, host, lambda cell: self.broker, lease
        )

    def test_a_tombstone(self) -> None:
        bound = frozenset({base.IMAGE})
        self.clouds.network.servers_bound.return_value = bound
        found = self.gather(lease='r-1')
        (row,) = found.evacuations
        self.assertEqual((base.IMAGE, 'sm-k-img'), (row.server, row.name))
        self.assertEqual((), found.moved)
        self.assertEqual((), found.residents)
        self.assertEqual((QUEUE,), found.queues)
        self.assertEqual((2, 'r-1'), (found.waiting, found.lease))
        self.assertFalse(found.running)
        self.assertEqual((), found.unknown)
        self.broker.waiting.assert_called_once_with('kvm2')

    def test_residents(self) -> None:
        found = self.gather('kvm1')
        self.assertEqual([base.IMAGE], [s.uuid for s in found.residents])
        self.assertEqual((), found.moved)

    def test_moved_without_a_tombstone(self) -> None:
        """Each witness counts; a migration is a consumer and no server."""
        node = next(
            row['uuid']
            for row in self.hosts['nova_cell1']['compute_nodes']
            if row['host'] == 'kvm1'
        )
        self.clouds.placement.host_allocations.return_value = {
            base.IMAGE: {'VCPU': 1},
            'a-migration': {'VCPU': 1},
        }
        bound = frozenset({base.IMAGE})
        self.clouds.network.servers_bound.return_value = bound
        for row in self.server['cinder']['volume_attachment']:
            row['attached_host'] = 'compute1'
        (moved,) = self.gather('compute1').moved
        self.assertEqual(base.IMAGE, moved.home.uuid)
        self.assertEqual('kvm1', moved.home.host)
        self.assertEqual(3, len(moved.evidence))
        self.assertEqual((('rp1',), node), (moved.allocated, moved.provider))

    def test_what_does_not_answer_is_named(self) -> None:
        self.clouds.placement.host_allocations.side_effect = AWAY
        self.clouds.network.servers_bound.side_effect = AWAY
        self.broker.waiting.side_effect = broker.BrokerUnavailable('no')
        found = self.gather()
        self.assertEqual(
            ('allocations: it is away', 'ports: it is away'), found.unknown
        )
        self.assertIsNone(found.queues)
        self.assertEqual(('no', False), (found.no_queues, found.running))

    def test_an_allocation_that_cannot_be_read(self) -> None:
        bound = frozenset({base.IMAGE})
        self.clouds.network.servers_bound.return_value = bound
        self.clouds.placement.allocation.side_effect = AWAY
        found = self.gather('compute1')
        self.assertIsNone(found.moved[0].allocated)
        self.assertEqual(
            ('allocation of sm-k-img: it is away',), found.unknown
        )

    def test_without_apis_nothing_is_known(self) -> None:
        found = self.gather(clouds=None)
        self.assertEqual(2, len(found.unknown))

    def test_a_cell_whose_broker_nobody_names(self) -> None:
        def brokers(cell: str) -> broker.Broker:
            raise exceptions.ConfigError('no transport_url')

        origin = self.origin(self.server)
        found = host_return.gather(origin, 'kvm2', brokers)
        self.assertEqual('no transport_url', found.no_queues)

    def test_an_unknown_host(self) -> None:
        self.assertRaises(exceptions.UsageError, self.gather, 'nosuch')

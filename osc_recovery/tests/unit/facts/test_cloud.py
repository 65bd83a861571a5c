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

"""Tests of gathering all that a plan for one host is made from."""

import dataclasses
from typing import Any
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.facts import cloud
from osc_recovery.facts import liveness
from osc_recovery.model import facts
from osc_recovery.tests.unit.db import base as db_base
from osc_recovery.tests.unit.facts import base
from osc_recovery.tests.unit.planning import builders

KVM2 = 'eadeba9e-c182-44b0-b4d3-613f8a33ad00'
COMPUTE2 = '3688d200-76ce-4c69-8f7b-de9c24147f30'
DOWN = exceptions.ServiceUnavailable('it answered 503')


class RequestTest(base.FactsTestCase):
    """What placement is asked for."""

    def test_traits(self) -> None:
        server = builders.server()
        flavor = dataclasses.replace(
            server.flavor,
            extra_specs={
                'trait:HW_A': 'required',
                'trait:HW_B': 'forbidden',
                'trait:HW_C': 'preferred',
                'hw:cpu_policy': 'shared',
            },
        )
        asked = cloud.request(
            dataclasses.replace(
                server,
                flavor=flavor,
                image_properties={'trait:HW_D': 'required'},
            )
        )
        assert asked is not None
        self.assertEqual(
            ('!COMPUTE_STATUS_DISABLED', '!HW_B', 'HW_A', 'HW_D'), asked[1]
        )

    def test_resources_of_all_providers(self) -> None:
        allocation = facts.Allocation(
            'c', 1, 'p', 'u', {'a': {'VCPU': 1}, 'b': {'VCPU': 2, 'VGPU': 1}}
        )
        asked = cloud.request(builders.server(allocation=allocation))
        assert asked is not None
        self.assertEqual((('VCPU', 3), ('VGPU', 1)), asked[0])

    def test_nothing_to_ask_for(self) -> None:
        empty = facts.Allocation('c', None, '', '', {})
        for allocation in (None, empty):
            with self.subTest(allocation=allocation):
                server = builders.server(allocation=allocation)
                self.assertIsNone(cloud.request(server))


class CloudTestCase(base.FactsTestCase):
    """Has gather without its waiting."""

    def setUp(self) -> None:
        super().setUp()
        self.clouds.placement.candidates.return_value = (KVM2, COMPUTE2, 'x')

    def gathered(
        self, *servers: Any, origin: Any = None, **kwargs: Any
    ) -> facts.CloudFacts:
        """The facts about kvm1."""
        return cloud.gather(
            origin or self.origin(*servers),
            'kvm1',
            **{'watch': False, **kwargs},
        )


class GatherTest(CloudTestCase):
    """cloud.gather."""

    def test_candidates_by_one_question(self) -> None:
        found = self.gathered(base.many('image-backed', 5))
        self.assertEqual(5, len(found.servers))
        for names in found.candidates.values():
            self.assertEqual(('kvm2', 'compute2'), names)
        self.clouds.placement.candidates.assert_called_once()
        self.assertEqual({'kvm2', 'compute2'}, set(found.hosts))

    def test_the_source_is_no_candidate(self) -> None:
        nodes = self.hosts['nova_cell1']['compute_nodes']
        own = next(n['uuid'] for n in nodes if n['host'] == 'kvm1')
        self.clouds.placement.candidates.return_value = (own, KVM2)
        found = self.gathered(db_base.rows('image-backed'))
        self.assertEqual(('kvm2',), found.candidates[base.IMAGE])

    def test_a_host_of_another_cell_is_no_candidate(self) -> None:
        near, far = builders.host('kvm2'), builders.host('compute2')
        far = dataclasses.replace(far, cell=facts.Cell('c2', 'cell2'))
        server = builders.server()
        assert near.node is not None
        assert far.node is not None
        self.clouds.placement.candidates.return_value = (
            far.node.uuid,
            near.node.uuid,
        )
        found = cloud.candidates(self.origin(), 'kvm1', (server,), (near, far))
        self.assertEqual({server.uuid: ('kvm2',)}, found)

    def test_named_targets_are_read_whatever_placement_offers(self) -> None:
        found = self.gathered(
            db_base.rows('image-backed'), targets=['kvm2', 'compute3', 'no']
        )
        self.assertEqual({'kvm2', 'compute3'}, set(found.hosts))
        self.assertEqual(('kvm2',), found.candidates[base.IMAGE])
        for host in found.hosts.values():
            self.assertIsNotNone(host.provider)

    def test_hosts_out_of_service_are_not_proposed(self) -> None:
        for row in self.hosts['nova_cell1']['services']:
            if row['host'] == 'kvm2':
                row['disabled'] = 1
        found = self.gathered(db_base.rows('image-backed'))
        self.assertEqual({'compute2'}, set(found.hosts))

    def test_only_some_servers(self) -> None:
        uuid = db_base.uuid(2)
        found = self.gathered(base.many('image-backed', 3), only=[uuid])
        self.assertEqual([uuid], [s.uuid for s in found.servers])

    def test_an_unknown_host(self) -> None:
        self.assertRaises(
            exceptions.UsageError, cloud.gather, self.origin(), 'nowhere'
        )

    def test_staging_needs_the_role(self) -> None:
        for can_stage in (True, False):
            with self.subTest(can_stage=can_stage):
                self.clouds.network.can_stage = can_stage
                self.assertIs(can_stage, self.gathered().stage_bindings)

    def test_volume_services(self) -> None:
        volumes = mock.Mock()
        volumes.attachments.return_value = {}
        volumes.volumes.return_value = {}
        volumes.connector.return_value = None
        backend = facts.Agent('cinder-volume@a@b', 'a@b', 'x', True)
        other = facts.Agent('cinder-scheduler@a', 'a', 'x', True)
        volumes.services.return_value = (backend, other)
        origin = dataclasses.replace(self.origin(), cinder_db=volumes)
        found = self.gathered(origin=origin)
        self.assertEqual((backend,), found.volume_services)

    def test_without_apis(self) -> None:
        origin = dataclasses.replace(
            self.origin(db_base.rows('image-backed')),
            clouds=None,
            no_clouds='no token',
        )
        found = self.gathered(origin=origin)
        self.assertEqual({}, found.candidates)
        self.assertIn('no token', found.unknown)
        self.assertIs(False, found.stage_bindings)

    def test_placement_fails(self) -> None:
        self.clouds.placement.candidates.side_effect = DOWN
        found = self.gathered(db_base.rows('image-backed'))
        self.assertEqual({}, found.candidates)

    def test_another_services_cell_is_in_a_targets_way(self) -> None:
        # the recorded compute4 is mapped to a cell that is not readable here
        found = self.gathered(targets=['compute4'])
        self.assertEqual({}, found.hosts)


class AliveTest(CloudTestCase):
    """Who is seen to report while the source is watched."""

    def watched(self, evidence: tuple[str, ...] = ()) -> facts.CloudFacts:
        """Gather; meanwhile kvm2 reports, compute2 does not."""
        origin = self.origin(db_base.rows('image-backed'))
        database = origin.cells[db_base.CELL.uuid].database

        def wait(watch: liveness.Watch) -> liveness.Verdict:
            self.query(
                database,
                'UPDATE services SET report_count = report_count + 1 '
                "WHERE host = 'kvm2'",
            )
            return liveness.Verdict(evidence, ('agents: 503',))

        with mock.patch.object(liveness.Watch, 'verdict', wait):
            return self.gathered(origin=origin, watch=True)

    def test_targets(self) -> None:
        found = self.watched()
        self.assertEqual(1, len(found.hosts['kvm2'].alive_evidence))
        self.assertEqual((), found.hosts['compute2'].alive_evidence)

    def test_the_source(self) -> None:
        found = self.watched(('it reported',))
        self.assertEqual(('it reported',), found.source.alive_evidence)
        self.assertIn('agents: 503', found.source.unknown)

    def test_without_watching_nova_is_believed(self) -> None:
        origin = dataclasses.replace(
            self.origin(db_base.rows('image-backed')), service_down_time=1e9
        )
        found = self.gathered(origin=origin)
        self.assertEqual(1, len(found.hosts['compute2'].alive_evidence))
        found = self.gathered(db_base.rows('image-backed'))
        self.assertEqual((), found.hosts['compute2'].alive_evidence)

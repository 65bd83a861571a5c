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

"""Fingerprints: what changes them, and what must not."""

import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.planning import fingerprint
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

TARGETS = ('kvm2',)


def frame(cloud: facts.CloudFacts) -> str:
    """The digest of a frame."""
    return fingerprint.digest(fingerprint.frame(cloud, TARGETS))


def server(cloud: facts.CloudFacts) -> str:
    """The digest of the only server."""
    return fingerprint.digest(fingerprint.server(cloud.servers[0]))


def provider(host: facts.Host, **changes: Any) -> facts.Provider:
    """A host's provider, changed."""
    assert host.provider is not None
    return making.change(host.provider, **changes)


class TestFrame(base.TestCase):
    def test_what_changes_by_itself_does_not_count(self) -> None:
        kvm2 = builders.host('kvm2')
        same = {
            'heartbeat': making.service(last_seen_up='2026-11-22 15:41:00'),
            'reports': making.service(report_count=9),
            'reason': making.service(disabled_reason='osc-recovery run 7'),
            'read at': making.change(making.one(), read_at='later'),
            'target heartbeat': making.target_service(
                last_seen_up='now', report_count=9
            ),
            'generation': making.target(
                provider=provider(kvm2, generation=99)
            ),
            'usage': making.target_provider(used={'VCPU': 1}),
            'servers there': making.target(server_count=99),
            'signs of life': making.target(alive_evidence=('reported',)),
        }
        for name, cloud in same.items():
            self.assertEqual(frame(making.one()), frame(cloud), name)

    def test_what_the_plan_rests_on_counts(self) -> None:
        fence = builders.dead().fence
        different = {
            'fence': making.source(
                fence=making.change(fence, statement='a guess')
            ),
            'no fence': making.source(fence=None),
            'forced down': making.service(forced_down=False),
            'service': making.service(uuid='another'),
            'node': making.source(node=None),
            'cell': making.source(
                cell=making.change(builders.cell(), disabled=True)
            ),
            'schema': making.change(making.one(), schema={'cell1': 'old'}),
            'role': making.change(making.one(), stage_bindings=False),
            'target down': making.target(up=False),
            'target disabled': making.target_service(disabled=True),
            'target node': making.target(node=None),
            'target zone': making.target(zone='az2'),
            'target gone': making.change(making.one(), hosts={}),
            'storage': making.target(instances_shared=False),
        }
        for name, cloud in different.items():
            self.assertNotEqual(frame(making.one()), frame(cloud), name)


class TestServer(base.TestCase):
    def test_what_changes_by_itself_does_not_count(self) -> None:
        allocation = builders.server('volume-backed').allocation
        same = {
            'power state': making.one(power_state=0),
            'generation': making.one(
                allocation=making.change(allocation, generation=99)
            ),
            'port status': making.ports(status='DOWN!'),
            'what the API says': making.one(api=None),
            'order': making.one(
                mappings=builders.server('volume-backed').mappings[::-1]
            ),
        }
        for name, cloud in same.items():
            self.assertEqual(server(making.one()), server(cloud), name)

    def test_what_the_plan_rests_on_counts(self) -> None:
        different = {
            'host': making.one(host='kvm9'),
            'node': making.one(node='kvm9'),
            'compute_id': making.one(compute_id=99),
            'vm_state': making.one(vm_state='stopped'),
            'task_state': making.one(task_state='deleting'),
            'lock': making.one(locked=True),
            'zone': making.one(zone='az2'),
            'pinned zone': making.one(pinned_zone='az2'),
            'allocation': making.held(other={'VCPU': 1}),
            'no allocation': making.one(allocation=None),
            'mapping': making.mapped(attachment_id='other'),
            'connection': making.mapped(connection_digest='other'),
            'attachment': making.attached(status='detached'),
            'connector': making.attached(connector={'host': 'kvm9'}),
            'volume': making.volumes(status='error'),
            'volume migrates': making.volumes(migration_status='migrating'),
            'port': making.ports(host='kvm9'),
            'vif type': making.ports(vif_type='unbound'),
            'bindings': making.ports(bindings=()),
            'no ports': making.one(ports=()),
            'migration': making.migration(),
            'ties': making.one(ties=facts.HardwareTies(shares=1)),
            'silence': making.one(unknown=('ports: no answer',)),
        }
        for name, cloud in different.items():
            self.assertNotEqual(server(making.one()), server(cloud), name)

    def test_digest_is_of_values_not_of_their_order(self) -> None:
        self.assertEqual(
            fingerprint.digest({'a': 1, 'b': (1, 2)}),
            fingerprint.digest({'b': [1, 2], 'a': 1}),
        )
        self.assertEqual(64, len(fingerprint.digest(None)))

    def test_a_dataclass_has_a_digest(self) -> None:
        cell = builders.cell()

        self.assertEqual(
            fingerprint.digest(dataclasses.asdict(cell)),
            fingerprint.digest(cell),
        )

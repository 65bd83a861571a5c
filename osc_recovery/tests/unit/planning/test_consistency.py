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

"""Each field corrupted in turn, and what the audit calls it."""

import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.planning import audit
from osc_recovery.planning import catalogue
from osc_recovery.planning import consistency
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making
from osc_recovery.tests.unit.planning import scenes
from osc_recovery.tests.unit.planning import test_whole as recorded

WHOLE = scenes.WHOLE
LEFT = facts.PortBinding('kvm1', 'INACTIVE', 'unbound', 'normal')
HERE = facts.PortBinding('kvm2', 'ACTIVE', 'tap', 'normal')
THERE = facts.PortBinding('kvm1', 'ACTIVE', 'tap', 'normal')
STRAY = facts.Attachment(
    'stray', 'a-volume', WHOLE.uuid, 'kvm2', '/dev/vdz', 'attached', {'a': 1}
)
LOCKED = making.change(
    WHOLE,
    locked=True,
    locked_by='admin',
    locked_reason=f'osc-recovery {scenes.RUN}',
)
ONE = {'VCPU': 1}

#: what is wrong, the server, the codes
CASES: tuple[tuple[str, facts.Server, set[str]], ...] = (
    ('nothing', WHOLE, set()),
    (
        'node',
        making.change(WHOLE, node='x', api=making.change(WHOLE.api, node='x')),
        {'node-differs'},
    ),
    (
        'compute_id',
        making.change(WHOLE, compute_id=77),
        {'compute-id-differs'},
    ),
    (
        'no compute_id',
        making.change(WHOLE, compute_id=None),
        {'compute-id-differs'},
    ),
    ('zone', making.change(WHOLE, zone='az9'), {'zone-differs'}),
    ('power', making.change(WHOLE, power_state=4), {'power-differs'}),
    ('API', recorded.api(WHOLE, host='kvm1'), {'database-differs'}),
    (
        'busy',
        making.change(WHOLE, task_state='rebooting', node='x'),
        {'server-busy'},
    ),
    (
        'no such host',
        making.change(WHOLE, host='kvm9', node='x'),
        {'host-missing'},
    ),
    ('nothing allocated', scenes.held(), {'allocation-missing'}),
    ('allocated elsewhere', scenes.held(kvm1=ONE), {'allocation-elsewhere'}),
    (
        'allocated twice',
        scenes.held(kvm1=ONE, kvm2=ONE),
        {'allocation-doubled'},
    ),
    (
        'its host would destroy it',
        making.change(
            WHOLE,
            migrations=(
                *WHOLE.migrations,
                recorded.row('done', 'kvm2', 'kvm1'),
            ),
        ),
        {'tombstone-stale'},
    ),
    (
        'port bound elsewhere',
        recorded.port(WHOLE, host='kvm1', bindings=(THERE,)),
        {'port-elsewhere'},
    ),
    (
        'port bound to nothing',
        recorded.port(WHOLE, host='', vif_type='unbound', bindings=()),
        {'port-elsewhere'},
    ),
    (
        'a binding left',
        recorded.port(WHOLE, bindings=(LEFT, HERE)),
        {'binding-left'},
    ),
    (
        'binding failed',
        recorded.port(WHOLE, vif_type='binding_failed'),
        {'binding-failed'},
    ),
    (
        'owner',
        recorded.port(WHOLE, device_owner='compute:az9'),
        {'owner-differs'},
    ),
    (
        'mapping without attachment',
        making.change(WHOLE, attachments=WHOLE.attachments[1:]),
        {'mapping-unattached'},
    ),
    (
        'mapping names none',
        recorded.mapping(WHOLE, attachment_id=None),
        {'mapping-unattached', 'attachment-unmapped'},
    ),
    (
        'attachment without mapping',
        making.change(WHOLE, attachments=(*WHOLE.attachments, STRAY)),
        {'attachment-unmapped'},
    ),
    (
        'connection_info missing',
        recorded.mapping(WHOLE, connection_digest=None),
        {'connection-differs'},
    ),
    (
        'connection_info is not cinder\'s',
        recorded.mapping(WHOLE, connection_differs=('target_lun',)),
        {'connection-differs'},
    ),
    (
        'connector of another host',
        recorded.attachment(
            WHOLE, connector={'host': 'kvm1'}, attached_host='kvm1'
        ),
        {'connector-elsewhere'},
    ),
    (
        'attaching',
        recorded.attachment(WHOLE, status='attaching'),
        {'attachment-state'},
    ),
    (
        'mountpoint',
        recorded.attachment(WHOLE, mountpoint='na'),
        {'device-differs'},
    ),
    ('volume', recorded.volume(WHOLE, status='error'), {'volume-state'}),
    (
        'API silent',
        making.change(WHOLE, api=None, unknown=('api: no answer',)),
        {'facts-unknown'},
    ),
    (
        'neutron silent',
        making.change(WHOLE, ports=(), unknown=('ports: no answer',)),
        {'facts-unknown'},
    ),
    (
        'placement silent',
        making.change(
            WHOLE, allocation=None, unknown=('allocation: no answer',)
        ),
        {'facts-unknown'},
    ),
    (
        'cinder silent',
        making.change(WHOLE, unknown=('volumes: no answer',)),
        {'facts-unknown'},
    ),
    (
        'the guide',
        scenes.guide(),
        {
            *('allocation-elsewhere', 'compute-id-differs', 'node-differs'),
            *('connector-elsewhere', 'host-disputed', 'port-elsewhere'),
            'tombstone-missing',
        },
    ),
    (
        'two places',
        making.change(
            recorded.port(
                scenes.held(kvm1=ONE, kvm2=ONE), bindings=(LEFT, HERE)
            ),
            migrations=(),
        ),
        {
            *('allocation-doubled', 'binding-left', 'two-places'),
            'tombstone-missing',
        },
    ),
    ('lock left', LOCKED, {'lock-left'}),
    (
        'locked by an owner',
        making.change(LOCKED, locked_reason='mine'),
        set(),
    ),
    (
        'shelved and offloaded',
        making.change(
            WHOLE,
            host=None,
            vm_state='shelved_offloaded',
            allocation=scenes.held().allocation,
            attachments=(),
        ),
        set(),
    ),
    (
        'on no host, and allocated',
        making.change(WHOLE, host=None, vm_state='error'),
        {'allocation-elsewhere'},
    ),
    (
        'on no host, and exported',
        making.change(
            WHOLE,
            host=None,
            vm_state='shelved_offloaded',
            allocation=scenes.held().allocation,
        ),
        {'connector-elsewhere'},
    ),
)


class ServerTestCase(base.TestCase):
    def test_cases(self) -> None:
        for name, server, wanted in CASES:
            with self.subTest(name):
                self.assertEqual(wanted, scenes.codes(server))

    def test_each_says_what_and_what_to_do(self) -> None:
        for name, server, _ in CASES:
            found = consistency.of_server(server, scenes.scene(server))
            for defect in found:
                with self.subTest(name, code=defect.code):
                    self.assertTrue(defect.finding.fact.endswith('.'))
                    self.assertGreater(len(defect.finding.remedy), 20)

    def test_a_migration_under_way(self) -> None:
        """Two hosts hold it rightly."""
        moving = facts.Migration(
            7,
            'm',
            'live-migration',
            'running',
            *('kvm2', 'kvm2', 'kvm1', 'kvm1'),
        )
        server = recorded.port(
            scenes.held(kvm1=ONE, kvm2=ONE), bindings=(LEFT, HERE)
        )
        self.assertNotEqual(set(), scenes.codes(server))
        server = making.change(server, migrations=(moving,))
        self.assertEqual(set(), scenes.codes(server))

    def test_a_tree_of_providers(self) -> None:
        """What is on a child of the host's provider is nova's affair."""
        here = scenes.held(kvm2=ONE).allocation
        assert here is not None
        held = {**here.providers, 'pf': {'VGPU': 1}}
        server = making.change(
            WHOLE, allocation=making.change(WHOLE.allocation, providers=held)
        )
        self.assertEqual(set(), scenes.codes(server))

    def test_a_schema_without_compute_id(self) -> None:
        server = making.change(WHOLE, compute_id=None)
        cells = frozenset({server.cell.uuid})
        self.assertEqual(set(), scenes.codes(server, without_compute_id=cells))

    def test_what_follows_from_a_lost_attachment(self) -> None:
        server = making.change(
            recorded.mapping(WHOLE, connection_digest=None),
            attachments=WHOLE.attachments[1:],
        )
        self.assertEqual({'mapping-unattached'}, scenes.codes(server))

    def test_soft_deleted(self) -> None:
        """nova's API does not list it."""
        server = making.change(WHOLE, vm_state='soft-delete', api=None)
        self.assertEqual(set(), scenes.codes(server))

    def test_locks(self) -> None:
        going = frozenset({scenes.RUN})
        cases: tuple[tuple[dict[str, Any], str, str], ...] = (
            ({}, 'lock-left', 'knows nothing'),
            ({'runs': {scenes.RUN: 'failed'}}, 'lock-left', 'is failed'),
            ({'going_on': going}, 'run-in-progress', 'not over'),
        )
        unread = scenes.scene(LOCKED, runs=None)
        self.assertEqual((), consistency.of_server(LOCKED, unread))
        for changes, code, fact in cases:
            made = scenes.scene(LOCKED, **changes)
            (defect,) = consistency.of_server(LOCKED, made)
            self.assertEqual(code, defect.code)
            self.assertIn(fact, defect.finding.fact)
            own = consistency.of_server(LOCKED, made, own_run=scenes.RUN)
            self.assertEqual((), own)

    def test_an_evacuation_that_is_recorded(self) -> None:
        """The other host will drop its copy: no tombstone is missing."""
        server = making.change(
            scenes.guide(), migrations=(recorded.row('done', 'kvm1', 'kvm2'),)
        )
        self.assertNotIn('tombstone-missing', scenes.codes(server))
        server = making.change(
            scenes.guide(),
            migrations=(
                recorded.row('completed', 'kvm1', 'kvm2'),
                making.change(
                    recorded.row('completed', 'kvm2', 'kvm1'), id=100
                ),
            ),
        )
        self.assertIn('tombstone-missing', scenes.codes(server))


class AuditTestCase(base.TestCase):
    """Consumers of placement, hosts, and what could not be read."""

    def subjects(self, **changes: Any) -> list[tuple[str, str, str]]:
        return [
            (subject.uuid, subject.host, defect.code)
            for subject in audit.check(scenes.scene(**changes))
            for defect in subject.defects
        ]

    def host(self, **changes: Any) -> dict[str, facts.Host]:
        found = dataclasses.replace(builders.host('kvm2'), **changes)
        return {'kvm1': builders.host('kvm1'), 'kvm2': found}

    def test_nothing(self) -> None:
        self.assertEqual([], self.subjects())

    def test_orphans(self) -> None:
        consumers = {'kvm2': {WHOLE.uuid: ONE, scenes.ORPHAN: ONE}}
        wanted = [(scenes.ORPHAN, 'kvm2', 'allocation-orphaned')]
        self.assertEqual(wanted, self.subjects(consumers=consumers))
        for excuse in (
            {'excused': frozenset({scenes.ORPHAN})},
            {'placed': {WHOLE.uuid: 'kvm2', scenes.ORPHAN: None}},
        ):
            found = self.subjects(consumers=consumers, **excuse)
            self.assertEqual([], found)

    def test_hosts(self) -> None:
        fence = facts.Fence('kvm2', 'statement', 'off', 'ops', '2026-11-22')
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({'fence': fence}, 'fence-left'),
            ({'fence': fence, 'up': False, 'fence_stale': True}, 'fence-left'),
            ({'unknown': ('provider: silent',)}, 'facts-unknown'),
        )
        for changes, code in cases:
            found = self.subjects(hosts=self.host(**changes))
            self.assertEqual([('', 'kvm2', code)], found)
        dead = self.host(fence=fence, up=False)
        self.assertEqual([], self.subjects(hosts=dead))

    def test_hosts_that_are_gone(self) -> None:
        for changes, code in (
            ({'node': None}, 'node-missing'),
            ({'provider': None}, 'provider-missing'),
        ):
            found = self.subjects(hosts=self.host(**changes), servers=())
            self.assertEqual([('', 'kvm2', code)], found)

    def test_what_was_not_read(self) -> None:
        found = self.subjects(unknown=('journal: locked',))
        self.assertEqual([('', '', 'facts-unknown')], found)


class CodesTestCase(base.TestCase):
    def test_every_check_has_a_code(self) -> None:
        self.assertEqual(
            set(), set(consistency.CODES.values()) - set(catalogue.CODES)
        )

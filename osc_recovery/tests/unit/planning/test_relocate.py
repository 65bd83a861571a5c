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

"""A plan as a whole: which steps, in which order, with which values."""

import dataclasses
import json

from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning.checks import whole
from osc_recovery.planning import choice as choices
from osc_recovery.planning import relocate
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

TO_KVM2 = choices.Choice(targets=('kvm2',))
#: vm_state, power_state, whether it is started with --power keep
STARTED = (
    ('active', 1, True),
    ('active', 4, True),
    ('stopped', 4, False),
    ('stopped', 1, False),
    ('paused', 3, True),
    ('suspended', 4, True),
    ('error', 1, True),
    ('error', 4, False),
    ('error', None, False),
)


def plan_of(
    cloud: facts.CloudFacts, choice: choices.Choice = TO_KVM2
) -> plans.ServerPlan:
    """The only server's plan."""
    (server,) = relocate.plan(cloud, choice, 'now').servers
    return server


def kinds(server: plans.ServerPlan) -> list[str]:
    """The kinds of the steps, in order."""
    return [step.kind for step in server.steps]


def step(server: plans.ServerPlan, kind: str) -> steps.StepSpec:
    """The first step of a kind."""
    return next(step for step in server.steps if step.kind == kind)


class TestSteps(base.TestCase):
    def test_volume_backed(self) -> None:
        self.assertEqual(
            [
                'lock',
                'allocate',
                'bind',
                'move',
                'attach',
                'attach',
                'activate',
                'start',
                'verify',
                'unlock',
            ],
            kinds(plan_of(making.one())),
        )

    def test_stopped_is_not_started(self) -> None:
        server = plan_of(making.one('stopped'))

        self.assertFalse(server.start)
        self.assertEqual(
            'lock allocate bind move activate verify unlock'.split(),
            kinds(server),
        )

    def test_without_the_role_nothing_is_staged(self) -> None:
        cloud = making.change(making.one(), stage_bindings=False)
        server = plan_of(cloud)

        self.assertNotIn('bind', kinds(server))
        self.assertFalse(step(server, 'activate').params['staged'])

    def test_a_lock_of_others_is_left(self) -> None:
        server = plan_of(making.one(locked=True))

        self.assertNotIn('lock', kinds(server))
        self.assertNotIn('unlock', kinds(server))
        self.assertTrue(step(server, 'verify').params['locked'])

    def test_a_port_and_a_volume_each(self) -> None:
        first = builders.server('volume-backed').ports[0]
        second = dataclasses.replace(first, id='another')
        server = plan_of(making.one(ports=(first, second), mappings=()))

        self.assertEqual(2, kinds(server).count('bind'))
        self.assertEqual(2, kinds(server).count('activate'))
        self.assertEqual(0, kinds(server).count('attach'))

    def test_everything_before_the_first_final_step_can_be_undone(
        self,
    ) -> None:
        for name in builders.NAMES:
            server = plan_of(making.one(name))
            final = [s.kind for s in server.steps if s.final]
            undoable = [s.kind for s in server.steps if not s.final]
            self.assertEqual(kinds(server), undoable + final)
            self.assertEqual('activate', final[0])
            self.assertLessEqual(
                {'start', 'verify', 'unlock'} & set(kinds(server)),
                set(final),
            )

    def test_started_if_it_was_running(self) -> None:
        for vm_state, power_state, expected in STARTED:
            server = plan_of(
                making.one(
                    vm_state=vm_state, power_state=power_state, api=None
                ),
                choices.Choice(
                    targets=('kvm2',),
                    accept=frozenset({'paused', 'suspended'}),
                ),
            )
            what = f'{vm_state}, {power_state}'
            self.assertFalse(server.blocked, what)
            self.assertEqual(expected, server.start, what)
            self.assertEqual(expected, 'start' in kinds(server), what)
            verify = step(server, 'verify').params
            self.assertEqual(
                'active' if expected else 'stopped', verify['vm_state'], what
            )

    def test_power_off(self) -> None:
        choice = choices.Choice(targets=('kvm2',), keep_power=False)
        server = plan_of(making.one(), choice)

        self.assertFalse(server.start)
        self.assertNotIn('start', kinds(server))
        self.assertFalse(step(server, 'verify').params['running'])

    def test_a_blocked_server_has_neither_target_nor_steps(self) -> None:
        server = plan_of(making.one(vm_state='rescued', api=None))

        self.assertEqual((), server.steps)
        self.assertIsNone(server.target)


class TestParams(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = builders.server('volume-backed')
        self.plan = plan_of(making.one())

    def test_allocate(self) -> None:
        self.assertEqual(
            {
                'source_provider': '74316657-f2c8-42dd-8d0c-af1c107f61a2',
                'target_provider': 'eadeba9e-c182-44b0-b4d3-613f8a33ad00',
                'resources': {'MEMORY_MB': 64, 'VCPU': 1},
            },
            step(self.plan, 'allocate').params,
        )

    def test_bind(self) -> None:
        self.assertEqual(
            {
                'port': 'c2674612-a295-471f-860c-06d8af9faaff',
                'source': 'kvm1',
                'target': 'kvm2',
                'vnic_type': 'normal',
            },
            step(self.plan, 'bind').params,
        )

    def test_move(self) -> None:
        self.assertEqual(
            {
                'cell': '883c6d82-075c-41cd-aee3-0732e8e64474',
                'source': {'host': 'kvm1', 'node': 'kvm1', 'compute_id': 7},
                'target': {
                    'host': 'kvm2',
                    'node': 'kvm2',
                    'compute_id': 8,
                    'zone': 'nova',
                },
                'vm_state': 'active',
                'power_state': 1,
                'task_state': None,
                'zone': 'nova',
                'instance_type_id': 2,
                'user_id': '18ae876ea6b04a07b31bdaca7fc28afb',
                'project_id': 'db189e70a693488b8b28d7ef368e762b',
            },
            step(self.plan, 'move').params,
        )

    def test_attach(self) -> None:
        root = self.server.mappings[0]
        params = step(self.plan, 'attach').params

        self.assertEqual(
            (97, root.volume_id, root.attachment_id, '/dev/vda'),
            tuple(
                params[key]
                for key in ('mapping', 'volume', 'attachment', 'device')
            ),
        )
        self.assertEqual('kvm2', params['connector']['host'])
        self.assertNotIn('mountpoint', params['connector'])
        self.assertEqual('kvm1', params['source_connector']['host'])
        self.assertEqual('/dev/vda', params['source_connector']['mountpoint'])
        self.assertEqual(root.connection_digest, params['connection_digest'])

    def test_a_device_that_nova_does_not_know(self) -> None:
        cloud = making.mapped(device_name=None)

        self.assertEqual(
            '/dev/vda', step(plan_of(cloud), 'attach').params['device']
        )

    def test_activate(self) -> None:
        self.assertEqual(
            {
                'port': 'c2674612-a295-471f-860c-06d8af9faaff',
                'source': 'kvm1',
                'target': 'kvm2',
                'staged': True,
                'device_owner': None,
            },
            step(self.plan, 'activate').params,
        )

    def test_the_owner_follows_the_zone(self) -> None:
        server = plan_of(making.target(zone='az2'))

        self.assertEqual(
            'compute:az2', step(server, 'activate').params['device_owner']
        )
        self.assertEqual(
            'compute:az2', step(server, 'verify').params['device_owner']
        )
        self.assertEqual('az2', step(server, 'move').params['target']['zone'])

    def test_verify(self) -> None:
        expected = codec.decode(
            whole.Expectation, step(self.plan, 'verify').params
        )

        self.assertEqual(
            whole.relocated(
                self.server,
                builders.dead(),
                builders.host('kvm2'),
                running=True,
            ),
            expected,
        )
        self.assertEqual('kvm1', expected.came_from)


class TestPlan(base.TestCase):
    def test_servers_by_name_then_uuid(self) -> None:
        first = builders.server('stopped', name='same', uuid='b')
        second = builders.server('stopped', name='same', uuid='a')
        plan = relocate.plan(builders.cloud(first, second), TO_KVM2, 'now')

        self.assertEqual(['a', 'b'], [s.uuid for s in plan.servers])

    def test_only_the_servers_that_were_named(self) -> None:
        wanted = builders.server('stopped').uuid
        choice = choices.Choice(targets=('kvm2',), servers=(wanted,))
        plan = relocate.plan(builders.cloud(), choice, 'now')

        self.assertEqual([wanted], [s.uuid for s in plan.servers])

    def test_the_order_of_the_facts_does_not_matter(self) -> None:
        servers = tuple(builders.server(n) for n in builders.NAMES)

        self.assertEqual(
            relocate.plan(builders.cloud(*servers), TO_KVM2, 'now'),
            relocate.plan(builders.cloud(*servers[::-1]), TO_KVM2, 'now'),
        )

    def test_a_blocked_server_does_not_stop_the_others(self) -> None:
        servers = (
            builders.server('volume-backed'),
            builders.server('stopped', vm_state='resized', api=None),
        )
        plan = relocate.plan(builders.cloud(*servers), TO_KVM2, 'now')

        self.assertEqual(['sm-k-bfv'], [s.name for s in plan.runnable])

    def test_it_survives_a_file(self) -> None:
        plan = relocate.plan(builders.cloud(), TO_KVM2, 'now')
        text = json.dumps(codec.encode(plan))

        self.assertEqual(plan, codec.decode(plans.Plan, json.loads(text)))

    def test_capacity_before_and_after(self) -> None:
        plan = relocate.plan(builders.cloud(), TO_KVM2, 'now')

        self.assertEqual(
            {'total': 64, 'used': 8, 'after': 11},
            plan.capacity['kvm2']['VCPU'],
        )

    def test_the_frame_has_the_targets_that_were_found(self) -> None:
        blocked = builders.server('stopped', vm_state='rescued', api=None)
        cloud = builders.cloud(builders.server('volume-backed'), blocked)
        plan = relocate.plan(cloud, choices.Choice(), 'now')
        again = relocate.plan(cloud, choices.of_plan(plan), 'now')

        self.assertEqual(['kvm2'], list(plan.frame['targets']))
        self.assertEqual(['kvm2'], list(plan.capacity))
        self.assertEqual(plan.fingerprint, again.fingerprint)
        self.assertEqual(
            [s.fingerprint for s in plan.runnable],
            [s.fingerprint for s in again.runnable],
        )

    def test_the_choice_is_kept(self) -> None:
        choice = choices.Choice(
            targets=('kvm2',),
            servers=(builders.server('stopped').uuid,),
            keep_power=False,
            accept=frozenset({'uefi'}),
            concurrency=3,
        )
        plan = relocate.plan(builders.cloud(), choice, 'now')
        again = choices.of_plan(plan)

        self.assertEqual({plan.servers[0].uuid: 'kvm2'}, again.placement)
        self.assertEqual(choice, dataclasses.replace(again, placement={}))
        self.assertEqual(plan, relocate.plan(builders.cloud(), again, 'now'))

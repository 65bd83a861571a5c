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
"""Plans of evacuations: findings, targets, order, microversions."""

import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.planning import catalogue
from osc_recovery.planning import choice as choices
from osc_recovery.planning import commands
from osc_recovery.planning import evacuate
from osc_recovery.planning import waves
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import evacuation as cases
from osc_recovery.tests.unit.planning.cases import making

ALL = (*cases.EVACUATION, *cases.SHARED)


def wish(choice: choices.Choice | None = None, **more: Any) -> evacuate.Wish:
    """What the operator wants of a nova that is new."""
    more.setdefault('version', (2, 100))
    more.setdefault('shared_everywhere', True)
    return evacuate.Wish(choice=choice or choices.Choice(), **more)


def planned(case: cases.Case, *accept: str) -> plans.Plan:
    """The plan of a case."""
    choice = dataclasses.replace(case.choice, accept=frozenset(accept))
    return evacuate.plan(case.cloud, wish(choice, version=case.version), 'now')


def every(plan: plans.Plan) -> list[findings.Finding]:
    """All findings of a plan."""
    return [
        *plan.findings,
        *(f for server in plan.servers for f in server.findings),
    ]


def only(plan: plans.Plan) -> plans.ServerPlan:
    """The one server of a plan."""
    (server,) = plan.servers
    return server


class TestFindings(base.TestCase):
    def test_each_case_brings_about_its_finding(self) -> None:
        for case in ALL:
            found = [f for f in every(planned(case)) if f.code == case.code]
            self.assertNotEqual([], found, case.name)
            self.assertIn(case.fact, found[0].fact, case.name)
            self.assertIn(case.remedy, found[0].remedy, case.name)
            self.assertGreater(len(found[0].remedy), 10, case.name)

    def test_no_case_brings_about_anything_else(self) -> None:
        for case in ALL:
            codes = {f.code for f in every(planned(case))}
            self.assertLessEqual(
                codes - {case.code, *case.also},
                {'target-left-out'},
                f'{case.name}: {codes}',
            )

    def test_all_of_them_keep_the_server_out(self) -> None:
        for case in ALL:
            self.assertEqual((), planned(case).runnable, case.name)

    def test_consent_is_given_by_code_and_nothing_else_is(self) -> None:
        for case in ALL:
            consent = findings.Severity.CONSENT
            codes = {case.code, *case.also}
            asked = {c for c in codes if catalogue.CODES[c] is not consent}
            asked -= {
                c
                for c in codes
                if catalogue.CODES[c] is findings.Severity.NOTE
            }
            plan = planned(case, *catalogue.CODES)
            self.assertEqual(not asked, bool(plan.runnable), case.name)

    def test_every_code_has_a_case(self) -> None:
        self.assertEqual(
            set(catalogue.EVACUATION), {c.code for c in cases.EVACUATION}
        )

    def test_what_nova_does_itself_is_left_to_it(self) -> None:
        for number, cloud in enumerate(cases.LEFT_TO_NOVA):
            plan = evacuate.plan(cloud, wish(making.TO_KVM2), 'now')
            self.assertEqual([], every(plan), f'{number}')
            self.assertTrue(plan.runnable, number)


class TestMicroversion(base.TestCase):
    #: server, power, nova's version, accepted: microversion, runs
    CASES: tuple[Any, ...] = (
        (making.one(), True, (2, 100), '', '2.94', True),
        (making.one(), True, (2, 73), '', '2.73', True),
        (making.one('stopped'), True, (2, 100), 'stopped', '2.95', False),
        (making.one('stopped'), True, (2, 94), 'stopped', '2.94', False),
        (making.one(), False, (2, 95), 'stopped', '2.95', False),
        (cases.failed(1), True, (2, 100), '', '2.94', True),
        (cases.failed(4), True, (2, 100), 'error', '2.94', True),
        (cases.failed(1), False, (2, 100), 'error', '2.94', True),
    )

    def test_cases(self) -> None:
        accept = frozenset({'stopped-guest-boots', 'error-guest-starts'})
        for cloud, keep, version, asked, wanted, runs in self.CASES:
            choice = choices.Choice(keep_power=keep, accept=accept)
            plan = evacuate.plan(cloud, wish(choice, version=version), 'now')
            server = only(plan)
            self.assertFalse(server.blocked)
            self.assertEqual(wanted, server.steps[0].params['microversion'])
            self.assertEqual(runs, server.start)
            expected = server.steps[1].params['expected']
            state = 'active' if runs else 'stopped'
            self.assertEqual(state, expected['vm_state'])
            self.assertEqual(runs, expected['running'])
            self.assertEqual(
                bool(asked),
                any(f.accepted for f in server.findings),
            )


class TestTargets(base.TestCase):
    def target(self, cloud: facts.CloudFacts, **more: Any) -> str | None:
        server = only(evacuate.plan(cloud, wish(**more), 'now'))
        self.assertFalse(server.blocked)
        self.assertEqual(server.target, server.steps[0].params['target'])
        return server.target

    def test_the_scheduler_chooses(self) -> None:
        self.assertIsNone(self.target(making.one()))
        self.assertIsNone(
            self.target(making.one('image-backed', migrations=()))
        )

    def test_the_plan_chooses(self) -> None:
        image = making.one('image-backed', migrations=())
        older = cases.moved('done', 'kvm3')
        for cloud, more in (
            (making.one(), {'choice': making.TO_KVM2}),
            (making.one(), {'per_target': 2}),
            # another host might not see the disk
            (image, {'shared_everywhere': False}),
            # another host would destroy the guest when it starts again
            (older, {}),
        ):
            self.assertEqual('kvm2', self.target(cloud, **more))

    def test_another_host_for_a_second_attempt(self) -> None:
        kvm2 = builders.host('kvm2')
        hosts = {'kvm2': kvm2, 'kvm3': builders.like(kvm2, 'kvm3', 3)}
        cloud = making.change(making.one(), hosts=hosts)
        choice = choices.Choice(targets=('kvm2', 'kvm3'))
        params = only(evacuate.plan(cloud, wish(choice), 'now')).steps[0]
        named = [params.params['target'], *params.params['others']]
        self.assertEqual(['kvm2', 'kvm3'], sorted(named))

    def test_planned_again_it_does_not_change_its_mind(self) -> None:
        for more in ({}, {'per_target': 1}, {'choice': making.TO_KVM2}):
            former = wish(**more)
            first = evacuate.plan(builders.cloud(), former, 'then')
            again = evacuate.plan(
                builders.cloud(),
                evacuate.wish_of(first, wish()),
                'now',
            )
            self.assertEqual(first.servers, again.servers)
            self.assertEqual(first.fingerprint, again.fingerprint)
            self.assertEqual(first.parameters, again.parameters)

    def test_room_for_half_of_them(self) -> None:
        """The others are told what the host lacks."""
        kvm2 = builders.with_room(
            builders.host('kvm2'), VCPU=2, MEMORY_MB=512, DISK_GB=8
        )
        servers = tuple(
            builders.server(
                uuid=f'{n}0000000-0000-4000-8000-000000000000',
                api=None,
                migrations=(),
            )
            for n in range(4)
        )
        cloud = making.change(builders.cloud(*servers), hosts={'kvm2': kvm2})
        plan = evacuate.plan(cloud, wish(), 'now')
        self.assertEqual(2, len(plan.runnable))
        for server in plan.servers:
            if server.blocked:
                codes = [f.code for f in server.findings if f.blocks]
                self.assertEqual(['target-too-small'], codes)

    def test_explanation(self) -> None:
        """Each host with what speaks against it."""
        made = making.one()
        (server,) = made.servers
        kvm2 = builders.host('kvm2')
        hosts = {
            'kvm2': builders.with_room(kvm2, VCPU=0),
            'kvm3': making.change(builders.like(kvm2, 'kvm3', 3), up=False),
            'kvm4': builders.like(kvm2, 'kvm4', 4),
            'kvm5': builders.like(kvm2, 'kvm5', 5),
        }
        cloud = making.change(
            made, hosts=hosts, candidates={server.uuid: ('kvm5',)}
        )
        text = evacuate.explanation(cloud, server.uuid)
        for part in (
            'kvm2: target-too-small',
            'kvm3: target-down',
            'kvm4: placement does not offer it',
            'kvm5: nothing seen against it',
        ):
            self.assertIn(part, text)
        self.assertEqual('', evacuate.explanation(cloud, 'gone'))


class TestWaves(base.TestCase):
    def server(self, name: str, **changes: Any) -> facts.Server:
        return builders.server(name=name, uuid=f'u-{name}', **changes)

    def test_priority(self) -> None:
        key = evacuate.PRIORITY_KEY
        servers = [
            self.server('a'),
            self.server('b', metadata={key: 'soon'}),
            self.server('c', metadata={key: '5'}),
            self.server('d', metadata={key: '10'}),
            self.server('e', metadata={key: '-1'}),
            self.server('f', metadata={'other': '99'}),
        ]
        order = [s.name for s in waves.ordered(servers, key)]
        self.assertEqual(['d', 'c', 'a', 'b', 'f', 'e'], order)
        order = [s.name for s in waves.ordered(servers, 'other')]
        self.assertEqual('f', order[0])

    def test_members_of_a_group_are_never_at_once(self) -> None:
        for policy, alone in (
            ('anti-affinity', True),
            ('affinity', True),
            ('soft-anti-affinity', False),
        ):
            (server,) = making.group(policy, None).servers
            self.assertEqual(alone, bool(waves.serial(server)), policy)

    def numbers(
        self, *servers: plans.ServerPlan, concurrency: int = 2
    ) -> list[int]:
        found = waves.numbered(servers, concurrency, 1)
        return [server.wave for server in found]

    def plan(self, target: str | None, serial: str = '') -> plans.ServerPlan:
        return plans.ServerPlan(
            uuid=f'{target} {serial} {self.getUniqueInteger()}',
            name='',
            target=target,
            method='evacuate',
            start=True,
            steps=(),
            findings=(),
            fingerprint='',
            serial=serial,
        )

    def test_waves(self) -> None:
        a, b = self.plan('kvm2'), self.plan('kvm2')
        c, d = self.plan('kvm3'), self.plan(None)
        self.assertEqual([1, 2, 1, 2], self.numbers(a, b, c, d))
        group = [self.plan(None, 'g') for _ in range(3)]
        self.assertEqual([1, 2, 3], self.numbers(*group))
        self.assertEqual([1, 1, 2], self.numbers(d, self.plan(None), c))
        blocked = dataclasses.replace(
            d, findings=(catalogue.finding('vtpm', 'fact', 'remedy'),)
        )
        self.assertEqual([0, 1], self.numbers(blocked, c))


class TestPlan(base.TestCase):
    def test_commands(self) -> None:
        """What is sent, and that nothing else is."""
        plan = evacuate.plan(making.one(), wish(making.TO_KVM2), 'now')
        lines = [line.command for line in commands.describe(plan)]
        (sent,) = [x for x in lines if 'POST' in x]
        self.assertIn('{"evacuate": {"host": "kvm2"}}', sent)
        self.assertIn('2.94', sent)
        self.assertFalse([x for x in lines if 'UPDATE' in x])

    def test_from_the_first_step_on_it_goes_forward(self) -> None:
        for spec in only(evacuate.plan(making.one(), wish(), 'now')).steps:
            self.assertTrue(spec.final)

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

"""Spreading: balance, room, groups, and the same answer every time."""

import dataclasses

from osc_recovery.model import facts
from osc_recovery.model import plans
from osc_recovery.planning import choice as choices
from osc_recovery.planning import relocate
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

KVM2 = builders.host('kvm2')
KVM3 = builders.like(KVM2, 'kvm3', 9)
BOTH = choices.Choice(targets=('kvm2', 'kvm3'))
GROUP = '22222222-2222-4222-8222-222222222222'


def servers(count: int, **needs: int) -> list[facts.Server]:
    """Stopped servers with names and uuids of their own."""
    template = builders.server('stopped')
    assert template.allocation is not None
    wanted = needs or {'VCPU': 1, 'MEMORY_MB': 64, 'DISK_GB': 1}
    provider = next(iter(template.allocation.providers))
    return [
        dataclasses.replace(
            template,
            uuid=f'uuid-{number}',
            name=f'server-{number}',
            allocation=dataclasses.replace(
                template.allocation, providers={provider: wanted}
            ),
        )
        for number in range(count)
    ]


def grouped(
    members: list[facts.Server],
    policy: str,
    most: int | None = None,
    **others: str,
) -> list[facts.Server]:
    """The same servers, in one group with others elsewhere."""
    hosts: dict[str, str | None] = {m.uuid: 'kvm1' for m in members}
    group = facts.ServerGroup(GROUP, policy, most, {**hosts, **others})
    return [dataclasses.replace(m, group=group) for m in members]


def plan(
    moving: list[facts.Server],
    *hosts: facts.Host,
    choice: choices.Choice = BOTH,
) -> plans.Plan:
    """A plan for servers and targets."""
    cloud = builders.cloud(*moving)
    known = {host.name: host for host in hosts or (KVM2, KVM3)}
    return relocate.plan(making.change(cloud, hosts=known), choice, 'now')


def targets(made: plans.Plan) -> list[str | None]:
    """The targets in the order of the servers."""
    return [server.target for server in made.servers]


def codes(made: plans.Plan) -> list[list[str]]:
    """The codes of each server, notes aside."""
    return [
        [f.code for f in server.findings if f.blocks]
        for server in made.servers
    ]


class TestBalance(base.TestCase):
    def test_equal_hosts_get_equal_numbers(self) -> None:
        made = targets(plan(servers(6)))

        self.assertEqual(3, made.count('kvm2'))
        self.assertEqual(3, made.count('kvm3'))

    def test_the_emptier_host_gets_more(self) -> None:
        big = builders.with_room(KVM3, VCPU=9, MEMORY_MB=9000, DISK_GB=900)
        small = builders.with_room(KVM2, VCPU=3, MEMORY_MB=9000, DISK_GB=900)
        made = targets(plan(servers(8), small, big))

        self.assertEqual(6, made.count('kvm3'))
        self.assertEqual(2, made.count('kvm2'))

    def test_no_host_is_overfilled(self) -> None:
        one = builders.with_room(KVM2, VCPU=2, MEMORY_MB=900, DISK_GB=9)
        two = builders.with_room(KVM3, VCPU=9, MEMORY_MB=128, DISK_GB=9)
        made = plan(servers(6), one, two)

        self.assertEqual(2, targets(made).count('kvm2'))
        self.assertEqual(2, targets(made).count('kvm3'))
        self.assertEqual(
            2, sum(found == ['target-too-small'] for found in codes(made))
        )

    def test_the_fact_counts_the_servers_of_the_same_plan(self) -> None:
        one = builders.with_room(KVM2, VCPU=1, MEMORY_MB=900, DISK_GB=9)
        made = plan(servers(2), one, choice=choices.Choice(targets=('kvm2',)))
        blocked = next(s for s in made.servers if s.blocked)
        facts_read = [f.fact for f in blocked.findings if f.blocks]

        self.assertEqual(['kvm2: 1 VCPU needed, 0 free.'], facts_read)

    def test_the_big_one_comes_first(self) -> None:
        small, big = servers(1)[0], servers(2, VCPU=4, MEMORY_MB=64)[1]
        one = builders.with_room(KVM2, VCPU=4, MEMORY_MB=900, DISK_GB=9)
        two = builders.with_room(KVM3, VCPU=1, MEMORY_MB=900, DISK_GB=9)
        made = plan([small, big], one, two)

        self.assertEqual(['kvm3', 'kvm2'], targets(made))

    def test_who_has_one_host_only_comes_first(self) -> None:
        any_host, pinned = servers(2)
        pinned = dataclasses.replace(pinned, pinned_zone='az2')
        one = builders.with_room(KVM2, VCPU=1, MEMORY_MB=900, DISK_GB=9)
        one = dataclasses.replace(one, zone='az2')
        two = builders.with_room(KVM3, VCPU=1, MEMORY_MB=90, DISK_GB=9)
        made = plan([any_host, pinned], one, two)

        self.assertEqual(['kvm3', 'kvm2'], targets(made))

    def test_resources_that_nobody_has(self) -> None:
        made = plan(servers(1, CUSTOM_GOLD=1))

        self.assertEqual([['target-too-small']], codes(made))


class TestChoice(base.TestCase):
    def test_candidates_where_no_target_was_named(self) -> None:
        moving = servers(2)
        cloud = making.change(
            builders.cloud(*moving),
            hosts={'kvm2': KVM2, 'kvm3': KVM3},
            candidates={'uuid-0': ('kvm3',), 'uuid-1': ('kvm2', 'kvm3')},
        )
        made = relocate.plan(cloud, choices.Choice(), 'now')

        self.assertEqual(['kvm3', 'kvm2'], targets(made))

    def test_a_named_target_that_is_down_is_left_out(self) -> None:
        down = dataclasses.replace(KVM3, up=False)
        made = plan(servers(2), KVM2, down)

        self.assertEqual(['kvm2', 'kvm2'], targets(made))
        self.assertEqual(['target-left-out'], [f.code for f in made.findings])

    def test_a_plan_made_again_keeps_its_targets(self) -> None:
        moving = servers(4)
        first = plan(moving)
        assert KVM2.provider is not None
        fuller = dataclasses.replace(
            KVM2,
            provider=dataclasses.replace(
                KVM2.provider, used={'VCPU': 60, 'MEMORY_MB': 512}
            ),
        )
        again = plan(moving, fuller, KVM3, choice=choices.of_plan(first))

        self.assertNotEqual(
            targets(first), targets(plan(moving, fuller, KVM3))
        )
        self.assertEqual(targets(first), targets(again))
        self.assertEqual(first.fingerprint, again.fingerprint)

    def test_a_target_that_filled_up_is_not_changed_silently(self) -> None:
        moving = servers(1)
        first = plan(moving)
        full = builders.with_room(KVM2, VCPU=0, MEMORY_MB=0, DISK_GB=0)
        again = plan(moving, full, KVM3, choice=choices.of_plan(first))

        self.assertEqual([['target-too-small']], codes(again))
        self.assertNotEqual(
            first.servers[0].fingerprint, again.servers[0].fingerprint
        )

    def test_reasons_of_many_hosts_are_summed_up(self) -> None:
        hosts = [
            dataclasses.replace(builders.like(KVM2, f'h{n}', n), up=False)
            for n in range(5)
        ]
        names = choices.Choice(targets=tuple(h.name for h in hosts))
        made = plan(servers(1), *hosts, choice=names)
        (found,) = [f for f in made.servers[0].findings if f.blocks]

        self.assertEqual('target-down', found.code)
        self.assertIn('and 2 more.', found.fact)


class TestGroups(base.TestCase):
    def test_anti_affinity_members_go_apart(self) -> None:
        made = plan(grouped(servers(2), 'anti-affinity'))

        self.assertEqual({'kvm2', 'kvm3'}, set(targets(made)))

    def test_the_third_of_two_hosts(self) -> None:
        made = plan(grouped(servers(3), 'anti-affinity'))

        self.assertEqual([[], [], ['group-policy']], sorted(codes(made)))

    def test_two_members_on_a_host(self) -> None:
        made = plan(grouped(servers(5), 'anti-affinity', 2, other='kvm2'))

        self.assertEqual(1, targets(made).count('kvm2'))
        self.assertEqual(2, targets(made).count('kvm3'))
        self.assertEqual(2, targets(made).count(None))

    def test_affinity_members_go_together(self) -> None:
        made = plan(grouped(servers(3), 'affinity'))

        self.assertEqual(1, len(set(targets(made))))
        self.assertIsNotNone(targets(made)[0])

    def test_affinity_members_fit_together_or_not_at_all(self) -> None:
        one = builders.with_room(KVM2, VCPU=2, MEMORY_MB=900, DISK_GB=9)
        two = builders.with_room(KVM3, VCPU=1, MEMORY_MB=900, DISK_GB=9)
        made = plan(grouped(servers(3), 'affinity'), one, two)

        self.assertEqual([['target-too-small']] * 3, codes(made))

    def test_affinity_with_a_member_that_stays(self) -> None:
        moving = grouped(servers(2), 'affinity')
        stays = dataclasses.replace(moving[0], vm_state='rescued', api=None)
        made = plan([stays, moving[1]])

        self.assertEqual([['rescued'], ['group-policy']], codes(made))

    def test_affinity_with_a_member_that_no_host_takes(self) -> None:
        first, second = grouped(servers(2), 'affinity')
        first = dataclasses.replace(first, pinned_zone='az9')
        made = plan([first, second])

        self.assertEqual([['zone-pinned'], ['group-policy']], codes(made))
        facts_read = [f.fact for f in made.servers[1].findings if f.blocks]
        self.assertIn('no host takes server-0 (uuid-0)', facts_read[0])

    def test_affinity_with_a_member_that_placement_offers_nothing(
        self,
    ) -> None:
        first, second = grouped(servers(2), 'affinity')
        cloud = making.change(
            builders.cloud(first, second),
            hosts={'kvm2': KVM2},
            candidates={second.uuid: ('kvm2',)},
        )
        made = relocate.plan(cloud, choices.Choice(), 'now')

        self.assertEqual([['no-target'], ['group-policy']], codes(made))

    def test_soft_policies_are_kept_where_that_is_possible(self) -> None:
        apart = plan(grouped(servers(2), 'soft-anti-affinity'))
        alone = plan(
            grouped(servers(2), 'soft-anti-affinity'),
            choice=choices.Choice(targets=('kvm2',)),
        )
        together = plan(grouped(servers(2), 'soft-affinity'))

        self.assertEqual({'kvm2', 'kvm3'}, set(targets(apart)))
        self.assertEqual(['kvm2', 'kvm2'], targets(alone))
        self.assertEqual(1, len(set(targets(together))))

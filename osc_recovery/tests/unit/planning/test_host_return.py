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

"""The gate for a repaired host: every refusal, and the order of steps."""

import dataclasses
from typing import Any

from osc_recovery.model import findings
from osc_recovery.model import results
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import returned
from osc_recovery.planning import commands
from osc_recovery.planning import host_return
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning import homecomings as cases

ALL = (
    'return-rows',
    'fence-down',
    'return-purge',
    'return-await',
    'return-up',
    'return-enable',
    'return-verify',
    'return-release',
)


class FindingsTestCase(base.TestCase):
    """Every code has a case; nothing else is found."""

    def test_each_case_brings_about_its_finding_alone(self) -> None:
        for code, changes, fact, remedy in cases.CASES:
            with self.subTest(code=code, fact=fact):
                plan = cases.planned(cases.dead(**changes))
                (found,) = [f for f in plan.findings if f.code == code]
                self.assertIn(fact, found.fact)
                self.assertIn(remedy, found.remedy)
                self.assertEqual({code}, cases.codes(plan))
                note = found.severity is findings.Severity.NOTE
                self.assertEqual(not note, plan.blocked)

    def test_every_code_has_a_case(self) -> None:
        """But for two of a host that never returns."""
        self.assertEqual(
            {'host-not-empty', 'volume-services-left'},
            set(catalogue.RETURN) - {case[0] for case in cases.CASES},
        )

    def test_consent_is_given_by_code(self) -> None:
        for code, changes, *_ in cases.CASES:
            if catalogue.CODES[code] is findings.Severity.CONSENT:
                plan = cases.planned(cases.dead(**changes), code)
                self.assertTrue(plan.runnable, code)
                self.assertFalse(
                    cases.planned(cases.dead(**changes), 'other').runnable
                )

    def test_the_frame(self) -> None:
        for code, changes in (
            ('node-missing', {'node': None}),
            ('provider-missing', {'provider': None}),
            (
                'service-missing',
                {'service': dataclasses.replace(cases.SERVICE, uuid='')},
            ),
            (
                'cell-disabled',
                {'cell': dataclasses.replace(builders.cell(), disabled=True)},
            ),
        ):
            host = builders.host(cases.HOST, **changes, up=False)
            plan = cases.planned(cases.dead(host=host, evacuations=()))
            self.assertIn(code, cases.codes(plan))
            self.assertTrue(plan.blocked)

    def test_a_long_list_is_cut(self) -> None:
        read = cases.dead(
            residents=tuple(cases.home(f's{n}') for n in range(10))
        )
        (found,) = cases.planned(read).findings
        self.assertIn('s7 (active) and 2 more', found.fact)


class StepsTestCase(base.TestCase):
    """What is done, and in which order."""

    def test_a_fenced_host(self) -> None:
        plan = cases.planned(cases.dead())
        self.assertEqual(
            [k for k in ALL if k not in ('return-rows', 'fence-down')],
            cases.kinds(plan),
        )
        self.assertEqual((), plan.findings)
        self.assertTrue(all(step.final for step in plan.servers[0].steps))

    def test_everything(self) -> None:
        host = builders.host(cases.HOST, up=False)
        read = cases.dead(host=host, moved=(cases.moved(),))
        plan = cases.planned(read, 'moved-without-tombstone')
        self.assertEqual(list(ALL), cases.kinds(plan))
        first, *others = plan.servers[0].steps
        self.assertFalse(first.final)
        self.assertTrue(all(step.final for step in others))

    def test_one_that_already_runs_is_not_purged(self) -> None:
        running = (cases.queue(consumers=1),)
        service = dataclasses.replace(cases.SERVICE, disabled=True)
        host = builders.host(cases.HOST, service=service, up=True)
        for evacuations, awaited in (
            ((), False),
            ((cases.migration(),), True),
        ):
            plan = cases.planned(
                cases.dead(host=host, queues=running, evacuations=evacuations),
                'compute-running',
            )
            self.assertNotIn('return-purge', cases.kinds(plan))
            self.assertNotIn('fence-down', cases.kinds(plan))
            self.assertEqual(awaited, 'return-await' in cases.kinds(plan))

    def test_kept_disabled(self) -> None:
        plan = host_return.plan(cases.dead(), 'now', wait=9, enable=False)
        self.assertNotIn('return-enable', cases.kinds(plan))
        (params,) = [
            step.params
            for step in plan.servers[0].steps
            if step.kind == 'return-verify'
        ]
        self.assertFalse(params['enabled'])

    def test_nothing_to_do(self) -> None:
        up = cases.dead(
            host=builders.host(cases.HOST, fence=None, up=True),
            evacuations=(),
            queues=(cases.queue(consumers=1),),
        )
        self.assertEqual((), cases.planned(up).servers)
        self.assertEqual((), cases.planned(up).findings)
        for name, read in (
            ('down', dataclasses.replace(up, host=cases.dead().host)),
            (
                'rows',
                dataclasses.replace(up, evacuations=(cases.migration(),)),
            ),
        ):
            self.assertTrue(cases.planned(read).servers, name)

    def test_rows(self) -> None:
        retired = ('completed', cases.HOST)
        for name, evacuations, expected in (
            ('good', [cases.migration()], {}),
            (
                'lives there',
                [cases.migration(home=cases.RESIDENT)],
                {1: retired},
            ),
            ('no such server', [cases.migration(home=None)], {1: retired}),
            (
                'doubled',
                [cases.migration(1), cases.migration(2), cases.migration(3)],
                {1: retired, 2: retired},
            ),
            (
                'without a node',
                [cases.migration(source_node=None, status='accepted')],
                {1: ('accepted', cases.HOST)},
            ),
            (
                'another node',
                [cases.migration(source_node='old')],
                {1: ('done', cases.HOST)},
            ),
        ):
            with self.subTest(name):
                read = cases.dead(evacuations=tuple(evacuations))
                plan = cases.planned(read, 'evacuation-destroys')
                found = {}
                if 'return-rows' in cases.kinds(plan):
                    found = {
                        row['id']: (row['status'], row['source_node'])
                        for row in cases.rows(plan)['changes']
                    }
                self.assertEqual(expected, found)

    def test_a_burial_names_where_the_server_lives(self) -> None:
        plan = cases.planned(
            cases.dead(moved=(cases.moved(),)), 'moved-without-tombstone'
        )
        (burial,) = cases.rows(plan)['burials']
        self.assertEqual(
            {'host': 'kvm2', 'node': 'kvm2', 'compute_id': 8},
            burial['target'],
        )
        self.assertEqual(
            {'host': cases.HOST, 'node': 'kvm1'}, burial['source']
        )


class FingerprintTestCase(base.TestCase):
    """What makes it another plan, and what does not."""

    def test_what_waits_does_not_count(self) -> None:
        self.assertEqual(
            cases.planned(cases.dead()).fingerprint,
            cases.planned(
                cases.dead(queues=(cases.queue(messages=3),))
            ).fingerprint,
        )

    def test_what_counts(self) -> None:
        for changes in (
            {'queues': (cases.queue(consumers=1),)},
            {'queues': None},
            {'evacuations': (cases.migration(home=cases.RESIDENT),)},
            {'moved': (cases.moved(),)},
            {'host': builders.host(cases.HOST, up=False)},
        ):
            self.assertNotEqual(
                cases.planned(cases.dead()).fingerprint,
                cases.planned(cases.dead(**changes)).fingerprint,
            )


class CommandsTestCase(base.TestCase):
    """``plan show --commands``."""

    def test_in_order(self) -> None:
        host = builders.host(cases.HOST, up=False)
        read = cases.dead(
            host=host,
            moved=(cases.moved(),),
            evacuations=(cases.migration(home=cases.RESIDENT),),
        )
        plan = cases.planned(
            read, 'moved-without-tombstone', 'evacuation-destroys'
        )
        lines = [c.command for c in commands.describe(plan)]
        place = 0
        for wanted in (
            "UPDATE migrations SET status = 'completed'",
            'INSERT INTO migrations',
            'COMMIT',
            '{"forced_down": true}',
            'basic.get and basic.ack compute.kvm1',
            'start nova-compute on kvm1, within 9 s',
            '{"forced_down": false}',
            '{"status": "enabled"}',
            'the fence of kvm1 ends',
        ):
            found = [n for n, line in enumerate(lines) if wanted in line]
            self.assertTrue([n for n in found if n >= place], wanted)
            place = found[-1]


class ReturnedTestCase(base.TestCase):
    """The checks after it."""

    def verdicts(
        self, enabled: bool = True, **changes: Any
    ) -> dict[str, results.Verdict]:
        read = dataclasses.replace(
            cases.dead(
                host=builders.host(cases.HOST, up=True),
                evacuations=(),
                queues=(cases.queue(consumers=1),),
            ),
            **changes,
        )
        return {
            check.name: check.verdict
            for check in returned.check(read, enabled=enabled)
            if check.verdict is not results.Verdict.OK
        }

    def test_right(self) -> None:
        self.assertEqual({}, self.verdicts())

    def test_wrong(self) -> None:
        wrong, unknown = results.Verdict.WRONG, results.Verdict.UNKNOWN
        trait = f'trait {returned.DISABLED_TRAIT}'
        provider = builders.host(cases.HOST).provider
        assert provider is not None
        closed = dataclasses.replace(
            provider, traits=(returned.DISABLED_TRAIT,)
        )
        off = dataclasses.replace(cases.SERVICE, disabled=True)
        for expected, changes in (
            (
                {'state': wrong, 'forced down': wrong, 'status': wrong},
                {'host': cases.dead().host},
            ),
            (
                {'status': wrong},
                {'host': builders.host(cases.HOST, service=off, up=True)},
            ),
            (
                {'evacuations to clean up': wrong},
                {'evacuations': (cases.migration(),)},
            ),
            ({'messages taken': wrong}, {'queues': (cases.queue(),)}),
            ({'messages taken': unknown}, {'queues': None}),
            (
                {'leftovers of moved servers': wrong},
                {'moved': (cases.moved(),)},
            ),
            (
                {'leftovers of moved servers': unknown},
                {'unknown': ('ports: no',)},
            ),
            (
                {trait: wrong},
                {'host': builders.host(cases.HOST, provider=closed, up=True)},
            ),
            (
                {trait: unknown},
                {'host': builders.host(cases.HOST, provider=None, up=True)},
            ),
        ):
            with self.subTest(expected=expected):
                self.assertEqual(expected, self.verdicts(**changes))

    def test_kept_disabled(self) -> None:
        self.assertEqual(
            {'status', f'trait {returned.DISABLED_TRAIT}'},
            set(self.verdicts(enabled=False)),
        )

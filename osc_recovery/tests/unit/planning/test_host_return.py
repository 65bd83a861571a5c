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

from osc_recovery.model import broker
from osc_recovery.model import findings
from osc_recovery.model import host_return as model
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import returned
from osc_recovery.planning import commands
from osc_recovery.planning import host_return
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders

HOST = 'kvm1'
SERVICE = builders.host(HOST).service
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


def home(name: str = 'web', **changes: Any) -> model.Home:
    """A server that lives on kvm2."""
    made = model.Home(
        uuid=f'uuid-{name}',
        name=name,
        host='kvm2',
        node='kvm2',
        compute_id=8,
        vm_state='active',
        task_state=None,
        instance_type_id=1,
        user_id='u',
        project_id='p',
    )
    return dataclasses.replace(made, **changes)


def migration(number: int = 1, **changes: Any) -> model.Migration:
    """A tombstone that nova will act upon."""
    made = model.Migration(
        id=number,
        uuid=f'm{number}',
        type='evacuation',
        status='done',
        server='uuid-web',
        source_host=HOST,
        source_node=HOST,
        dest_host='kvm2',
        home=home(),
    )
    return dataclasses.replace(made, **changes)


def queue(**changes: Any) -> broker.Queue:
    """A queue that nobody takes from."""
    made = broker.Queue('compute.kvm1', True, 0, 0)
    return dataclasses.replace(made, **changes)


def moved(**changes: Any) -> model.Moved:
    """A server that went without a tombstone, and has its allocation."""
    made = model.Moved(home(), ('a port says so',), ('rp1', 'rp2'), 'rp2')
    return dataclasses.replace(made, **changes)


def dead(**changes: Any) -> model.ReturnFacts:
    """A fenced host that is fit to return."""
    service = dataclasses.replace(SERVICE, forced_down=True, disabled=True)
    made = model.ReturnFacts(
        host=builders.host(HOST, service=service, up=False),
        evacuations=(migration(),),
        queues=(queue(),),
    )
    return dataclasses.replace(made, **changes)


def planned(read: model.ReturnFacts, *accept: str) -> plans.Plan:
    return host_return.plan(read, 'now', wait=9, accept=frozenset(accept))


def codes(plan: plans.Plan) -> set[str]:
    return {found.code for found in plan.findings}


def kinds(plan: plans.Plan) -> list[str]:
    (subject,) = plan.servers
    return [step.kind for step in subject.steps]


def rows(plan: plans.Plan) -> dict[str, Any]:
    """The parameters of the step that puts rows right."""
    return next(
        step.params
        for step in plan.servers[0].steps
        if step.kind == 'return-rows'
    )


RESIDENT = home(host=HOST)
#: what brings each finding about, and words of its fact and its remedy
CASES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ('run-holds-host', {'lease': 'r-1'}, 'run r-1', 'run show r-1'),
    ('facts-unknown', {'unknown': ('ports: no',)}, 'ports: no', 'Bring'),
    (
        'facts-unknown',
        {'host': builders.host(HOST, unknown=('provider: away',))},
        'provider: away',
        'Bring',
    ),
    (
        'broker-unknown',
        {'queues': None, 'no_queues': 'no connection'},
        'no connection',
        'Do not start nova-compute',
    ),
    (
        'compute-running',
        {'queues': (queue(), queue(consumers=1))},
        'unseen',
        '--accept compute-running',
    ),
    (
        'evacuation-in-flight',
        {
            'evacuations': (
                migration(
                    status='accepted', home=home(task_state='rebuilding')
                ),
            )
        },
        'web is being evacuated',
        'Wait',
    ),
    (
        'evacuation-in-flight',
        {
            'evacuations': (
                migration(
                    status='pre-migrating',
                    home=home(host=HOST, task_state='rebuilding'),
                ),
            )
        },
        'pre-migrating',
        'openstack server migration list --server uuid-web',
    ),
    (
        'evacuation-destroys',
        {'evacuations': (migration(home=RESIDENT),)},
        'would destroy it',
        '--accept evacuation-destroys',
    ),
    (
        'evacuation-destroys',
        {'evacuations': (migration(status='accepted', home=RESIDENT),)},
        'migration 1 (accepted)',
        '--accept evacuation-destroys',
    ),
    (
        'migration-unfinished',
        {'unfinished': (migration(type='live-migration', status='running'),)},
        'live-migration 1 of server web (running) from kvm1 to kvm2',
        '--accept migration-unfinished',
    ),
    (
        'resize-unconfirmed',
        {'unfinished': (migration(type='resize', status='finished'),)},
        'resize 1 of server web',
        'openstack server resize confirm',
    ),
    (
        'moved-without-tombstone',
        {'moved': (moved(),)},
        'web lives on kvm2, but a port says so',
        '--accept moved-without-tombstone',
    ),
    (
        'moved-without-allocation',
        {'moved': (moved(allocated=('rp1',)),)},
        'no allocation on kvm2',
        'recovery consistency repair --server uuid-web',
    ),
    (
        'moved-without-allocation',
        {'moved': (moved(provider=None),)},
        'no allocation',
        'repair',
    ),
    (
        'calls-waiting',
        {
            'queues': (
                queue(
                    messages=9,
                    calls=(broker.Call('start_instance', ('uuid-web',)),) * 9,
                ),
            )
        },
        '9 messages wait for kvm1: start_instance (uuid-web), ',
        'thrown away',
    ),
    (
        'servers-still-there',
        {'residents': (RESIDENT,)},
        'web (active)',
        'resume_guests_state_on_host_boot',
    ),
)


class FindingsTestCase(base.TestCase):
    """Every code has a case; nothing else is found."""

    def test_each_case_brings_about_its_finding_alone(self) -> None:
        for code, changes, fact, remedy in CASES:
            with self.subTest(code=code, fact=fact):
                plan = planned(dead(**changes))
                (found,) = [f for f in plan.findings if f.code == code]
                self.assertIn(fact, found.fact)
                self.assertIn(remedy, found.remedy)
                self.assertEqual({code}, codes(plan))
                note = found.severity is findings.Severity.NOTE
                self.assertEqual(not note, plan.blocked)

    def test_every_code_has_a_case(self) -> None:
        self.assertEqual(
            set(), set(catalogue.RETURN) - {case[0] for case in CASES}
        )

    def test_consent_is_given_by_code(self) -> None:
        for code, changes, *_ in CASES:
            if catalogue.CODES[code] is findings.Severity.CONSENT:
                plan = planned(dead(**changes), code)
                self.assertTrue(plan.runnable, code)
                self.assertFalse(planned(dead(**changes), 'other').runnable)

    def test_the_frame(self) -> None:
        for code, changes in (
            ('node-missing', {'node': None}),
            ('provider-missing', {'provider': None}),
            (
                'service-missing',
                {'service': dataclasses.replace(SERVICE, uuid='')},
            ),
            (
                'cell-disabled',
                {'cell': dataclasses.replace(builders.cell(), disabled=True)},
            ),
        ):
            host = builders.host(HOST, **changes, up=False)
            plan = planned(dead(host=host, evacuations=()))
            self.assertIn(code, codes(plan))
            self.assertTrue(plan.blocked)

    def test_a_long_list_is_cut(self) -> None:
        read = dead(residents=tuple(home(f's{n}') for n in range(10)))
        (found,) = planned(read).findings
        self.assertIn('s7 (active) and 2 more', found.fact)


class StepsTestCase(base.TestCase):
    """What is done, and in which order."""

    def test_a_fenced_host(self) -> None:
        plan = planned(dead())
        self.assertEqual(
            [k for k in ALL if k not in ('return-rows', 'fence-down')],
            kinds(plan),
        )
        self.assertEqual((), plan.findings)
        self.assertTrue(all(step.final for step in plan.servers[0].steps))

    def test_everything(self) -> None:
        host = builders.host(HOST, up=False)
        read = dead(host=host, moved=(moved(),))
        plan = planned(read, 'moved-without-tombstone')
        self.assertEqual(list(ALL), kinds(plan))
        first, *others = plan.servers[0].steps
        self.assertFalse(first.final)
        self.assertTrue(all(step.final for step in others))

    def test_one_that_already_runs_is_not_purged(self) -> None:
        running = (queue(consumers=1),)
        service = dataclasses.replace(SERVICE, disabled=True)
        host = builders.host(HOST, service=service, up=True)
        for evacuations, awaited in (((), False), ((migration(),), True)):
            plan = planned(
                dead(host=host, queues=running, evacuations=evacuations),
                'compute-running',
            )
            self.assertNotIn('return-purge', kinds(plan))
            self.assertNotIn('fence-down', kinds(plan))
            self.assertEqual(awaited, 'return-await' in kinds(plan))

    def test_kept_disabled(self) -> None:
        plan = host_return.plan(dead(), 'now', wait=9, enable=False)
        self.assertNotIn('return-enable', kinds(plan))
        (params,) = [
            step.params
            for step in plan.servers[0].steps
            if step.kind == 'return-verify'
        ]
        self.assertFalse(params['enabled'])

    def test_nothing_to_do(self) -> None:
        up = dead(
            host=builders.host(HOST, fence=None, up=True),
            evacuations=(),
            queues=(queue(consumers=1),),
        )
        self.assertEqual((), planned(up).servers)
        self.assertEqual((), planned(up).findings)
        for name, read in (
            ('down', dataclasses.replace(up, host=dead().host)),
            ('rows', dataclasses.replace(up, evacuations=(migration(),))),
        ):
            self.assertTrue(planned(read).servers, name)

    def test_rows(self) -> None:
        retired = ('completed', HOST)
        for name, evacuations, expected in (
            ('good', [migration()], {}),
            ('lives there', [migration(home=RESIDENT)], {1: retired}),
            ('no such server', [migration(home=None)], {1: retired}),
            (
                'doubled',
                [migration(1), migration(2), migration(3)],
                {1: retired, 2: retired},
            ),
            (
                'without a node',
                [migration(source_node=None, status='accepted')],
                {1: ('accepted', HOST)},
            ),
            (
                'another node',
                [migration(source_node='old')],
                {1: ('done', HOST)},
            ),
        ):
            with self.subTest(name):
                read = dead(evacuations=tuple(evacuations))
                plan = planned(read, 'evacuation-destroys')
                found = {}
                if 'return-rows' in kinds(plan):
                    found = {
                        row['id']: (row['status'], row['source_node'])
                        for row in rows(plan)['changes']
                    }
                self.assertEqual(expected, found)

    def test_a_burial_names_where_the_server_lives(self) -> None:
        plan = planned(dead(moved=(moved(),)), 'moved-without-tombstone')
        (burial,) = rows(plan)['burials']
        self.assertEqual(
            {'host': 'kvm2', 'node': 'kvm2', 'compute_id': 8},
            burial['target'],
        )
        self.assertEqual({'host': HOST, 'node': 'kvm1'}, burial['source'])


class FingerprintTestCase(base.TestCase):
    """What makes it another plan, and what does not."""

    def test_what_waits_does_not_count(self) -> None:
        self.assertEqual(
            planned(dead()).fingerprint,
            planned(dead(queues=(queue(messages=3),))).fingerprint,
        )

    def test_what_counts(self) -> None:
        for changes in (
            {'queues': (queue(consumers=1),)},
            {'queues': None},
            {'evacuations': (migration(home=RESIDENT),)},
            {'moved': (moved(),)},
            {'host': builders.host(HOST, up=False)},
        ):
            self.assertNotEqual(
                planned(dead()).fingerprint,
                planned(dead(**changes)).fingerprint,
            )


class CommandsTestCase(base.TestCase):
    """``plan show --commands``."""

    def test_in_order(self) -> None:
        host = builders.host(HOST, up=False)
        read = dead(
            host=host,
            moved=(moved(),),
            evacuations=(migration(home=RESIDENT),),
        )
        plan = planned(read, 'moved-without-tombstone', 'evacuation-destroys')
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
            dead(
                host=builders.host(HOST, up=True),
                evacuations=(),
                queues=(queue(consumers=1),),
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
        provider = builders.host(HOST).provider
        assert provider is not None
        closed = dataclasses.replace(
            provider, traits=(returned.DISABLED_TRAIT,)
        )
        off = dataclasses.replace(SERVICE, disabled=True)
        for expected, changes in (
            (
                {'state': wrong, 'forced down': wrong, 'status': wrong},
                {'host': dead().host},
            ),
            (
                {'status': wrong},
                {'host': builders.host(HOST, service=off, up=True)},
            ),
            (
                {'evacuations to clean up': wrong},
                {'evacuations': (migration(),)},
            ),
            ({'messages taken': wrong}, {'queues': (queue(),)}),
            ({'messages taken': unknown}, {'queues': None}),
            ({'leftovers of moved servers': wrong}, {'moved': (moved(),)}),
            (
                {'leftovers of moved servers': unknown},
                {'unknown': ('ports: no',)},
            ),
            (
                {trait: wrong},
                {'host': builders.host(HOST, provider=closed, up=True)},
            ),
            (
                {trait: unknown},
                {'host': builders.host(HOST, provider=None, up=True)},
            ),
        ):
            with self.subTest(expected=expected):
                self.assertEqual(expected, self.verdicts(**changes))

    def test_kept_disabled(self) -> None:
        self.assertEqual(
            {'status', f'trait {returned.DISABLED_TRAIT}'},
            set(self.verdicts(enabled=False)),
        )

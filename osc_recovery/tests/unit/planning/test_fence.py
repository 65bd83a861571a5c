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
"""Plans of fences: what they refuse, and in which order they work."""

import dataclasses
from typing import Any

from osc_recovery import exceptions
from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import fencing
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import fence as checks
from osc_recovery.planning import fence
from osc_recovery.planning import gates
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

NOW = '2026-11-22T16:00:00.000Z'
LATELY, BEFORE = '2026-11-22T15:30:00.000Z', '2026-11-22T14:30:00.000Z'
NOVA = 'nova-compute reported at 15:59 (report_count 1 -> 2)'
NEUTRON = 'neutron-openvswitch-agent on kvm1 reported at 15:59'
CINDER = 'cinder-volume kvm1@lvm reported at 15:59'
NONE = fencing.Radius((), 20, 5, 0.25, 3600)
STATED = fence.Wish('rack 12 is unplugged')


def agent(power: str = 'on', said: str = 'it said so') -> fencing.AgentFacts:
    """An agent's answer."""
    options = {'ip': '192.0.2.1', 'password': '***'}
    return fencing.AgentFacts('ipmi', 'fence_ipmilan', options, power, said)


def host(*evidence: str, **changes: Any) -> facts.Host:
    """A host that shows these signs of life."""
    return builders.host('kvm1', alive_evidence=evidence, **changes)


def lost(*names: str) -> fencing.Radius:
    """Hosts that were fenced lately."""
    losses = tuple(fencing.Loss(name, LATELY, 'fenced') for name in names)
    return dataclasses.replace(NONE, losses=losses)


@dataclasses.dataclass(frozen=True)
class Case:
    """Facts, and the codes of all the findings they bring about."""

    name: str
    codes: tuple[str, ...]
    host: facts.Host
    agent: fencing.AgentFacts | None = None
    radius: fencing.Radius = NONE
    unused: str = ''


ON, OFF = agent('on'), agent('off')
FAILED = agent('', 'wrong password')
FIVE = ('kvm2', 'kvm3', 'kvm4', 'kvm5', 'kvm6')
CASES = (
    Case('a silent host', (), host(), ON),
    Case('off already', (), host(), OFF),
    Case('nobody could be asked', (), host(unknown=('agents: no',)), ON),
    Case('it works', ('host-alive',), host(NOVA), ON),
    Case('all of it works', ('host-alive',) * 2, host(NEUTRON, NOVA), ON),
    Case('only agents', ('watcher-reports',), host(NEUTRON), ON),
    Case('only volumes', ('watcher-reports',), host(CINDER), ON),
    Case('off, and works', ('fence-agent-differs',), host(NOVA), OFF),
    Case('off, and reports', ('fence-agent-differs',), host(NEUTRON), OFF),
    Case('no answer', ('fence-agent-failed',), host(), FAILED),
    Case(
        'no answer, and works',
        ('fence-agent-failed', 'host-alive'),
        host(NOVA),
        FAILED,
    ),
    Case(
        'no service',
        ('service-missing',),
        host(service=making.change(host().service, uuid='')),
        ON,
    ),
    Case('cell0', ('cell0',), host(cell=making.CELL0), ON),
    Case('four others', (), host(), ON, lost(*FIVE[:4])),
    Case('five others', ('blast-radius',), host(), ON, lost(*FIVE)),
    Case('itself again', (), host(), ON, lost('kvm1', *FIVE[:4])),
    Case('a statement', (), host()),
    Case('a false statement', ('host-alive',), host(NOVA)),
    Case('a false statement of an agent', ('host-alive',), host(NEUTRON)),
    Case('nobody heard', ('watcher-silent',), host(unknown=('agents: no',))),
    Case('another way', ('fence-agent-unused',), host(), unused='ipmi'),
    Case('a statement of many', ('blast-radius',), host(), radius=lost(*FIVE)),
)


def planned(case: Case, **choice: Any) -> plans.Plan:
    """The plan of a case."""
    statement = '' if case.agent else 'rack 12 is unplugged'
    return fence.plan(
        case.host,
        fence.Wish(statement, **choice),
        case.radius,
        'ops',
        NOW,
        agent=case.agent,
        unused=case.unused,
    )


class TestFindings(base.TestCase):
    def test_cases(self) -> None:
        for case in CASES:
            found = planned(case).findings
            codes = tuple(f.code for f in found)
            self.assertEqual(case.codes, codes, case.name)
            for finding in found:
                self.assertGreater(len(finding.remedy), 10, case.name)
                self.assertNotIn('\n', finding.fact + finding.remedy)

    def test_every_code_has_a_case(self) -> None:
        shown = {code for case in CASES for code in case.codes}
        self.assertEqual(set(), set(catalogue.FENCE) - shown)

    def test_what_blocks_and_what_helps(self) -> None:
        """An override passes a gate; consent passes what asks for it."""
        everything = findings.Override(
            frozenset(catalogue.CODES), 'a good reason'
        )
        for case in CASES:
            weights = {catalogue.CODES[code] for code in case.codes}
            blocker = findings.Severity.BLOCKER in weights
            note = weights <= {findings.Severity.NOTE}
            self.assertEqual(not note, planned(case).blocked, case.name)
            accepted = planned(case, accept=frozenset(catalogue.CODES))
            self.assertEqual(blocker, accepted.blocked, case.name)
            passed = planned(case, override=everything)
            consent = weights == {findings.Severity.CONSENT}
            self.assertEqual(consent, passed.blocked, case.name)

    def test_gates(self) -> None:
        """Neither a false statement nor a wrong agent can be overridden."""
        self.assertEqual({'blast-radius'}, fence.GATES[fence.STATEMENT])
        self.assertEqual(
            {'blast-radius', 'host-alive'}, fence.GATES[fence.AGENT]
        )

    def test_five_are_named(self) -> None:
        (finding,) = planned(CASES[-1]).findings
        self.assertIn('kvm1 would be host 6 of 20', finding.fact)
        self.assertIn('within 3600 s, 5 may be', finding.fact)
        self.assertIn(f'kvm2 (fenced {LATELY})', finding.fact)


class TestPlan(base.TestCase):
    def kinds(self, plan: plans.Plan) -> list[str]:
        """The kinds of its steps."""
        return [step.kind for s in plan.servers for step in s.steps]

    def test_power_first_then_down_then_closed(self) -> None:
        plan = planned(Case('', (), host(NOVA), ON))
        self.assertEqual(
            ['fence-power', 'fence-down', 'fence-disable'], self.kinds(plan)
        )
        (server,) = plan.servers
        self.assertTrue(all(step.final for step in server.steps))
        self.assertEqual(
            {
                'method': 'agent',
                'cell': host().cell.uuid,
                'alive': True,
                'shown': {
                    'agent': 'ipmi',
                    'program': 'fence_ipmilan',
                    'options': {'ip': '192.0.2.1', 'password': '***'},
                },
            },
            server.steps[0].params,
        )

    def test_a_statement_cuts_nothing(self) -> None:
        plan = planned(CASES[16])
        self.assertEqual('a statement', CASES[16].name)
        self.assertEqual(['fence-down', 'fence-disable'], self.kinds(plan))

    def test_shown(self) -> None:
        shown = planned(CASES[0]).frame
        self.assertEqual('ipmi (fence_ipmilan)', shown['fence agent'])
        self.assertEqual('ip=192.0.2.1, password=***', shown['options'])
        self.assertEqual('on', shown['power'])
        self.assertNotIn('options', planned(CASES[16]).frame)

    def test_the_choice_is_kept(self) -> None:
        override = findings.Override(frozenset({'host-alive'}), 'why')
        accept = frozenset({'watcher-reports'})
        plan = planned(CASES[0], override=override, accept=accept)
        again = codec.decode(plans.Plan, codec.encode(plan))
        self.assertEqual(
            fence.Wish('', accept, override), fence.wish_of(again)
        )
        self.assertEqual('agent', fence.method_of(again))
        self.assertEqual('why', again.parameters['reason'])

    def test_a_plan_of_an_older_version(self) -> None:
        plan = planned(CASES[16])
        kept = {
            key: plan.parameters[key]
            for key in ('statement', 'operator', 'accept')
        }
        plan = dataclasses.replace(plan, parameters=kept)
        self.assertEqual('statement', fence.method_of(plan))
        self.assertEqual(STATED, fence.wish_of(plan))

    def test_what_makes_it_another_plan(self) -> None:
        first = planned(CASES[0]).fingerprint
        other = dataclasses.replace(ON, options={'ip': '192.0.2.2'})
        for name, case, same in (
            ('another moment', Case('', (), host(NOVA), OFF), True),
            ('another address', Case('', (), host(), other), False),
            (
                'another agent',
                Case('', (), host(), dataclasses.replace(ON, agent='b')),
                False,
            ),
            ('a statement', Case('', (), host()), False),
        ):
            found = planned(case).fingerprint
            self.assertEqual(same, found == first, name)

    def test_nothing_to_do(self) -> None:
        dead = builders.dead()
        proven = dataclasses.replace(
            dead, fence=making.change(dead.fence, method='agent')
        )
        enabled = making.change(dead.service, disabled=False)
        for name, machine, asked, done in (
            ('stated, stated again', dead, None, True),
            ('stated, now to be proven', dead, OFF, False),
            ('proven, proven again', proven, OFF, True),
            ('proven, and on', proven, ON, False),
            ('proven, no answer', proven, FAILED, False),
            ('proven, now stated', proven, None, True),
            ('stale', making.change(proven, fence_stale=True), OFF, False),
            ('enabled', making.change(proven, service=enabled), OFF, False),
            ('not fenced', making.change(proven, fence=None), OFF, False),
        ):
            plan = planned(Case('', (), machine, asked))
            self.assertEqual(done, plan.servers == (), name)


class TestRadius(base.TestCase):
    """How many may be lost, and which count."""

    def test_allowed(self) -> None:
        for total, most, share, expected in (
            (0, 5, 0.25, 1),
            (1, 5, 0.25, 1),
            (3, 5, 0.25, 1),
            (7, 5, 0.25, 1),
            (8, 5, 0.25, 2),
            (19, 5, 0.25, 4),
            (20, 5, 0.25, 5),
            (1000, 5, 0.25, 5),
            (1000, 50, 0.01, 10),
            (3, 5, 1.0, 3),
            (10, 1, 1.0, 1),
            (10, 5, 0.0, 1),
        ):
            radius = fencing.Radius((), total, most, share, 3600)
            self.assertEqual(
                expected, radius.allowed, f'{total} {most} {share}'
            )

    def lost(
        self, *machines: facts.Host, begun: tuple[runs.RunRecord, ...] = ()
    ) -> list[str]:
        """Which of them count."""
        found = checks.losses(machines, begun, NOW, 3600)
        return [loss.host for loss in found]

    def fenced(self, when: str, **changes: Any) -> facts.Host:
        dead = builders.dead()
        made = making.change(dead.fence, recorded_at=when)
        return dataclasses.replace(dead, fence=made, **changes)

    def test_fences(self) -> None:
        forced_up = making.change(builders.dead().service, forced_down=False)
        for name, machine, counts in (
            ('lately', self.fenced(LATELY), True),
            ('a second too early', self.fenced('2026-11-22T14:59:59Z'), False),
            ('just in time', self.fenced('2026-11-22T15:00:00Z'), True),
            ('before', self.fenced(BEFORE), False),
            ('a clock that is ahead', self.fenced('2026-11-22T17:00Z'), True),
            ('it is back', self.fenced(LATELY, up=True), False),
            (
                'it was back',
                self.fenced(LATELY, fence_stale=True, service=forced_up),
                False,
            ),
            ('a time that is none', self.fenced('soon'), False),
            ('an innocent host', builders.host('kvm1', up=True), False),
            ('a silent host', builders.host('kvm1', up=False), False),
        ):
            self.assertEqual(counts, self.lost(machine) == ['kvm1'], name)

    def test_what_others_forced_down(self) -> None:
        dead = builders.dead(fence=None)
        for seen, counts in (
            ('2026-11-22 15:40:00', True),
            ('2026-11-22 14:40:00', False),
            (None, False),
        ):
            service = making.change(dead.service, last_seen_up=seen)
            machine = making.change(dead, service=service)
            self.assertEqual(counts, self.lost(machine) == ['kvm1'], str(seen))

    def test_runs_under_way(self) -> None:
        states = results.RunState
        begun = {states.RUNNING, states.PAUSED}
        for state in states:
            for up, when, late in (
                (True, LATELY, True),
                (False, LATELY, True),
                (False, BEFORE, False),
            ):
                counted = begun if up else begun | {states.UNVERIFIED}
                machine = builders.host('kvm1', up=up)
                run = runs.RunRecord(
                    id='r1',
                    scenario='fence',
                    host='kvm1',
                    state=state,
                    plan={},
                    process=runs.Process('m', 1, 1, 'ops'),
                    created_at=when,
                )
                found = self.lost(machine, begun=(run,))
                self.assertEqual(
                    state in counted and late, found == ['kvm1'], state
                )

    def test_a_fence_says_more_than_a_run_without_a_proof(self) -> None:
        run = runs.RunRecord(
            id='r1',
            scenario='fence',
            host='kvm1',
            state=results.RunState.UNVERIFIED,
            plan={},
            process=runs.Process('m', 1, 1, 'ops'),
            created_at=LATELY,
        )
        (loss,) = checks.losses([self.fenced(LATELY)], [run], NOW, 3600)
        self.assertEqual('fenced', loss.known_by)

    def test_a_host_counts_once(self) -> None:
        self.assertEqual(
            ['kvm1'], self.lost(self.fenced(LATELY), self.fenced(LATELY))
        )


class TestGates(base.TestCase):
    """--override and --reason come together, and name a gate."""

    def refusal(self, gate: str, reason: str) -> str:
        override = findings.Override(frozenset({gate} if gate else ()), reason)
        error = self.assertRaises(
            exceptions.UsageError, gates.check, override, {'a', 'b'}
        )
        return str(error)

    def test_refused(self) -> None:
        for gate, reason, expected in (
            ('c', 'why', 'c is no gate that can be overridden here: a, b'),
            ('a', '', '--override needs --reason'),
            ('a', '  ', '--override needs --reason'),
            ('', 'why', '--reason belongs to --override'),
        ):
            self.assertIn(expected, self.refusal(gate, reason))

    def test_none_here(self) -> None:
        override = findings.Override(frozenset({'a'}), 'why')
        error = self.assertRaises(
            exceptions.UsageError, gates.check, override, ()
        )
        self.assertIn('here: none', str(error))

    def test_sound(self) -> None:
        gates.check(findings.Override(), {'a'})
        gates.check(findings.Override(frozenset({'a'}), 'why'), {'a', 'b'})

    def test_only_what_was_named(self) -> None:
        found = catalogue.finding('blast-radius', 'many', 'look again')
        other = catalogue.finding('host-alive', 'one', 'look again')
        override = findings.Override(frozenset({'blast-radius'}), 'why')
        passed = gates.passed((found, other), override, {'host-alive'})
        self.assertEqual([False, True], [f.blocks for f in passed])
        self.assertEqual([True, False], [f.overridden for f in passed])

    def test_parameters(self) -> None:
        for override in (
            findings.Override(),
            findings.Override(frozenset({'a', 'b'}), 'why'),
        ):
            kept = gates.parameters(override)
            self.assertEqual(override, gates.of_parameters(kept))
        self.assertEqual(findings.Override(), gates.of_parameters({}))

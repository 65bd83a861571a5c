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

"""Every finding: its facts, its weight, its remedy, and nothing besides."""

from collections.abc import Iterator
import pathlib
import re

from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.planning import catalogue
from osc_recovery.planning import choice as choices
from osc_recovery.planning import relocate
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning import cases

_PAGE = pathlib.Path(__file__).parents[4] / 'doc/source/user/findings.rst'
#: one row of a list-table: the code, then its weight
_ROW = re.compile(
    r'^   \* - ``(?P<code>[a-z0-9-]+)``\n     - (?P<severity>\w+)$', re.M
)


def every(plan: plans.Plan) -> Iterator[findings.Finding]:
    """All findings of a plan."""
    yield from plan.findings
    for server in plan.servers:
        yield from server.findings


def named(case: cases.Case) -> str:
    """How a failure calls a case."""
    return f'{case.code}: {case.name}'


def planned(case: cases.Case) -> plans.Plan:
    """The plan of a case."""
    return relocate.plan(case.cloud, case.choice, 'now')


class TestFindings(base.TestCase):
    def test_each_case_brings_about_its_finding(self) -> None:
        for case in cases.CASES:
            found = [f for f in every(planned(case)) if f.code == case.code]
            self.assertNotEqual([], found, named(case))
            self.assertIn(case.fact, found[0].fact, named(case))
            self.assertIn(case.remedy, found[0].remedy, named(case))

    def test_no_case_brings_about_anything_else(self) -> None:
        for case in cases.CASES:
            self.assertEqual(
                {case.code, *case.also},
                {f.code for f in every(planned(case))},
                named(case),
            )

    def test_facts_that_come_close_do_not(self) -> None:
        for case in cases.NEAR:
            codes = {f.code for f in every(planned(case))}
            self.assertNotIn(case.code, codes, named(case))

    def test_blockers_block_and_notes_do_not(self) -> None:
        for case in cases.CASES:
            plan = planned(case)
            blocks = any(f.blocks for f in every(plan))
            self.assertEqual(not blocks, bool(plan.runnable), named(case))
            if not case.also:
                weight = catalogue.CODES[case.code]
                note = weight is findings.Severity.NOTE
                self.assertEqual(note, not blocks, named(case))

    def test_sound_servers_have_nothing_against_them(self) -> None:
        plan = relocate.plan(builders.cloud(), choices.Choice(), 'now')

        self.assertEqual(
            {'storage-stated', 'stale-evacuation'},
            {f.code for f in every(plan)},
        )
        self.assertEqual(3, len(plan.runnable))

    def test_every_code_has_a_case(self) -> None:
        for scope, table in (
            (catalogue.FRAME, cases.FRAME),
            (catalogue.SERVER, cases.SERVER),
            (catalogue.TARGET, cases.TARGETS),
        ):
            self.assertEqual(set(), set(scope) - {c.code for c in table})

    def test_every_case_has_a_known_code(self) -> None:
        self.assertEqual(
            set(), {c.code for c in cases.CASES} - set(catalogue.CODES)
        )

    def test_every_finding_says_what_to_do(self) -> None:
        for case in cases.CASES:
            plan = relocate.plan(case.cloud, case.choice, 'now')
            for found in every(plan):
                self.assertGreater(len(found.remedy), 10, found)
                self.assertNotIn('\n', found.fact + found.remedy)

    def test_an_unknown_code_is_an_error(self) -> None:
        self.assertRaises(
            KeyError, catalogue.finding, 'bad-luck', 'fact', 'remedy'
        )


class TestConsent(base.TestCase):
    def test_consent_is_given_by_code(self) -> None:
        wanted = [
            case
            for case in cases.CASES
            if catalogue.CODES[case.code] is findings.Severity.CONSENT
        ]
        self.assertGreater(len(wanted), 4)
        for case in wanted:
            choice = choices.Choice(
                targets=('kvm2',), accept=frozenset({case.code})
            )
            plan = relocate.plan(case.cloud, choice, 'now')
            self.assertTrue(plan.runnable, named(case))
            for found in every(plan):
                asked = found.severity is findings.Severity.CONSENT
                self.assertEqual(asked, found.accepted, named(case))

    def test_a_blocker_cannot_be_accepted(self) -> None:
        for case in cases.CASES:
            if catalogue.CODES[case.code] is not findings.Severity.BLOCKER:
                continue
            choice = choices.Choice(
                targets=case.choice.targets,
                accept=frozenset(catalogue.CODES),
            )
            plan = relocate.plan(case.cloud, choice, 'now')
            self.assertEqual((), plan.runnable, named(case))


class TestPage(base.TestCase):
    def test_the_page_has_every_code_with_its_weight(self) -> None:
        rows = [
            (row['code'], row['severity'])
            for row in _ROW.finditer(_PAGE.read_text(encoding='utf-8'))
        ]

        for code, severity in catalogue.CODES.items():
            self.assertIn((code, severity.value), rows)
        self.assertEqual(set(catalogue.CODES), {code for code, _ in rows})

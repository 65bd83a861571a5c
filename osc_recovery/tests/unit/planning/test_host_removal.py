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

"""The end of a host that never returns: what forbids it, what is done."""

import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import host_return as model
from osc_recovery.model import plans
from osc_recovery.planning import commands
from osc_recovery.planning import host_removal
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning import homecomings as returns

HOST = returns.HOST
FENCE = facts.Fence(HOST, 'statement', 'no power', 'op', builders.READ_AT)


def gone(**changes: Any) -> model.ReturnFacts:
    """A host that was fenced and left nothing."""
    host = dataclasses.replace(returns.dead().host, fence=FENCE)
    made = returns.dead(host=host, evacuations=())
    return dataclasses.replace(made, **changes)


def of(**changes: Any) -> dict[str, Any]:
    """The host with other values."""
    return {'host': dataclasses.replace(gone().host, **changes)}


def planned(read: model.ReturnFacts, *accept: str) -> plans.Plan:
    return host_removal.plan(read, 'now', frozenset(accept))


def kinds(plan: plans.Plan) -> list[str]:
    return [step.kind for step in plan.servers[0].steps]


MOVED = returns.moved(allocated=('rp2', builders.host(HOST).provider.uuid))  # type: ignore[union-attr]
#: what brings each finding about, and words of its fact
CASES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ('host-not-empty', {'residents': (returns.RESIDENT,)}, 'web'),
    (
        'volume-services-left',
        of(volume_services=(facts.Agent('cinder-volume', HOST, None, False),)),
        'cinder-volume',
    ),
    (
        'migration-in-flight',
        {'unfinished': (returns.migration(type='resize', status='finished'),)},
        'resize 1 of server web is finished',
    ),
    (
        'migration-in-flight',
        {
            'evacuations': (
                returns.migration(
                    status='accepted',
                    home=returns.home(task_state='rebuilding'),
                ),
            )
        },
        'accepted',
    ),
    (
        'moved-without-allocation',
        {'moved': (returns.moved(allocated=('rp1',)),)},
        'no allocation there',
    ),
    ('broker-unknown', {'queues': None, 'no_queues': 'away'}, 'away'),
    ('run-holds-host', {'lease': 'r-1'}, 'r-1'),
    ('facts-unknown', {'unknown': ('ports: no',)}, 'ports: no'),
    ('fence-missing', of(fence=None), 'no fence'),
    ('fence-stale', of(fence_stale=True), 'reported'),
    ('host-alive', of(alive_evidence=('it moved',)), 'it moved'),
    ('watcher-silent', of(unknown=('agents: no',)), 'agents: no'),
    ('calls-waiting', {'queues': (returns.queue(messages=2),)}, '2 messages'),
)


class FindingsTestCase(base.TestCase):
    """What forbids it."""

    def test_each_case_brings_about_its_finding_alone(self) -> None:
        for code, changes, fact in CASES:
            with self.subTest(code=code, fact=fact):
                plan = planned(gone(**changes))
                (found,) = plan.findings
                self.assertEqual(code, found.code)
                self.assertIn(fact, found.fact)
                note = found.severity is findings.Severity.NOTE
                self.assertEqual(not note, plan.blocked)

    def test_consent(self) -> None:
        plan = planned(gone(**of(unknown=('agents: no',))), 'watcher-silent')
        self.assertTrue(plan.runnable)


class StepsTestCase(base.TestCase):
    """What is done, and in which order."""

    def test_nothing_left(self) -> None:
        plan = planned(gone())
        self.assertEqual((), plan.findings)
        self.assertEqual(
            [
                'return-purge',
                'remove-service',
                'remove-agents',
                'remove-verify',
                'return-release',
            ],
            kinds(plan),
        )
        self.assertTrue(all(step.final for step in plan.servers[0].steps))

    def test_allocations_and_tombstones(self) -> None:
        read = gone(moved=(MOVED,), evacuations=(returns.migration(),))
        plan = planned(read)
        self.assertEqual(
            [
                'return-purge',
                'remove-allocations',
                'remove-service',
                'remove-agents',
                'return-rows',
                'remove-verify',
                'return-release',
            ],
            kinds(plan),
        )
        self.assertEqual((), plan.findings)
        sent = [line.command for line in commands.describe(plan)]
        for wanted in (
            'placement PUT /allocations/uuid-web ',
            'nova DELETE /os-services/',
            'placement DELETE /resource_providers/',
            'neutron DELETE /v2.0/agents/',
            "UPDATE migrations SET status = 'completed'",
        ):
            self.assertTrue([x for x in sent if wanted in x], wanted)

    def test_who_has_nothing_there_keeps_what_it_has(self) -> None:
        read = gone(moved=(returns.moved(allocated=('rp2',)),))
        self.assertNotIn('remove-allocations', kinds(planned(read)))

    def test_a_host_without_a_provider(self) -> None:
        plan = planned(gone(**of(provider=None, node=None)))
        self.assertEqual((), plan.findings)
        sent = [line.command for line in commands.describe(plan)]
        self.assertFalse([x for x in sent if x.startswith('placement')])

    def test_fingerprint(self) -> None:
        same = planned(gone(queues=(returns.queue(messages=3),)))
        self.assertEqual(planned(gone()).fingerprint, same.fingerprint)
        for changes in (
            {'moved': (MOVED,)},
            {'residents': (returns.RESIDENT,)},
            of(alive_evidence=('it moved',)),
        ):
            self.assertNotEqual(
                planned(gone()).fingerprint,
                planned(gone(**changes)).fingerprint,
            )

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

"""Tests of telling a dead host from one that still reports."""

import datetime
from typing import Any
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.facts import liveness
from osc_recovery.facts import sources
from osc_recovery.model import facts
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.facts import base as facts_base

NOW = datetime.datetime(2026, 11, 22, 16, 0, 0, tzinfo=datetime.UTC)


def service(
    seen: str | None = '2026-11-22 15:59:50', *, forced: bool = False
) -> facts.ComputeService:
    """A nova-compute row."""
    return facts.ComputeService('s1', 'kvm1', False, None, forced, seen, 7)


def reading(
    nova: tuple[str | None, int] | None = ('t1', 7),
    others: dict[str, str | None] | None = None,
    unknown: tuple[str, ...] = (),
) -> liveness.Reading:
    """One reading."""
    return liveness.Reading(0.0, nova, others or {}, False, unknown)


class CompareTest(base.TestCase):
    """Whatever advances is evidence, whatever a state says."""

    def test_silence(self) -> None:
        for name, before, after in (
            ('nothing moved', reading(), reading()),
            ('no service', reading(None), reading(None)),
            ('never seen', reading((None, 0)), reading((None, 0))),
            (
                'an agent that is stuck',
                reading(others={'ovs': 'a'}),
                reading(others={'ovs': 'a'}),
            ),
            (
                'an agent without heartbeat',
                reading(others={'ovs': None}),
                reading(others={'ovs': None}),
            ),
            (
                'an agent that was deleted',
                reading(others={'ovs': 'a'}),
                reading(),
            ),
        ):
            with self.subTest(name):
                self.assertEqual((), liveness.compare(before, after).evidence)

    def test_signs_of_life(self) -> None:
        for name, before, after in (
            ('time', reading(('t1', 7)), reading(('t2', 7))),
            ('count', reading(('t1', 7)), reading(('t1', 8))),
            ('first report', reading((None, 0)), reading(('t1', 1))),
            (
                'agent',
                reading(others={'ovs': 'a'}),
                reading(others={'ovs': 'b'}),
            ),
            ('new agent', reading(), reading(others={'ovs': 'b'})),
        ):
            with self.subTest(name):
                found = liveness.compare(before, after).evidence
                self.assertEqual(1, len(found))
                self.assertIn('reported at', found[0])

    def test_who_could_not_be_asked_is_named_once(self) -> None:
        verdict = liveness.compare(
            reading(unknown=('agents: 503',)),
            reading(unknown=('agents: 503', 'volume_services: gone')),
        )
        self.assertEqual(
            ('agents: 503', 'volume_services: gone'), verdict.unknown
        )


class RulesTest(base.TestCase):
    """service_is_up, fences and times."""

    def test_is_up(self) -> None:
        for row, expected in (
            (service(), True),
            (service('2026-11-22 15:59:00'), True),
            (service('2026-11-22 15:58:59'), False),
            # nova takes the absolute value: clocks differ
            (service('2026-11-22 16:00:30'), True),
            (service('2026-11-22 16:01:01'), False),
            (service(None), False),
            (service(forced=True), False),
        ):
            with self.subTest(row=row):
                self.assertIs(expected, liveness.is_up(row, NOW, 60))

    def test_stale_fence(self) -> None:
        fence = facts.Fence(
            'kvm1', 'statement', 'off', 'ops', '2026-11-22T15:55:00+00:00'
        )
        for seen, expected in (
            ('2026-11-22 15:54:59', False),
            ('2026-11-22 15:55:00', False),
            ('2026-11-22T15:55:01+00:00', True),
            (None, False),
        ):
            with self.subTest(seen=seen):
                self.assertIs(expected, liveness.stale(fence, service(seen)))
        self.assertFalse(liveness.stale(None, service()))

    def test_stale_fence_compares_reports_not_clocks(self) -> None:
        # recorded by a machine whose clock is an hour behind
        fence = facts.Fence(
            'kvm1',
            'statement',
            'off',
            'ops',
            '2026-11-22T14:55:00+00:00',
            last_seen_up='2026-11-22 15:54:59',
        )
        last = service('2026-11-22 15:54:59')
        self.assertFalse(liveness.stale(fence, last))
        later = service('2026-11-22 15:55:09')
        self.assertTrue(liveness.stale(fence, later))

    def test_moment(self) -> None:
        for text in (
            '2026-11-22 16:00:00',
            '2026-11-22T16:00:00',
            '2026-11-22T16:00:00Z',
            '2026-11-22T17:00:00+01:00',
        ):
            with self.subTest(text=text):
                self.assertEqual(NOW, liveness.moment(text))

    def test_services_of_a_host(self) -> None:
        agents = [
            facts.Agent('cinder-volume', host, None, True)
            for host in ('kvm1@lvm', 'kvm1', 'kvm10@lvm', 'ceph@rbd')
        ]
        self.assertEqual(
            ['kvm1@lvm', 'kvm1'],
            [agent.host for agent in liveness.on_host(agents, 'kvm1')],
        )


class Clock:
    """A monotonic clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds


class WatchTest(base.TestCase):
    """Two readings, two report intervals apart."""

    def setUp(self) -> None:
        super().setUp()
        self.cell = mock.Mock()
        self.cell.heartbeats.return_value = ('t1', 7)
        self.clouds = facts_base.clouds()
        self.clock = Clock()

    def watch(self, **changes: Any) -> liveness.Watch:
        """The first reading."""
        settings: dict[str, Any] = {
            'clouds': self.clouds,
            'report_interval': 10,
            'agent_report_interval': 30,
            **changes,
        }
        origin = sources.Sources(
            cells={'c1': self.cell}, api_db=mock.Mock(), **settings
        )
        return liveness.Watch(
            origin, 'c1', 'kvm1', clock=self.clock, sleep=self.clock.sleep
        )

    def agent(self, heartbeat: str, *, alive: bool) -> None:
        """The agent that neutron shows from now on."""
        self.clouds.network.agents.return_value = (
            facts.Agent('ovs-agent', 'kvm1', heartbeat, alive),
        )

    def test_two_intervals_of_nova(self) -> None:
        self.agent('a', alive=False)
        verdict = self.watch().verdict()
        self.assertEqual([21.0], self.clock.slept)
        self.assertEqual((), verdict.evidence)

    def test_an_agent_that_claims_to_live_is_watched_longer(self) -> None:
        self.agent('a', alive=True)
        watch = self.watch()
        self.agent('b', alive=True)
        verdict = watch.verdict()
        self.assertEqual([61.0], self.clock.slept)
        self.assertEqual(
            ('ovs-agent on kvm1 reported at b',), verdict.evidence
        )

    def test_other_work_counts_as_waiting(self) -> None:
        for passed, slept in ((15.0, [6.0]), (21.0, []), (500.0, [])):
            with self.subTest(passed=passed):
                self.clock = Clock()
                watch = self.watch()
                self.clock.now += passed
                watch.verdict()
                self.assertEqual(slept, self.clock.slept)

    def test_a_forced_down_service_that_reports(self) -> None:
        watch = self.watch()
        self.cell.heartbeats.return_value = ('t2', 9)
        self.assertEqual(
            ('nova-compute reported at t2 (report_count 7 -> 9)',),
            watch.verdict().evidence,
        )

    def test_cinder_on_the_host(self) -> None:
        volumes = mock.Mock()
        volumes.services.return_value = (
            facts.Agent('cinder-volume', 'kvm1@lvm', 'a', False),
            facts.Agent('cinder-volume', 'kvm2@lvm', 'a', False),
        )
        watch = self.watch(cinder_db=volumes)
        volumes.services.return_value = (
            facts.Agent('cinder-volume', 'kvm1@lvm', 'b', False),
            facts.Agent('cinder-volume', 'kvm2@lvm', 'b', False),
        )
        self.assertEqual(
            ('cinder-volume on kvm1@lvm reported at b',),
            watch.verdict().evidence,
        )

    def test_without_apis_nova_is_still_watched(self) -> None:
        watch = self.watch(clouds=None, no_clouds='no token')
        self.cell.heartbeats.return_value = ('t2', 8)
        verdict = watch.verdict()
        self.assertEqual(1, len(verdict.evidence))
        self.assertEqual(
            ('agents: no token', 'volume_services: no token'),
            verdict.unknown,
        )

    def test_a_cell_that_goes_away(self) -> None:
        watch = self.watch()
        self.cell.heartbeats.side_effect = exceptions.ServiceUnavailable('x')
        verdict = watch.verdict()
        self.assertEqual(
            ((), ('service: x',)),
            (
                verdict.evidence,
                verdict.unknown,
            ),
        )

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


"""Who is next, and how many work at the same time."""

from collections import Counter
import dataclasses
import itertools
import threading
import time
from typing import Any

from osc_recovery.execution import control
from osc_recovery.execution import limits
from osc_recovery.execution import outcome
from osc_recovery.execution import scheduling
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.execution import fakes

Run = results.RunState
Server = results.ServerState


def _servers(targets: str) -> list[plans.ServerPlan]:
    """A server per letter, which names its target; '-' is none."""
    return [
        fakes.server_plan(f's{i}', target=None if t == '-' else t, kinds=())
        for i, t in enumerate(targets)
    ]


class QueueTestCase(base.TestCase):
    """The order, without any thread."""

    # targets of the servers, limits, who begins before anyone ends
    TABLE = (
        ('aaaa', limits.Limits(8, 2), 's0 s1'),
        ('aaab', limits.Limits(8, 2), 's0 s1 s3'),
        ('aabb', limits.Limits(3, 2), 's0 s1 s2'),
        ('abab', limits.Limits(8, 1), 's0 s1'),
        ('----', limits.Limits(3, 1), 's0 s1 s2'),
        ('', limits.Limits(3, 1), ''),
    )

    def test_who_begins(self) -> None:
        for targets, bounds, wanted in self.TABLE:
            with self.subTest(targets):
                queue = scheduling.Queue(_servers(targets), bounds)
                names = []
                while server := queue.take():
                    names.append(server.name)
                self.assertEqual(wanted, ' '.join(names))

    def test_room_comes_back(self) -> None:
        queue = scheduling.Queue(_servers('aab'), limits.Limits(8, 1))
        first, second = queue.take(), queue.take()
        assert first and second
        self.assertEqual(['s0', 's2'], [first.name, second.name])
        self.assertIsNone(queue.take())
        queue.give_back(second)
        self.assertIsNone(queue.take())
        queue.give_back(first)
        third = queue.take()
        assert third
        self.assertEqual('s1', third.name)

    def test_one_of_a_kind_at_a_time(self) -> None:
        """Servers with the same word wait for each other, others do not."""
        words = ('group', 'group', '', '', 'other', 'group')
        servers = [
            dataclasses.replace(server, serial=word)
            for server, word in zip(_servers('------'), words, strict=True)
        ]
        queue = scheduling.Queue(servers, limits.Limits(8, 8))
        begun = []
        while server := queue.take():
            begun.append(server)
        names = [server.name for server in begun]
        self.assertEqual(['s0', 's2', 's3', 's4'], names)
        self.assertFalse(queue.empty)
        for wanted in ('s1', 's5'):
            queue.give_back(begun[0])
            begun[0] = queue.take()  # type: ignore
            self.assertEqual(wanted, begun[0].name)
            self.assertIsNone(queue.take())
        self.assertTrue(queue.empty)


class Crowd:
    """Work that writes down who is in it at the same time.

    Everyone waits inside until ``expected`` have been in together, so that
    the limit is reached and not only kept.
    """

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._inside: Counter[str] = Counter()
        self._condition = threading.Condition()
        self.most = 0
        self.most_per_target: Counter[str] = Counter()

    def __call__(self, server: plans.ServerPlan) -> None:
        target = server.target or ''
        with self._condition:
            self._inside[target] += 1
            self.most = max(self.most, self._inside.total())
            self.most_per_target |= self._inside
            self._condition.notify_all()
            self._condition.wait_for(self._was_full, fakes.DEADLINE)
        with self._condition:
            self._inside[target] -= 1

    def _was_full(self) -> bool:
        return self.most >= self._expected


class DispatchTestCase(base.TestCase):
    """Threads at work."""

    def _dispatch(
        self, targets: str, bounds: limits.Limits, work: Any
    ) -> control.Control:
        made = control.Control(bounds)
        scheduling.dispatch(
            _servers(targets), bounds, made, work, lambda: None
        )
        return made

    def test_concurrency(self) -> None:
        crowd = Crowd(3)
        self._dispatch('abcd' * 5, limits.Limits(3, 8), crowd)
        self.assertEqual(3, crowd.most)

    def test_per_target(self) -> None:
        crowd = Crowd(5)
        bounds = limits.Limits(concurrency=8, per_target=2)
        self._dispatch('aaaaaabbbbc', bounds, crowd)
        self.assertEqual(5, crowd.most)
        self.assertEqual({'a': 2, 'b': 2, 'c': 1}, crowd.most_per_target)

    def test_stagger(self) -> None:
        """Time passes between two beginnings, also when nobody works."""
        begun: list[float] = []
        bounds = limits.Limits(8, 8, stagger=0.1)
        self._dispatch('---', bounds, lambda _: begun.append(time.monotonic()))
        gaps = [b - a for a, b in itertools.pairwise(begun)]
        self.assertEqual(2, len(gaps))
        self.assertGreater(min(gaps), 0.09)

    def test_stagger_does_not_hold_up_a_stop(self) -> None:
        bounds = limits.Limits(8, 8, stagger=3600)
        made = control.Control(bounds)
        worked: list[str] = []

        def work(server: plans.ServerPlan) -> None:
            worked.append(server.name)
            made.stop.set()

        scheduling.dispatch(_servers('--'), bounds, made, work, lambda: None)
        self.assertEqual(['s0'], worked)

    def test_error_of_the_engine_itself(self) -> None:
        begun = []

        def work(server: plans.ServerPlan) -> None:
            begun.append(server.name)
            raise ZeroDivisionError

        made = self._dispatch('aaaa', limits.Limits(1, 1), work)
        self.assertIsInstance(made.broken, ZeroDivisionError)
        self.assertEqual(['s0'], begun)

    def test_stop_is_told_once(self) -> None:
        told = []
        bounds = limits.Limits(1, 1)
        made = control.Control(bounds)
        scheduling.dispatch(
            _servers('aa'),
            bounds,
            made,
            lambda server: made.stop.set(),
            lambda: told.append(made.stopping),
        )
        self.assertEqual([True], told)


class OutcomeTestCase(base.TestCase):
    """What a run comes to."""

    FORWARD = (
        ((), Run.DONE),
        ((Server.DONE, Server.DONE), Run.DONE),
        ((Server.DONE, Server.UNDONE), Run.PARTLY),
        ((Server.DONE, Server.LEFT_OUT), Run.PARTLY),
        ((Server.DONE, Server.ASK), Run.PARTLY),
        ((Server.DONE, Server.UNVERIFIED), Run.UNVERIFIED),
        ((Server.UNDONE, Server.UNVERIFIED), Run.UNVERIFIED),
        ((Server.UNDONE, Server.LEFT_OUT, Server.ASK), Run.FAILED),
        ((Server.DONE, Server.UNVERIFIED, Server.PENDING), Run.PAUSED),
        ((Server.UNDONE, Server.RUNNING), Run.PAUSED),
    )
    BACKWARD = (
        ((), Run.REVERTED),
        ((Server.UNDONE, Server.LEFT_OUT), Run.REVERTED),
        ((Server.UNDONE, Server.DONE), Run.PARTLY),
        ((Server.UNDONE, Server.UNVERIFIED), Run.PARTLY),
        ((Server.UNDONE, Server.ASK), Run.PARTLY),
        ((Server.UNDONE, Server.RUNNING), Run.PAUSED),
    )

    def test_tables(self) -> None:
        for table, judge in (
            (self.FORWARD, outcome.of_run),
            (self.BACKWARD, outcome.of_undo),
        ):
            for states, wanted in table:
                with self.subTest(f'{judge.__name__} {states}'):
                    servers = [
                        results.ServerResult(str(i), '', state)
                        for i, state in enumerate(states)
                    ]
                    self.assertEqual(wanted, judge(servers))

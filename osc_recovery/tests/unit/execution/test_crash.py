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


"""A run survives SIGKILL at every boundary of its journal."""

from collections import Counter
import functools
import shutil
from typing import Any
from unittest import mock

import fixtures

from osc_recovery.execution import crash
from osc_recovery.execution import limits
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.execution import fakes
from osc_recovery.tests.unit.execution import harness
from osc_recovery.tests.unit.journal import fixtures as journal_fixtures

#: acts that must not happen twice for one server, whatever happens
_ONCE = ('made', 'sent')
_BACKWARD = (crash.BEFORE_UNDO, crash.AFTER_UNDO)


class CrashCase(base.TestCase):
    """What kill tests have in common: a rig and a world per case."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(journal_fixtures.Unsynced())

    def rig(
        self, name: str, plan: plans.Plan
    ) -> tuple[harness.Rig, fakes.World]:
        directory = self.home / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        world = directory / 'world'
        registry = functools.partial(fakes.registry, world)
        rig = harness.Rig(directory, plan, registry, limits.Limits())
        return rig, fakes.World(world)

    def assertOnce(self, world: fakes.World, where: str) -> None:
        for act in _ONCE:
            for subject, count in Counter(world.ledger(act)).items():
                self.assertEqual(1, count, f'{where}: {act} of {subject}')

    def states(self, ended: harness.Ended) -> dict[str, results.ServerState]:
        self.assertIsNotNone(ended.result, ended.error)
        assert ended.result is not None
        return {s.name: s.state for s in ended.result.servers}


class ForwardTestCase(CrashCase):
    """Killed on the way forward, resumed in another process."""

    def setUp(self) -> None:
        super().setUp()
        self.plan = fakes.plan(fakes.server_plan('a'), fakes.server_plan('b'))
        clean, world = self.rig('clean', self.plan)
        self.boundaries, self.result = clean.record()
        self.wanted = world.condition()
        with clean.journal() as journal:
            self.records = journal.steps(self.result.run_id)

    def test_boundaries_are_those_of_the_journal(self) -> None:
        self.assertEqual(10, len(self.records))
        missing = harness.missing_boundaries(self.boundaries, self.records)
        self.assertEqual(set(), missing)
        thinner = [b for b in self.boundaries if b.kind != 'send']
        self.assertEqual(
            6, len(harness.missing_boundaries(thinner, self.records))
        )

    def test_every_kind_is_killed(self) -> None:
        kinds = fakes.registry(self.home / 'world')
        missing = harness.kinds_without_kill(kinds, self.boundaries)
        self.assertEqual(set(), missing)
        kinds['forgotten'] = None
        missing = harness.kinds_without_kill(kinds, self.boundaries)
        self.assertEqual({'forgotten'}, missing)

    def test_kill_in_set(self) -> None:
        self._kill_in('set', 4)

    def test_kill_in_make(self) -> None:
        self._kill_in('make', 6)

    def test_kill_in_activate(self) -> None:
        self._kill_in('activate', 4)

    def test_kill_in_send(self) -> None:
        self._kill_in('send', 4)

    def test_kill_in_verify(self) -> None:
        self._kill_in('verify', 4)

    def _kill_in(self, kind: str, points: int) -> None:
        # The other server is the one that is under way meanwhile.
        meant = [
            boundary
            for boundary in self.boundaries
            if (boundary.kind, boundary.subject) == (kind, 'uuid-a')
        ]
        self.assertEqual(points, len(meant), str(meant))
        for boundary in meant:
            with self.subTest(str(boundary)):
                self._kill_and_resume(boundary)

    def _kill_and_resume(self, boundary: harness.Boundary) -> None:
        rig, world = self.rig('case', self.plan)
        self.assertTrue(rig.start(boundary).was_killed, boundary)
        ended = rig.resume()
        done = results.ServerState.DONE
        self.assertEqual({'a': done, 'b': done}, self.states(ended))
        self.assertEqual(self.wanted, world.condition(), str(boundary))
        self.assertOnce(world, str(boundary))
        with rig.journal() as journal:
            run = journal.runs()[0]
            self.assertEqual(results.RunState.DONE, run.state)
            self.assertIsNone(journal.lease('dead1'))

    def test_what_is_done_is_not_looked_at(self) -> None:
        rig, world = self.rig('done', self.plan)
        boundary = harness.Boundary('uuid-a', 'send', crash.AFTER_INTENT)
        self.assertTrue(rig.start(boundary).was_killed)
        rig.resume()
        for kind in ('set', 'make', 'activate'):
            with self.subTest(kind):
                acts = world.ledger(f'{kind}.act').count('uuid-a')
                looks = world.ledger(f'{kind}.observe').count('uuid-a')
                self.assertEqual((1, 0), (acts, looks))

    def test_kill_twice_at_the_same_place(self) -> None:
        for point in (crash.BEFORE_ACT, crash.AFTER_ACT):
            boundary = harness.Boundary('uuid-a', 'send', point)
            rig, world = self.rig('twice', self.plan)
            self.assertTrue(rig.start(boundary).was_killed)
            # Once it was sent, looking shows that: it is not acted again.
            again = rig.resume(boundary)
            self.assertEqual(point == crash.BEFORE_ACT, again.was_killed)
            if again.was_killed:
                again = rig.resume()
            self.assertEqual(self.wanted, world.condition())
            self.assertOnce(world, point)

    def test_world_that_nobody_can_read(self) -> None:
        rig, world = self.rig('ask', self.plan)
        boundary = harness.Boundary('uuid-a', 'set', crash.AFTER_ACT)
        self.assertTrue(rig.start(boundary).was_killed)
        with world.open() as data:
            data['values']['uuid-a']['key0'] = 'by somebody else'
        states = self.states(rig.resume())
        self.assertEqual(results.ServerState.ASK, states['a'])
        self.assertEqual(results.ServerState.DONE, states['b'])
        # Nothing of it was touched, and a later look finds it good again.
        with world.open() as data:
            self.assertEqual(
                'by somebody else', data['values']['uuid-a']['key0']
            )
            data['values']['uuid-a']['key0'] = 0
        states = self.states(rig.resume())
        self.assertEqual(results.ServerState.DONE, states['a'])
        self.assertEqual(self.wanted, world.condition())


class BackwardTestCase(CrashCase):
    """Killed while a server is taken back, resumed in another process."""

    def setUp(self) -> None:
        super().setUp()
        kinds = ('set', 'make', 'set', 'activate', 'verify')
        self.plan = fakes.plan(fakes.server_plan('a', kinds=kinds))
        clean, _ = self.case('clean')
        self.boundaries, self.result = clean.record()
        self.records = self._records(clean)

    def case(self, name: str) -> tuple[harness.Rig, fakes.World]:
        """The point of no return fails, once: back is back for ever."""
        rig, world = self.rig(name, self.plan)
        world.fault('activate', 'prepare', message='no binding')
        return rig, world

    def _records(self, rig: harness.Rig) -> tuple[steps.StepRecord, ...]:
        with rig.journal() as journal:
            return journal.steps(journal.runs()[0].id)

    def test_boundaries_are_those_of_the_journal(self) -> None:
        states = [record.state for record in self.records]
        self.assertEqual([steps.StepState.UNDONE] * 3, states)
        missing = harness.missing_boundaries(self.boundaries, self.records)
        self.assertEqual(set(), missing)

    def test_kill_before_the_failure(self) -> None:
        meant = [b for b in self.boundaries if b.point not in _BACKWARD]
        self.assertEqual(14, len(meant))
        for boundary in meant:
            with self.subTest(str(boundary)):
                self._kill_and_resume(boundary)

    def test_kill_after_the_failure(self) -> None:
        meant = [b for b in self.boundaries if b.point in _BACKWARD]
        self.assertEqual(6, len(meant))
        for boundary in meant:
            with self.subTest(str(boundary)):
                self._kill_and_resume(boundary)

    def _kill_and_resume(self, boundary: harness.Boundary) -> None:
        rig, world = self.case('case')
        self.assertTrue(rig.start(boundary).was_killed)
        ended = rig.resume()
        undone = {'a': results.ServerState.UNDONE}
        self.assertEqual(undone, self.states(ended))
        self._assert_untouched(world)
        states = {record.state for record in self._records(rig)}
        self.assertEqual({steps.StepState.UNDONE}, states)
        self._assert_reason(ended, boundary)

    def _assert_untouched(self, world: fakes.World) -> None:
        nothing: dict[str, Any] = {'values': {}, 'things': [], 'requests': {}}
        self.assertEqual(nothing, world.condition())

    def _assert_reason(
        self, ended: harness.Ended, boundary: harness.Boundary
    ) -> None:
        """The reason outlives the process that knew it."""
        assert ended.result is not None
        message = ended.result.servers[0].message
        self.assertEqual('activate: no binding', message, str(boundary))

    def test_kill_while_reverting(self) -> None:
        start = harness.Boundary('uuid-a', 'set', crash.AFTER_OUTCOME, 2)
        for boundary in self.boundaries:
            if boundary.point not in _BACKWARD:
                continue
            with self.subTest(str(boundary)):
                rig, world = self.case('revert')
                self.assertTrue(rig.start(start).was_killed)
                self.assertTrue(rig.revert(boundary).was_killed)
                ended = rig.revert()
                assert ended.result is not None
                state = results.RunState.REVERTED
                self.assertEqual(state, ended.result.state)
                self._assert_untouched(world)


class VariableTestCase(base.TestCase):
    """What the variable means."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(crash, '_seen', 0))

    def test_meaning(self) -> None:
        table = (
            ('u:k:after-act', True),
            ('*:k:after-act', True),
            ('u:*:after-act', True),
            ('*:*:after-act:1', True),
            ('u:k:after-act:2', False),
            ('other:k:after-act', False),
            ('u:other:after-act', False),
            ('u:k:before-act', False),
        )
        for wanted, meant in table:
            with self.subTest(wanted), mock.patch.object(crash, '_seen', 0):
                seen = crash._is_meant(wanted, 'u', 'k', 'after-act')
                self.assertEqual(meant, seen)

    def test_counts(self) -> None:
        wanted = 'u:k:after-act:3'
        seen = [
            crash._is_meant(wanted, 'u', 'k', 'after-act') for _ in range(4)
        ]
        self.assertEqual([False, False, True, False], seen)

    def test_nothing_happens_without_it(self) -> None:
        crash.reach('u', 'k', crash.AFTER_ACT)

    def test_points_are_listed(self) -> None:
        named = {
            value
            for name, value in vars(crash).items()
            if name.startswith(('AFTER_', 'BEFORE_'))
        }
        self.assertEqual(named, set(crash.POINTS))

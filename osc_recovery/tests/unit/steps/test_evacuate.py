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
"""Evacuating exactly once, whatever dies when."""

import json
from typing import Any

import fixtures

from osc_recovery.cloud import errors
from osc_recovery.db import evacuating
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import evacuate
from osc_recovery.steps import following
from osc_recovery.steps import tools
from osc_recovery.steps import verdicts
from osc_recovery.tests.unit import base as unit_base
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import evacuation
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

SOURCE, TARGET, THIRD = evacuation.SOURCE, evacuation.TARGET, evacuation.THIRD
_PATCHED = ('seen', 'reports', 'fault', 'give_up')


def make(world: Any, **pace: Any) -> evacuate.Evacuate:
    """The step upon a world."""
    return evacuate.Evacuate(
        world.cells,
        world,
        world,
        tools.Pace(**pace),
        world.sleep,
        world.now,
    )


class Patched(base.StepTestCase):
    """For tests upon a nova in memory."""

    def patched(self, world: evacuation.World) -> evacuation.World:
        for name in _PATCHED:
            self.useFixture(
                fixtures.MonkeyPatch(
                    f'osc_recovery.db.evacuating.{name}',
                    getattr(world, name),
                )
            )
        return world

    def begun(
        self,
        *plot: tuple[str, ...],
        pace: dict[str, Any] | None = None,
        **params: Any,
    ) -> tuple[evacuation.World, steps.Step, steps.Task]:
        """A world, and a step whose intent is known."""
        world = self.patched(evacuation.World(*plot))
        step, task = self.prepared(
            world,
            lambda made: make(made, **(pace or {})),
            {**evacuation.PARAMS, **params},
        )
        return world, step, task

    def fails(
        self, cause: str, world: Any, step: steps.Step, task: steps.Task
    ) -> str:
        """The step's error, which has this cause."""
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, dict(world.intent)
        )
        self.assertEqual(cause, error.cause)
        return str(error)


class TestEvacuate(Patched, base.Journey):
    """However often it dies, one evacuation is submitted."""

    params = evacuation.PARAMS
    changes = ('evacuate',)

    def world(self) -> Any:
        return self.patched(evacuation.World())

    def make(self, world: Any) -> steps.Step:
        return make(world)

    def test_done(self) -> None:
        world: Any = self.clean()
        self.assertEqual(TARGET, world.cell.instance['host'])
        self.assertEqual([(None, '2.94')], world.compute.sent)
        self.assertEqual(1, world.intent['sent'])

    def test_it_is_never_undone(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        error = self.assertRaises(
            exceptions.StepFailed, step.undo, task, world.intent
        )
        self.assertEqual('no-return', error.cause)


class TestRetriedJourney(Patched, base.Journey):
    """A fenced target died: what is left of it is taken away, once."""

    params = evacuation.PARAMS
    changes = ('evacuate', 'give_up', 'put_allocation', 'evacuate')

    def world(self) -> Any:
        world = evacuation.World(
            ('pre-migrating',), ('', 'pre-migrating', 'done')
        )
        world.forced.add(TARGET)
        world.fences.add(TARGET)
        return self.patched(_Elsewhere.of(world))

    def make(self, world: Any) -> steps.Step:
        return make(world)

    def test_the_dead_target_holds_nothing(self) -> None:
        world: Any = self.clean()
        self.assertEqual(THIRD, world.cell.instance['host'])
        self.assertEqual(
            [('failed', TARGET), ('done', THIRD)],
            [(row.status, row.target) for row in world.rows],
        )
        self.assertNotIn(evacuation.PROVIDERS[TARGET], world.placement.held)


class _Elsewhere(evacuation.World):
    """The scheduler leaves a host out that is forced down."""

    @classmethod
    def of(cls, world: evacuation.World) -> '_Elsewhere':
        world.__class__ = cls
        assert isinstance(world, cls)
        return world

    def _become(self, row: evacuating.Attempt, status: str) -> None:
        if row.target is None and len(self.rows) > 1:
            index = self.rows.index(row)
            row = evacuating.Attempt(row.id, row.status, row.source, THIRD)
            self.rows[index] = row
        super()._become(row, status)


class TestPrepare(Patched):
    def test_changed_since_the_plan(self) -> None:
        for changes in (
            {'host': TARGET},
            {'vm_state': 'paused'},
            {'task_state': 'powering-off'},
            {'gone': True},
        ):
            world = self.patched(evacuation.World())
            world.cell.instance.update(changes)
            task = world.task(**evacuation.PARAMS)
            self.assertRaises(
                exceptions.RowMismatch, make(world).prepare, task
            )

    def test_somebody_else_has_begun(self) -> None:
        for status in evacuating.UNDER_WAY:
            world = self.patched(evacuation.World())
            world.add(status)
            task = world.task(**evacuation.PARAMS)
            self.assertRaises(
                exceptions.RowMismatch, make(world).prepare, task
            )

    def test_older_ones_are_over(self) -> None:
        world = self.patched(evacuation.World())
        world.add('completed', source='compute9')
        world.add('failed')
        task = world.task(**evacuation.PARAMS)
        self.assertEqual([1, 2], make(world).prepare(task)['over'])


class TestSubmission(Patched):
    def test_target_and_microversion(self) -> None:
        world, step, task = self.begun(target=THIRD, microversion='2.95')
        step.act(task, dict(world.intent))
        self.assertEqual([(THIRD, '2.95')], world.compute.sent)

    def test_a_pending_task_is_cleared_first(self) -> None:
        world = self.patched(evacuation.World())
        world.cell.instance['task_state'] = 'rebooting'
        params = {**evacuation.PARAMS, 'task_state': 'rebooting'}
        step, task = self.prepared(world, make, params)
        world.passed.clear()
        step.act(task, dict(world.intent))
        self.assertEqual(['before give_up', 'after give_up'], world.passed[:2])
        self.assertEqual(1, len(world.compute.sent))

    def test_no_answer_but_it_arrived(self) -> None:
        world, step, task = self.begun()
        world.compute.answer = errors.unavailable(
            'compute', 'evacuate', 'no answer'
        )
        step.act(task, dict(world.intent))
        self.assertEqual(1, len(world.compute.sent))
        self.assertLess(world.clock, 1010)

    def test_no_answer_and_it_did_not_arrive(self) -> None:
        """It is sent again when the first can arrive no more."""
        world, step, task = self.begun()
        world.failing['evacuate'] = errors.unavailable(
            'compute', 'evacuate', 'no connection'
        )
        sleep = world.sleep

        def later(seconds: float) -> None:
            if world.clock > 1030:
                world.failing.clear()
            sleep(seconds)

        world.sleep = later  # type: ignore
        step = make(world)
        step.act(task, dict(world.intent))
        self.assertEqual(1, len(world.compute.sent))
        self.assertGreaterEqual(world.clock, 1061)

    def test_nova_stays_away(self) -> None:
        world, step, task = self.begun(pace={'retries': 1})
        world.failing['evacuate'] = errors.unavailable(
            'compute', 'evacuate', 'no connection'
        )
        self.fails('compute-unavailable', world, step, task)
        self.assertTrue(world.intent['open'])

    def test_refused(self) -> None:
        world, step, task = self.begun()
        world.failing['evacuate'] = evacuation.refused(400)
        text = self.fails('evacuation-refused', world, step, task)
        self.assertIn('nova says no', text)
        self.assertFalse(world.intent['open'])
        self.assertEqual([], world.rows)

    def test_refused_for_somebody_was_faster(self) -> None:
        world, step, task = self.begun()
        world.compute.answer = evacuation.refused(409)
        step.act(task, dict(world.intent))
        self.assertEqual(1, len(world.compute.sent))

    def test_killed_with_a_submission_under_way(self) -> None:
        """Its successor waits for it, and sends none if it comes."""
        for arrives in (True, False):
            world, _, task = self.begun()
            world.intent.update(
                sent=1, open=True, at=world.compute.now().isoformat()
            )
            sleep = world.sleep

            def late(
                seconds: float,
                world: Any = world,
                sleep: Any = sleep,
                arrives: bool = arrives,
            ) -> None:
                if arrives and world.clock == 1030 and not world.rows:
                    world.compute.evacuate(storage.SERVER, None, '2.94')
                sleep(seconds)

            world.sleep = late  # type: ignore
            make(world).act(task, dict(world.intent))
            self.assertEqual(1, len(world.compute.sent))
            self.assertEqual(1, len(world.rows))
            self.assertEqual(arrives, world.clock < 1061)

    def test_ctrl_c_while_nova_works(self) -> None:
        world, step, task = self.begun(('pre-migrating', ''))
        task.stop.set()
        self.assertRaises(
            exceptions.Interrupted, step.act, task, dict(world.intent)
        )
        self.assertEqual(1, len(world.compute.sent))

    def test_the_database_is_away_for_a_while(self) -> None:
        world, step, task = self.begun()
        world.outage = 5
        step.act(task, dict(world.intent))
        self.assertEqual(1, len(world.compute.sent))

    def test_deleted_meanwhile(self) -> None:
        world, step, task = self.begun()
        world.cell.instance['gone'] = True
        self.fails('server-missing', world, step, task)


class TestFailures(Patched):
    def test_no_valid_host(self) -> None:
        """It is explained; a resumed run tries once more, as it was."""
        world, step, task = self.begun(
            ('error',), ('pre-migrating', 'done'), vm_state='active'
        )
        text = self.fails('no-valid-host', world, step, task)
        self.assertIn('compute3: too small', text)
        self.assertEqual([1], world.intent['over'])
        self.assertEqual('active', world.cell.instance['vm_state'])
        self.assertEqual(
            steps.Observation.SAFE, step.observe(task, world.intent)
        )
        step.act(task, dict(world.intent))
        self.assertEqual(2, len(world.compute.sent))
        self.assertIn('after give_up', world.passed)

    def test_the_claim_fails(self) -> None:
        """Nothing was begun there: tried again, elsewhere."""
        world, step, task = self.begun(
            ('pre-migrating', 'failed'),
            ('pre-migrating', 'done'),
            target=TARGET,
            others=[THIRD],
        )
        step.act(task, dict(world.intent))
        self.assertEqual(
            [TARGET, THIRD], [host for host, _ in world.compute.sent]
        )

    def test_the_claim_fails_again_and_again(self) -> None:
        plot = [('pre-migrating', 'failed')] * 5
        world, step, task = self.begun(*plot)
        world.why = 'group policy'
        text = self.fails('evacuation-refused', world, step, task)
        self.assertIn('group policy', text)
        self.assertEqual(3, len(world.compute.sent))

    def test_the_target_fails(self) -> None:
        world, step, task = self.begun(('pre-migrating', 'failed!'))
        world.why = 'Connection to iSCSI failed'
        text = self.fails('evacuation-failed', world, step, task)
        self.assertIn(f'on {TARGET}: Connection to iSCSI failed', text)
        self.assertIn('no guest', text)
        self.assertEqual(1, len(world.compute.sent))

    def test_the_target_dies_and_is_not_fenced(self) -> None:
        """A second guest must not be started beside a first one."""
        world, step, task = self.begun(('pre-migrating',))
        world.silent.add((evacuating.COMPUTE, TARGET))
        text = self.fails('target-died', world, step, task)
        self.assertIn(f'openstack recovery host fence {TARGET}', text)
        self.assertEqual(1, len(world.compute.sent))
        self.assertGreater(world.clock, 1060)
        # as long as it is not fenced, resuming changes nothing
        self.fails('target-died', world, make(world), task)
        self.assertEqual(1, len(world.compute.sent))

    def test_it_is_lost(self) -> None:
        """The conductor lives and no host works on it."""
        world, step, task = self.begun((), ('pre-migrating', 'done'))
        step.act(task, dict(world.intent))
        self.assertEqual(2, len(world.compute.sent))
        self.assertEqual(
            ['failed', 'done'], [row.status for row in world.rows]
        )

    def test_the_conductor_is_away(self) -> None:
        """What waits in its queue is not submitted again."""
        world, step, task = self.begun((), pace={'timeout': 400})
        world.silent.add(evacuation.CONDUCTOR)
        text = self.fails('evacuation-timeout', world, step, task)
        self.assertIn('accepted', text)
        self.assertEqual(1, len(world.compute.sent))

    def test_the_call_waits_for_a_target_that_is_down(self) -> None:
        world, step, task = self.begun(())
        world.forced.add(TARGET)
        sent = world.compute.evacuate

        def scheduled(*args: Any) -> str:
            world.placement.held[evacuation.PROVIDERS[TARGET]] = {'VCPU': 1}
            return sent(*args)

        world.compute.evacuate = scheduled  # type: ignore
        self.fails('target-died', world, step, task)

    def test_it_takes_too_long(self) -> None:
        world, step, task = self.begun(('pre-migrating',))
        text = self.fails('evacuation-timeout', world, step, task)
        self.assertIn('pre-migrating', text)
        self.assertGreater(world.clock, 1900)
        self.assertEqual(1, len(world.compute.sent))

    def test_it_was_taken_elsewhere(self) -> None:
        world, step, task = self.begun()
        world.cell.instance['host'] = THIRD
        self.fails('changed-since-plan', world, step, task)
        self.assertEqual([], world.compute.sent)


class TestVerdicts(unit_base.TestCase):
    #: host, vm_state, task_state, status: verdict
    CASES = (
        (SOURCE, 'active', None, '', verdicts.Verdict.NONE),
        (SOURCE, 'active', 'rebuilding', '', verdicts.Verdict.NONE),
        (SOURCE, 'active', 'rebuilding', 'accepted', 'ACCEPTED'),
        (SOURCE, 'active', 'rebuild_spawning', 'pre-migrating', 'CLAIMED'),
        # active on the old host, for a moment
        (SOURCE, 'active', None, 'pre-migrating', 'CLAIMED'),
        (TARGET, 'active', None, 'pre-migrating', 'CLAIMED'),
        (TARGET, 'active', 'powering-off', 'done', 'CLAIMED'),
        (TARGET, 'active', None, 'done', 'DONE'),
        (TARGET, 'stopped', None, 'completed', 'DONE'),
        (SOURCE, 'active', None, 'done', 'CLAIMED'),
        (SOURCE, 'active', 'rebuilding', 'error', 'CLAIMED'),
        (SOURCE, 'error', None, 'error', 'NO_HOST'),
        (SOURCE, 'active', 'rebuilding', 'failed', 'CLAIMED'),
        (SOURCE, 'active', None, 'failed', 'REFUSED'),
        (SOURCE, 'error', None, 'failed', 'FAILED'),
    )

    def test_cases(self) -> None:
        for host, vm_state, task_state, status, wanted in self.CASES:
            if not isinstance(wanted, verdicts.Verdict):
                wanted = verdicts.Verdict[wanted]
            old = (
                evacuating.Attempt(1, 'done', SOURCE, TARGET),
                evacuating.Attempt(2, 'accepted', 'compute9', None),
            )
            new = (evacuating.Attempt(3, status, SOURCE, TARGET),)
            seen = evacuating.Seen(
                host, vm_state, task_state, (*old, *(new if status else ()))
            )
            self.assertEqual(
                wanted,
                verdicts.judge(seen, SOURCE, [1]),
                f'{host} {vm_state} {task_state} {status}',
            )

    def test_gone(self) -> None:
        self.assertEqual(
            verdicts.Verdict.GONE, verdicts.judge(None, SOURCE, [])
        )


class TestFollower(Patched):
    """One look for all."""

    def test_once_in_an_interval(self) -> None:
        world = self.patched(evacuation.World())
        read: list[set[str]] = []

        def seen(cell: Any, uuids: set[str]) -> Any:
            read.append(set(uuids))
            return dict.fromkeys(uuids)

        self.useFixture(
            fixtures.MonkeyPatch('osc_recovery.db.evacuating.seen', seen)
        )
        cells: Any = world.cells
        follower = following.Follower(cells, 1.0, world.now)
        names = {f'server-{number}' for number in range(40)}
        for name in names:
            follower.follow(fakes.CELL, name)
        for _ in range(3):
            for name in names:
                follower.look(fakes.CELL, name)
        self.assertEqual([names], read)
        world.clock += 1
        follower.look(fakes.CELL, 'server-1')
        follower.look(fakes.CELL, 'server-2')
        self.assertEqual(2, len(read))
        # what was just submitted has to be read anew
        follower.look(fakes.CELL, 'server-1', after=world.clock)
        self.assertEqual(3, len(read))
        follower.look(fakes.CELL, 'server-late')
        self.assertEqual({*names, 'server-late'}, read[3])
        follower.leave(fakes.CELL, 'server-1')
        world.clock += 1
        follower.look(fakes.CELL, 'server-2')
        self.assertEqual(names - {'server-1'}, read[4])


class TestIntent(Patched):
    def test_json(self) -> None:
        """Nothing but JSON's types, and no secret."""
        world, step, task = self.begun()
        step.act(task, dict(world.intent))
        self.assertEqual(
            {'over', 'actions', 'sent', 'open', 'at', 'dead'},
            set(json.loads(json.dumps(world.intent))),
        )

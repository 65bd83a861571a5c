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

"""What is done after nova-compute has started on a repaired host."""

from collections.abc import Callable
from typing import Any, ClassVar

import fixtures

from osc_recovery.cloud import errors
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base as step_base
from osc_recovery.steps import comeback
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes

SETTINGS = step_base.Settings(step_timeout=60.0, poll_interval=1.0)
CELL: dict[str, Any] = {'cell': fakes.CELL, 'wait': 30}
DONE, SAFE = steps.Observation.DONE, steps.Observation.SAFE


class Clock:
    """Time that passes while somebody sleeps, and what happens then."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        due = [event for event in self.events if event[0] <= self.now]
        self.events = [event for event in self.events if event not in due]
        for _, event in due:
            event()


class Host:
    """A cell's rows of one host: heartbeats and evacuations."""

    def __init__(self) -> None:
        self.reports = 7
        self.rows = 2

    def heartbeats(self, host: str) -> tuple[str | None, int]:
        return 'then', self.reports

    def start(self) -> None:
        self.reports += 1

    def clean(self) -> None:
        self.rows = 0


class Row:
    """An evacuation."""

    id = 1


class Case(base.StepTestCase):
    """A clock of our own."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.useFixture(
            fixtures.MonkeyPatch('time.monotonic', self.clock.monotonic)
        )
        self.said: list[str] = []


class TestAwait(Case):
    """nova-compute starts, and cleans up."""

    def setUp(self) -> None:
        super().setUp()
        self.host = Host()
        cells: dict[str, Any] = {fakes.CELL: self.host}

        def evacuated(cell: Host, host: str) -> tuple[Row, ...]:
            return (Row(),) * cell.rows

        self.useFixture(
            fixtures.MonkeyPatch(
                'osc_recovery.db.homecoming.evacuated', evacuated
            )
        )
        self.world: Any = fakes.World()
        self.task = self.world.task(**CELL)
        self.step = comeback.Await(cells, SETTINGS, self.clock.sleep)
        self.intent = self.step.prepare(self.task)

    def at(self, second: float, *events: Callable[[], None]) -> None:
        self.clock.events += [(second, event) for event in events]

    def test_started_and_cleaned_up(self) -> None:
        self.assertEqual(SAFE, self.step.observe(self.task, self.intent))
        self.at(10, self.host.clean)
        self.at(12, self.host.start)
        self.assertEqual({'cleaned': 2}, self.step.act(self.task, self.intent))
        self.assertEqual(12, self.clock.now)
        self.assertEqual(DONE, self.step.observe(self.task, self.intent))

    def test_a_report_alone_is_not_enough(self) -> None:
        self.host.start()
        self.assertEqual(SAFE, self.step.observe(self.task, self.intent))
        self.at(9, self.host.clean)
        self.step.act(self.task, self.intent)
        self.assertEqual(9, self.clock.now)

    def test_nobody_starts_it(self) -> None:
        self.assertRaises(
            exceptions.Interrupted, self.step.act, self.task, self.intent
        )
        self.assertGreaterEqual(self.clock.now, CELL['wait'])
        self.assertLess(self.clock.now, CELL['wait'] + 3)

    def test_who_resumes_has_started_it(self) -> None:
        """The wait is over, but it needs a moment to report."""
        task = self.world.task(cell=fakes.CELL, wait=0)
        self.world.intent = self.intent
        self.assertRaises(
            exceptions.Interrupted, self.step.act, task, self.intent
        )
        self.assertLess(self.clock.now, 3)
        self.at(20, self.host.clean, self.host.start)
        self.step.act(task, self.world.intent)

    def test_interrupted(self) -> None:
        self.at(5, self.task.stop.set)
        self.assertRaises(
            exceptions.Interrupted, self.step.act, self.task, self.intent
        )
        self.assertEqual(5, self.clock.now)

    def test_it_leaves_evacuations_behind(self) -> None:
        self.host.start()
        error = self.assertRaises(
            exceptions.StepFailed, self.step.act, self.task, self.intent
        )
        self.assertEqual('cleanup-incomplete', error.cause)
        self.assertIn('2 evacuations', str(error))

    def test_it_is_not_undone(self) -> None:
        self.assertRaises(
            exceptions.StepFailed, self.step.undo, self.task, self.intent
        )


class Compute(fakes.Compute):
    """A service whose host reports, or not."""

    def __init__(self, world: fakes.World) -> None:
        super().__init__(world)
        self.found[0].update(
            forced_down=True,
            status='disabled',
            disabled_reason='osc-recovery r1 op',
        )
        self.reports = True

    def services(self) -> list[dict[str, Any]]:
        found = super().services()
        up = self.reports and not found[0]['forced_down']
        found[0]['state'] = 'up' if up else 'down'
        return found

    def enable(self, service: str) -> None:
        self._world.change('enable')
        self.found[0].update(status='enabled', disabled_reason=None)
        self._world.changed('enable')


class Placement(fakes.Placement):
    """A provider that nova's scheduler is kept from."""

    #: looks until nova-compute has taken the trait away
    looks = 3

    def traits(self, provider: str) -> frozenset[str]:
        self.looks -= 1
        trait = comeback.DISABLED_TRAIT
        return frozenset({trait} if self.looks > 0 else ())


class World(fakes.World):
    """A host that was fenced and runs again."""

    def __init__(self) -> None:
        super().__init__()
        self.compute = Compute(self)
        self.placement = Placement(self)

    def image(self) -> Any:
        return self.compute.found


class TestUp(base.Journey, Case):
    """The host is trusted again."""

    params: ClassVar[dict[str, Any]] = {'service': 'service-1'}
    changes = ('force_down',)

    def world(self) -> World:
        return World()

    def make(self, world: Any) -> steps.Step:
        return comeback.Up(world, SETTINGS, self.clock.sleep)

    def test_up(self) -> None:
        self.assertIs(False, self.clean().compute.found[0]['forced_down'])

    def test_it_does_not_report(self) -> None:
        world: Any = self.world()
        world.compute.reports = False
        step, task = self.prepared(world, self.make, self.params)
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertEqual('return-timeout', error.cause)
        self.assertEqual(SAFE, step.observe(task, world.intent))

    def test_interrupted(self) -> None:
        world: Any = self.world()
        world.compute.reports = False
        step, task = self.prepared(world, self.make, self.params)
        task.stop.set()
        self.assertRaises(exceptions.Interrupted, step.act, task, world.intent)

    def test_nova_refuses(self) -> None:
        world: Any = self.world()
        world.failing['force_down'] = errors.Refused('done rows', 'c', 400)
        step, task = self.prepared(world, self.make, self.params)
        error = self.assertRaises(errors.Refused, step.act, task, world.intent)
        self.assertIn('done rows', str(error))


class TestEnable(base.Journey, Case):
    """The scheduler may choose the host."""

    params: ClassVar[dict[str, Any]] = {
        'service': 'service-1',
        'provider': 'rp1',
    }
    changes = ('enable',)

    def world(self) -> World:
        return World()

    def make(self, world: Any) -> steps.Step:
        return comeback.Enable(world, SETTINGS, self.clock.sleep)

    def test_enabled(self) -> None:
        world = self.clean()
        self.assertEqual('enabled', world.compute.found[0]['status'])
        self.assertEqual(
            {'status': 'disabled', 'disabled_reason': 'osc-recovery r1 op'},
            world.intent,
        )

    def test_the_trait_stays(self) -> None:
        world: Any = self.world()
        world.placement.looks = 1000
        step, task = self.prepared(world, self.make, self.params)
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertIn(comeback.DISABLED_TRAIT, str(error))
        self.assertEqual(SAFE, step.observe(task, world.intent))

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

"""What is done before nova-compute starts on a repaired host."""

import json
from typing import Any, ClassVar
from unittest import mock

from osc_recovery.cloud import broker
from osc_recovery import exceptions
from osc_recovery.model import broker as model
from osc_recovery.model import steps
from osc_recovery.steps import homecoming
from osc_recovery.tests.unit.db import test_homecoming as rows
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import points

DONE, SAFE, ASK = (
    steps.Observation.DONE,
    steps.Observation.SAFE,
    steps.Observation.ASK,
)
START = model.Call('start_instance', ('a-server',), 'req-1')


class Broker:
    """Two queues of a host, on which a process may die."""

    def __init__(self, world: points.Points) -> None:
        self._world = world
        self.consumers = 0
        self.calls: list[model.Call] = [START]

    def _queues(self) -> tuple[model.Queue, ...]:
        return (
            model.Queue(
                'compute.h',
                True,
                self.consumers,
                len(self.calls),
                tuple(self.calls),
            ),
            model.Queue('compute-alt.h', False, 0, 0),
        )

    def waiting(self, host: str) -> tuple[model.Queue, ...]:
        return self._queues()

    def purge(self, host: str) -> tuple[model.Queue, ...]:
        self._world.change('purge')
        found = self._queues()
        self.calls = []
        self._world.changed('purge')
        return found


class World(fakes.World):
    """A cloud with a broker."""

    def __init__(self) -> None:
        super().__init__()
        self.broker = Broker(self)

    def image(self) -> Any:
        return list(self.broker.calls)


class TestPurge(base.Journey):
    """The queue is emptied while nobody takes from it."""

    params: ClassVar[dict[str, Any]] = {'cell': fakes.CELL}
    changes = ('purge',)

    def world(self) -> World:
        return World()

    def make(self, world: Any) -> steps.Step:
        brokers: dict[str, Any] = {fakes.CELL: world.broker}
        return homecoming.Purge(lambda cell: brokers[cell])

    def test_what_waited_is_kept(self) -> None:
        world = self.clean()
        call = {
            'method': 'start_instance',
            'servers': ['a-server'],
            'request': 'req-1',
        }
        for key in ('queues', 'purged'):
            self.assertEqual([call], world.intent[key][0]['calls'])
        self.assertEqual([], world.image())

    def test_started_too_early(self) -> None:
        world: Any = self.world()
        world.broker.consumers = 1
        step, task = self.make(world), world.task(**self.params)
        for work in (step.prepare, lambda t: step.act(t, {})):
            error = self.assertRaises(exceptions.StepFailed, work, task)
            self.assertEqual('compute-running', error.cause)
        self.assertEqual([START], world.image())

    def test_whether_it_was_purged_before_it_started(self) -> None:
        cases: tuple[tuple[int, dict[str, Any], steps.Observation], ...] = (
            (0, {}, SAFE),
            (0, {'purged': []}, DONE),
            (1, {'purged': []}, DONE),
            (1, {}, ASK),
        )
        for consumers, intent, expected in cases:
            world: Any = self.world()
            world.broker.consumers = consumers
            task = world.task(**self.params)
            self.assertEqual(expected, self.make(world).observe(task, intent))

    def test_a_broker_that_does_not_answer(self) -> None:
        world: Any = self.world()
        world.failing['purge'] = broker.BrokerUnavailable('away')
        step, task = self.prepared(world, self.make, self.params)
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertEqual('broker-unavailable', error.cause)

    def test_it_is_not_undone(self) -> None:
        world: Any = self.clean()
        task = world.task(**self.params)
        self.assertRaises(
            exceptions.StepFailed, self.make(world).undo, task, {}
        )


class TestRows(rows.HomecomingTestCase):
    """Evacuation rows, on a real schema."""

    def setUp(self) -> None:
        super().setUp()
        self.step = homecoming.Rows({'cell': self.cell_})
        burial = self.burial()
        del burial['tombstone']
        self.params = {
            'cell': 'cell',
            'changes': [self.change(40), self.change(47, server='gone')],
            'burials': [burial],
        }
        self.task = steps.Task(
            run_id='r1',
            subject=rows.HOST,
            name=rows.HOST,
            params=self.params,
            remember=mock.Mock(spec_set=()),
            tell=mock.Mock(spec_set=()),
            stop=mock.Mock(spec_set=()),
        )

    def prepared(self) -> Any:
        return json.loads(json.dumps(self.step.prepare(self.task)))

    def test_there_and_back(self) -> None:
        former, intent = self.everything(), self.prepared()
        self.assertEqual(former, self.everything())
        self.assertEqual(SAFE, self.step.observe(self.task, intent))
        for _ in range(2):
            self.step.act(self.task, intent)
            self.assertEqual(DONE, self.step.observe(self.task, intent))
        self.assertEqual(len(former) + 1, len(self.everything()))
        for _ in range(2):
            self.step.undo(self.task, intent)
            self.assertEqual(former, self.everything())

    def test_undo_of_what_was_not_done(self) -> None:
        former, intent = self.everything(), self.prepared()
        self.step.undo(self.task, intent)
        self.assertEqual(former, self.everything())

    def test_a_row_that_is_gone(self) -> None:
        self.execute('DELETE FROM migrations WHERE id = 40')
        self.assertRaises(exceptions.RowMismatch, self.step.prepare, self.task)

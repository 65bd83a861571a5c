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
"""Cutting the power, and what counts as having done so."""

from typing import Any, ClassVar
from unittest import mock

from oslo_config import cfg

from osc_recovery import exceptions
from osc_recovery.fencing import base as fencing
from osc_recovery.model import steps
from osc_recovery.steps import base as steps_base
from osc_recovery.steps import power
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes

ON, OFF = fencing.Power.ON, fencing.Power.OFF
SHOWN = {'agent': 'ipmi', 'program': 'fence_ipmilan', 'options': {}}
PARAMS: dict[str, Any] = {
    'method': 'agent',
    'cell': 'cell1',
    'alive': False,
    'shown': SHOWN,
}


class Machine:
    """A host's power, its agent, and who listens to the host.

    ``answers`` are what the agent says of the power, one after the other,
    before it tells the truth; ``obeys`` whether it switches anything off.
    """

    def __init__(self, world: fakes.World) -> None:
        self.world = world
        self.power = ON
        self.obeys = True
        self.answers: list[Any] = []
        self.complaint = ''
        self.offs = 0
        self.evidence: list[tuple[str, ...]] = []
        self.proofs: list[str] = []
        self.time = 0.0
        self.slow = 0.0
        self.shown = SHOWN

    # the driver

    def status(self) -> fencing.Answer:
        self.time += 1
        answer = self.answers.pop(0) if self.answers else self.power
        if isinstance(answer, Exception):
            raise answer
        return fencing.Answer(answer, f'it said {answer}')

    def off(self) -> str:
        self.world.change('off')
        self.offs += 1
        self.time += self.slow
        if self.obeys:
            self.power = OFF
        self.world.changed('off')
        return self.complaint

    # the book

    def record(self, task: steps.Task, said: str) -> None:
        self.world.change('record')
        self.proofs = [said]
        self.world.changed('record')

    def recorded(self, task: steps.Task) -> bool:
        return bool(self.proofs)

    def alive(self, task: steps.Task) -> tuple[str, ...]:
        return self.evidence.pop(0) if self.evidence else ()


class Driver(fencing.Driver):
    """The machine's, made anew for every use as a real one is."""

    cuts_power = True
    patience = 120.0

    def __init__(self, conf: cfg.ConfigOpts, host: str) -> None:
        raise NotImplementedError

    @classmethod
    def of(cls, machine: Machine) -> 'Driver':
        made = cls.__new__(cls)
        made.machine = machine
        return made

    machine: Machine

    def shown(self) -> dict[str, Any]:
        return self.machine.shown

    def status(self) -> fencing.Answer:
        return self.machine.status()

    def off(self) -> str:
        return self.machine.off()


def machine_of(world: fakes.World) -> Machine:
    """The one machine of a world."""
    held: dict[str, Any] = vars(world)
    if 'machine' not in held:
        held['machine'] = Machine(world)
    found: Machine = held['machine']
    return found


def step_of(world: fakes.World) -> power.Power:
    """The step, upon the world's machine."""
    machine = machine_of(world)
    return power.Power(
        lambda method, host: Driver.of(machine),
        machine,
        steps_base.Settings(poll_interval=0.0),
        clock=lambda: machine.time,
    )


class TestJourney(base.Journey):
    """Killed before and after every change; sent once more at most."""

    params: ClassVar[dict[str, Any]] = PARAMS
    changes = ('off', 'record')

    def make(self, world: fakes.World) -> steps.Step:
        return step_of(world)

    def test_the_power_is_off_wherever_it_died(self) -> None:
        for position in range(4):
            world = self.world()
            task, died = self.run_to(world, position)
            self.assertTrue(died)
            self.go_on(world, task)
            machine = machine_of(world)
            self.assertIs(OFF, machine.power)
            self.assertEqual(['it said off'], machine.proofs)
            self.assertEqual(1, machine.offs)


class TestReturned(base.StepTestCase):
    """What happens between the crash and the resume."""

    def observed(self, **changes: Any) -> steps.Observation:
        world = fakes.World()
        machine = machine_of(world)
        for name, value in changes.items():
            setattr(machine, name, value)
        return step_of(world).observe(world.task(**PARAMS), {})

    def test_observe(self) -> None:
        done, safe = steps.Observation.DONE, steps.Observation.SAFE
        cases: tuple[tuple[dict[str, Any], steps.Observation], ...] = (
            ({'power': ON}, safe),
            ({'power': OFF}, safe),
            ({'power': ON, 'proofs': ['once']}, safe),
            ({'power': OFF, 'proofs': ['once']}, done),
        )
        for changes, expected in cases:
            self.assertIs(expected, self.observed(**changes), str(changes))

    def test_observe_without_an_answer(self) -> None:
        self.assertRaises(
            fencing.AgentFailed,
            self.observed,
            answers=[fencing.AgentFailed('silent')],
        )


class TestPower(base.StepTestCase):
    """Nothing is kept as proven unless the status says off."""

    def setUp(self) -> None:
        super().setUp()
        self.world = fakes.World()
        self.machine = machine_of(self.world)
        self.step = step_of(self.world)

    def act(self, **params: Any) -> dict[str, Any]:
        task = self.world.task(**{**PARAMS, **params})
        return self.step.act(task, {'power': 'on'})

    def failure(self, **params: Any) -> str:
        """What is said; nothing was kept."""
        error = self.assertRaises(fencing.AgentFailed, self.act, **params)
        self.assertEqual([], self.machine.proofs)
        return str(error)

    def test_prepare_asks_and_changes_nothing(self) -> None:
        for state in (ON, OFF):
            self.machine.power = state
            task = self.world.task(**PARAMS)
            self.assertEqual({'power': state.value}, self.step.prepare(task))
        self.assertEqual(0, self.machine.offs)

    def test_an_agent_that_cannot_tell_begins_nothing(self) -> None:
        for call in (
            lambda: self.step.prepare(self.world.task(**PARAMS)),
            self.act,
        ):
            self.machine.answers = [fencing.AgentFailed('wrong password')]
            error = self.assertRaises(fencing.AgentFailed, call)
            self.assertIn('wrong password', str(error))
        self.assertEqual(0, self.machine.offs)
        self.assertEqual([], self.machine.proofs)

    def test_off_already(self) -> None:
        self.machine.power = OFF
        done = self.act()
        self.assertEqual({'power': 'off', 'said': 'it said off'}, done)
        self.assertEqual(0, self.machine.offs)
        self.assertEqual(['it said off'], self.machine.proofs)

    def test_off_after_some_time(self) -> None:
        silent = fencing.AgentFailed('silent')
        self.machine.answers = [ON, ON, silent, ON, silent]
        self.act()
        self.assertEqual(1, self.machine.offs)
        self.assertEqual(['it said off'], self.machine.proofs)

    def test_a_complaint_is_no_failure_when_it_is_off(self) -> None:
        self.machine.complaint = 'timed out'
        self.act()
        self.assertEqual(['it said off'], self.machine.proofs)

    def test_says_yes_and_does_nothing(self) -> None:
        self.machine.obeys = False
        said = self.failure()
        self.assertIn('not proven off 120 s after', said)
        self.assertIn('it said on', said)
        self.assertEqual(1, self.machine.offs)

    def test_complains_and_does_nothing(self) -> None:
        self.machine.obeys = False
        self.machine.complaint = 'exit code 1; no privilege'
        self.assertIn('no privilege', self.failure())

    def test_says_nothing_after_off(self) -> None:
        self.machine.answers = [ON, *[fencing.AgentFailed('silent')] * 500]
        self.assertIn('silent', self.failure())

    def test_off_takes_all_the_time(self) -> None:
        """The status is asked once more, and that is what counts."""
        self.machine.slow = 1000.0
        self.act()
        self.assertEqual(['it said off'], self.machine.proofs)

    def test_off_takes_all_the_time_for_nothing(self) -> None:
        self.machine.slow, self.machine.obeys = 1000.0, False
        self.failure()

    def test_ctrl_c_while_it_waits(self) -> None:
        self.machine.obeys = False
        task = self.world.task(**PARAMS)
        task.stop.set()
        self.assertRaises(
            exceptions.Interrupted, self.step.act, task, {'power': 'on'}
        )
        self.assertEqual([], self.machine.proofs)

    def test_ctrl_c_does_not_hide_that_it_is_off(self) -> None:
        task = self.world.task(**PARAMS)
        task.stop.set()
        self.step.act(task, {'power': 'on'})
        self.assertEqual(['it said off'], self.machine.proofs)

    def test_a_living_host_falls_silent(self) -> None:
        for evidence in ((), ('a late report',)):
            self.machine.evidence = [evidence]
            self.act(alive=True)
            self.assertEqual(['it said off'], self.machine.proofs)

    def test_a_living_host_goes_on_reporting(self) -> None:
        """The agent has switched another machine off."""
        self.machine.evidence = [('one report',), ('another report',)]
        said = self.failure(alive=True)
        self.assertIn('another report', said)
        self.assertIn('another machine', said)

    def test_a_silent_host_is_not_waited_for(self) -> None:
        self.machine.evidence = [('one',), ('two',)]
        self.act()
        self.assertEqual(2, len(self.machine.evidence))

    def test_another_configuration_than_was_shown(self) -> None:
        self.machine.shown = {**SHOWN, 'options': {'ip': '192.0.2.9'}}
        task = self.world.task(**PARAMS)
        for call in (
            lambda: self.step.prepare(task),
            lambda: self.step.observe(task, {}),
            self.act,
        ):
            error = self.assertRaises(exceptions.RowMismatch, call)
            self.assertIn('not configured as it was', str(error))
        self.assertEqual(0, self.machine.offs)

    def test_it_tells_that_it_waits(self) -> None:
        told = mock.Mock(spec=[])
        self.machine.answers = [ON] * 50
        task = self.world.task(**PARAMS)
        self.step.act(steps.Task(**{**vars(task), 'tell': told}), {})
        self.assertIn(len(told.mock_calls), range(3, 6))

    def test_nothing_is_taken_back(self) -> None:
        task = self.world.task(**PARAMS)
        self.assertRaises(
            exceptions.StepFailed, self.step.undo, task, {'power': 'on'}
        )

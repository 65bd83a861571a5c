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


"""Ctrl-C: real signals to a real process, and what the handler may do."""

import functools
import os
import signal
import threading

from osc_recovery.execution import cancel
from osc_recovery.execution import limits
from osc_recovery.model import events
from osc_recovery.model import results
from osc_recovery.model import steps
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.execution import fakes
from osc_recovery.tests.unit.execution import harness
from osc_recovery.tests.unit.journal import fixtures


class SignalTestCase(base.TestCase):
    """What is under way finishes, nothing new begins, a resume ends it."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Unsynced())
        self.gate = self.home / 'gate'
        gates = {'make': str(self.gate)}
        world = self.home / 'world'
        self.world = fakes.World(world)
        plan = fakes.plan(*(fakes.server_plan(n, gates=gates) for n in 'abc'))
        registry = functools.partial(fakes.registry, world)
        self.rig = harness.Rig(
            self.home, plan, registry, limits.Limits(concurrency=2)
        )

    def _interrupt(self, *numbers: int) -> harness.Ended:
        """Signal a child while two servers are in the middle of a step."""
        pid = self.rig.begin()
        try:
            fakes.wait_for(self._two_are_waiting, 'two servers')
            for number in numbers:
                os.kill(pid, number)
                fakes.wait_for(self._told, 'the note about the signal')
        finally:
            self.gate.touch()
        return self.rig.wait(pid)

    def _two_are_waiting(self) -> bool:
        return len(self.world.ledger('make.waits')) == 2

    def _told(self) -> bool:
        return bool(self.rig.told(events.EventKind.NOTE))

    def test_signals(self) -> None:
        table = (
            (signal.SIGINT,),
            (signal.SIGTERM,),
            (signal.SIGHUP,),
            # Pressing it again does nothing worse.
            (signal.SIGINT, signal.SIGINT, signal.SIGTERM),
        )
        for case in table:
            with self.subTest(str(case)):
                self._restart()
                self._check(self._interrupt(*case))

    def _restart(self) -> None:
        for path in list(self.home.iterdir()):
            if path.is_file():
                path.unlink()
        fixtures.make(self.home / 'journal.db')
        self.world = fakes.World(self.home / 'world')

    def _check(self, ended: harness.Ended) -> None:
        self.assertIsNotNone(ended.result, f'{ended.signal} {ended.error}')
        assert ended.result is not None
        state = results.ServerState
        self.assertEqual(results.RunState.PAUSED, ended.result.state)
        self.assertEqual('interrupted', ended.result.message)
        self.assertEqual(
            [state.RUNNING, state.RUNNING, state.PENDING],
            [server.state for server in ended.result.servers],
        )
        # Both steps under way came to their end, no other was begun.
        with self.rig.journal() as journal:
            found = journal.steps(ended.result.run_id)
            self.assertIsNotNone(journal.lease('dead1'))
        done = {record.state for record in found}
        self.assertEqual({steps.StepState.DONE}, done)
        self.assertEqual(['set', 'make'] * 2, [r.kind for r in found])
        self.assertEqual(1, len(self.rig.told(events.EventKind.NOTE)))
        self._check_resume()

    def _check_resume(self) -> None:
        ended = self.rig.resume()
        assert ended.result is not None
        self.assertEqual(results.RunState.DONE, ended.result.state)
        for act in ('made', 'sent'):
            subjects = sorted(self.world.ledger(act))
            self.assertEqual(['uuid-a', 'uuid-b', 'uuid-c'], subjects)


class HandlerTestCase(base.TestCase):
    """Installing and removing the handlers."""

    def test_handlers_come_back(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        with cancel.interruptible(threading.Event()) as stop:
            self.assertIsNot(before, signal.getsignal(signal.SIGINT))
            signal.raise_signal(signal.SIGINT)
            self.assertTrue(stop.is_set())
        self.assertIs(before, signal.getsignal(signal.SIGINT))

    def test_ignored_stays_ignored(self) -> None:
        former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, former)
        with cancel.interruptible(threading.Event()) as stop:
            signal.raise_signal(signal.SIGHUP)
            self.assertFalse(stop.is_set())

    def test_only_in_the_main_thread(self) -> None:
        seen = []

        def work() -> None:
            with cancel.interruptible(threading.Event()):
                seen.append(signal.getsignal(signal.SIGINT))

        before = signal.getsignal(signal.SIGINT)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertEqual([before], seen)

    def test_second_signal_inside_the_first(self) -> None:
        """Event.set cannot be entered twice by one thread."""

        class Nested(threading.Event):
            calls = 0

            def set(self) -> None:
                self.calls += 1
                signal.raise_signal(signal.SIGINT)
                super().set()

        event = Nested()
        with cancel.interruptible(event):
            signal.raise_signal(signal.SIGINT)
        self.assertEqual(1, event.calls)
        self.assertTrue(event.is_set())

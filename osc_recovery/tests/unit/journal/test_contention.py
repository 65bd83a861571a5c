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


"""Several processes at one journal."""

from collections import Counter
import dataclasses
import json
import os
import pathlib
import signal
import traceback

import testscenarios

from osc_recovery import exceptions
from osc_recovery.journal import process
from osc_recovery.journal import store
from osc_recovery.model import steps
from osc_recovery.tests.unit.execution import fakes
from osc_recovery.tests.unit.journal import servers

load_tests = testscenarios.load_tests_apply_scenarios

_DEADLINE = 30  # seconds


class ContentionTestCase(servers.ServerTestCase):
    """Children that all begin when a file appears."""

    scenarios = servers.SCENARIOS

    def setUp(self) -> None:
        super().setUp()
        self.url = self.empty()
        self.go = self.home / 'go'
        self.done = self.home / 'done'
        self.answers: list[pathlib.Path] = []

    def _fork(self, host: str, writes: int = 0, run: str = '') -> int:
        answer = self.home / f'answer{len(self.answers)}'
        self.answers.append(answer)
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(_DEADLINE)
            fakes.wait_for(self.go.exists, 'go')
            try:
                said = self._contend(host, writes, run)
            except exceptions.Held as exc:
                said = f'Held {exc}'
            except BaseException:
                said = traceback.format_exc()
            answer.with_suffix('.new').write_text(json.dumps(said))
            os.rename(answer.with_suffix('.new'), answer)
            # Whoever has the lease lives until all have tried.
            fakes.wait_for(self.done.exists, 'the end')
        finally:
            os._exit(0)

    def _contend(self, host: str, writes: int, former: str) -> str:
        journal = store.Journal(self.url)
        me = process.current()
        if former:
            run = journal.take_over(former, me)
        else:
            run = journal.create_run('relocate', host, {}, me)
        for index in range(writes):
            journal.begin_step(run.id, 's', index, 'k', {})
            journal.end_step(run.id, 's', index, steps.StepState.DONE)
        return f'won {run.id}'

    def _results(self, pids: list[int]) -> list[str]:
        try:
            self.go.touch()
            fakes.wait_for(
                lambda: all(a.exists() for a in self.answers), 'the answers'
            )
            return [json.loads(a.read_text()) for a in self.answers]
        finally:
            self.done.touch()
            for pid in pids:
                os.waitpid(pid, 0)

    def test_one_host(self) -> None:
        """On a journal that does not exist yet: its making is a race too."""
        pids = [self._fork('dead1') for _ in range(4)]
        said = self._results(pids)
        words = Counter(line.split()[0] for line in said)
        self.assertEqual({'won': 1, 'Held': 3}, dict(words), str(said))
        winner = next(line.split()[1] for line in said if line[:3] == 'won')
        holder = pids[[line[:3] for line in said].index('won')]
        for line in said:
            if line.startswith('Held'):
                self.assertIn(winner, line)
                self.assertIn(f'process {holder}', line)
                self.assertIn('look with', line)
        journal = self.opened(self.url)
        self.assertEqual([winner], [run.id for run in journal.runs()])

    def test_several_hosts(self) -> None:
        pids = [self._fork(f'dead{n}', writes=20) for n in range(3)]
        said = self._results(pids)
        self.assertEqual(['won'] * 3, [line[:3] for line in said], str(said))
        journal = self.opened(self.url)
        for run in journal.runs():
            self.assertEqual(20, len(journal.steps(run.id)))

    def test_one_run_that_many_would_go_on_with(self) -> None:
        journal = self.opened(self.url)
        former = dataclasses.replace(process.current(), started=1)
        run = journal.create_run('relocate', 'dead1', {}, former)
        pids = [self._fork('dead1', 3, run.id) for _ in range(4)]
        said = self._results(pids)
        words = Counter(line.split()[0] for line in said)
        self.assertEqual({'won': 1, 'Held': 3}, dict(words), str(said))
        winner = pids[[line[:3] for line in said].index('won')]
        self.assertEqual(winner, journal.run(run.id).process.pid)
        # and the one that it was taken from stores nothing any more
        error = self.assertRaises(
            exceptions.Held, journal.begin_step, run.id, 's', 9, 'k', {}
        )
        self.assertIn('taken over', str(error))

    def test_dead_holder(self) -> None:
        """A run whose process was killed can be resumed or abandoned."""
        pids = [self._fork('dead1')]
        journal = self.opened(self.url)
        self.go.touch()
        fakes.wait_for(self.answers[0].exists, 'the answer')
        (run,) = journal.runs()
        me = process.current()
        for call, args in (
            (journal.take_over, (run.id, me)),
            (journal.abandon, (run.id,)),
            (journal.take_over, (run.id, me, True)),
            (journal.abandon, (run.id, True)),
        ):
            self.assertRaises(exceptions.Held, call, *args)
        os.kill(pids[0], signal.SIGKILL)
        os.waitpid(pids[0], 0)
        error = self.assertRaises(
            exceptions.Held, journal.create_run, 'x', 'dead1', {}, me
        )
        self.assertIn('that process is gone', str(error))
        journal.take_over(run.id, me)
        self.assertEqual(me, journal.run(run.id).process)

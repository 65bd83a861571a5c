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

"""Only the very process that was started is ever killed."""

import os
import pathlib
import subprocess
import sys

from osc_recovery import exceptions
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import processes
from osc_recovery.tests.unit import base

SLEEP = [sys.executable, '-c', 'import time; time.sleep(60)']


class ProcessTestCase(base.TestCase):
    """Processes by pid and start time."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.home / 'x.log'
        (self.home / 'run').mkdir()
        self.pid_file = self.home / 'run' / 'x.pid'

    def spawn(self, *command: str) -> processes.Process:
        made = processes.spawn(
            'x',
            command or SLEEP,
            {processes.MARKER: str(self.home)},
            self.log,
            self.home / 'run',
        )
        self.addCleanup(made.kill)
        return made

    def test_a_recycled_pid_is_not_the_process(self) -> None:
        made = self.spawn()
        self.assertTrue(made.alive)
        former = processes.Process(made.pid, made.start_time - 1)
        self.assertFalse(former.alive)
        former.kill()
        self.assertTrue(made.alive)
        processes.write_pid(self.pid_file, former)
        self.assertIsNone(processes.read_pid(self.pid_file))

    def test_killed_and_reaped(self) -> None:
        made = self.spawn()
        self.assertEqual(made, processes.read_pid(self.pid_file))
        made.kill()
        self.assertFalse(made.alive)
        self.assertIsNone(processes.read_pid(self.pid_file))
        # Reaped: not even a zombie is left.
        self.assertFalse(pathlib.Path(f'/proc/{made.pid}').exists())
        made.kill()

    def test_a_zombie_is_dead(self) -> None:
        with subprocess.Popen([sys.executable, '-c', '']) as child:
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            self.assertIsNone(processes.Process.of(child.pid))

    def test_no_pid_file(self) -> None:
        self.assertIsNone(processes.read_pid(self.home / 'none.pid'))

    def test_found_by_its_marker_alone(self) -> None:
        made = self.spawn()
        self.pid_file.unlink()
        # The kernel shows it a moment after the program is loaded.
        found = apis.wait(
            'the marker',
            lambda: list(processes.marked(self.home)) or None,
            20,
            0.01,
        )
        self.assertEqual([made], found)
        self.assertEqual([], list(processes.marked(self.home / 'other')))
        # The name of another directory may begin alike.
        self.assertEqual([], list(processes.marked(self.home.parent)))

    def test_a_session_of_its_own(self) -> None:
        made = self.spawn()
        self.assertEqual(made.pid, os.getsid(made.pid))

    def test_memory(self) -> None:
        made = self.spawn()
        # It is there before the interpreter is loaded.
        apis.wait('it to load', lambda: made.memory > 2**20 or None, 20, 0.01)
        self.assertGreater(made.memory, 2**20)
        self.assertEqual(0, processes.Process(2**22 + 1, 0).memory)

    def test_a_program_that_is_not_there(self) -> None:
        found = self.assertRaises(
            exceptions.RecoveryError, self.spawn, '/nowhere/python'
        )
        self.assertIn('x cannot be started', str(found))

    def test_run_says_whether_it_worked(self) -> None:
        for code, expected in ((0, True), (3, False)):
            command = [sys.executable, '-c', f'print("out"); exit({code})']
            found = processes.run(command, {}, self.log, self.home)
            self.assertEqual(expected, found)
        self.assertEqual('out\nout', processes.tail(self.log))

    def test_tail(self) -> None:
        self.assertEqual('(no log)', processes.tail(self.log))
        self.log.write_text('\n'.join(str(n) for n in range(9999)))
        self.assertEqual('9997\n9998', processes.tail(self.log, 2))
        self.assertIn('x did not start', processes.died('x', self.log))

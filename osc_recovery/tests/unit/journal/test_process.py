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


"""Whether a process lives, told by real processes."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import sys
from typing import Any
from unittest import mock

from osc_recovery.journal import process
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.execution import fakes


class AliveTestCase(base.TestCase):
    """Alive, gone, recycled, hidden, elsewhere."""

    def test_this_process(self) -> None:
        me = process.current()
        self.assertEqual(os.getpid(), me.pid)
        self.assertNotEqual('', me.operator)
        self.assertIn(socket.gethostname(), me.machine)
        self.assertIs(True, process.alive(me))

    def test_killed(self) -> None:
        child = subprocess.Popen(
            [sys.executable, '-c', 'input()'], stdin=subprocess.PIPE
        )
        self.addCleanup(child.communicate)
        stat = process._stat(child.pid)
        gone = dataclasses.replace(
            process.current(), pid=child.pid, started=int(stat[19])
        )
        self.assertIs(True, process.alive(gone))
        os.kill(child.pid, signal.SIGKILL)
        # Nobody has waited for it yet, so its id still exists.
        fakes.wait_for(lambda: self._state(child.pid) == 'Z', 'its death')
        self.assertIs(False, process.alive(gone))
        child.wait()
        self.assertIs(False, process.alive(gone))

    def _state(self, pid: int) -> str:
        return process._stat(pid)[0]

    def test_recycled_id(self) -> None:
        me = process.current()
        former = dataclasses.replace(me, started=me.started - 1)
        self.assertIs(False, process.alive(former))

    def test_other_machine(self) -> None:
        me = process.current()
        there = dataclasses.replace(me, machine='elsewhere')
        self.assertIsNone(process.alive(there))
        # Not even when nothing here has that id.
        self.assertIsNone(process.alive(dataclasses.replace(there, pid=1)))

    def test_somebody_elses_process(self) -> None:
        me = process.current()
        with mock.patch.object(
            os, 'kill', autospec=True, side_effect=PermissionError
        ):
            self.assertIs(True, process.alive(me))

    def test_hidden_process(self) -> None:
        me = process.current()
        with mock.patch.object(process, '_PROC', self.home):
            me = dataclasses.replace(me, machine=socket.gethostname())
            self.assertIsNone(process.alive(me))

    def test_command_with_odd_characters(self) -> None:
        me = process.current()
        directory = self.home / str(me.pid)
        directory.mkdir()
        fields = ' '.join(['S', *map(str, range(4, 22)), '77', '0'])
        (directory / 'stat').write_text(f'{me.pid} (a) b (c) {fields}\n')
        with mock.patch.object(process, '_PROC', self.home):
            self.assertEqual('77', process._stat(me.pid)[19])

    def test_containers_are_machines_of_their_own(self) -> None:
        table = (
            ('pid:[4026531836]', 'desk1'),
            ('pid:[4026532999]', 'desk1/4026532999'),
            (OSError(), 'desk1'),
        )
        for namespace, machine in table:
            with self.subTest(str(namespace)), self._place(namespace):
                self.assertEqual(machine, process.current().machine)

    @contextlib.contextmanager
    def _place(self, namespace: Any) -> Any:
        effect = [namespace] * 2
        with (
            mock.patch.object(
                os, 'readlink', autospec=True, side_effect=effect
            ),
            mock.patch.object(
                socket, 'gethostname', autospec=True, return_value='desk1'
            ),
        ):
            yield

    def test_user_without_a_name(self) -> None:
        with mock.patch(
            'getpass.getuser', autospec=True, side_effect=KeyError
        ):
            self.assertEqual(str(os.getuid()), process.current().operator)
        self.assertTrue(pathlib.Path('/proc').is_dir())

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

"""What the controller refuses, and what it leaves behind."""

import pathlib
import sys
from unittest import mock

import fixtures

from osc_recovery import exceptions
from osc_recovery.sandbox import controller
from osc_recovery.sandbox import creation
from osc_recovery.sandbox import events
from osc_recovery.sandbox import processes
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states
from osc_recovery.tests.unit import base

Sandbox = controller.Sandbox


class ControllerTestCase(base.TestCase):
    """Directories in every condition; nothing is started."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = self.home / 'sandbox'
        self.creation = self.useFixture(
            fixtures.MockPatchObject(creation.Creation, 'run', autospec=True)
        ).mock

    def write(self, **values: object) -> states.State:
        self.directory.mkdir()
        state = states.State(shape=shapes.Shape(2, 3))
        for name, value in values.items():
            setattr(state, name, value)
        state.write(self.directory / 'sandbox.json')
        return state

    def refused(self, method: object, *words: str, **arguments: int) -> None:
        assert callable(method)
        found = self.assertRaises(
            exceptions.UsageError, method, self.directory, **arguments
        )
        for word in (str(self.directory), *words):
            self.assertIn(word, str(found))

    def test_there_is_none(self) -> None:
        self.refused(Sandbox.load, 'There is no sandbox', 'sandbox create')
        self.assertRaises(
            exceptions.NothingToDo, Sandbox.delete, self.directory
        )

    def test_a_directory_with_something_else(self) -> None:
        self.directory.mkdir()
        thesis = self.directory / 'thesis.txt'
        thesis.touch()
        self.refused(Sandbox.create, 'is not empty')
        self.assertRaises(
            exceptions.NothingToDo, Sandbox.delete, self.directory
        )
        self.assertEqual([thesis], list(self.directory.iterdir()))

    def test_a_file_that_is_no_state(self) -> None:
        self.directory.mkdir()
        (self.directory / 'sandbox.json').write_text('{"version": 99}')
        for method in (Sandbox.create, Sandbox.load, Sandbox.delete):
            self.refused(method, 'not the description')
        self.assertTrue(self.directory.exists())

    def test_incomplete(self) -> None:
        self.write()
        for method in (Sandbox.create, Sandbox.load):
            self.refused(method, 'is incomplete', 'sandbox delete')
        Sandbox.delete(self.directory)
        self.assertFalse(self.directory.exists())

    def test_being_made_by_somebody_else(self) -> None:
        self.write(creator=processes.Process.of(1))
        for method in (Sandbox.create, Sandbox.load, Sandbox.delete):
            self.refused(method, 'by process 1.')
        self.assertTrue(self.directory.exists())

    def test_another_shape(self) -> None:
        self.write(status=states.READY, environment='/env')
        self.refused(
            Sandbox.create, 'another shape (2 hosts, 3 servers)', hosts=3
        )

    def test_other_servers(self) -> None:
        self.write(status=states.READY, environment='/env')
        self.useFixture(
            fixtures.EnvironmentVariable(
                'OSC_RECOVERY_SANDBOX_TRANSPORT_URL', 'rabbit://127.0.0.1/'
            )
        )
        self.refused(
            Sandbox.create, 'another database server', hosts=2, servers=3
        )

    def test_not_whole(self) -> None:
        self.write(status=states.READY, environment='/env')
        (self.directory / 'hosts').mkdir()
        self.refused(
            Sandbox.create, 'not whole', 'keystone', hosts=2, servers=3
        )

    def test_no_such_host_or_service(self) -> None:
        self.write(status=states.READY, environment='/env')
        sandbox = Sandbox.load(self.directory)
        for method in (
            sandbox.stop_host,
            sandbox.start_host,
            sandbox.guests,
            sandbox.stop_service,
            sandbox.start_service,
        ):
            found = self.assertRaises(exceptions.UsageError, method, 'host9')
            self.assertIn('host9', str(found))

    def test_a_failed_creation_is_kept_for_its_logs(self) -> None:
        self.creation.side_effect = exceptions.RecoveryError('keystone died')
        self.assertRaises(
            exceptions.RecoveryError, Sandbox.create, self.directory
        )
        self.refused(Sandbox.load, 'is incomplete')
        Sandbox.delete(self.directory)
        self.assertFalse(self.directory.exists())

    def test_a_deletion_that_was_killed_can_be_repeated(self) -> None:
        self.write()
        for name in ('a', 'z'):
            (self.directory / name).mkdir()
        with mock.patch('shutil.rmtree', autospec=True, side_effect=OSError):
            self.assertRaises(OSError, Sandbox.delete, self.directory)
        Sandbox.delete(self.directory)
        self.assertFalse(self.directory.exists())

    def test_processes_with_a_pid_file_or_a_marker_are_killed(self) -> None:
        self.write()
        run = self.directory / 'run'
        run.mkdir()
        command = [sys.executable, '-c', 'import time; time.sleep(60)']
        made = [
            processes.spawn(name, command, variables, self.home / 'log', run)
            for name, variables in (
                ('recorded', {}),
                ('marked', {processes.MARKER: str(self.directory)}),
            )
        ]
        for process in made:
            self.addCleanup(process.kill)
        (run / 'marked.pid').unlink()
        Sandbox.delete(self.directory)
        self.assertEqual([], [p for p in made if p.alive])

    def test_a_link_is_not_followed(self) -> None:
        self.write()
        target = self.home / 'precious'
        target.mkdir()
        (target / 'file').touch()
        (self.directory / 'link').symlink_to(target)
        Sandbox.delete(self.directory)
        self.assertTrue((target / 'file').exists())

    def test_the_directory_is_for_its_owner(self) -> None:
        Sandbox.create(self.directory)
        mode = self.directory.stat().st_mode & 0o777
        self.assertEqual(0o700, mode)

    def test_by_name_or_by_environment(self) -> None:
        state = self.home / '.local/state/osc-recovery/sandbox'
        self.assertEqual(state / 'default', Sandbox.create().directory)
        self.assertEqual(state / 'b', Sandbox.create(name='b').directory)
        self.useFixture(
            fixtures.EnvironmentVariable(
                'OSC_RECOVERY_SANDBOX_DIR', str(self.directory)
            )
        )
        self.assertEqual(self.directory, Sandbox.create().directory)
        found = Sandbox.create(name='c').directory
        self.assertEqual(state / 'c', found)
        found = Sandbox.create(pathlib.Path(self.home, 'd')).directory
        self.assertEqual(self.home / 'd', found)


class EventsTestCase(base.TestCase):
    """Progress."""

    def test_handed_on_in_order(self) -> None:
        seen: list[events.Event] = []
        tell = events.one_at_a_time(seen.append)
        made = [events.Event('a', str(n)) for n in range(3)]
        for event in made:
            tell(event)
        self.assertEqual(made, seen)

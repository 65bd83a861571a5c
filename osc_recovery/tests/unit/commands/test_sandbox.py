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

"""The sandbox commands: columns, codes and progress."""

import argparse
import dataclasses
import io
from unittest import mock

import fixtures

from osc_recovery.commands import sandbox as commands
from osc_recovery import exceptions
from osc_recovery.sandbox import controller
from osc_recovery.sandbox import events
from osc_recovery.tests.unit import base

DESCRIPTION = controller.Description(
    directory='/s',
    openrc='/s/openrc',
    clouds_yaml='/s/clouds.yaml',
    recovery_conf='/s/recovery.conf',
    hosts=('host1', 'host2'),
    hosts_off=('host2',),
    servers=13,
    processes=11,
    not_running=('compute-host2',),
    memory_mib=1300,
    violations=0,
)


class CommandsTestCase(base.TestCase):
    """Each command makes one call."""

    def setUp(self) -> None:
        super().setUp()
        self.sandbox = mock.create_autospec(controller.Sandbox, instance=True)
        self.sandboxes = self.useFixture(
            fixtures.MockPatch(
                'osc_recovery.sandbox.controller.Sandbox', autospec=True
            )
        ).mock
        self.sandbox.describe.return_value = DESCRIPTION
        self.sandboxes.create.return_value = self.sandbox
        self.sandboxes.load.return_value = self.sandbox

    def run_command(self, kind: type, *arguments: str) -> object:
        command = kind(mock.Mock(), argparse.Namespace())
        self.assertFalse(command.auth_required)
        parsed = command.get_parser('x').parse_args(list(arguments))
        return command.take_action(parsed)

    def test_create(self) -> None:
        self.run_command(
            commands.CreateSandbox, '--directory', '/s', '--hosts', '2'
        )
        self.sandboxes.create.assert_called_once_with(
            '/s', name=None, hosts=2, servers=10, cells=1, progress=mock.ANY
        )

    def test_show_has_every_field(self) -> None:
        found = self.run_command(commands.ShowSandbox, '--name', 'a')
        assert isinstance(found, tuple)
        names, values = found
        fields = dataclasses.asdict(DESCRIPTION)
        self.assertEqual(tuple(fields), names)
        shown = dict(zip(names, values, strict=True))
        self.assertEqual('/s/openrc', shown['openrc'])
        self.assertEqual('host1, host2', shown['hosts'].human_readable())
        self.assertEqual(['host1', 'host2'], shown['hosts'].machine_readable())
        self.sandboxes.load.assert_called_once_with(None, name='a')

    def test_delete(self) -> None:
        self.run_command(commands.DeleteSandbox)
        self.sandboxes.delete.assert_called_once_with(None, name=None)

    def test_stop_and_start(self) -> None:
        self.run_command(commands.StopSandboxHost, 'host1')
        self.run_command(commands.StopSandboxHost, '--service-only', 'host2')
        self.run_command(commands.StartSandboxHost, 'host1')
        self.assertEqual(
            [
                mock.call('host1', service_only=False),
                mock.call('host2', service_only=True),
            ],
            self.sandbox.stop_host.mock_calls,
        )
        self.sandbox.start_host.assert_called_once_with('host1')

    def test_directory_or_name(self) -> None:
        with fixtures.MonkeyPatch('sys.stderr', io.StringIO()):
            self.assertRaises(
                SystemExit,
                self.run_command,
                commands.ShowSandbox,
                *('--name', 'a', '--directory', 'b'),
            )

    def test_an_error_is_not_swallowed(self) -> None:
        self.sandboxes.load.side_effect = exceptions.UsageError('none')
        self.assertRaises(
            exceptions.UsageError, self.run_command, commands.ShowSandbox
        )


class ProgressTestCase(base.TestCase):
    """What is written where nothing can be drawn."""

    def test_a_line_per_event_that_says_something_new(self) -> None:
        stream = io.StringIO()
        with commands.drawn(stream) as tell:
            for event in (
                events.Event('a', 'Starting nova'),
                events.Event('a', 'Waiting', 1, 2),
                events.Event('a', 'Waiting', 1, 2),
                events.Event('a', 'Waiting', 2, 2),
            ):
                tell(event)
        lines = [
            line.split('s  ')[1] for line in stream.getvalue().split('\n')[:-1]
        ]
        self.assertEqual(
            ['Starting nova', 'Waiting (1/2)', 'Waiting (2/2)'], lines
        )

    def test_a_bar_on_a_terminal(self) -> None:
        stream = io.StringIO()
        stream.isatty = lambda: True  # type: ignore[method-assign]
        with commands.drawn(stream) as tell:
            tell(events.Event('a', 'Starting nova'))
            tell(events.Event('a', 'Waiting', 1, 2))
        self.assertIn('Waiting', stream.getvalue())

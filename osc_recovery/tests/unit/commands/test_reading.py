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

"""Tests of host list|show and server list|show as an operator types them."""

import argparse
import contextlib
import dataclasses
import io
import json
from typing import Any
from unittest import mock

from osc_recovery import client
from osc_recovery.commands import base as commands
from osc_recovery.commands import formats
from osc_recovery.commands import host
from osc_recovery.commands import server
from osc_recovery import exceptions
from osc_recovery.scenarios import hosts
from osc_recovery.scenarios import servers
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.reports import test_plan


class CommandTestCase(base.TestCase):
    """Runs commands over mocked scenarios."""

    def setUp(self) -> None:
        super().setUp()
        self.client = mock.create_autospec(
            client.RecoveryClient, instance=True
        )
        self.app = mock.Mock()
        self.app.client_manager.recovery = self.client
        self.app.options = argparse.Namespace(recovery_config=None)

    def output(
        self, kind: type[commands.Command], *words: str, code: int = 0
    ) -> str:
        """What a command prints; it must end with this exit code."""
        self.app.stdout = io.StringIO()
        command: Any = kind(self.app, argparse.Namespace())
        parsed = command.get_parser('test').parse_args(list(words))
        self.assertEqual(code, command.run(parsed))
        text: str = self.app.stdout.getvalue()
        return text

    def json(self, kind: type[commands.Command], *words: str) -> Any:
        """What a command prints with -f json."""
        return json.loads(self.output(kind, *words, '-f', 'json'))


class HostTest(CommandTestCase):
    """host list and host show."""

    def setUp(self) -> None:
        super().setUp()
        self.reader = mock.create_autospec(hosts.Hosts, instance=True)
        self.client.hosts.return_value = self.reader
        self.dead = builders.dead(server_count=2)
        self.reader.listing.return_value = hosts.Listing(
            (self.dead, builders.host('kvm2')), ('a cell is gone',)
        )
        self.reader.show.return_value = hosts.Shown(
            self.dead,
            (
                servers.Listed(builders.server(), (test_plan.CONSENT,)),
                servers.Listed(builders.server('stopped'), ()),
            ),
            (builders.host('kvm2'),),
            'openstack recovery host relocate kvm1',
            ('neutron is down',),
        )

    def test_list(self) -> None:
        first, second = self.json(host.ListHost)
        self.assertEqual(
            ('kvm1', 'down', 'disabled', True, 2),
            (
                first['Host'],
                first['State'],
                first['Status'],
                first['Forced Down'],
                first['Servers'],
            ),
        )
        self.assertEqual('2026-11-22T15:50:00', first['Fence'])
        self.assertEqual(('up', ''), (second['State'], second['Fence']))

    def test_a_stale_fence(self) -> None:
        stale = dataclasses.replace(self.dead, fence_stale=True)
        self.reader.listing.return_value = hosts.Listing((stale,))
        (row,) = self.json(host.ListHost)
        self.assertEqual('stale', row['Fence'])

    def test_warnings_go_beside_the_table(self) -> None:
        with self.assertLogs(formats.LOG, 'WARNING') as logs:
            self.output(host.ListHost)
            self.output(host.ShowHost, 'kvm1')
        self.assertEqual(
            ['a cell is gone', 'neutron is down'],
            [record.getMessage() for record in logs.records],
        )

    def test_show_as_json(self) -> None:
        shown = self.json(host.ShowHost, 'kvm1')
        self.assertEqual('kvm1', shown['host'])
        self.assertEqual('BMC says off', shown['fence']['statement'])
        self.assertEqual(2, shown['server_count'])
        self.assertEqual(
            ['relocate, with consent: paused', 'relocate'],
            [row['method'] for row in shown['servers']],
        )
        self.assertEqual('kvm2', shown['targets'][0]['host'])
        self.assertIn('free VCPU', shown['targets'][0])

    def test_the_next_command_is_the_last_line(self) -> None:
        text = self.output(host.ShowHost, 'kvm1', '-f', 'value')
        self.assertEqual(
            'openstack recovery host relocate kvm1',
            text.splitlines()[-1],
        )
        table = self.output(host.ShowHost, 'kvm1')
        self.assertIn('host relocate kvm1', table.splitlines()[-2])

    def test_no_secret_of_a_connector(self) -> None:
        secret = {'host': 'kvm1', 'auth_password': 's3cret'}
        shown = self.reader.show.return_value
        self.reader.show.return_value = dataclasses.replace(
            shown, host=dataclasses.replace(self.dead, connector=secret)
        )
        self.assertNotIn('s3cret', self.output(host.ShowHost, 'kvm1'))

    def test_errors_carry_their_exit_code(self) -> None:
        for error, code in (
            (exceptions.UsageError('no such host'), 2),
            (exceptions.ServiceUnavailable('gone'), 1),
        ):
            with self.subTest(error=error):
                self.reader.show.side_effect = error
                self.output(host.ShowHost, 'kvm1', code=code)


class ServerTest(CommandTestCase):
    """server list and server show."""

    def setUp(self) -> None:
        super().setUp()
        self.reader = mock.create_autospec(servers.Servers, instance=True)
        self.client.servers.return_value = self.reader
        one = builders.server()
        self.reader.listing.return_value = servers.Listing(
            (servers.Listed(one, ()),)
        )
        self.reader.show.return_value = servers.Shown(
            one,
            (
                servers.Compared('host', 'kvm1', 'kvm2'),
                servers.Compared('node', 'kvm1', 'kvm1'),
            ),
            (test_plan.BLOCKER,),
            ('kvm2', 'compute2'),
        )

    def test_list(self) -> None:
        (row,) = self.json(server.ListServer, '--host', 'kvm1')
        self.reader.listing.assert_called_with('kvm1')
        self.assertEqual('instance-00000043', row['Instance Name'])
        self.assertEqual('i-00000043', row['EC2 ID'])
        self.assertEqual('Running', row['Power State'])
        self.assertEqual(1, row['Volumes'])
        self.assertEqual('relocate', row['Method'])

    def test_all(self) -> None:
        self.output(server.ListServer, '--all')
        self.reader.listing.assert_called_with(None)

    def test_one_choice_is_needed(self) -> None:
        for words in ([], ['--all', '--host', 'kvm1']):
            with (
                self.subTest(words=words),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                self.assertRaises(
                    SystemExit, self.output, server.ListServer, *words
                )

    def test_show(self) -> None:
        shown = self.json(server.ShowServer, 'web')
        self.reader.show.assert_called_with('web')
        self.assertEqual(
            ['!', ''], [row['differs'] for row in shown['database_and_api']]
        )
        self.assertEqual('kvm1', shown['attachments'][0]['host'])
        self.assertEqual('kvm1', shown['ports'][0]['host'])
        self.assertEqual(1, len(shown['allocations']))
        self.assertEqual('blocked: pci-devices', shown['method'])
        self.assertEqual(['kvm2', 'compute2'], shown['candidates'])
        self.assertEqual('Evacuate it.', shown['findings'][0]['remedy'])

    def test_differences_are_marked_in_the_table(self) -> None:
        lines = self.output(server.ShowServer, 'web').splitlines()
        (marked,) = [line for line in lines if 'kvm2  !' in line]
        self.assertIn('host', marked)

    def test_what_was_not_read(self) -> None:
        shown = self.reader.show.return_value
        self.reader.show.return_value = dataclasses.replace(
            shown,
            server=builders.server(
                allocation=None, api=None, ports=(), attachments=()
            ),
            compared=(),
            candidates=None,
        )
        data = self.json(server.ShowServer, 'web')
        self.assertIsNone(data['candidates'])
        self.assertIsNone(data['attachments'][0]['host'])
        self.assertIn('unknown', self.output(server.ShowServer, 'web'))

    def test_power_states(self) -> None:
        for number, name in ((None, ''), (1, 'Running'), (5, '5')):
            with self.subTest(number=number):
                self.assertEqual(name, server.power_state(number))


class FormatsTest(base.TestCase):
    """Columns that hold more than one value."""

    def test_rows(self) -> None:
        rows = formats.Rows([{'a': 1, 'b': None}, {'a': 'long', 'c': True}])
        self.assertEqual(
            'a     b  c\n1     -  -\nlong  -  yes', rows.human_readable()
        )
        self.assertEqual('', formats.Rows([]).human_readable())

    def test_when(self) -> None:
        for text, shown in (
            (None, ''),
            ('2026-11-22 16:00:00', '2026-11-22T16:00:00'),
            ('2026-11-22T17:00:00.123+01:00', '2026-11-22T16:00:00'),
        ):
            with self.subTest(text=text):
                self.assertEqual(shown, formats.when(text))

    def test_names(self) -> None:
        for names, shown in (
            (None, 'unknown'),
            ((), 'none'),
            (('a', 'b'), 'a, b'),
        ):
            with self.subTest(names=names):
                self.assertEqual(shown, formats.Names(names).human_readable())

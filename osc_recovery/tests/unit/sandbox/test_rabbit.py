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

"""A broker that gives a sandbox virtual hosts, and its queues."""

import json
import subprocess
from typing import Any
from unittest import mock

import fixtures
import requests_mock
import sqlalchemy

from osc_recovery import exceptions
from osc_recovery.sandbox import backends
from osc_recovery.sandbox import rabbit
from osc_recovery.sandbox import rabbit_admin
from osc_recovery.sandbox.services.hub import Queue
from osc_recovery.tests.unit import base

ADMIN = 'Sw0rdfish'
TRANSPORT = f'rabbit://guest:{ADMIN}@127.0.0.1:9/'
ACCOUNT = backends.Account('recovery_0a', 'pw')


class BrokerTestCase(base.TestCase):
    """A broker: what makes virtual hosts there, and what is made."""

    def setUp(self) -> None:
        super().setUp()
        self.url = sqlalchemy.make_url(TRANSPORT)
        self.ran: list[tuple[list[str], str]] = []
        self.answers: dict[str, str] = {}
        self.code = 0
        self.useFixture(
            fixtures.MockPatch('shutil.which', return_value='/x/rabbitmqctl')
        )
        self.useFixture(fixtures.MonkeyPatch('subprocess.run', self._run))
        self.api = requests_mock.Mocker()
        self.api.start()
        self.addCleanup(self.api.stop)

    def _run(
        self, command: list[str], **more: Any
    ) -> 'subprocess.CompletedProcess[str]':
        self.ran.append((command, more['input']))
        answer = self.answers.get(command[2], '[]')
        return subprocess.CompletedProcess(command, self.code, answer, 'no')

    def _management(self, code: int = 200) -> None:
        self.api.register_uri(
            requests_mock.ANY,
            requests_mock.ANY,
            json=[],
            status_code=code,
        )

    def test_nothing_makes_virtual_hosts(self) -> None:
        self._management(401)
        self.code = 69
        for url in (self.url, self.url.set(host='10.0.0.1')):
            found = self.assertRaises(
                exceptions.RecoveryError, rabbit_admin.find, url
            )
            for word in (str(url.host), 'rabbitmq_management', 'guest'):
                self.assertIn(word, str(found))
            self.assertNotIn(ADMIN, str(found))

    def test_rabbitmqctl_is_for_this_machine(self) -> None:
        self._management(404)
        rabbit_admin.find(self.url)
        self.assertRaises(
            exceptions.RecoveryError,
            rabbit_admin.find,
            self.url.set(host='10.0.0.1'),
        )

    def test_no_password_on_a_command_line(self) -> None:
        admin = rabbit_admin.Admin(rabbit_admin.Control())
        admin.add(ACCOUNT, ['recovery_0a_hub-cell1'])
        ((command, given),) = self.ran
        self.assertNotIn(ACCOUNT.password, command)
        found = json.loads(given)
        self.assertEqual(ACCOUNT.password, found['users'][0]['password'])
        self.assertEqual([{'name': 'recovery_0a_hub-cell1'}], found['vhosts'])
        (allowed,) = found['permissions']
        self.assertEqual(
            ('recovery_0a', 'recovery_0a_hub-cell1'),
            (allowed['user'], allowed['vhost']),
        )

    def test_only_its_own_is_removed(self) -> None:
        hosts = ('/', 'recovery_0a_hub-cell1', 'recovery_0ab_hub-cell1')
        self.answers = {
            'list_vhosts': json.dumps([{'name': h} for h in hosts]),
            'list_users': json.dumps(
                [{'user': u} for u in ('guest', 'recovery_0a')]
            ),
        }
        rabbit_admin.Admin(rabbit_admin.Control()).remove(ACCOUNT)
        deleted = [c[2:] for c, _ in self.ran if c[2].startswith('delete')]
        self.assertEqual(
            [
                ['delete_vhost', 'recovery_0a_hub-cell1'],
                ['delete_user', 'recovery_0a'],
            ],
            deleted,
        )

    def test_removed_again(self) -> None:
        rabbit_admin.Admin(rabbit_admin.Control()).remove(ACCOUNT)
        self.assertEqual(
            [], [c for c, _ in self.ran if c[2].startswith('delete')]
        )

    def test_by_the_management_api(self) -> None:
        names = {
            'vhosts': ['/', 'recovery_0a_hub-cell1'],
            'users': ['guest', 'recovery_0a'],
        }
        self._management()
        for kind, found in names.items():
            self.api.get(
                f'http://127.0.0.1:15672/api/{kind}',
                json=[{'name': name} for name in found],
            )
        admin = rabbit_admin.find(self.url)
        admin.add(ACCOUNT, ['recovery_0a_hub-cell1'])
        admin.remove(ACCOUNT)
        self.assertEqual([], self.ran)
        changed = [
            (r.method, r.path)
            for r in self.api.request_history
            if r.method != 'GET'
        ]
        self.assertEqual(
            [
                ('POST', '/api/definitions'),
                ('DELETE', '/api/vhosts/recovery_0a_hub-cell1'),
                ('DELETE', '/api/users/recovery_0a'),
            ],
            changed,
        )

    def test_a_broker_that_is_away(self) -> None:
        self.useFixture(
            fixtures.MockPatch('amqp.Connection', side_effect=OSError('away'))
        )
        broker = rabbit.Rabbit(TRANSPORT, ACCOUNT)
        found = self.assertRaises(
            exceptions.RecoveryError,
            broker.inspect,
            'hub-cell1',
            Queue('nova', 'compute', 'host1'),
        )
        self.assertIn('127.0.0.1:9', str(found))
        self.assertNotIn(ACCOUNT.password, str(found))


class QueueTestCase(base.TestCase):
    """Looking into a queue of a broker."""

    def setUp(self) -> None:
        super().setUp()
        self.connection = self.useFixture(
            fixtures.MockPatch('amqp.Connection', autospec=True)
        ).mock.return_value.__enter__.return_value
        self.channel = self.connection.channel.return_value
        self.broker = rabbit.Rabbit(TRANSPORT, ACCOUNT)
        self.queue = Queue('nova', 'compute', 'host1')

    def _waits(self, *methods: str) -> None:
        self.channel.queue_declare.return_value = mock.Mock(
            message_count=len(methods), consumer_count=0
        )
        packed = [json.dumps({'method': method}) for method in methods]
        self.channel.basic_get.side_effect = [
            *(
                mock.Mock(body=json.dumps({'oslo.message': message}))
                for message in packed
            ),
            None,
        ]

    def test_what_waits_goes_on_waiting(self) -> None:
        self._waits('reboot_instance', 'start_instance')
        found = self.broker.inspect('hub-cell1', self.queue)
        self.assertEqual(('reboot_instance', 'start_instance'), found.methods)
        self.channel.queue_declare.assert_called_once_with(
            'compute.host1', passive=True
        )
        self.channel.basic_ack.assert_not_called()
        self.channel.close.assert_called_once_with()
        self.channel.queue_purge.assert_not_called()

    def test_purged(self) -> None:
        self._waits('reboot_instance')
        found = self.broker.inspect('hub-cell1', self.queue, purge=True)
        self.assertEqual(('reboot_instance',), found.methods)
        self.channel.queue_purge.assert_called_once_with('compute.host1')

    def test_the_queue_of_a_topic(self) -> None:
        self._waits()
        self.broker.inspect('hub-cell1', Queue('nova', 'conductor', None))
        self.channel.queue_declare.assert_called_once_with(
            'conductor', passive=True
        )

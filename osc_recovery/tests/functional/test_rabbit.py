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

"""The driver for RabbitMQ, against a real one.

OSC_RECOVERY_TEST_TRANSPORT_URL names it; the tests make queues of their
own in its virtual host and delete them.
"""

import json
import os
from typing import Any
import uuid as uuids

import amqp
import testtools

from osc_recovery.cloud import broker
from osc_recovery.cloud import transport_url
from osc_recovery.conf import messaging

URL = 'OSC_RECOVERY_TEST_TRANSPORT_URL'
SERVER = '46c8505b-ec83-4a29-9084-2d702cb3f180'


def cast(method: str) -> str:
    """A cast as oslo.messaging packs it."""
    instance = {
        'nova_object.name': 'Instance',
        'nova_object.data': {'uuid': SERVER, 'host': 'dead'},
    }
    message = {
        'method': method,
        'args': {'instance': instance, 'admin_password': 'secret'},
        '_context_request_id': f'req-{method}',
    }
    return json.dumps(
        {'oslo.version': '2.0', 'oslo.message': json.dumps(message)}
    )


@testtools.skipUnless(URL in os.environ, f'{URL} is not set')
class RabbitTestCase(testtools.TestCase):
    """Queues of a host that takes nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.url = os.environ[URL]
        self.host = f'dead-{uuids.uuid4()}'
        self.queue = f'compute.{self.host}'
        parsed = transport_url.parse(self.url, 'the test')
        place = parsed.places[0]
        self.connection = amqp.Connection(
            host=f'{place.host}:{place.port or 5672}',
            userid=place.user or 'guest',
            password=place.password or 'guest',
            virtual_host=parsed.virtual_host or '/',
        )
        self.connection.connect()
        self.addCleanup(self.connection.close)
        self.channel: Any = self.connection.channel()
        self.channel.queue_declare(self.queue, auto_delete=False)
        self.addCleanup(self.channel.queue_delete, self.queue)

    def broker(self, url: str = '') -> broker.Broker:
        return broker.Broker('cell1', url or self.url, messaging.Tls())

    def send(self, *methods: str) -> None:
        for method in methods:
            body = amqp.Message(cast(method))
            self.channel.basic_publish(body, routing_key=self.queue)
        # answered after what was published before it
        self.channel.queue_declare(self.queue, passive=True)

    def test_looking_loses_nothing(self) -> None:
        self.send('start_instance', 'reboot_instance', 'stop_instance')
        first = self.broker().waiting(self.host)
        self.assertEqual(first, self.broker().waiting(self.host))
        main, other = first
        self.assertEqual((True, 0, 3), (main.exists, main.consumers, 3))
        self.assertEqual(3, main.messages)
        self.assertEqual(
            ['start_instance', 'reboot_instance', 'stop_instance'],
            [call.method for call in main.calls],
        )
        self.assertEqual({(SERVER,)}, {call.servers for call in main.calls})
        self.assertFalse(other.exists)
        self.assertNotIn('secret', repr(first))

    def test_purge(self) -> None:
        self.send('start_instance', 'reboot_instance')
        purged, _ = self.broker().purge(self.host)
        self.assertEqual(2, purged.messages)
        self.assertEqual(
            ['req-start_instance', 'req-reboot_instance'],
            [call.request for call in purged.calls],
        )
        now, _ = self.broker().waiting(self.host)
        self.assertEqual(0, now.messages)
        self.assertEqual(0, self.broker().purge(self.host)[0].messages)

    def test_consumers_are_counted(self) -> None:
        tag = self.channel.basic_consume(self.queue)
        self.addCleanup(self.channel.basic_cancel, tag)
        found, _ = self.broker().waiting(self.host)
        self.assertEqual(1, found.consumers)

    def test_the_next_server_of_the_url(self) -> None:
        scheme, _, rest = self.url.partition('://')
        found, _ = self.broker(
            f'{scheme}://nobody:x@127.0.0.1:1,{rest}'
        ).waiting(self.host)
        self.assertTrue(found.exists)

    def test_a_wrong_password_is_not_shown(self) -> None:
        place = transport_url.parse(self.url, 'the test').places[0]
        wrong = f'rabbit://nobody:s3cr3t@{place.host}:{place.port or 5672}/'
        error = self.assertRaises(
            broker.BrokerUnavailable, self.broker(wrong).waiting, self.host
        )
        self.assertNotIn('s3cr3t', str(error))

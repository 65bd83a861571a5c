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

"""The driver for RabbitMQ: whom it asks, and how; the answers are real.

The functional tests ask a real broker.
"""

import ssl
from typing import Any
from unittest import mock

import amqp
import fixtures

from osc_recovery.cloud import broker
from osc_recovery.cloud import rabbit
from osc_recovery.cloud import transport_url
from osc_recovery.conf import messaging
from osc_recovery.tests.unit import base

URL = 'rabbit://nova:s3cr3t@mq1:5671,nova:s3cr3t@mq2/cell1'
TLS = messaging.Tls(True, '/ca', '/cert', '/key')


class RabbitTestCase(base.TestCase):
    """Connections that py-amqp would make."""

    def setUp(self) -> None:
        super().setUp()
        self.connection = self.useFixture(
            fixtures.MockPatchObject(amqp, 'Connection', autospec=True)
        ).mock
        self.channel = mock.create_autospec(amqp.Channel, instance=True)
        self.connection.return_value.channel.return_value = self.channel
        self.channel.queue_declare.return_value = mock.Mock(
            spec_set=('message_count', 'consumer_count'),
            message_count=3,
            consumer_count=0,
        )

    def driver(
        self, url: str = URL, tls: messaging.Tls = TLS
    ) -> rabbit.Rabbit:
        return rabbit.Rabbit(transport_url.parse(url, 'c'), tls)

    def asked(self) -> list[dict[str, Any]]:
        """How each connection was made."""
        return [dict(call.kwargs) for call in self.connection.call_args_list]

    def test_looks_at_no_more_than_the_limit(self) -> None:
        self.channel.basic_get.return_value = mock.Mock(
            spec_set=('body',), body='b'
        )
        found = self.driver().look('compute.h', 2)
        self.assertEqual((3, ('b', 'b')), (found.messages, found.bodies))
        self.channel.basic_ack.assert_not_called()
        self.channel.queue_purge.assert_not_called()
        for call in self.channel.basic_get.mock_calls:
            self.assertEqual({'no_ack': False}, call.kwargs)
        self.connection.return_value.close.assert_called_once_with()

    def test_a_missing_queue_is_empty(self) -> None:
        self.channel.queue_declare.side_effect = amqp.NotFound('none')
        self.assertFalse(self.driver().look('q', 1).exists)
        self.assertFalse(self.driver().purge('q').exists)
        self.channel.basic_get.assert_not_called()

    def test_purge_acknowledges_what_it_has_read(self) -> None:
        self.channel.basic_get.side_effect = [
            mock.Mock(
                spec_set=('body', 'delivery_tag'), body='a', delivery_tag=1
            ),
            None,
        ]
        found = self.driver().purge('q')
        self.assertEqual((1, ('a',)), (found.messages, found.bodies))
        self.channel.basic_ack.assert_called_once_with(1)

    def test_the_next_server_is_tried(self) -> None:
        made = self.connection.return_value
        made.connect.side_effect = [ConnectionRefusedError('no'), None]
        self.driver().look('q', 0)
        self.assertEqual(
            ['mq1:5671', 'mq2:5672'], [call['host'] for call in self.asked()]
        )
        self.assertEqual(
            {('nova', 's3cr3t', 'cell1')},
            {
                (c['userid'], c['password'], c['virtual_host'])
                for c in self.asked()
            },
        )

    def test_nobody_answers(self) -> None:
        made = self.connection.return_value
        made.connect.side_effect = amqp.AccessRefused('nova s3cr3t refused')
        error = self.assertRaises(
            broker.BrokerUnavailable, self.driver().look, 'q', 1
        )
        self.assertIn(
            'rabbit://mq1:5671,mq2/cell1 cannot be asked', str(error)
        )
        self.assertNotIn('s3cr3t', str(error))
        self.assertRaises(
            broker.BrokerUnavailable, self.driver('rabbit://').look, 'q', 1
        )

    def test_a_connection_that_breaks(self) -> None:
        self.channel.queue_declare.side_effect = OSError('broken')
        self.assertRaises(broker.BrokerUnavailable, self.driver().purge, 'q')

    def test_tls(self) -> None:
        plain = messaging.Tls()
        verified = {
            'keyfile': '/key',
            'certfile': '/cert',
            'ca_certs': '/ca',
            'cert_reqs': ssl.CERT_REQUIRED,
        }
        for url, tls, expected in (
            ('rabbit://mq/', plain, False),
            ('rabbit://mq/', messaging.Tls(ssl=True), True),
            ('rabbit://mq/', TLS, {**verified, 'server_hostname': 'mq'}),
            (
                'rabbit://mq/',
                messaging.Tls(True, '/ca', verify_host=False),
                {'ca_certs': '/ca', 'cert_reqs': ssl.CERT_REQUIRED},
            ),
            (
                'rabbit://mq/?ssl=1&ssl_ca_file=/b',
                plain,
                {
                    'ca_certs': '/b',
                    'cert_reqs': ssl.CERT_REQUIRED,
                    'server_hostname': 'mq',
                },
            ),
            ('rabbit://mq/?ssl=0', TLS, False),
        ):
            with self.subTest(url=url, tls=tls):
                self.connection.reset_mock()
                self.driver(url, tls).look('q', 0)
                self.assertEqual(expected, self.asked()[0]['ssl'])

    def test_who_names_nobody_is_a_guest(self) -> None:
        self.driver('rabbit://mq').look('q', 0)
        (asked,) = self.asked()
        self.assertEqual(
            ('guest', 'guest', '/'),
            (asked['userid'], asked['password'], asked['virtual_host']),
        )

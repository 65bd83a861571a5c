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

"""What waits for a host, whatever the broker is."""

import json
from typing import Any
from unittest import mock

from osc_recovery.cloud import broker
from osc_recovery.cloud import rabbit
from osc_recovery.conf import messaging
from osc_recovery import exceptions
from osc_recovery.model import broker as model
from osc_recovery.sandbox import broker as sandbox
from osc_recovery.sandbox import hub_client
from osc_recovery.tests.unit import base

URL = 'rabbit://nova:s3cr3t@mq1:5672,nova:s3cr3t@mq2:5672/cell1'
SERVER = '46c8505b-ec83-4a29-9084-2d702cb3f180'
OTHER = '954b4275-9c7b-4031-aca1-0dfdf5d5bc8a'


def instance(uuid: str) -> dict[str, Any]:
    """An Instance as oslo.versionedobjects packs it."""
    return {'nova_object.name': 'Instance', 'nova_object.data': {'uuid': uuid}}


def envelope(**message: Any) -> str:
    """A message as oslo.messaging packs it."""
    return json.dumps({'oslo.message': json.dumps(message)})


class CallTestCase(base.TestCase):
    """Method, servers and request; nothing else of a message is kept."""

    def test_messages(self) -> None:
        for body, expected in (
            (
                envelope(
                    method='start_instance',
                    args={'instance': instance(SERVER), 'password': 'x'},
                    _context_request_id='req-1',
                ),
                model.Call('start_instance', (SERVER,), 'req-1'),
            ),
            (
                envelope(
                    method='external_instance_event',
                    args={
                        'instances': [instance(SERVER), instance(OTHER)],
                        'events': [{'nova_object.name': 'Event'}, 'text'],
                    },
                ),
                model.Call('external_instance_event', (SERVER, OTHER)),
            ),
            (
                envelope(method='a', args={'instance_uuid': SERVER}),
                model.Call('a', (SERVER,)),
            ),
            # without an envelope, as oslo.messaging 1.0 sent it
            (
                json.dumps({'method': 'a', 'args': None}),
                model.Call('a'),
            ),
            (envelope(method='a'), model.Call('a')),
            (b'\xff\xfe', model.Call('?')),
            ('{', model.Call('?')),
            ('[1]', model.Call('?')),
            ('null', model.Call('?')),
            ('{"oslo.message": 3}', model.Call('?')),
            (
                envelope(
                    method='a',
                    args={
                        'instance': {
                            'nova_object.name': 'Instance',
                            'nova_object.data': None,
                        }
                    },
                ),
                model.Call('?'),
            ),
        ):
            with self.subTest(body=body):
                self.assertEqual(expected, broker.call(body))


class BrokerTestCase(base.TestCase):
    """Both queues of a host, through whatever driver the scheme has."""

    def setUp(self) -> None:
        super().setUp()
        self.driver = mock.create_autospec(rabbit.Rabbit, instance=True)
        body = envelope(method='start_instance', args={})
        self.driver.look.return_value = model.Raw(True, 1, 7, (body,))
        self.driver.purge.return_value = model.Raw(False)

    def broker(self) -> broker.Broker:
        return broker.Broker(
            'cell1', URL, messaging.Tls(), lambda url, tls: self.driver
        )

    def test_waiting(self) -> None:
        calls = (model.Call('start_instance'),)
        self.assertEqual(
            (
                model.Queue('compute.h', True, 1, 7, calls),
                model.Queue('compute-alt.h', True, 1, 7, calls),
            ),
            self.broker().waiting('h'),
        )
        self.driver.purge.assert_not_called()

    def test_purge(self) -> None:
        found = self.broker().purge('h')
        self.assertEqual([0, 0], [queue.messages for queue in found])
        self.assertEqual(
            [mock.call('compute.h'), mock.call('compute-alt.h')],
            self.driver.purge.mock_calls,
        )

    def test_any_error_of_a_driver_is_told_as_one(self) -> None:
        self.driver.look.side_effect = exceptions.RecoveryError('no answer')
        error = self.assertRaises(
            broker.BrokerUnavailable, self.broker().waiting, 'h'
        )
        self.assertEqual(
            'the broker at rabbit://mq1:5672,mq2:5672/cell1 cannot be asked: '
            'no answer',
            str(error),
        )

    def test_no_secret_is_shown(self) -> None:
        made = self.broker()
        self.assertNotIn('s3cr3t', f'{made!r} {made.where} {vars(made)}')

    def test_a_scheme_without_a_driver(self) -> None:
        made = broker.Broker('c', 'kafka://h:1/', messaging.Tls())
        error = self.assertRaises(broker.BrokerUnavailable, made.waiting, 'h')
        self.assertIn('kafka://', str(error))

    def test_the_sandbox_is_asked_by_its_scheme(self) -> None:
        answer = hub_client.Waiting(0, ('a', 'b'), ({'method': 'a'}, 'b'))
        with mock.patch.object(
            hub_client, 'inspect', autospec=True, return_value=answer
        ) as inspect:
            made = broker.Broker('c', 'hub://127.0.0.1:9/', messaging.Tls())
            found, other = made.waiting('h.example.org')
        self.assertEqual(
            (9, ('nova', 'compute', 'h.example.org'), False, '127.0.0.1'),
            inspect.call_args_list[0].args,
        )
        self.assertEqual('compute-alt.h.example.org', other.name)
        self.assertEqual((0, 2), (found.consumers, found.messages))
        self.assertEqual(['a', '?'], [c.method for c in found.calls])

    def test_a_hub_without_a_port(self) -> None:
        made = broker.Broker('c', 'hub:///', messaging.Tls())
        self.assertRaises(broker.BrokerUnavailable, made.purge, 'h')
        self.assertTrue(callable(sandbox.HubDriver))

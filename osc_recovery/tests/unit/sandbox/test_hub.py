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

"""The message hub: queues outlive consumers, fan-outs reach everybody."""

import asyncio
import json
from typing import Any

from osc_recovery.sandbox.services import hub
from osc_recovery.tests.unit import base


class Client:
    """Remembers what the hub sends."""

    def __init__(self) -> None:
        self.received: list[hub.Message] = []

    def send(self, message: hub.Message) -> None:
        self.received.append(message)

    @property
    def bodies(self) -> list[Any]:
        return [message.get('body') for message in self.received]


def named(op: str, server: str | None = None, **values: Any) -> hub.Message:
    return {
        'op': op,
        'exchange': 'nova',
        'topic': 'compute',
        'server': server,
        **values,
    }


class HubTestCase(base.TestCase):
    """Routing, without a socket."""

    def setUp(self) -> None:
        super().setUp()
        self.hub = hub.Hub()
        self.sender = Client()

    def consumer(self, server: str) -> Client:
        client = Client()
        self.hub.handle(client, named('subscribe', server))
        return client

    def cast(self, server: str | None, body: Any, **values: Any) -> None:
        message = named('message', server, body=body, **values)
        self.hub.handle(self.sender, message)

    def look(self, server: str, op: str = 'waiting') -> hub.Message:
        client = Client()
        self.hub.handle(client, named(op, server))
        return client.received[0]

    def test_only_the_named_server_gets_a_message(self) -> None:
        one, two = self.consumer('host1'), self.consumer('host2')
        self.cast('host2', 'x')
        self.assertEqual([], one.received)
        self.assertEqual(['x'], two.bodies)
        self.assertEqual(
            ['nova', 'compute', 'host2'], two.received[0]['consumer']
        )

    def test_the_servers_of_a_topic_take_turns(self) -> None:
        one, two = self.consumer('host1'), self.consumer('host2')
        for number in range(4):
            self.cast(None, number)
        self.assertEqual([0, 2], one.bodies)
        self.assertEqual([1, 3], two.bodies)

    def test_a_fanout_reaches_each_consumer_once(self) -> None:
        one, two = self.consumer('host1'), self.consumer('host2')
        self.cast(None, 'x', fanout=True)
        self.assertEqual(['x'], one.bodies)
        self.assertEqual(['x'], two.bodies)

    def test_a_message_waits_for_a_dead_host_in_order(self) -> None:
        dead = self.consumer('host1')
        self.hub.forget(dead)
        self.cast('host1', 1)
        self.cast('host1', 2)
        self.assertEqual([], dead.received)
        self.assertEqual([1, 2], self.consumer('host1').bodies)

    def test_an_unsubscribed_client_gets_nothing_more(self) -> None:
        client = self.consumer('host1')
        self.hub.handle(client, named('unsubscribe', 'host1'))
        self.cast('host1', 'x')
        self.assertEqual([], client.received)

    def test_waiting_names_the_methods_and_keeps_them(self) -> None:
        packed = json.dumps({'method': 'start_instance', 'args': {}})
        self.cast('host1', {'oslo.version': '2.0', 'oslo.message': packed})
        for _ in range(2):
            found = self.look('host1')
            self.assertEqual(['start_instance'], found['methods'])
            self.assertEqual(0, found['consumers'])

    def test_purged_messages_are_gone(self) -> None:
        self.cast('host1', {'method': 'reboot_instance'})
        self.cast('host2', {'method': 'stop_instance'})
        found = self.look('host1', 'purge')
        self.assertEqual(['reboot_instance'], found['methods'])
        self.assertEqual([], self.look('host1')['methods'])
        self.assertEqual(['stop_instance'], self.look('host2')['methods'])
        self.assertEqual([], self.consumer('host1').received)

    def test_a_reply_goes_to_the_caller(self) -> None:
        self.hub.handle(self.sender, {'op': 'hello', 'client': 'caller'})
        reply = {'op': 'reply', 'to': 'caller', 'id': '1', 'result': 5}
        self.hub.handle(Client(), reply)
        self.assertEqual([reply], self.sender.received)

    def test_a_reply_to_a_dead_caller_is_dropped(self) -> None:
        self.hub.handle(self.sender, {'op': 'hello', 'client': 'caller'})
        self.hub.forget(self.sender)
        self.hub.handle(Client(), {'op': 'reply', 'to': 'caller'})
        self.assertEqual([], self.sender.received)


class Writer:
    """As much of a stream writer as the hub needs."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.closed = False

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    def close(self) -> None:
        self.closed = True


class ConverseTestCase(base.TestCase):
    """One client's stream, in memory."""

    def converse(self, made: hub.Hub, *messages: hub.Message) -> Writer:
        writer = Writer()

        async def talk() -> None:
            reader = asyncio.StreamReader()
            for message in messages:
                reader.feed_data(json.dumps(message).encode() + b'\n')
            reader.feed_eof()
            await hub.converse(made, reader, writer)  # type: ignore[arg-type]

        asyncio.run(talk())
        return writer

    def test_a_line_is_a_message(self) -> None:
        writer = self.converse(
            hub.Hub(),
            named('subscribe', 'host1'),
            named('message', 'host1', body='x'),
        )
        (line,) = writer.lines
        self.assertEqual('x', json.loads(line)['body'])
        self.assertTrue(line.endswith(b'\n'))

    def test_a_client_that_goes_away_is_forgotten(self) -> None:
        made = hub.Hub()
        writer = self.converse(made, named('subscribe', 'host1'))
        self.assertTrue(writer.closed)
        self.converse(made, named('message', 'host1', body='x'))
        self.assertEqual([], writer.lines)

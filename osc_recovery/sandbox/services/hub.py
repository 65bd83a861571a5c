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

"""A small message hub: what a broker is to nova, in one process.

Clients send one JSON object a line over TCP. A queue is named by exchange,
topic and server and outlives its consumer, as in RabbitMQ: what is cast to
a dead host waits here until the host consumes again or somebody purges it.
"""

import asyncio
import collections
import json
import socket
import sys
from typing import Any, NamedTuple, Protocol

LINE_LIMIT = 64 * 1024 * 1024

Message = dict[str, Any]


class Queue(NamedTuple):
    """The name of a queue; a server of None is the topic's shared queue."""

    exchange: str
    topic: str
    server: str | None

    @classmethod
    def of(cls, message: Message) -> 'Queue':
        """The queue that a message or a subscription names."""
        return cls(
            message['exchange'], message['topic'], message.get('server')
        )


class Client(Protocol):
    """Somebody the hub can send a message to."""

    def send(self, message: Message) -> None:
        """Send one message; must not block."""


class Consumer(NamedTuple):
    """One subscription of one client."""

    client: Client
    key: Queue


class Hub:
    """Queues, consumers and replies; knows nothing of sockets."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._consumers: dict[Queue, list[Consumer]] = collections.defaultdict(
            list
        )
        self._waiting: dict[Queue, collections.deque[Message]] = (
            collections.defaultdict(collections.deque)
        )

    def handle(self, client: Client, message: Message) -> None:
        """Act on one message from a client."""
        operation = message['op']
        if operation == 'hello':
            self._clients[message['client']] = client
        elif operation == 'subscribe':
            self._subscribe(client, Queue.of(message))
        elif operation == 'unsubscribe':
            self._unsubscribe(Consumer(client, Queue.of(message)))
        elif operation == 'message':
            self._route(message)
        elif operation == 'reply':
            self._send_to(message['to'], message)
        elif operation in ('waiting', 'purge'):
            client.send(self._inspect(operation, Queue.of(message)))

    def forget(self, client: Client) -> None:
        """Drop a client that has gone; its queues stay."""
        self._clients = {
            name: other
            for name, other in self._clients.items()
            if other is not client
        }
        for consumers in self._consumers.values():
            consumers[:] = [c for c in consumers if c.client is not client]

    def _subscribe(self, client: Client, key: Queue) -> None:
        for queue in (key, key._replace(server=None)):
            self._consumers[queue].append(Consumer(client, key))
            for message in self._waiting.pop(queue, ()):
                self._route(message)

    def _unsubscribe(self, consumer: Consumer) -> None:
        for consumers in self._consumers.values():
            if consumer in consumers:
                consumers.remove(consumer)

    def _route(self, message: Message) -> None:
        queue = Queue.of(message)
        if message.get('fanout'):
            self._fan_out(queue, message)
            return
        consumers = self._consumers[queue]
        if not consumers:
            self._waiting[queue].append(message)
            return
        consumer = consumers.pop(0)
        consumers.append(consumer)
        _deliver(consumer, message)

    def _fan_out(self, topic: Queue, message: Message) -> None:
        for queue, consumers in list(self._consumers.items()):
            if queue[:2] == topic[:2] and queue.server is not None:
                for consumer in consumers:
                    _deliver(consumer, message)

    def _send_to(self, name: str, message: Message) -> None:
        if name in self._clients:
            self._clients[name].send(message)

    def _inspect(self, operation: str, queue: Queue) -> Message:
        held = self._waiting.get(queue, ())
        answer = {
            'op': 'waiting',
            'consumers': len(self._consumers.get(queue, ())),
            'methods': [method_of(message) for message in held],
            'bodies': [message.get('body') for message in held],
        }
        if operation == 'purge':
            self._waiting.pop(queue, None)
        return answer


def _deliver(consumer: Consumer, message: Message) -> None:
    consumer.client.send({**message, 'consumer': list(consumer.key)})


def method_of(message: Message) -> str:
    """The RPC method of a message, as oslo.messaging packs it."""
    body = message.get('body') or {}
    if 'oslo.message' in body:
        body = json.loads(body['oslo.message'])
    return str(body.get('method', '?'))


class _Connection:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def send(self, message: Message) -> None:
        self._writer.write(json.dumps(message).encode() + b'\n')


async def converse(
    hub: Hub, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one client until it goes away."""
    client = _Connection(writer)
    try:
        while line := await reader.readline():
            hub.handle(client, json.loads(line))
    except ConnectionError:
        pass  # a killed client resets its connection
    finally:
        hub.forget(client)
        writer.close()


async def serve(descriptor: int) -> None:
    """Serve on the inherited socket until killed."""
    hub = Hub()
    server = await asyncio.start_server(
        lambda reader, writer: converse(hub, reader, writer),
        sock=socket.socket(fileno=descriptor),
        limit=LINE_LIMIT,
    )
    async with server:
        await server.serve_forever()


if __name__ == '__main__':
    asyncio.run(serve(int(sys.argv[1])))

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

"""The oslo.messaging driver ``hub://``: RPC through the message hub."""

import itertools
import json
import os
import queue
import socket
import threading
import time
from typing import Any, ClassVar
import uuid

import oslo_messaging
from oslo_messaging._drivers import base
from oslo_messaging._drivers import common
from oslo_serialization import jsonutils

Key = tuple[str, str, str | None]


class Connection:
    """One socket per process and hub, shared by all transports."""

    _all: ClassVar[dict[tuple[int, Any], 'Connection']] = {}
    _guard = threading.Lock()

    @classmethod
    def get(cls, address: tuple[str, int]) -> 'Connection':
        """The process's connection to that hub; made when first asked."""
        with cls._guard:
            key = (os.getpid(), address)
            if key not in cls._all:
                cls._all[key] = cls(address)
            return cls._all[key]

    def __init__(self, address: tuple[str, int]) -> None:
        self.id = uuid.uuid4().hex
        self._address = address
        self._numbers = itertools.count()
        self._lock = threading.RLock()
        self._calls: dict[str, queue.SimpleQueue[Any]] = {}
        self._queues: dict[Key, queue.SimpleQueue[Any]] = {}
        self._connect()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, **message: Any) -> None:
        """Send one message; waits while the hub is being reached."""
        data = jsonutils.dumps(message).encode() + b'\n'
        with self._lock:
            self._socket.sendall(data)

    def call(self, timeout: float | None, **message: Any) -> Any:
        """Send a message and wait for its reply."""
        number = str(next(self._numbers))
        answers = self._calls[number] = queue.SimpleQueue()
        try:
            self.send(id=number, reply_to=self.id, **message)
            return answers.get(timeout=timeout)
        except queue.Empty:
            raise oslo_messaging.MessagingTimeout(
                f'no reply on topic {message["topic"]}, '
                f'server {message["server"]}'
            ) from None
        finally:
            self._calls.pop(number, None)

    def subscribe(self, key: Key, messages: Any) -> None:
        """Consume a queue, the topic's shared queue and its fan-outs."""
        self._queues[key] = messages
        self._send_key('subscribe', key)

    def unsubscribe(self, key: Key) -> None:
        """Stop consuming."""
        self._queues.pop(key, None)
        self._send_key('unsubscribe', key)

    def _send_key(self, operation: str, key: Key) -> None:
        exchange, topic, server = key
        self.send(op=operation, exchange=exchange, topic=topic, server=server)

    def _connect(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self._socket = socket.create_connection(self._address)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(op='hello', client=self.id)
        for key in list(self._queues):
            self._send_key('subscribe', key)

    def _read(self) -> None:
        while True:
            try:
                for line in self._socket.makefile('rb'):
                    self._handle(json.loads(line))
            except OSError:
                pass  # the hub has gone: connect again below
            with self._lock:
                self._connect()

    def _handle(self, message: dict[str, Any]) -> None:
        if message['op'] == 'reply':
            target = self._calls.get(message['id'])
        else:
            exchange, topic, server = message['consumer']
            target = self._queues.get((exchange, topic, server))
        if target is not None:
            target.put(message)


class Incoming(base.RpcIncomingMessage):
    """A message on its way to an RPC server."""

    def __init__(self, connection: Connection, message: dict[str, Any]):
        super().__init__(message['context'], message['body'])
        self._connection = connection
        self._reply_to = message.get('reply_to')
        self._id = message.get('id')

    def acknowledge(self) -> None:
        """Nothing to do: the hub forgets what it has delivered."""

    def requeue(self) -> None:
        """Not supported by the hub."""

    def heartbeat(self) -> None:
        """Not needed: connections are on the loopback interface."""

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        """Send the result or the failure to the caller."""
        if self._reply_to is None:
            return
        error = failure and common.serialize_remote_exception(failure)
        self._connection.send(
            op='reply',
            to=self._reply_to,
            id=self._id,
            result=reply,
            failure=error,
        )


class Listener(base.PollStyleListener):
    """Takes the messages of one subscription."""

    def __init__(self, connection: Connection, key: Key) -> None:
        super().__init__()
        self._connection = connection
        self._key = key
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        connection.subscribe(key, self._messages)

    @base.batch_poll_helper
    def poll(self, timeout: float | None = None) -> Incoming | None:
        """The next message, or None when there is none in time."""
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            return None
        if message is None:
            return None
        return Incoming(self._connection, message)

    def stop(self) -> None:
        """Stop consuming and wake whoever polls."""
        self._connection.unsubscribe(self._key)
        self._messages.put(None)


class HubDriver(base.BaseDriver):
    """Sends and listens through the hub named by the transport URL."""

    def __init__(
        self,
        conf: Any,
        url: Any,
        default_exchange: str | None = None,
        allowed_remote_exmods: Any = None,
    ) -> None:
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        host = url.hosts[0]
        self._address = (host.hostname, host.port)

    def require_features(self, requeue: bool = False) -> None:
        """Accept every requirement that nova states."""

    def send(
        self,
        target: Any,
        ctxt: Any,
        message: Any,
        wait_for_reply: Any = None,
        timeout: float | None = None,
        call_monitor_timeout: float | None = None,
        retry: Any = None,
        transport_options: Any = None,
    ) -> Any:
        """Cast, or call and return the result."""
        connection = Connection.get(self._address)
        envelope = {
            'op': 'message',
            'exchange': target.exchange or self._default_exchange,
            'topic': target.topic,
            'server': target.server,
            'fanout': bool(target.fanout),
            'context': ctxt,
            'body': message,
        }
        if not wait_for_reply:
            connection.send(**envelope)
            return None
        answer = connection.call(timeout, **envelope)
        if answer['failure']:
            raise common.deserialize_remote_exception(
                answer['failure'], self._allowed_remote_exmods
            )
        return answer['result']

    def send_notification(
        self,
        target: Any,
        ctxt: Any,
        message: Any,
        version: Any,
        retry: Any = None,
    ) -> None:
        """Drop it: nobody listens to notifications here."""

    def listen(
        self, target: Any, batch_size: int, batch_timeout: float | None
    ) -> base.PollStyleListenerAdapter:
        """Listen to the target's queue."""
        key = (
            target.exchange or self._default_exchange,
            target.topic,
            target.server,
        )
        listener = Listener(Connection.get(self._address), key)
        return base.PollStyleListenerAdapter(
            listener, batch_size, batch_timeout
        )

    def listen_for_notifications(self, *args: Any, **kwargs: Any) -> None:
        """Not supported by the hub."""
        raise NotImplementedError

    def cleanup(self) -> None:
        """Nothing to do: the socket goes with the process."""

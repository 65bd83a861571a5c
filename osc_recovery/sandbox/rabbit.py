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


"""A RabbitMQ server that gives each cell of a sandbox a virtual host."""

from collections.abc import Iterator
import contextlib
import json
from typing import Any

import amqp
import sqlalchemy

from osc_recovery import exceptions
from osc_recovery.sandbox import backends
from osc_recovery.sandbox import hub_client
from osc_recovery.sandbox import rabbit_admin
from osc_recovery.sandbox.services import hub as hubs
from osc_recovery.sandbox import shape as shapes

PORT = 5672
TIMEOUT = 10
"""Seconds to wait for a connection and for each answer."""


class Rabbit:
    """The virtual hosts and the user of one sandbox."""

    processes = False

    def __init__(self, url: str, account: backends.Account) -> None:
        self._url = sqlalchemy.make_url(url)
        self._account = account

    @property
    def _where(self) -> str:
        return f'{self._url.host}:{self._url.port or PORT}'

    def url(self, cell: shapes.Cell) -> str:
        """The transport URL of a cell, for the sandbox's own user."""
        account = self._account
        return (
            f'rabbit://{account.name}:{account.password}@{self._where}/'
            f'{self._host(cell.hub)}'
        )

    def make(self, shape: shapes.Shape) -> None:
        """Make the user and a virtual host for each cell."""
        hosts = [self._host(cell.hub) for cell in shape.cells]
        rabbit_admin.find(self._url).add(self._account, hosts)

    def remove(self) -> None:
        """Remove the virtual hosts, with all that waits, and the user."""
        rabbit_admin.find(self._url).remove(self._account)

    def inspect(
        self, hub: str, queue: hubs.Queue, purge: bool = False
    ) -> hub_client.Waiting:
        """Look into a queue; what waits there goes on waiting.

        A message that was got and not acknowledged goes back to its place
        when the channel is closed.
        """
        name = _queue_name(queue)
        with self._connected(hub) as connection:
            try:
                found = connection.channel().queue_declare(name, passive=True)
            except amqp.NotFound:
                return hub_client.Waiting(0, ())
            channel = connection.channel()
            methods = _methods(channel, name)
            channel.close()
            if purge:
                connection.channel().queue_purge(name)
        return hub_client.Waiting(found.consumer_count, methods)

    def _host(self, hub: str) -> str:
        return f'{self._account.name}_{hub}'

    @contextlib.contextmanager
    def _connected(self, hub: str) -> Iterator[Any]:
        try:
            with amqp.Connection(
                host=self._where,
                userid=self._account.name,
                password=self._account.password,
                virtual_host=self._host(hub),
                connect_timeout=TIMEOUT,
                read_timeout=TIMEOUT,
                write_timeout=TIMEOUT,
            ) as connection:
                yield connection
        except (amqp.AMQPError, OSError) as exc:
            raise exceptions.RecoveryError(
                f'The broker at {self._where} does not answer: {exc}'
            ) from exc


def _queue_name(queue: hubs.Queue) -> str:
    """What oslo.messaging calls it, whatever the exchange."""
    if queue.server is None:
        return queue.topic
    return f'{queue.topic}.{queue.server}'


def _methods(channel: Any, name: str) -> tuple[str, ...]:
    found = []
    while (message := channel.basic_get(name)) is not None:
        found.append(hubs.method_of({'body': json.loads(message.body)}))
    return tuple(found)

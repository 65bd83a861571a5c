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

"""Looks into the queues of a host on its cell's message broker.

What is cast to a dead host waits there and is carried out when the host
returns, after nova has cleaned up: a start that was asked for before a
server was moved boots a second copy of it.
"""

from collections.abc import Callable
import json
import logging
from typing import Any, Protocol

from stevedore import driver as stevedore_driver
from stevedore import exception as stevedore_exc

from osc_recovery.cloud import transport_url
from osc_recovery.conf import messaging
from osc_recovery import exceptions
from osc_recovery.model import broker as model

#: entry points of drivers, by the scheme of the transport URL
NAMESPACE = 'osc_recovery.brokers'
#: what nova-compute listens to (nova/compute/rpcapi.py, RPC_TOPIC and since
#: 2026.1 RPC_TOPIC_ALT); oslo.messaging's queue is <topic>.<server>
TOPICS = ('compute', 'compute-alt')
#: messages that are looked at in one queue, to say what they are; all are
#: counted and thrown away
LOOKED_AT = 500

Envelope = dict[str, Any]


class BrokerUnavailable(exceptions.StepFailed, exceptions.ServiceUnavailable):
    """A broker did not answer, or cannot be asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, cause='broker-unavailable')


class Driver(Protocol):
    """One kind of broker; both methods raise BrokerUnavailable.

    A driver is called with the URL and the TLS settings of nova.conf.  It
    connects anew in every method.
    """

    def look(self, queue: str, limit: int) -> model.Raw:
        """What waits in a queue; every message stays, in its order.

        ``limit`` is how many are looked at.
        """

    def purge(self, queue: str) -> model.Raw:
        """Throw away what waits in a queue; what that was, all of it."""


class Broker:
    """The message broker of one cell."""

    def __init__(
        self,
        cell: str,
        url: str,
        tls: messaging.Tls,
        load: Callable[[transport_url.TransportUrl, messaging.Tls], Driver]
        | None = None,
    ) -> None:
        self._cell = cell
        self._url = transport_url.parse(url, f'cell {cell}')
        self._tls = tls
        self._load = load or _driver

    def __repr__(self) -> str:
        return f'Broker({self._cell!r}, {self._url})'

    @property
    def where(self) -> str:
        """The broker's place, without secrets."""
        return str(self._url)

    def waiting(self, host: str) -> tuple[model.Queue, ...]:
        """What waits for the nova-compute of a host; changes nothing.

        Every message is taken out and given back, so its ``redelivered``
        mark is set.  Raises BrokerUnavailable.
        """
        return tuple(self._ask(name, purge=False) for name in _names(host))

    def purge(self, host: str) -> tuple[model.Queue, ...]:
        """Throw away what waits for a host: what that was.

        Raises BrokerUnavailable.
        """
        return tuple(self._ask(name, purge=True) for name in _names(host))

    def _ask(self, name: str, *, purge: bool) -> model.Queue:
        try:
            driver = self._load(self._url, self._tls)
            if purge:
                return _queue(name, driver.purge(name))
            return _queue(name, driver.look(name, LOOKED_AT))
        except BrokerUnavailable:
            raise
        except exceptions.RecoveryError as exc:
            raise BrokerUnavailable(
                f'the broker at {self.where} cannot be asked: {exc}'
            ) from exc


def _names(host: str) -> tuple[str, ...]:
    return tuple(f'{topic}.{host}' for topic in TOPICS)


def _driver(url: transport_url.TransportUrl, tls: messaging.Tls) -> Driver:
    """The driver for a scheme; raises BrokerUnavailable."""
    # stevedore logs what it also raises
    logging.getLogger('stevedore').setLevel(logging.CRITICAL)
    try:
        made: Any = stevedore_driver.DriverManager(
            NAMESPACE,
            url.scheme,
            invoke_on_load=True,
            invoke_args=(url, tls),
            warn_on_missing_entrypoint=False,
        ).driver
    except stevedore_exc.NoMatches:
        raise BrokerUnavailable(
            f'no driver of {NAMESPACE} knows the brokers of {url.scheme}://'
        ) from None
    driver: Driver = made
    return driver


def _queue(name: str, raw: model.Raw) -> model.Queue:
    return model.Queue(
        name=name,
        exists=raw.exists,
        consumers=raw.consumers,
        messages=raw.messages,
        calls=tuple(call(body) for body in raw.bodies),
    )


def call(body: str | bytes) -> model.Call:
    """The method and the servers of a message, nothing else of it.

    Its form is that of oslo_messaging/_drivers/common.py, serialize_msg,
    and of oslo.versionedobjects; one that is not known is a '?'.
    """
    try:
        message: Envelope = json.loads(body)
        if 'oslo.message' in message:
            message = json.loads(message['oslo.message'])
        args = message.get('args') or {}
        return model.Call(
            method=str(message.get('method', '?')),
            servers=tuple(dict.fromkeys(_servers(args))),
            request=str(message.get('_context_request_id') or ''),
        )
    except (AttributeError, TypeError, ValueError):
        return model.Call('?')


def _servers(args: Envelope) -> list[str]:
    """The uuids of the instances among the arguments."""
    found = []
    for name, value in args.items():
        if name == 'instance_uuid' and isinstance(value, str):
            found.append(value)
        several = value if isinstance(value, list) else [value]
        for item in several:
            if not isinstance(item, dict):
                continue
            if item.get('nova_object.name') == 'Instance':
                found.append(str(item['nova_object.data'].get('uuid', '?')))
    return found

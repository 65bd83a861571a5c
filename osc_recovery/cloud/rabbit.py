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

"""The driver for RabbitMQ: queues over AMQP 0-9-1."""

from collections.abc import Iterator
import contextlib
import ssl
from typing import Any

import amqp
from oslo_utils import strutils

from osc_recovery.cloud import broker
from osc_recovery.cloud import transport_url
from osc_recovery.conf import messaging
from osc_recovery.model import broker as model

#: seconds for connecting to one of the servers, and for each answer
TIMEOUT = 10.0
PORT = 5672
#: oslo.messaging's own for a URL that names nobody
_GUEST = 'guest'
_ERRORS = (amqp.exceptions.AMQPError, OSError, ssl.SSLError)


class Rabbit:
    """The queues of one virtual host of RabbitMQ."""

    def __init__(
        self, url: transport_url.TransportUrl, tls: messaging.Tls
    ) -> None:
        self._url = url
        self._tls = _overridden(tls, url.query)

    def look(self, queue: str, limit: int) -> model.Raw:
        """Take messages without acknowledging them, and let go of them.

        RabbitMQ puts what a closed channel had not acknowledged back where
        it was.
        """
        with self._channel() as channel:
            found = _declared(channel, queue)
            if found is None:
                return model.Raw(exists=False)
            messages, consumers = found
            bodies = []
            for _ in range(min(limit, messages)):
                message = channel.basic_get(queue, no_ack=False)
                if message is None:
                    break
                bodies.append(message.body)
            return model.Raw(True, consumers, messages, tuple(bodies))

    def purge(self, queue: str) -> model.Raw:
        """Take every message and acknowledge it, to know what it was."""
        with self._channel() as channel:
            found = _declared(channel, queue)
            if found is None:
                return model.Raw(exists=False)
            bodies = []
            while (message := channel.basic_get(queue)) is not None:
                bodies.append(message.body)
                channel.basic_ack(message.delivery_tag)
            return model.Raw(True, found[1], len(bodies), tuple(bodies))

    @contextlib.contextmanager
    def _channel(self) -> Iterator[Any]:
        """A channel of the first server that lets us in.

        Raises BrokerUnavailable, without a password.
        """
        connection = self._connect()
        try:
            yield connection.channel()
        except _ERRORS as exc:
            raise self._unavailable(exc) from None
        finally:
            with contextlib.suppress(*_ERRORS):
                connection.close()

    def _connect(self) -> Any:
        error: Exception = OSError('the URL names no server')
        for place in self._url.places:
            connection = amqp.Connection(
                host=f'{place.host}:{place.port or PORT}',
                userid=place.user or _GUEST,
                password=place.password or _GUEST,
                virtual_host=self._url.virtual_host or '/',
                ssl=self._ssl(place),
                connect_timeout=TIMEOUT,
                read_timeout=TIMEOUT,
                write_timeout=TIMEOUT,
            )
            try:
                connection.connect()
            except _ERRORS as exc:
                error = exc
                with contextlib.suppress(*_ERRORS):
                    connection.collect()
                continue
            return connection
        raise self._unavailable(error)

    def _ssl(self, place: transport_url.Place) -> dict[str, Any] | bool:
        """py-amqp's options, as oslo.messaging's _fetch_ssl_params has them.

        Without a file of authorities those of the system are asked.
        """
        tls = self._tls
        if not tls.ssl:
            return False
        options: dict[str, Any] = {}
        if tls.key_file:
            options['keyfile'] = tls.key_file
        if tls.cert_file:
            options['certfile'] = tls.cert_file
        if tls.ca_file:
            options['ca_certs'] = tls.ca_file
            options['cert_reqs'] = ssl.CERT_REQUIRED
            # py-amqp compares the certificate with the name that it is given
            if tls.verify_host:
                options['server_hostname'] = place.host
        return options or True

    def _unavailable(self, exc: Exception) -> broker.BrokerUnavailable:
        reason = ' '.join(str(exc).split()) or type(exc).__name__
        for place in self._url.places:
            if place.password:
                reason = reason.replace(place.password, '***')
        return broker.BrokerUnavailable(
            f'the broker at {self._url} cannot be asked: {reason}'
        )


def _declared(channel: Any, queue: str) -> tuple[int, int] | None:
    """Messages and consumers of a queue; None where there is none.

    RabbitMQ closes the channel on a queue that is missing, so nothing else
    may be asked on it then.
    """
    try:
        answer = channel.queue_declare(queue, passive=True)
    except amqp.exceptions.NotFound:
        return None
    return answer.message_count, answer.consumer_count


def _overridden(tls: messaging.Tls, query: dict[str, str]) -> messaging.Tls:
    """A URL's query overrides the options of nova.conf."""
    if not query.keys() & {
        'ssl',
        'ssl_ca_file',
        'ssl_cert_file',
        'ssl_key_file',
        'ssl_enforce_hostname_verification',
    }:
        return tls
    return messaging.Tls(
        ssl=_true(query.get('ssl'), tls.ssl),
        ca_file=query.get('ssl_ca_file', tls.ca_file),
        cert_file=query.get('ssl_cert_file', tls.cert_file),
        key_file=query.get('ssl_key_file', tls.key_file),
        verify_host=_true(
            query.get('ssl_enforce_hostname_verification'), tls.verify_host
        ),
    )


def _true(text: str | None, default: bool) -> bool:
    return bool(strutils.bool_from_string(text, default=default))

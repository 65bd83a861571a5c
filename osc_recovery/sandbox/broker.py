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

"""The sandbox's message hub, as one more kind of broker.

It is an entry point of ``osc_recovery.brokers`` under the scheme of the
hub's URLs, so that whoever asks a cell's broker asks a sandbox's as well.
"""

import json
from typing import Any

from osc_recovery import exceptions
from osc_recovery.model import broker as model
from osc_recovery.sandbox import hub_client
from osc_recovery.sandbox.services.hub import Queue
from osc_recovery.sandbox import topology


class HubDriver:
    """The queues of one hub; made by osc_recovery.cloud.broker."""

    def __init__(self, url: Any, tls: Any) -> None:
        self._places = url.places

    def look(self, queue: str, limit: int) -> model.Raw:
        """What waits in a queue."""
        return self._ask(queue, limit, purge=False)

    def purge(self, queue: str) -> model.Raw:
        """Throw away what waits in a queue."""
        return self._ask(queue, None, purge=True)

    def _ask(self, queue: str, limit: int | None, *, purge: bool) -> model.Raw:
        topic, _, server = queue.partition('.')
        found = hub_client.inspect(
            self._port,
            Queue(topology.EXCHANGE, topic, server),
            purge,
            self._places[0].host,
        )
        return model.Raw(
            exists=True,
            consumers=found.consumers,
            messages=len(found.bodies),
            bodies=tuple(json.dumps(body) for body in found.bodies[:limit]),
        )

    @property
    def _port(self) -> int:
        if not self._places or not self._places[0].port:
            raise exceptions.ConfigError("The hub's URL names no port.")
        return int(self._places[0].port)

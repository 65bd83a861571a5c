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


"""What carries nova's calls: the sandbox's own hubs, or a broker."""

from collections.abc import Mapping
from typing import Protocol

from osc_recovery.sandbox import hub_client
from osc_recovery.sandbox import rabbit
from osc_recovery.sandbox.services.hub import Queue
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states


class Broker(Protocol):
    """The message hubs of one sandbox: one for each cell."""

    @property
    def processes(self) -> bool:
        """Whether each hub is a process of the sandbox."""

    def url(self, cell: shapes.Cell) -> str:
        """The transport URL of a cell."""

    def inspect(
        self, hub: str, queue: Queue, purge: bool = False
    ) -> hub_client.Waiting:
        """Look into a queue of a hub, and empty it when asked to.

        :raises RecoveryError: the hub does not answer
        """

    def make(self, shape: shapes.Shape) -> None:
        """Make the hubs where they are no processes.

        :raises RecoveryError: the broker is away or refuses
        """

    def remove(self) -> None:
        """Remove what was made; again is no error."""


def of(state: states.State) -> Broker:
    """The broker of the sandbox with that state."""
    if state.backends.transport:
        return rabbit.Rabbit(state.backends.transport, state.account)
    return Hubs(state)


class Hubs:
    """A small hub process for each cell."""

    processes = True

    def __init__(self, state: states.State) -> None:
        self._state = state

    @property
    def _ports(self) -> Mapping[str, int]:
        # They are known only when the sockets have been opened.
        return self._state.ports

    def url(self, cell: shapes.Cell) -> str:
        """The transport URL of a cell."""
        return f'hub://127.0.0.1:{self._ports[cell.hub]}/'

    def inspect(
        self, hub: str, queue: Queue, purge: bool = False
    ) -> hub_client.Waiting:
        """Ask the hub's process."""
        return hub_client.inspect(self._ports[hub], queue, purge)

    def make(self, shape: shapes.Shape) -> None:
        """Nothing to do: they are started with the services."""

    def remove(self) -> None:
        """Nothing to do: they end with the services."""

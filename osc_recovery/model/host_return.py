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

"""What was read about a host that is to return to service."""

import dataclasses

from osc_recovery.model import broker
from osc_recovery.model import facts


@dataclasses.dataclass(frozen=True)
class Home:
    """A server, in brief: where its row says that it lives."""

    uuid: str
    name: str
    host: str | None
    node: str | None
    compute_id: int | None
    vm_state: str
    task_state: str | None
    instance_type_id: int | None
    user_id: str | None
    project_id: str | None


@dataclasses.dataclass(frozen=True)
class Migration:
    """A row of migrations that names the host; ``home`` is its server's.

    None for a server that its cell does not know any more.
    """

    id: int
    uuid: str | None
    type: str | None
    status: str
    server: str
    source_host: str | None
    source_node: str | None
    dest_host: str | None
    home: Home | None = None

    @property
    def name(self) -> str:
        """How a person calls its server."""
        return self.home.name if self.home else self.server


@dataclasses.dataclass(frozen=True)
class Moved:
    """A server that lives elsewhere, and what still names the host.

    ``allocated`` are the providers of its allocation, None where placement
    was not asked; ``provider`` is that of the host where it lives now.
    """

    home: Home
    evidence: tuple[str, ...]
    allocated: tuple[str, ...] | None = None
    provider: str | None = None


@dataclasses.dataclass(frozen=True)
class ReturnFacts:
    """Everything that the gate for a repaired host looks at.

    ``evacuations`` are the rows on which nova-compute destroys a guest
    when it starts, ``unfinished`` all other migrations that name the host
    and have not ended.  ``queues`` is None where the broker could not be
    asked, for the reason in ``no_queues``.  ``lease`` names the run that
    holds the host.
    """

    host: facts.Host
    evacuations: tuple[Migration, ...] = ()
    unfinished: tuple[Migration, ...] = ()
    residents: tuple[Home, ...] = ()
    moved: tuple[Moved, ...] = ()
    queues: tuple[broker.Queue, ...] | None = None
    no_queues: str = ''
    lease: str = ''
    unknown: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """Whether somebody takes what is sent to the host."""
        return any(queue.consumers for queue in self.queues or ())

    @property
    def calls(self) -> tuple[broker.Call, ...]:
        """What waits, as far as it was looked at."""
        return tuple(c for queue in self.queues or () for c in queue.calls)

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return sum(queue.messages for queue in self.queues or ())

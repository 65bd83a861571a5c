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

"""What waits in a message broker for a host that does not take it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Raw:
    """A queue as a driver finds it.

    ``bodies`` are as many messages as were looked at, from the first one
    on, as oslo.messaging packs them.  They hold whatever the services told
    each other, passwords too: they are read at once, and never kept.
    """

    exists: bool
    consumers: int = 0
    messages: int = 0
    bodies: tuple[str | bytes, ...] = dataclasses.field(default=(), repr=False)


@dataclasses.dataclass(frozen=True)
class Call:
    """A call or cast that waits: its RPC method and the servers it names."""

    method: str
    servers: tuple[str, ...] = ()
    request: str = ''


@dataclasses.dataclass(frozen=True)
class Queue:
    """A queue of a host; ``calls`` may be fewer than ``messages``."""

    name: str
    exists: bool
    consumers: int
    messages: int
    calls: tuple[Call, ...] = ()

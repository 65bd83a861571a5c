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

"""What is known about a fence before it is planned."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class AgentFacts:
    """The fence agent of a host and what it says of the power.

    ``options`` are masked.  ``power`` is on or off, or empty when ``said``
    tells why it could not be asked.
    """

    agent: str
    program: str
    options: dict[str, str]
    power: str
    said: str


@dataclasses.dataclass(frozen=True)
class Loss:
    """A host that was lost a short while ago, and what says so."""

    host: str
    since: str
    known_by: str


@dataclasses.dataclass(frozen=True)
class Radius:
    """How many hosts may be fenced within a window of seconds.

    ``total`` is the number of compute hosts that could be read: a cell that
    could not makes it smaller, and the limit tighter.
    """

    losses: tuple[Loss, ...]
    total: int
    max_hosts: int
    max_share: float
    window: int

    @property
    def allowed(self) -> int:
        """Hosts within the window; one may always be fenced."""
        return min(self.max_hosts, max(1, int(self.max_share * self.total)))

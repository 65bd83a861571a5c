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
"""What the evacuations of one run share."""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Protocol

from osc_recovery.cloud import session
from osc_recovery.db import nova_cell
from osc_recovery.steps import following


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long an evacuation may take, in seconds, and how often."""

    #: for one attempt, from its submission on
    timeout: float = 900.0
    #: until one that no host has claimed counts as lost
    lost_after: float = 120.0
    #: until a service that does not report counts as down
    down_after: float = 60.0
    #: attempts after the first one, within one run
    retries: int = 2
    #: between two looks at the database
    poll_interval: float = 1.0


class Surroundings(Protocol):
    """What a step has to know of the cloud around its server."""

    def fenced(self, host: str) -> bool:
        """Whether a host is proven dead: no guest runs there."""

    def explain(self, uuid: str) -> str:
        """Why no host can take the server: candidates, and their lacks."""


@dataclasses.dataclass(frozen=True)
class Tools:
    """What the evacuations of one run share."""

    cells: Mapping[str, nova_cell.NovaCell]
    clouds: session.Clouds
    around: Surroundings
    pace: Pace
    follower: following.Follower
    clock: following.Clock
    sleep: Callable[[float], None] | None = None

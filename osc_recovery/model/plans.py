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

"""A plan: what will be done to which server, and what stands in the way."""

import dataclasses
from typing import Any

from osc_recovery.model import findings
from osc_recovery.model import steps


@dataclasses.dataclass(frozen=True)
class ServerPlan:
    """What happens to one server.

    ``fingerprint`` covers the facts of this server that the plan rests
    on; ``facts`` is what a person wants to see of them.  Servers with the
    same ``serial`` (not empty) are never worked on at the same time;
    ``wave`` is when its turn is expected to come, from 1 on, 0 where that
    does not matter.
    """

    uuid: str
    name: str
    target: str | None
    method: str
    start: bool
    steps: tuple[steps.StepSpec, ...]
    findings: tuple[findings.Finding, ...]
    fingerprint: str
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    serial: str = ''
    wave: int = 0

    @property
    def blocked(self) -> bool:
        """Whether a finding keeps the server out of the run."""
        return any(f.blocks for f in self.findings)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A whole plan, with one fingerprint for its frame.

    ``parameters`` are the operator's own choices: they make the plan again
    at apply, so that it can be compared.
    """

    scenario: str
    host: str
    cell: str
    created_at: str
    parameters: dict[str, Any]
    frame: dict[str, Any]
    fingerprint: str
    findings: tuple[findings.Finding, ...]
    servers: tuple[ServerPlan, ...]
    capacity: dict[str, Any] = dataclasses.field(default_factory=dict)
    format: int = 1

    @property
    def blocked(self) -> bool:
        """Whether a finding about the frame forbids the whole plan."""
        return any(f.blocks for f in self.findings)

    @property
    def runnable(self) -> tuple[ServerPlan, ...]:
        """The servers that can be worked on."""
        if self.blocked:
            return ()
        return tuple(s for s in self.servers if not s.blocked)

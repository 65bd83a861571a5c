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

"""A run, a lease and a server of a run, as the journal keeps them."""

import dataclasses
from typing import Any

from osc_recovery.model import results


@dataclasses.dataclass(frozen=True)
class Process:
    """Who works on a run: enough to tell whether the process lives.

    ``started`` is the start time in clock ticks since boot, so that a
    recycled process id is not taken for the same process.
    """

    machine: str
    pid: int
    started: int
    operator: str


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run: its plan, its state and who works on it."""

    id: str
    scenario: str
    host: str
    state: results.RunState
    plan: dict[str, Any]
    process: Process
    created_at: str
    finished_at: str = ''
    message: str = ''


@dataclasses.dataclass(frozen=True)
class Lease:
    """Who holds a host, and since when."""

    host: str
    run_id: str
    process: Process
    since: str

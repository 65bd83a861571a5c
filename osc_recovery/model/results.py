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

"""What became of a run, and what verification saw."""

import dataclasses
import enum


class RunState(enum.StrEnum):
    """Where a run stands."""

    RUNNING = 'running'
    DONE = 'done'
    PARTLY = 'partly done'
    FAILED = 'failed'
    PAUSED = 'paused'
    ABANDONED = 'abandoned'
    UNVERIFIED = 'unverified'
    #: every server of it was undone because the operator wanted that
    REVERTED = 'reverted'


class ServerState(enum.StrEnum):
    """Where a server stands in a run."""

    PENDING = 'pending'
    RUNNING = 'running'
    DONE = 'done'
    UNDONE = 'undone'
    UNVERIFIED = 'unverified'
    ASK = 'needs a decision'
    LEFT_OUT = 'left out'


class Verdict(enum.StrEnum):
    """What a check says."""

    OK = 'ok'
    WRONG = 'wrong'
    UNKNOWN = 'unknown'


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that was looked at after the work."""

    name: str
    verdict: Verdict
    expected: str = ''
    found: str = ''
    where: str = ''


@dataclasses.dataclass(frozen=True)
class ServerResult:
    """What became of one server."""

    uuid: str
    name: str
    state: ServerState
    message: str = ''
    checks: tuple[Check, ...] = ()
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What became of a run."""

    run_id: str
    state: RunState
    servers: tuple[ServerResult, ...]
    message: str = ''

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

"""What happens during a run, told to whoever draws it."""

import dataclasses
import enum


class EventKind(enum.StrEnum):
    """What an event is about."""

    RUN_STARTED = 'run started'
    SERVER_STARTED = 'server started'
    STEP_STARTED = 'step started'
    STEP_DONE = 'step done'
    STEP_FAILED = 'step failed'
    STEP_UNDONE = 'step undone'
    SERVER_FINISHED = 'server finished'
    RUN_FINISHED = 'run finished'
    NOTE = 'note'


@dataclasses.dataclass(frozen=True)
class Event:
    """One thing that happened; ``index`` of ``total`` steps of a server."""

    kind: EventKind
    subject: str = ''
    name: str = ''
    step: str = ''
    message: str = ''
    index: int = 0
    total: int = 0

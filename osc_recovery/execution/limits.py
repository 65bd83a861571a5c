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


"""How much a run does at once, and when it has seen enough failures."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of a run, as counts of servers.

    ``pause_after`` is how many servers may fail in a row for one cause
    before no further server is begun; 0 never pauses.  ``stagger`` is the
    time in seconds between the beginnings of two servers.
    """

    concurrency: int = 8
    per_target: int = 4
    pause_after: int = 3
    stagger: float = 0.0

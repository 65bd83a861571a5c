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

"""What the controller tells whoever watches it work."""

from collections.abc import Callable
import dataclasses
import threading


@dataclasses.dataclass(frozen=True)
class Event:
    """One thing that has begun or gone on.

    ``done`` of ``total`` says how far the stage is, where that is known.
    """

    stage: str
    text: str
    done: int | None = None
    total: int | None = None


Progress = Callable[[Event], None]


def one_at_a_time(progress: Progress) -> Progress:
    """The same callback, for a maker with several threads."""
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            progress(event)

    return tell


def ignore(event: Event) -> None:
    """A progress callback that tells nobody."""

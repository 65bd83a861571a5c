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

"""What a driver is: a way to make sure that a host is dead."""

import abc
import dataclasses
import enum
from typing import Any, ClassVar

from oslo_config import cfg

from osc_recovery import exceptions

NAMESPACE = 'osc_recovery.fencing'


class Power(enum.StrEnum):
    """What a host's own hardware says of its power."""

    ON = 'on'
    OFF = 'off'


@dataclasses.dataclass(frozen=True)
class Answer:
    """The power, and who said so in which words: what a fence records."""

    power: Power
    said: str


class AgentFailed(exceptions.StepFailed):
    """A fence agent gave no answer that proves anything."""

    def __init__(self, message: str) -> None:
        super().__init__(message, cause='fence-agent-failed')


class Driver(abc.ABC):
    """One host's fence, in the way that the driver is for.

    Made anew for every use, from the configuration of that moment: raises
    ConfigError when that is wrong and UsageError when it has nothing for
    the host.
    """

    #: whether it cuts the power, or takes the operator's word for it
    cuts_power: ClassVar[bool]

    @abc.abstractmethod
    def __init__(self, conf: cfg.ConfigOpts, host: str) -> None:
        """Read what the configuration has for the host."""

    @abc.abstractmethod
    def shown(self) -> dict[str, Any]:
        """What would be done, in JSON's types, secrets masked.

        A plan holds it, and is refused when it has changed.
        """

    @abc.abstractmethod
    def status(self) -> Answer:
        """Ask for the power; changes nothing.

        Raises AgentFailed when the answer is missing or not clear.
        """

    @abc.abstractmethod
    def off(self) -> str:
        """Have the power cut; what was complained of, or ''.

        The answer proves nothing, whatever it says: a complaint may come
        before the power goes, and an agent may say yes and do nothing.
        Only :meth:`status` tells.
        """

    @property
    @abc.abstractmethod
    def patience(self) -> float:
        """Seconds in which the status has to say off."""

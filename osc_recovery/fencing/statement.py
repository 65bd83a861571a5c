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

"""The operator's word that a host is dead; nothing is asked or done."""

from typing import Any, ClassVar

from oslo_config import cfg

from osc_recovery import exceptions
from osc_recovery.fencing import base


class Statement(base.Driver):
    """Takes the operator's word, which the plan holds."""

    cuts_power: ClassVar[bool] = False

    def __init__(self, conf: cfg.ConfigOpts, host: str) -> None:
        self._host = host

    def shown(self) -> dict[str, Any]:
        """Nothing besides the statement itself."""
        return {}

    def status(self) -> base.Answer:
        """Nobody can be asked: raises UsageError."""
        raise self._unable()

    def off(self) -> str:
        """Nothing can be cut: raises UsageError."""
        raise self._unable()

    @property
    def patience(self) -> float:
        """Nothing is waited for."""
        return 0.0

    def _unable(self) -> exceptions.UsageError:
        return exceptions.UsageError(
            f'A statement about {self._host} can neither ask for the power '
            'nor cut it: that needs a fence agent ([fencing] agents).'
        )

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

"""What the operator chose: the other half, beside facts, of a plan."""

import dataclasses
from typing import Any

from osc_recovery.model import plans


@dataclasses.dataclass(frozen=True)
class Choice:
    """The parameters of a relocation.

    ``targets`` empty: spread over what placement offers.  ``placement``
    holds a server at the target that a former plan found for it, so that
    a plan which is made again does not change its mind.  ``concurrency``
    is for the engine and only kept here.
    """

    targets: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    keep_power: bool = True
    accept: frozenset[str] = frozenset()
    concurrency: int | None = None
    placement: dict[str, str] = dataclasses.field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """The operator's own words, in JSON's types."""
        return {
            'targets': list(self.targets),
            'servers': list(self.servers),
            'power': 'keep' if self.keep_power else 'off',
            'accept': sorted(self.accept),
            'concurrency': self.concurrency,
        }


def of_plan(plan: plans.Plan) -> Choice:
    """The choice that makes a plan again, each server at its target."""
    parameters = plan.parameters
    return Choice(
        targets=tuple(parameters.get('targets', ())),
        servers=tuple(parameters.get('servers', ())),
        keep_power=parameters.get('power') != 'off',
        accept=frozenset(parameters.get('accept', ())),
        concurrency=parameters.get('concurrency'),
        placement={s.uuid: s.target for s in plan.servers if s.target},
    )

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

"""How much the targets can take, while servers are placed on them."""

from collections.abc import Iterable, Mapping
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue

Needs = Mapping[str, int]


class Room:
    """What is left on each target after the placements made so far."""

    def __init__(self, hosts: Iterable[facts.Host]) -> None:
        self._providers = {h.name: h.provider for h in hosts if h.provider}
        self._taken: dict[str, dict[str, int]] = {
            name: {} for name in self._providers
        }

    def lacking(self, host: str, needs: Needs) -> tuple[findings.Finding, ...]:
        """What the host is too small for, class by class."""
        return tuple(
            catalogue.finding(
                'target-too-small',
                f'{host}: {amount} {name} needed, {self._free(host, name)} '
                'free',
                'Name another --target, or make room there.',
            )
            for name, amount in sorted(needs.items())
            if amount > self._free(host, name)
        )

    def too_big(self, host: str, needs: Needs) -> tuple[findings.Finding, ...]:
        """What no single server may have there (placement's max_unit)."""
        most = self._providers[host].max_unit
        return tuple(
            catalogue.finding(
                'target-too-small',
                f'{host}: {amount} {name} needed, {most[name]} at most for '
                'one server',
                'Name another --target.',
            )
            for name, amount in sorted(needs.items())
            if amount > most.get(name, amount)
        )

    def share(self, host: str, needs: Needs) -> float:
        """The free share of the scarcest class after a placement, 0 to 1."""
        capacity = self._providers[host].capacity
        return min(
            (
                (self._free(host, name) - amount) / capacity[name]
                for name, amount in needs.items()
                if capacity.get(name)
            ),
            default=1.0,
        )

    def take(self, host: str, needs: Needs) -> None:
        """Place something on a host."""
        taken = self._taken[host]
        for name, amount in needs.items():
            taken[name] = taken.get(name, 0) + amount

    def summary(self) -> dict[str, Any]:
        """Capacity of each target, and what is used before and after."""
        return {
            host: {
                name: {
                    'total': total,
                    'used': provider.used.get(name, 0),
                    'after': provider.used.get(name, 0)
                    + self._taken[host].get(name, 0),
                }
                for name, total in sorted(provider.capacity.items())
            }
            for host, provider in sorted(self._providers.items())
        }

    def _free(self, host: str, name: str) -> int:
        taken = self._taken[host].get(name, 0)
        return self._providers[host].free(name) - taken

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

"""Everything that can be said about one server, wherever it goes."""

from collections.abc import Iterator

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning.checks import hardware
from osc_recovery.planning.checks import holdings
from osc_recovery.planning.checks import network
from osc_recovery.planning.checks import states
from osc_recovery.planning.checks import storage

_ALONE = (*states.CHECKS, *hardware.CHECKS, *network.CHECKS)
_IN_CLOUD = (*holdings.CHECKS, *storage.CHECKS)


def check(
    server: facts.Server, cloud: facts.CloudFacts
) -> tuple[findings.Finding, ...]:
    """All findings about a server, whatever its target."""
    return tuple(_check(server, cloud))


def _check(
    server: facts.Server, cloud: facts.CloudFacts
) -> Iterator[findings.Finding]:
    for look in _ALONE:
        yield from look(server)
    for look_around in _IN_CLOUD:
        yield from look_around(server, cloud)

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

"""In which order servers are evacuated, and which never at once."""

from collections.abc import Iterable
import dataclasses

from osc_recovery.model import facts
from osc_recovery.model import plans


def priority(server: facts.Server, key: str) -> int:
    """The number in the server's metadata; 0 without one.

    More is earlier.  What is no number counts as none: metadata belongs
    to the server's owner, who must not be able to stop a recovery.
    """
    try:
        return int(server.metadata.get(key, ''))
    except ValueError:
        return 0


def ordered(servers: Iterable[facts.Server], key: str) -> list[facts.Server]:
    """By priority, the highest first, then by name and uuid."""
    return sorted(servers, key=lambda s: (-priority(s, key), s.name, s.uuid))


def serial(server: facts.Server) -> str:
    """What must not be evacuated at the same time has the same word.

    nova checks anti-affinity again on the target, when two members were
    scheduled at once, and then gives one of them up (nova/compute/
    manager.py, _validate_instance_group_policy).
    """
    group = server.group
    if group is None or group.policy not in ('anti-affinity', 'affinity'):
        return ''
    return f'server group {group.uuid}'


def numbered(
    servers: tuple[plans.ServerPlan, ...], concurrency: int, per_target: int
) -> tuple[plans.ServerPlan, ...]:
    """The same servers with their waves, blocked ones with 0.

    What the engine does when every server takes the same time: a wave
    holds the next servers in order that the limits allow together.
    """
    waves: list[_Wave] = []
    numbers: dict[str, int] = {}
    for server in servers:
        if server.blocked:
            continue
        for number, wave in enumerate(waves, start=1):
            if wave.takes(server, concurrency, per_target):
                numbers[server.uuid] = number
                break
        else:
            waves.append(_Wave())
            waves[-1].takes(server, concurrency, per_target)
            numbers[server.uuid] = len(waves)
    return tuple(
        dataclasses.replace(server, wave=numbers.get(server.uuid, 0))
        for server in servers
    )


class _Wave:
    """Servers that are under way together."""

    def __init__(self) -> None:
        self._servers = 0
        self._targets: dict[str, int] = {}
        self._serials: set[str] = set()

    def takes(
        self, server: plans.ServerPlan, concurrency: int, per_target: int
    ) -> bool:
        """Add a server if the limits allow it."""
        target = server.target or ''
        there = self._targets.get(target, 0)
        if (
            self._servers >= concurrency
            or (target and there >= per_target)
            or (server.serial and server.serial in self._serials)
        ):
            return False
        self._servers += 1
        self._targets[target] = there + 1
        self._serials.add(server.serial)
        return True

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

"""host list, host show: what is known of compute hosts; reads only."""

from collections.abc import Iterable
import dataclasses
import shlex

from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import sources
from osc_recovery.model import facts
from osc_recovery.planning.checks import frame
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import servers

#: hosts whose free capacity is shown as places for the servers
MOST_TARGETS = 8


@dataclasses.dataclass(frozen=True)
class Listing:
    """Hosts, and what could not be read."""

    hosts: tuple[facts.Host, ...]
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Shown:
    """One host, its servers, hosts with room, and what to do next."""

    host: facts.Host
    servers: tuple[servers.Listed, ...]
    targets: tuple[facts.Host, ...]
    next_command: str
    warnings: tuple[str, ...] = ()


class Hosts:
    """The compute hosts of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def listing(self) -> Listing:
        """Every compute host, from the databases and the journal alone."""
        origin = self._env.sources(apis=False)
        unreadable: list[str] = []
        found = hosts.gather(origin, unreadable=unreadable)
        return Listing(found, warnings_of(unreadable, found))

    def show(self, name: str) -> Shown:
        """One host in depth.

        Without keystone what the databases hold is shown, with a warning.
        Raises UsageError when nova knows no such host.
        """
        origin = self._env.sources()
        cell = hosts.gather(origin, [name], neighbours=True)
        found = [host for host in cell if host.name == name]
        if not found:
            raise exceptions.UsageError(
                f'nova knows no compute host {name}: see "openstack '
                'recovery host list".'
            )
        (host,) = hosts.deepen(origin, found)
        there = servers.listed(origin, [name], {name: host})
        targets = hosts.with_room(origin, _in_service(host, cell))
        return Shown(
            host,
            there,
            targets,
            next_command(host),
            warnings_of((), (host, *targets)),
        )


def next_command(host: facts.Host) -> str:
    """What an operator does next about a dead host; empty for a live one."""
    if host.up:
        return ''
    if not frame.fence_holds(host):
        return frame.fence_command(host.name)
    if not host.server_count:
        return ''
    return f'openstack recovery host relocate {shlex.quote(host.name)}'


def warnings_of(
    reasons: Iterable[str], found: Iterable[facts.Host]
) -> tuple[str, ...]:
    """What was not read, each reason once."""
    unknown = (entry for host in found for entry in host.unknown)
    return (*reasons, *sources.reasons(unknown))


def _in_service(
    source: facts.Host, cell: Iterable[facts.Host]
) -> list[facts.Host]:
    """The emptiest hosts of the cell that are up and enabled."""
    usable = [
        host
        for host in cell
        if host.name != source.name
        and host.cell.uuid == source.cell.uuid
        and host.up
        and not host.service.disabled
    ]
    usable.sort(key=lambda host: (host.server_count, host.name))
    return usable[:MOST_TARGETS]

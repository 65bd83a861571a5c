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

"""Whether another host than the row's may have a server's guest.

One service that names another host is a mistake of that service; two that
name the same one say that the row was changed alone, as the old guide's
UPDATE does, or that a move has stopped half-way.
"""

from collections.abc import Iterator, Mapping

from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import states
from osc_recovery.planning import remedies

#: how many have to agree on another host
_ENOUGH = 2


def check(server: facts.Server, scene: model.Scene) -> Iterator[model.Defect]:
    """Hosts besides the row's, and whether they would drop their copy."""
    if migrating(server):
        return
    for host, says in other_hosts(server, scene).items():
        own = named(server, scene).get(server.host or '', {})
        both = {'allocation', 'port binding'}
        code = 'host-disputed'
        if both <= set(own) and both <= set(says):
            code = 'two-places'
        voices = '; '.join(f'{kind} {value}' for kind, value in says.items())
        yield model.Defect(
            catalogue.finding(
                code,
                f'instances.host is {server.host}, but {host} is named by: '
                f'{voices}',
                f'If its guest is on {host}, the row is wrong: see '
                '"openstack server migration list"; else '
                f'{remedies.repair(server=server.uuid)}',
            ),
            f'host {host}',
        )
        if not tombstone(server, host):
            yield model.Defect(
                catalogue.finding(
                    'tombstone-missing',
                    f'no evacuation from {host} is recorded: nova-compute '
                    f'there would keep a copy of {server.instance_name}',
                    remedies.repair(server=server.uuid),
                ),
                f'host {host}',
            )


def other_hosts(
    server: facts.Server, scene: model.Scene
) -> dict[str, dict[str, str]]:
    """The other hosts on which enough services agree, and which do."""
    return {
        host: says
        for host, says in named(server, scene).items()
        if host != server.host and len(says) >= _ENOUGH
    }


def named(
    server: facts.Server, scene: model.Scene
) -> Mapping[str, dict[str, str]]:
    """Who names which host as the server's, by host and kind."""
    found: dict[str, dict[str, str]] = {}

    def say(host: str | None, kind: str, value: str) -> None:
        if host in scene.hosts:
            found.setdefault(host or '', {}).setdefault(kind, value)

    for host in scene.hosts.values():
        if host.node is not None and host.node.node == server.node:
            say(host.name, 'node', host.node.node)
    held = server.allocation.providers if server.allocation else {}
    for provider in held:
        say(scene.host_of(provider), 'allocation', provider)
    for port in server.ports:
        say(port.host, 'port binding', port.id)
        for binding in port.bindings:
            say(binding.host, 'port binding', port.id)
    for mapping in server.volume_mappings:
        attachment = server.attachment(mapping)
        if attachment is not None and attachment.connector:
            say(
                attachment.connector.get('host'),
                'connector of volume',
                attachment.volume_id,
            )
    return found


def tombstone(server: facts.Server, host: str) -> bool:
    """Whether the newest evacuation tells a host to drop its copy."""
    rows = [row for row in server.migrations if row.type == 'evacuation']
    newest = max(rows, key=lambda row: row.id, default=None)
    return newest is not None and (
        newest.source_host == host
        and newest.dest_host == server.host
        and newest.status in ('done', 'completed')
    )


def migrating(server: facts.Server) -> bool:
    """Whether two hosts may hold it rightly: a move or resize under way."""
    return any(True for _ in states.migration_in_flight(server))

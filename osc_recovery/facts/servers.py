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

"""Joins what nova, cinder, neutron and placement say about servers."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent import futures
import dataclasses
from typing import Any

from osc_recovery.db import connections
from osc_recovery.facts import sources
from osc_recovery.model import facts

Servers = tuple[facts.Server, ...]


@dataclasses.dataclass(frozen=True)
class Depth:
    """Which services are asked, besides the cells' databases."""

    nova_api: bool = True
    volumes: bool = True
    ports: bool = True
    bindings: bool = True
    allocations: bool = True
    api: bool = True
    connections: bool = False


#: what the databases alone can say
DATABASES = Depth(ports=False, bindings=False, allocations=False, api=False)
#: what a list shows
LISTED = dataclasses.replace(DATABASES, nova_api=False)


@dataclasses.dataclass(frozen=True)
class Part:
    """What one source says about fields of several servers.

    ``values`` holds, by server uuid, fields and their values; ``reason``
    says why the source did not answer at all, ``reasons`` why it did not
    for single servers.
    """

    fields: tuple[str, ...]
    values: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict
    )
    reason: str = ''
    reasons: Mapping[str, str] = dataclasses.field(default_factory=dict)


def gather(
    origin: sources.Sources,
    *,
    hosts: Collection[str] | None = None,
    uuids: Collection[str] | None = None,
    depth: Depth = Depth(),
) -> Servers:
    """Read servers by their hosts or by their uuids; changes nothing.

    The number of statements does not depend on the number of servers.  A
    service that does not answer is named in ``Server.unknown``.  Raises
    ServiceUnavailable when a cell's database that has to be read cannot.
    """
    found = from_cells(origin, hosts=hosts, uuids=uuids)
    return join(origin, found, depth)


def from_cells(
    origin: sources.Sources,
    *,
    hosts: Collection[str] | None = None,
    uuids: Collection[str] | None = None,
) -> Servers:
    """What the cells' databases say; only the cells concerned are read."""
    wanted = _cells(origin, hosts, uuids)
    return tuple(
        server
        for uuid in wanted
        for server in origin.cells[uuid].servers(hosts=hosts, uuids=uuids)
    )


def join(origin: sources.Sources, found: Servers, depth: Depth) -> Servers:
    """Add to servers what the other services say about them."""
    if not found:
        return ()
    with sources.asking() as asking:
        ports = asking.do(_ports, origin, found, depth)
        under_way = _ask_apis(asking, origin, found, depth)
        parts = [*_databases(origin, found, depth)]
        parts.append(_bound(asking, origin, ports.result(), depth))
        parts.extend(future.result() for future in under_way)
    return tuple(_join(server, parts) for server in found)


def _cells(
    origin: sources.Sources,
    hosts: Collection[str] | None,
    uuids: Collection[str] | None,
) -> list[str]:
    """The cells that can hold them: a row nobody maps may be anywhere."""
    mapped: Mapping[str, str] = {}
    wanted: Collection[str] = ()
    if uuids is not None:
        wanted, mapped = uuids, origin.api_db.server_cells(uuids)
    elif hosts is not None:
        wanted, mapped = hosts, origin.api_db.host_cells()
    named = {mapped.get(item) for item in wanted}
    if not wanted or not named <= set(origin.cells):
        return list(origin.cells)
    return [uuid for uuid in origin.cells if uuid in named]


def _join(server: facts.Server, parts: Sequence[Part]) -> facts.Server:
    changes: dict[str, Any] = {}
    unknown = list(server.unknown)
    for part in parts:
        reason = part.reason or part.reasons.get(server.uuid, '')
        if reason:
            unknown.extend(sources.missing(part.fields, reason))
        changes.update(part.values.get(server.uuid, {}))
    return dataclasses.replace(server, unknown=tuple(unknown), **changes)


def _databases(
    origin: sources.Sources, found: Servers, depth: Depth
) -> Iterator[Part]:
    if depth.nova_api:
        yield _placed(origin, found)
        yield _grouped(origin, found)
    if depth.volumes:
        yield _volumes(origin, found)
    if depth.connections:
        yield _connected(origin, found)


def _placed(origin: sources.Sources, found: Servers) -> Part:
    """The pinned zone and the cell that nova_api maps a server to."""
    fields = ('pinned_zone', 'mapped_cell')
    uuids = [server.uuid for server in found]
    zones = sources.ask(origin.api_db.pinned_zones, uuids)
    cells = sources.ask(origin.api_db.server_cells, uuids)
    reason = zones.reason or cells.reason
    if reason:
        return Part(fields, reason=reason)
    values = {
        uuid: {
            'pinned_zone': zones.known({}).get(uuid),
            'mapped_cell': cells.known({}).get(uuid),
        }
        for uuid in uuids
    }
    return Part(fields, values)


def _grouped(origin: sources.Sources, found: Servers) -> Part:
    """The server group, with the host of every member of it."""
    answer = sources.ask(
        origin.api_db.groups, [server.uuid for server in found]
    )
    if answer.reason:
        return Part(('group',), reason=answer.reason)
    groups = answer.known({})
    members = sorted({uuid for g in groups.values() for uuid in g.members})
    places, lost = _places(origin, members)
    values: dict[str, dict[str, Any]] = {}
    reasons: dict[str, str] = {}
    for uuid, group in groups.items():
        missing = [lost[m] for m in group.members if m in lost]
        if missing:
            reasons[uuid] = missing[0]
            continue
        hosts = {member: places.get(member) for member in group.members}
        values[uuid] = {
            'group': facts.ServerGroup(
                group.uuid, group.policy, group.max_per_host, hosts
            )
        }
    return Part(('group',), values, reasons=reasons)


def _places(
    origin: sources.Sources, members: list[str]
) -> tuple[dict[str, str | None], dict[str, str]]:
    """The hosts of the members of groups, and of whom it is not known why.

    A cell that cannot be read hides those who are mapped to it, and nobody
    else; nova counts no member of such a cell at all
    (nova/scheduler/utils.py:_get_instance_group_hosts_all_cells).
    """
    places: dict[str, str | None] = {}
    lost: dict[str, str] = {}
    if not members:
        return places, lost
    answer = sources.ask(origin.api_db.server_cells, members)
    mapped = answer.known(dict.fromkeys(members, ''))
    for cell, database in origin.cells.items():
        hosts = sources.ask(database.hosts_of, members)
        places.update(hosts.known({}))
        if hosts.reason:
            inside = [m for m in members if mapped.get(m) in (cell, '')]
            lost.update(dict.fromkeys(inside, hosts.reason))
    return places, lost


def _volumes(origin: sources.Sources, found: Servers) -> Part:
    """Cinder's attachments of the servers, and their volumes."""
    fields = ('attachments', 'volumes')
    if origin.cinder_db is None:
        reason = "cinder's database is not known: name its cinder.conf"
        with_volumes = [s.uuid for s in found if s.volume_mappings]
        return Part(fields, reasons=dict.fromkeys(with_volumes, reason))
    attached = sources.ask(
        origin.cinder_db.attachments, [server.uuid for server in found]
    )
    if attached.reason:
        return Part(fields, reason=attached.reason)
    wanted = {
        server.uuid: _volume_ids(server, attached.known({}))
        for server in found
    }
    volumes = sources.ask(
        origin.cinder_db.volumes,
        sorted({item for ids in wanted.values() for item in ids}),
    )
    if volumes.reason:
        return Part(fields, reason=volumes.reason)
    known = volumes.known({})
    values = {
        uuid: {
            'attachments': tuple(attached.known({}).get(uuid, ())),
            'volumes': tuple(known[item] for item in ids if item in known),
        }
        for uuid, ids in wanted.items()
    }
    return Part(fields, values)


def _connected(origin: sources.Sources, found: Servers) -> Part:
    """Whether nova's connection_info is what cinder has."""
    if origin.cinder_db is None:
        # said of the volumes already
        return Part(('connections',))
    differs: dict[str, tuple[str, ...]] = {}
    for uuid in {server.cell.uuid for server in found}:
        named = [
            mapping.attachment_id
            for server in found
            if server.cell.uuid == uuid
            for mapping in server.volume_mappings
            if mapping.attachment_id
        ]
        cell = origin.cells[uuid]
        answer = sources.ask(
            connections.differing, cell, origin.cinder_db, named
        )
        if answer.reason:
            return Part(('volume_connections',), reason=answer.reason)
        differs.update(answer.known({}))
    return Part(
        ('volume_connections',),
        {
            server.uuid: {
                'mappings': tuple(
                    dataclasses.replace(
                        mapping,
                        connection_differs=differs.get(
                            mapping.attachment_id or '', ()
                        ),
                    )
                    for mapping in server.mappings
                )
            }
            for server in found
        },
    )


def _volume_ids(
    server: facts.Server,
    attached: Mapping[str, tuple[facts.Attachment, ...]],
) -> list[str]:
    named = [m.volume_id for m in server.mappings if m.volume_id]
    named += [a.volume_id for a in attached.get(server.uuid, ())]
    return list(dict.fromkeys(named))


def _ask_apis(
    asking: sources.Asking,
    origin: sources.Sources,
    found: Servers,
    depth: Depth,
) -> list['futures.Future[Part]']:
    """Put every question to the APIs; an allocation is one call each."""
    under_way = []
    if depth.api:
        under_way.append(asking.do(_views, origin, found))
    if depth.allocations:
        under_way.extend(
            asking.do(_allocation, origin, server) for server in found
        )
    return under_way


def _ports(origin: sources.Sources, found: Servers, depth: Depth) -> Part:
    """The ports of all servers, without their bindings."""
    if not depth.ports:
        return Part(('ports',))
    uuids = [server.uuid for server in found]
    answer = origin.api(lambda clouds: clouds.network.ports(uuids))
    values = {
        uuid: {'ports': tuple(ports)}
        for uuid, ports in answer.known({}).items()
    }
    return Part(('ports',), values, answer.reason)


def _bound(
    asking: sources.Asking, origin: sources.Sources, part: Part, depth: Depth
) -> Part:
    """Add the bindings to ports: neutron takes a call for each port."""
    if not depth.bindings:
        return part
    under_way = {
        port.id: asking.do(_bindings, origin, port)
        for fields in part.values.values()
        for port in fields['ports']
    }
    values, reasons = {}, {}
    for uuid, fields in part.values.items():
        answers = [under_way[port.id].result() for port in fields['ports']]
        failed = next((a.reason for a in answers if a.reason), '')
        if failed:
            reasons[uuid] = failed
        else:
            values[uuid] = {'ports': tuple(answer.value for answer in answers)}
    return dataclasses.replace(part, values=values, reasons=reasons)


def _bindings(
    origin: sources.Sources, port: facts.Port
) -> sources.Answer[facts.Port]:
    return origin.api(
        lambda clouds: dataclasses.replace(
            port, bindings=clouds.network.bindings(port.id)
        )
    )


def _views(origin: sources.Sources, found: Servers) -> Part:
    """What nova's API answers: one call a server, or a page of a host's."""
    uuids = [server.uuid for server in found]
    hosts = {server.host for server in found}
    host = hosts.pop() if len(hosts) == 1 else None
    if len(found) == 1 or host is None:
        answer = origin.api(lambda c: c.compute.servers(uuids=uuids))
    else:
        answer = origin.api(lambda c: c.compute.servers(host=host))
    values = {
        uuid: {'api': view}
        for uuid, view in answer.known({}).items()
        if uuid in uuids
    }
    return Part(('api',), values, answer.reason)


def _allocation(origin: sources.Sources, server: facts.Server) -> Part:
    answer = origin.api(lambda c: c.placement.allocation(server.uuid))
    if answer.reason:
        return Part(('allocation',), reasons={server.uuid: answer.reason})
    return Part(('allocation',), {server.uuid: {'allocation': answer.value}})

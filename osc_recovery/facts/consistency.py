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

"""Gathers what an audit lays side by side: a whole cloud, or some of it.

The number of statements does not depend on the number of servers.  Of a
whole cloud placement is asked host by host, not server by server.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses

from osc_recovery.cloud import errors
from osc_recovery.db import tables
from osc_recovery.facts import hosts as host_facts
from osc_recovery.facts import servers as server_facts
from osc_recovery.facts import sources
from osc_recovery.model import consistency as model
from osc_recovery.model import facts

Consumers = dict[str, dict[str, model.Resources]]

#: everything that can be compared, and nothing that only a move needs
DEPTH = server_facts.Depth(nova_api=False, connections=True)
#: of a whole cloud: without what would be a call a server
WHOLE = dataclasses.replace(DEPTH, allocations=False, api=False)


@dataclasses.dataclass(frozen=True)
class Journal:
    """The states of all runs, and those that can still change a server."""

    runs: Mapping[str, str] | None
    going_on: frozenset[str] = frozenset()


def gather(
    origin: sources.Sources,
    journal: Journal,
    *,
    hosts: Collection[str] | None = None,
    uuids: Collection[str] | None = None,
) -> model.Scene:
    """Read hosts with their servers, or single servers; None: everything.

    Changes nothing.  What could not be read is named in ``unknown`` of the
    scene, of a host or of a server.
    """
    unknown: list[str] = []
    known = {
        host.name: _with_provider(host)
        for host in host_facts.gather(origin, unreadable=unknown)
    }
    looked_at = _looked_at(known, hosts, uuids)
    rows = _rows(origin, hosts, uuids, unknown)
    whole = hosts is None and uuids is None
    found = server_facts.join(origin, rows, WHOLE if whole else DEPTH)
    consumers = _consumers(origin, known, looked_at)
    if whole:
        found = _allocated(origin, found, known, consumers)
        found = _viewed(origin, found)
    placed, excused = _who(origin, consumers, found, unknown)
    stage = origin.api(lambda clouds: clouds.network.can_stage)
    if journal.runs is None:
        unknown.append('journal: its runs could not be read')
    return model.Scene(
        hosts=known,
        servers=found,
        looked_at=tuple(looked_at),
        consumers=consumers,
        placed=placed,
        excused=excused,
        runs=None if journal.runs is None else dict(journal.runs),
        going_on=journal.going_on,
        stage_bindings=bool(stage.value),
        without_compute_id=_without_compute_id(origin, found),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _looked_at(
    known: Mapping[str, facts.Host],
    hosts: Collection[str] | None,
    uuids: Collection[str] | None,
) -> list[str]:
    if uuids is not None:
        return []
    return [name for name in known if hosts is None or name in hosts]


def _with_provider(host: facts.Host) -> facts.Host:
    """nova gives a node's provider the uuid of the node."""
    if host.node is None:
        return host
    provider = facts.Provider(host.node.uuid, host.node.node, 0, {}, {})
    return dataclasses.replace(host, provider=provider)


def _rows(
    origin: sources.Sources,
    hosts: Collection[str] | None,
    uuids: Collection[str] | None,
    unknown: list[str],
) -> server_facts.Servers:
    """The servers of every cell that can be read; cell0 has none."""
    found: list[facts.Server] = []
    for cell in origin.cells.values():
        if cell.cell.is_cell0:
            continue
        answer = sources.ask(cell.servers, hosts=hosts, uuids=uuids)
        found.extend(answer.known(()))
        if answer.reason:
            unknown.append(f'servers: {answer.reason}')
    return tuple(found)


def _consumers(
    origin: sources.Sources,
    known: dict[str, facts.Host],
    looked_at: Iterable[str],
) -> Consumers:
    """What is allocated from each host's provider; one call a host.

    A host whose provider placement does not have loses it here, one of
    which it could not be asked says so in ``unknown``.
    """
    with sources.asking() as asking:
        under_way = {
            name: asking.do(_allocations, origin, provider.uuid)
            for name in looked_at
            if (provider := known[name].provider) is not None
        }
    found: Consumers = {}
    for name, future in under_way.items():
        answer = future.result()
        error = answer.error
        if isinstance(error, errors.Refused) and error.status == 404:
            known[name] = dataclasses.replace(known[name], provider=None)
        elif answer.reason:
            lacking = sources.missing(('provider',), answer.reason)
            known[name] = dataclasses.replace(
                known[name], unknown=(*known[name].unknown, *lacking)
            )
        else:
            found[name] = answer.known({})
    return found


def _allocations(
    origin: sources.Sources, provider: str
) -> sources.Answer[dict[str, model.Resources]]:
    return origin.api(lambda c: c.placement.host_allocations(provider))


def _allocated(
    origin: sources.Sources,
    found: server_facts.Servers,
    known: Mapping[str, facts.Host],
    consumers: Consumers,
) -> server_facts.Servers:
    """Allocations turned round; only odd ones are asked for one by one."""
    held: dict[str, dict[str, model.Resources]] = {}
    for name, consumed in consumers.items():
        provider = known[name].provider
        for consumer, resources in consumed.items():
            if provider is not None:
                held.setdefault(consumer, {})[provider.uuid] = resources
    odd, plain = [], []
    for server in found:
        host = known.get(server.host or '')
        own = {host.provider.uuid} if host and host.provider else set()
        if set(held.get(server.uuid, {})) == own:
            plain.append(server)
        else:
            odd.append(server)
    asked = server_facts.join(
        origin,
        tuple(odd),
        server_facts.Depth(
            *(False,) * 4, allocations=True, api=False, connections=False
        ),
    )
    made = {server.uuid: server for server in asked}
    for server in plain:
        made[server.uuid] = dataclasses.replace(
            server,
            allocation=facts.Allocation(
                server.uuid, None, '', '', held.get(server.uuid, {})
            ),
        )
    return tuple(made[server.uuid] for server in found)


def _viewed(
    origin: sources.Sources, found: server_facts.Servers
) -> server_facts.Servers:
    """What nova's API says of all servers: a call a page."""
    answer = origin.api(lambda clouds: clouds.compute.servers())
    views = answer.known({})
    lacking = sources.missing(('api',), answer.reason) if answer.reason else ()
    return tuple(
        dataclasses.replace(
            server,
            api=views.get(server.uuid),
            unknown=(*server.unknown, *lacking),
        )
        for server in found
    )


def _who(
    origin: sources.Sources,
    consumers: Consumers,
    found: server_facts.Servers,
    unknown: list[str],
) -> tuple[dict[str, str | None], frozenset[str]]:
    """Where consumers live that are servers, and who else may be one."""
    placed: dict[str, str | None] = {s.uuid: s.host for s in found}
    rest = {
        consumer
        for consumed in consumers.values()
        for consumer in consumed
        if consumer not in placed
    }
    excused: set[str] = set()
    if not rest:
        return placed, frozenset()
    for cell in origin.cells.values():
        there = sources.ask(cell.hosts_of, rest)
        moving = sources.ask(cell.migrations_among, rest)
        placed.update(there.known({}))
        excused |= moving.known(frozenset())
        if there.reason or moving.reason:
            return placed, frozenset(rest)
    mapped = sources.ask(origin.api_db.server_cells, rest)
    built = sources.ask(origin.api_db.being_built, rest)
    if mapped.reason or built.reason:
        unknown.append(f'nova_api: {mapped.reason or built.reason}')
        return placed, frozenset(rest)
    excused |= built.known(frozenset())
    excused |= {
        uuid
        for uuid, cell_uuid in mapped.known({}).items()
        if cell_uuid not in origin.cells
    }
    return placed, frozenset(excused)


def _without_compute_id(
    origin: sources.Sources, found: server_facts.Servers
) -> frozenset[str]:
    column = tables.instances.c.compute_id
    return frozenset(
        uuid
        for uuid in {server.cell.uuid for server in found}
        if not origin.cells[uuid].schema.has(column)
    )

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

"""Joins what nova, placement, neutron, cinder and the journal say of hosts."""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import datetime
import fnmatch
import json
import pathlib
from typing import Any

from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.facts import liveness
from osc_recovery.facts import sources
from osc_recovery.model import facts

Hosts = tuple[facts.Host, ...]


def gather(
    origin: sources.Sources,
    names: Collection[str] | None = None,
    *,
    neighbours: bool = False,
    unreadable: list[str] | None = None,
) -> Hosts:
    """Hosts as nova's databases and the journal know them.

    All hosts, or those named, or (``neighbours``) all of the cells of
    those named.  The number of statements depends on the number of cells
    alone.  A cell that cannot be read is named in ``unreadable``; without
    such a list its error is raised.
    """
    mapped = origin.api_db.host_cells()
    zones = origin.api_db.zones()
    fences = sources.ask(origin.fences)
    found: list[facts.Host] = []
    for cell in _cells(origin, names, mapped):
        answer = sources.ask(_in_cell, origin, cell, zones)
        if answer.error is not None:
            if unreadable is None:
                raise answer.error
            unreadable.append(answer.reason)
        found.extend(
            _fenced(host, fences)
            for host in answer.known(())
            if names is None or neighbours or host.name in names
            if mapped.get(host.name, cell.cell.uuid) == cell.cell.uuid
        )
    return tuple(found)


def deepen(origin: sources.Sources, hosts: Collection[facts.Host]) -> Hosts:
    """Add providers, agents, cinder services and connectors to hosts."""
    if not hosts:
        return ()
    with sources.asking() as asking:
        providers = {h.name: asking.do(_provider, origin, h) for h in hosts}
        agents = {
            h.name: asking.do(liveness.agents, origin, h.name) for h in hosts
        }
        services = asking.do(liveness.volume_services, origin)
        connectors = {h.name: _connector(origin, h.name) for h in hosts}
    return tuple(
        _deepened(
            host,
            providers[host.name].result(),
            agents[host.name].result(),
            services.result(),
            connectors[host.name],
        )
        for host in hosts
    )


def with_room(origin: sources.Sources, hosts: Collection[facts.Host]) -> Hosts:
    """Add their providers to hosts: what they have and what is free."""
    with sources.asking() as asking:
        answers = [asking.do(_provider, origin, host) for host in hosts]
    return tuple(
        dataclasses.replace(
            _lacking(host, 'provider', answer.result().reason),
            provider=answer.result().value,
        )
        for host, answer in zip(hosts, answers, strict=True)
    )


def _in_cell(
    origin: sources.Sources,
    cell: nova_cell.NovaCell,
    zones: Mapping[str, str],
) -> Hosts:
    """The compute hosts of one cell: three statements."""
    nodes: dict[str, list[facts.ComputeNode]] = {}
    for node in cell.compute_nodes():
        nodes.setdefault(node.host, []).append(node)
    counts = cell.server_counts()
    return tuple(
        _host(
            origin,
            cell.cell,
            service,
            nodes.get(service.host, []),
            zones.get(service.host, origin.default_zone),
            counts.get(service.host, 0),
        )
        for service in cell.services()
    )


def _host(
    origin: sources.Sources,
    cell: facts.Cell,
    service: facts.ComputeService,
    nodes: list[facts.ComputeNode],
    zone: str,
    count: int,
) -> facts.Host:
    now = datetime.datetime.now(datetime.UTC)
    return facts.Host(
        name=service.host,
        cell=cell,
        service=service,
        node=nodes[0] if len(nodes) == 1 else None,
        zone=zone,
        instances_shared=shared(service.host, origin.shared_instances),
        server_count=count,
        up=liveness.is_up(service, now, origin.service_down_time),
        unknown=_nodes_unknown(nodes),
    )


def shared(host: str, patterns: Collection[str]) -> bool:
    """Whether the operator states that the instances directory is shared."""
    return any(fnmatch.fnmatchcase(host, pattern) for pattern in patterns)


def _nodes_unknown(nodes: list[facts.ComputeNode]) -> tuple[str, ...]:
    if len(nodes) > 1:
        return (f'node: the service has {len(nodes)} nodes, one is needed',)
    return ()


def _cells(
    origin: sources.Sources,
    names: Collection[str] | None,
    mapped: Mapping[str, str],
) -> list[nova_cell.NovaCell]:
    wanted = {mapped.get(name) for name in names or ()}
    if not wanted or not wanted <= set(origin.cells):
        # cell0 has no hosts
        return [c for c in origin.cells.values() if not c.cell.is_cell0]
    return [origin.cells[uuid] for uuid in origin.cells if uuid in wanted]


def _fenced(
    host: facts.Host, fences: sources.Answer[Mapping[str, facts.Fence]]
) -> facts.Host:
    if fences.reason:
        return _lacking(host, 'fence', fences.reason)
    fence = fences.known({}).get(host.name)
    return dataclasses.replace(
        host, fence=fence, fence_stale=liveness.stale(fence, host.service)
    )


def _lacking(host: facts.Host, field: str, reason: str) -> facts.Host:
    if not reason:
        return host
    unknown = (*host.unknown, *sources.missing((field,), reason))
    return dataclasses.replace(host, unknown=unknown)


def _deepened(
    host: facts.Host,
    provider: sources.Answer[facts.Provider | None],
    agents: sources.Answer[tuple[facts.Agent, ...]],
    services: sources.Answer[tuple[facts.Agent, ...]],
    connector: sources.Answer[tuple[dict[str, Any] | None, str]],
) -> facts.Host:
    host = _lacking(host, 'provider', provider.reason)
    host = _lacking(host, 'agents', agents.reason)
    host = _lacking(host, 'volume_services', services.reason)
    host = _lacking(host, 'connector', connector.reason)
    found, source = connector.known((None, ''))
    return dataclasses.replace(
        host,
        provider=provider.value,
        agents=agents.known(()),
        volume_services=liveness.on_host(services.known(()), host.name),
        connector=found,
        connector_source=source,
    )


def _provider(
    origin: sources.Sources, host: facts.Host
) -> sources.Answer[facts.Provider | None]:
    node = host.node
    if node is None:
        return sources.Answer()
    # the provider of a node carries the node's uuid (nova, since Ocata)
    return origin.api(lambda c: c.placement.provider(uuid=node.uuid))


def _connector(
    origin: sources.Sources, host: str
) -> sources.Answer[tuple[dict[str, Any] | None, str]]:
    """The connector of a host, and where it was found.

    The newest attachment of that host holds it; a host without any volume
    has it in a file of [storage] connectors_dir, as os_brick prints it.
    """
    reason = ''
    if origin.cinder_db is not None:
        answer = sources.ask(origin.cinder_db.connector, host)
        if answer.value is not None:
            return sources.Answer((answer.value, "cinder's database"))
        reason = answer.reason
    if origin.connectors_dir:
        path = pathlib.Path(origin.connectors_dir) / f'{host}.json'
        if path.exists():
            return sources.ask(_read_connector, path)
    return sources.Answer(reason=reason)


def _read_connector(path: pathlib.Path) -> tuple[dict[str, Any], str]:
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as exc:
        raise exceptions.ServiceUnavailable(
            f'{path} could not be read as JSON: {type(exc).__name__}'
        ) from exc
    if not isinstance(data, dict):
        raise exceptions.ServiceUnavailable(
            f'{path} does not hold a connector (an object is needed)'
        )
    return data, str(path)

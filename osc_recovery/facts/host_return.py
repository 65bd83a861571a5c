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

"""Reads what the gate for a repaired host looks at."""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses

from osc_recovery.cloud import broker
from osc_recovery.db import homecoming
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import sources
from osc_recovery.model import facts
from osc_recovery.model import host_return as model

#: what gives away that a server was here, by the source that says it
_ALLOCATED = 'its allocation names this host'
_PORT = 'a port of it is bound to this host'
_VOLUME = 'a volume of it is attached at this host'

Brokers = Callable[[str], broker.Broker]
Evidence = dict[str, tuple[str, ...]]


def gather(
    origin: sources.Sources,
    host: str,
    brokers: Brokers,
    lease: str = '',
    *,
    buried: bool = True,
) -> model.ReturnFacts:
    """Read everything; changes nothing.

    ``brokers`` gives the broker of a cell by the cell's uuid; ``buried``
    servers have a tombstone, and are not called moved.  Raises
    UsageError when nova knows no such host.  What nothing can be decided
    without, the cell's database, raises; the rest is named in ``unknown``.
    """
    found = hosts.gather(origin, [host])
    if not found:
        raise exceptions.UsageError(
            f'nova knows no compute host {host}: see "openstack recovery '
            'host list".'
        )
    (deep,) = hosts.deepen(origin, found)
    cell = origin.cells[deep.cell.uuid]
    queues = sources.ask(lambda: brokers(deep.cell.uuid).waiting(host))
    evacuations = homecoming.evacuated(cell, host)
    evidence, unknown = _evidence(origin, deep)
    settled = {row.server for row in evacuations} if buried else set()
    moved = _moved(cell, host, evidence, settled)
    allocated, more = _with_allocations(origin, moved)
    return model.ReturnFacts(
        host=deep,
        evacuations=evacuations,
        unfinished=homecoming.unfinished(cell, host),
        residents=homecoming.residents(cell, host),
        moved=allocated,
        queues=queues.value,
        no_queues=queues.reason,
        lease=lease,
        unknown=(*unknown, *more),
    )


def _evidence(
    origin: sources.Sources, host: facts.Host
) -> tuple[Evidence, tuple[str, ...]]:
    """Who is said to be on the host by placement, neutron and cinder."""
    provider = host.provider
    with sources.asking() as asking:
        allocations = asking.do(
            origin.api,
            lambda c: frozenset(
                c.placement.host_allocations(provider.uuid) if provider else ()
            ),
        )
        ports = asking.do(
            origin.api, lambda c: c.network.servers_bound(host.name)
        )
        volumes = None
        if origin.cinder_db is not None:
            volumes = asking.do(
                sources.ask, origin.cinder_db.servers_attached, host.name
            )
    said = [
        ('allocations', _ALLOCATED, allocations.result()),
        ('ports', _PORT, ports.result()),
    ]
    if volumes is not None:
        said.append(('attachments', _VOLUME, volumes.result()))
    found: dict[str, list[str]] = {}
    unknown: list[str] = []
    for field, words, answer in said:
        if answer.reason:
            unknown += sources.missing((field,), answer.reason)
        for uuid in sorted(answer.known(frozenset())):
            found.setdefault(uuid, []).append(words)
    return {uuid: tuple(words) for uuid, words in found.items()}, tuple(
        unknown
    )


def _moved(
    cell: nova_cell.NovaCell,
    host: str,
    evidence: Evidence,
    buried: Iterable[str],
) -> tuple[model.Moved, ...]:
    """Who lives elsewhere without a tombstone that nova would act upon.

    A migration that is under way is a consumer of placement, too, and no
    server; it is left out here as it is nobody's home.
    """
    suspects = set(evidence) - set(buried)
    return tuple(
        model.Moved(home, evidence[uuid])
        for uuid, home in sorted(homecoming.homes(cell, suspects).items())
        if home.host not in (host, None)
    )


def _with_allocations(
    origin: sources.Sources, moved: tuple[model.Moved, ...]
) -> tuple[tuple[model.Moved, ...], tuple[str, ...]]:
    """Add what they have allocated, and where they should have it."""
    names = {row.home.host or '' for row in moved}
    nodes = {
        host.name: host.node.uuid
        for host in (hosts.gather(origin, names) if names else ())
        if host.node is not None
    }
    made, unknown = [], []
    for row in moved:
        answer = _allocation(origin, row.home.uuid)
        if answer.value is None:
            unknown.append(f'allocation of {row.home.name}: {answer.reason}')
        made.append(
            dataclasses.replace(
                row,
                allocated=tuple(answer.value.providers)
                if answer.value
                else None,
                provider=nodes.get(row.home.host or ''),
            )
        )
    return tuple(made), tuple(unknown)


def _allocation(
    origin: sources.Sources, uuid: str
) -> sources.Answer[facts.Allocation]:
    return origin.api(lambda clouds: clouds.placement.allocation(uuid))

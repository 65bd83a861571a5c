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

"""What a whole server looks like, and how one value is compared."""

from collections.abc import Collection, Iterable
import dataclasses
import json
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import results


_RUNNING = {'active': True, 'stopped': False}


@dataclasses.dataclass(frozen=True)
class Expectation:
    """A server as it should be, in JSON's types.

    ``running`` None leaves the power state unchecked (a paused server);
    ``volumes`` are devices by volume; ``came_from`` is the host that has
    to destroy its old copy, ``tombstones`` how many rows of migrations
    tell of moves from there to here; ``locked`` None leaves the lock
    unchecked, for verification runs before the lock is taken off.
    ``leftovers`` are allocations, by provider, that nova keeps until the
    failed host returns.
    """

    host: str
    node: str | None
    compute_id: int | None
    zone: str | None
    vm_state: str
    running: bool | None
    provider: str
    resources: dict[str, int]
    device_owner: str
    ports: tuple[str, ...] = ()
    volumes: dict[str, str | None] = dataclasses.field(default_factory=dict)
    came_from: str | None = None
    tombstones: int = 0
    locked: bool | None = None
    leftovers: dict[str, dict[str, int]] = dataclasses.field(
        default_factory=dict
    )


def relocated(
    server: facts.Server,
    source: facts.Host,
    target: facts.Host,
    *,
    running: bool,
) -> Expectation:
    """A server of the source as it should be on the target."""
    there = in_place(server, target)
    return dataclasses.replace(
        there,
        vm_state='active' if running else 'stopped',
        running=running,
        came_from=source.name,
        tombstones=1 + len(moves(server, source.name, target.name)),
        locked=True if server.locked else None,
    )


def evacuated(
    server: facts.Server, source: facts.Host, *, running: bool
) -> Expectation:
    """A server of the source as nova leaves it, wherever that is.

    What depends on the host is filled in by :func:`landed`.  nova gives up
    the allocation on the source only when nova-compute starts there again
    (nova/compute/manager.py, _destroy_evacuated_instances).
    """
    allocation = server.allocation
    held = allocation.providers if allocation is not None else {}
    return dataclasses.replace(
        in_place(server, source),
        vm_state='active' if running else 'stopped',
        running=running,
        resources=total(held.values()),
        leftovers={name: dict(amounts) for name, amounts in held.items()},
        came_from=source.name,
    )


def landed(
    expected: Expectation, host: facts.Host, known: int = 0
) -> Expectation:
    """The same on the host that it came to.

    ``known`` evacuations between the two hosts are older.  The provider of
    a node carries the node's uuid (nova, since Ocata).
    """
    node = host.node
    return dataclasses.replace(
        expected,
        host=host.name,
        node=node.node if node else None,
        compute_id=node.id if node else None,
        zone=host.zone,
        provider=node.uuid if node else '',
        device_owner=f'compute:{host.zone}',
        tombstones=known + 1,
    )


def total(held: Iterable[dict[str, int]]) -> dict[str, int]:
    """The resources of several providers together."""
    summed: dict[str, int] = {}
    for resources in held:
        for name, amount in resources.items():
            summed[name] = summed.get(name, 0) + amount
    return summed


def moves(
    server: facts.Server, source: str, target: str
) -> tuple[facts.Migration, ...]:
    """The evacuations of a server from one host to another, oldest first."""
    found = (
        row
        for row in server.migrations
        if row.type == 'evacuation'
        and (row.source_host, row.dest_host) == (source, target)
    )
    return tuple(sorted(found, key=lambda row: row.id))


def in_place(server: facts.Server, host: facts.Host) -> Expectation:
    """A server as it is now, if it is whole on a host."""
    allocation = server.allocation
    held = allocation.providers.values() if allocation is not None else ()
    return Expectation(
        host=host.name,
        node=host.node.node if host.node else None,
        compute_id=host.node.id if host.node else None,
        zone=host.zone,
        vm_state=server.vm_state,
        running=_RUNNING.get(server.vm_state),
        provider=host.provider.uuid if host.provider else '',
        resources=dict(next(iter(held), {})),
        device_owner=f'compute:{host.zone}',
        ports=tuple(port.id for port in server.ports),
        volumes={
            mapping.volume_id: mapping.device_name
            for mapping in server.mappings
            if mapping.volume_id is not None
        },
        locked=server.locked,
    )


def settled(expected: Expectation) -> Expectation:
    """The same after the run: a lock that was ours is gone."""
    return dataclasses.replace(expected, locked=bool(expected.locked))


def same(name: str, wanted: Any, found: Any, where: str) -> results.Check:
    """A check that two values are equal."""
    return _check(name, wanted == found, wanted, found, where)


def one_of(
    name: str, wanted: Collection[Any], found: Any, where: str
) -> results.Check:
    """A check that a value is one of several."""
    shown = ' or '.join(str(value) for value in wanted)
    return _check(name, found in wanted, shown, found, where)


def _check(
    name: str, right: bool, wanted: Any, found: Any, where: str
) -> results.Check:
    verdict = results.Verdict.OK if right else results.Verdict.WRONG
    return results.Check(name, verdict, _shown(wanted), _shown(found), where)


def _shown(value: Any) -> str:
    if value is None or value == '':
        return 'none'
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True)

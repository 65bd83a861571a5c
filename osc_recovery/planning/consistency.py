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

"""Where nova, placement, neutron, cinder and the journal disagree.

The checks of a server are those of planning/checks/whole.py, with what the
server's own host should make of it as the expectation; here each becomes a
finding.  What could not be read is a finding, too.
"""

from collections.abc import Iterable, Iterator
import dataclasses

from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import whole
from osc_recovery.planning import disputes
from osc_recovery.planning import remedies
from osc_recovery.planning import unreadable

Defects = Iterator[model.Defect]

#: how the reason of a lock of ours begins (steps/lock.py)
LOCK = 'osc-recovery '
#: the finding of each check; those of an allocation are made here
CODES = {
    'node': 'node-differs',
    'compute_id': 'compute-id-differs',
    'zone': 'zone-differs',
    'power_state': 'power-differs',
    'api host': 'database-differs',
    'api node': 'database-differs',
    'api vm_state': 'database-differs',
    'api task_state': 'database-differs',
    'older tombstones': 'tombstone-stale',
    'port': 'port-missing',
    'binding host': 'port-elsewhere',
    'vif_type': 'binding-failed',
    'device_owner': 'owner-differs',
    'bindings': 'binding-left',
    'mapping': 'attachment-unmapped',
    'named attachment': 'attachment-unmapped',
    'volume status': 'volume-state',
    'attachments': 'mapping-unattached',
    'attachment': 'mapping-unattached',
    'connection_info': 'connection-differs',
    'attachment status': 'attachment-state',
    'attachment volume': 'attachment-state',
    'attached_host': 'connector-elsewhere',
    'connector host': 'connector-elsewhere',
    'device': 'device-differs',
    'mountpoint': 'device-differs',
}
#: a server of these keeps its volumes reserved and is on no host
_ON_NO_HOST = 'shelved_offloaded'


def of_server(
    server: facts.Server, scene: model.Scene, own_run: str = ''
) -> tuple[model.Defect, ...]:
    """Where the services disagree about one server.

    ``own_run`` is the id of a run whose lock does not count: the one that
    asks.
    """
    under_way = (*_run(server, scene, own_run), *_busy(server))
    if under_way:
        return under_way
    if server.host is None:
        return tuple(_on_no_host(server))
    host = scene.hosts.get(server.host)
    if host is None:
        return tuple(_host_missing(server))
    found = [
        *_unknown(server),
        *_checked(server, host, scene),
        *_allocation(server, host, scene),
        *_lock(server, scene, own_run),
        *disputes.check(server, scene),
    ]
    return tuple(_once(found))


def checks(
    server: facts.Server, scene: model.Scene
) -> tuple[results.Check, ...]:
    """The checks behind the findings, those that do not apply left out."""
    host = scene.hosts[server.host or '']
    expected = dataclasses.replace(
        whole.in_place(server, host),
        # in order for as long as it is on the right provider
        resources=_own(server, host),
    )
    if server.cell.uuid in scene.without_compute_id:
        expected = dataclasses.replace(expected, compute_id=None)
    made = whole.audit(server, expected)
    hosts = {h.provider.uuid for h in scene.hosts.values() if h.provider}
    held = server.allocation.providers if server.allocation else {}
    nested = hosts & set(held) == {expected.provider} and len(held) > 1
    return tuple(
        found
        for found in made
        # a soft-deleted server is not in the list of nova's API
        if not (found.name == 'api' and server.vm_state == 'soft-delete')
        # a tree of providers: what is on other nodes of it is nova's
        if not (found.name == 'allocation' and nested)
    )


def _run(server: facts.Server, scene: model.Scene, own_run: str) -> Defects:
    """A server that a run still works on changes while it is looked at."""
    run = lock_of(server)
    if run and run != own_run and run in scene.going_on:
        yield defect(
            'run-in-progress',
            f'locked by run {run}, which is not over',
            f'openstack recovery run show {run}; resume it, or let it end',
        )


def _busy(server: facts.Server) -> Defects:
    if server.task_state is not None:
        yield defect(
            'server-busy',
            f'task_state is {server.task_state}: it may change while it is '
            'looked at',
            'Audit again. If it stays so and nothing works on it: openstack '
            f'recovery server set {server.uuid} --task-state none',
        )


def _unknown(server: facts.Server) -> Defects:
    for service, what in unreadable.entries(server.unknown).items():
        yield defect(
            'facts-unknown',
            f'could not be read: {what}',
            f'Bring {service} back and audit again.',
        )


def _host_missing(server: facts.Server) -> Defects:
    yield defect(
        'host-missing',
        f'instances.host is {server.host}, where nova has no nova-compute',
        'Find the host that has its guest: openstack compute service list '
        '--service nova-compute',
    )


def _on_no_host(server: facts.Server) -> Defects:
    """Shelved and offloaded, or never scheduled."""
    held = server.allocation.providers if server.allocation else {}
    if held:
        yield defect(
            'allocation-elsewhere',
            f'instances.host is empty (vm_state {server.vm_state}), but '
            f'placement has it on {", ".join(sorted(held))}',
            f'openstack resource provider allocation delete {server.uuid}',
            'allocation',
        )
    connected = [a for a in server.attachments if a.connector]
    if connected and server.vm_state == _ON_NO_HOST:
        yield defect(
            'connector-elsewhere',
            f'instances.host is empty, but attachment {connected[0].id} has '
            'a connector',
            f'openstack volume attachment list --volume-id '
            f'{connected[0].volume_id}',
        )


def _checked(
    server: facts.Server, host: facts.Host, scene: model.Scene
) -> Defects:
    made = whole.wrong(checks(server, scene))
    seen = {(c.where, c.name) for c in made}
    moving = disputes.migrating(server)
    for found in made:
        if found.verdict is results.Verdict.UNKNOWN:
            if (found.where, 'binding host') in seen:
                continue
            yield _unread(server, found)
            continue
        if found.name in ('allocation', 'locked', 'task_state', 'deleted'):
            continue
        code = CODES[found.name]
        if moving and code in ('binding-left', 'port-elsewhere'):
            continue
        if _follows(found, seen, server):
            continue
        if found.name == 'attachments' and found.found != '0':
            code = 'attachment-unmapped'
        yield defect(
            code,
            f'{found.where}: {found.name} is {found.found}, expected '
            f'{found.expected}',
            remedies.of(code, server, found.where),
            found.where,
        )


def _follows(
    found: results.Check, seen: set[tuple[str, str]], server: facts.Server
) -> bool:
    """Whether another finding about the same thing says it already."""
    if found.name == 'vif_type':
        return (found.where, 'binding host') in seen
    if found.name == 'bindings':
        port = found.where.removeprefix('port ')
        count = sum(len(p.bindings) for p in server.ports if p.id == port)
        return count < 2
    if found.name == 'mapping':
        return (found.where, 'named attachment') in seen
    if found.name == 'connection_info':
        return (found.where, 'attachment') in seen
    if found.name == 'volume status':
        volume = server.volume(found.where.removeprefix('volume '))
        gone = (found.where, 'attachment') in seen
        return gone and volume is not None and volume.status == 'available'
    return False


def _unread(server: facts.Server, found: results.Check) -> model.Defect:
    return defect(
        'facts-unknown',
        f'could not be read: {found.name} ({found.where}): {found.found}',
        f'Bring that service back and audit again: openstack recovery '
        f'server show {server.uuid}',
    )


def _own(server: facts.Server, host: facts.Host) -> model.Resources:
    held = server.allocation.providers if server.allocation else {}
    provider = host.provider.uuid if host.provider else ''
    return dict(held.get(provider) or next(iter(held.values()), {}))


def _allocation(
    server: facts.Server, host: facts.Host, scene: model.Scene
) -> Defects:
    """Whose resources it holds, as far as they are those of hosts."""
    if server.allocation is None or host.provider is None:
        return
    held = server.allocation.providers
    names = {p: name for p in held if (name := scene.host_of(p))}
    shown = ', '.join(f'{names.get(p, "?")} ({p})' for p in sorted(held))
    if not held:
        yield defect(
            'allocation-missing',
            'placement has no allocation for it',
            remedies.of('allocation-missing', server),
            'allocation',
        )
    elif host.provider.uuid not in held:
        yield defect(
            'allocation-elsewhere',
            f'placement has it on {shown}, not on {host.provider.uuid} '
            f'({host.name})',
            remedies.of('allocation-elsewhere', server),
            'allocation',
        )
    elif len(names) > 1 and not disputes.migrating(server):
        yield defect(
            'allocation-doubled',
            f'placement has it on {shown}, and no migration is under way',
            remedies.of('allocation-doubled', server),
            'allocation',
        )


def lock_of(server: facts.Server) -> str:
    """The id of the run whose lock a server carries; empty: none of ours."""
    reason = server.locked_reason or ''
    if not server.locked or not reason.startswith(LOCK):
        return ''
    words = reason.removeprefix(LOCK).split()
    return words[0] if words else ''


def _lock(server: facts.Server, scene: model.Scene, own_run: str) -> Defects:
    run = lock_of(server)
    if not run or run == own_run or scene.runs is None:
        return
    state = scene.runs.get(run)
    known = (
        f'which is {state}' if state else 'of which this journal knows nothing'
    )
    ahead = f'openstack recovery run resume {run}, if it can be; else '
    yield defect(
        'lock-left',
        f'locked by {server.locked_by} with our reason, of run {run}, {known}',
        (ahead if state else '') + remedies.of('lock-left', server),
        'lock',
    )


def defect(code: str, fact: str, remedy: str, where: str = '') -> model.Defect:
    """A finding about a thing."""
    return model.Defect(catalogue.finding(code, fact, remedy), where)


def _once(found: Iterable[model.Defect]) -> Iterator[model.Defect]:
    """The first of every code about every thing."""
    seen: set[tuple[str, str]] = set()
    for item in found:
        if (item.code, item.where) not in seen:
            seen.add((item.code, item.where))
            yield item

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

"""Whether a server is whole: read back from every place that has a say.

One list of checks for verification, for audits and for tests.  What could
not be read is never called right.
"""

from collections.abc import Callable, Iterable, Iterator

from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.planning.checks import attachments
from osc_recovery.planning.checks import expected as expectations
from osc_recovery.planning.checks import states
from osc_recovery.planning import unreadable

Expectation = expectations.Expectation
Checks = Iterator[results.Check]

relocated = expectations.relocated
evacuated = expectations.evacuated
landed = expectations.landed
in_place = expectations.in_place
settled = expectations.settled

_ROW = 'cell database'
_API = 'nova API'
_BAD_VIF_TYPES = ('', 'unbound', 'binding_failed')
#: nova/compute/power_state.py: RUNNING; NOSTATE and SHUTDOWN.  A stopped
#: server that moved has NOSTATE until something looks again.
_RUNNING = (1,)
_OFF = (0, 4)


def placed(server: facts.Server, expected: Expectation) -> Checks:
    """host, node, compute_id, zone, vm_state and task_state of its row."""
    wanted = {
        'host': expected.host,
        'node': expected.node,
        'compute_id': expected.compute_id,
        'zone': expected.zone,
        'vm_state': expected.vm_state,
        'task_state': None,
        'deleted': False,
    }
    for name, value in wanted.items():
        yield expectations.same(name, value, getattr(server, name), _ROW)


def power(server: facts.Server, expected: Expectation) -> Checks:
    """power_state as the target's hypervisor reported it."""
    if expected.running is None:
        return
    wanted = _RUNNING if expected.running else _OFF
    yield expectations.one_of('power_state', wanted, server.power_state, _ROW)


def lock(server: facts.Server, expected: Expectation) -> Checks:
    """Locked as it was before; None: still under way, not looked at."""
    if expected.locked is not None:
        yield expectations.same('locked', expected.locked, server.locked, _ROW)


def api(server: facts.Server, expected: Expectation) -> Checks:
    """nova's API answers with the row that was read."""
    if server.api is None:
        yield _unknown('api', unreadable.reason(server, 'api'), _API)
        return
    for name in ('host', 'node', 'vm_state', 'task_state'):
        said = getattr(server.api, name)
        yield expectations.same(
            f'api {name}', getattr(server, name), said, _API
        )


def allocation(server: facts.Server, expected: Expectation) -> Checks:
    """One provider, the host's, with the same resources.

    What nova keeps on a failed host until it returns is left aside.
    """
    if server.allocation is None:
        reason = unreadable.reason(server, 'allocation')
        yield _unknown('allocation', reason, 'placement')
        return
    held = {
        provider: resources
        for provider, resources in server.allocation.providers.items()
        if expected.leftovers.get(provider) != resources
    }
    wanted = {expected.provider: expected.resources}
    if len(expected.leftovers) > 1:
        # nested providers: nova chooses which of the target's it takes
        held = {expected.provider: expectations.total(held.values())}
    yield expectations.same('allocation', wanted, held, 'placement')


def tombstones(server: facts.Server, expected: Expectation) -> Checks:
    """Its own host would not destroy it; the source would its old copy."""
    live = [
        f'{row.id} {row.status}'
        for row in server.migrations
        if row.type == 'evacuation'
        and row.source_host == expected.host
        and row.status in states.TOMBSTONES
    ]
    yield expectations.same(
        'older tombstones', '', ', '.join(live), 'migrations'
    )
    if expected.came_from is None:
        return
    found = expectations.moves(server, expected.came_from, expected.host)
    new = found[-1] if len(found) >= expected.tombstones > 0 else None
    yield expectations.one_of(
        'tombstone',
        ('done', 'completed'),
        new.status if new is not None else None,
        'migrations',
    )


def ports(server: facts.Server, expected: Expectation) -> Checks:
    """Every port is bound to the host, well, and nowhere else."""
    reason = unreadable.reason(server, 'ports')
    if reason:
        yield _unknown('ports', reason, 'neutron')
        return
    known = {port.id: port for port in server.ports}
    for port_id in dict.fromkeys((*expected.ports, *known)):
        yield from _port(port_id, known.get(port_id), expected)


def _port(
    port_id: str, port: facts.Port | None, expected: Expectation
) -> Checks:
    where = f'port {port_id}'
    yield expectations.same(
        'port', 'there', 'missing' if port is None else 'there', where
    )
    if port is None:
        return
    yield expectations.same('binding host', expected.host, port.host, where)
    bad = port.vif_type in _BAD_VIF_TYPES
    yield results.Check(
        'vif_type',
        results.Verdict.WRONG if bad else results.Verdict.OK,
        'bound',
        port.vif_type,
        where,
    )
    yield expectations.same(
        'device_owner', expected.device_owner, port.device_owner, where
    )
    if not port.bindings:
        yield _unknown('bindings', None, where)
        return
    yield expectations.same(
        'bindings',
        [f'{expected.host} ACTIVE'],
        sorted(f'{b.host} {b.status}' for b in port.bindings),
        where,
    )


def _unknown(name: str, reason: str | None, where: str) -> results.Check:
    return results.Check(
        name,
        results.Verdict.UNKNOWN,
        found=reason or 'not read',
        where=where,
    )


CHECKS: tuple[Callable[[facts.Server, Expectation], Checks], ...] = (
    placed,
    power,
    lock,
    api,
    allocation,
    tombstones,
    ports,
    attachments.volumes,
)


#: what an audit asks besides
AUDITED: tuple[Callable[[facts.Server, Expectation], Checks], ...] = (
    *CHECKS,
    attachments.unmapped,
)


def audit(
    server: facts.Server, expected: Expectation
) -> tuple[results.Check, ...]:
    """Everything that :func:`check` looks at, and leftovers as well."""
    return tuple(c for look in AUDITED for c in look(server, expected))


def check(
    server: facts.Server, expected: Expectation
) -> tuple[results.Check, ...]:
    """Lay what was read of a server beside what it should be."""
    return tuple(c for look in CHECKS for c in look(server, expected))


def overall(checks: Iterable[results.Check]) -> results.Verdict:
    """Wrong when anything is; ok only when everything was seen to be."""
    seen = {check.verdict for check in checks}
    if results.Verdict.WRONG in seen:
        return results.Verdict.WRONG
    if seen == {results.Verdict.OK}:
        return results.Verdict.OK
    return results.Verdict.UNKNOWN


def wrong(
    checks: Iterable[results.Check],
) -> tuple[results.Check, ...]:
    """The checks that are not ok."""
    return tuple(c for c in checks if c.verdict is not results.Verdict.OK)

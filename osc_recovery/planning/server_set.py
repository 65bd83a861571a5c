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

"""Plans a change of a server's states: only those that can be true.

nova's API can call a server active or in error, and clears its task with
either (os-resetState).  The database is written where that does not do:
stopped, and a task of a server that is neither.  power_state belongs to the
hypervisor: nova-compute writes it every 10 minutes, so a host that is up is
never contradicted.
"""

from collections.abc import Iterator
import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import frame
from osc_recovery.planning.checks import states
from osc_recovery.planning import fingerprint

SCENARIO = 'server set'

Findings = Iterator[findings.Finding]

VM_STATES = ('active', 'stopped', 'error')
#: nova/compute/power_state.py
POWER_STATES = {'running': 1, 'shutdown': 4}
_RUNNING = 1
#: what nova's API can say itself
_BY_API = ('active', 'error')
#: states that come with more than a word in a row
_UNFIT = (
    *('deleted', 'soft-delete', 'resized', 'shelved', 'shelved_offloaded'),
    *('rescued', 'building'),
)


@dataclasses.dataclass(frozen=True)
class Wish:
    """What the operator wants of a server; None leaves it as it is."""

    server: str
    vm_state: str | None = None
    power_state: str | None = None
    clear_task: bool = False
    accept: frozenset[str] = frozenset()

    def parameters(self) -> dict[str, Any]:
        """In JSON's types."""
        return {
            **dataclasses.asdict(self),
            'accept': sorted(self.accept),
        }


def of_plan(plan: plans.Plan) -> Wish:
    """The wish that a plan was made from."""
    return Wish(
        **{
            **plan.parameters,
            'accept': frozenset(plan.parameters['accept']),
        }
    )


def plan(
    server: facts.Server,
    host: facts.Host | None,
    wish: Wish,
    created_at: str,
) -> plans.Plan:
    """One step that sets the states, and one that reads them again."""
    values = _values(server, wish)
    found = tuple(
        f.accepted_by(wish.accept)
        for f in _findings(server, host, wish, values)
    )
    basis = {
        **_states(server),
        'host': server.host,
        'node': server.node,
        'up': host.up if host else None,
        'findings': sorted({f.code for f in found}),
    }
    wanted = (
        ()
        if _there(server, values)
        else (
            plans.ServerPlan(
                uuid=server.uuid,
                name=server.name,
                target=server.host,
                method=_method(server, values),
                start=False,
                steps=_steps(server, values),
                findings=found,
                fingerprint=fingerprint.digest(basis),
                facts=basis,
            ),
        )
    )
    return plans.Plan(
        scenario=SCENARIO,
        host=server.host or server.uuid,
        cell=server.cell.uuid,
        created_at=created_at,
        parameters=wish.parameters(),
        frame={'cell': server.cell.uuid, **values},
        fingerprint=fingerprint.digest([server.cell.uuid, values]),
        findings=(),
        servers=wanted,
    )


def _values(server: facts.Server, wish: Wish) -> dict[str, Any]:
    """The columns that are set; a new vm_state always ends the task."""
    values: dict[str, Any] = {}
    if wish.vm_state is not None:
        values = {'vm_state': wish.vm_state, 'task_state': None}
    if wish.clear_task:
        values['task_state'] = None
    if wish.power_state is not None:
        values['power_state'] = POWER_STATES[wish.power_state]
    elif wish.vm_state == 'stopped' and server.power_state == _RUNNING:
        values['power_state'] = POWER_STATES['shutdown']
    return values


def _states(server: facts.Server) -> dict[str, Any]:
    names = ('vm_state', 'power_state', 'task_state')
    return {name: getattr(server, name) for name in names}


def _there(server: facts.Server, values: dict[str, Any]) -> bool:
    now = _states(server)
    return all(now[name] == value for name, value in values.items())


def _by_api(server: facts.Server, values: dict[str, Any]) -> bool:
    """Whether nova's own call does it, and nothing besides."""
    state = values.get('vm_state', server.vm_state)
    power = values.get('power_state', server.power_state)
    return (
        state in _BY_API
        and 'task_state' in values
        and power == server.power_state
    )


def _method(server: facts.Server, values: dict[str, Any]) -> str:
    return 'reset state' if _by_api(server, values) else 'database'


def _steps(
    server: facts.Server, values: dict[str, Any]
) -> tuple[steps.StepSpec, ...]:
    by_api = _by_api(server, values)
    if by_api:
        state = values.get('vm_state', server.vm_state)
        values = {'vm_state': state, 'task_state': None}
    expected = {
        'host': server.host,
        'node': server.node,
        **_states(server),
    }
    change = {
        'cell': server.cell.uuid,
        'expected': expected,
        'values': values,
        'retire': None,
        'tombstone': None,
    }
    return (
        steps.StepSpec('reset-state' if by_api else 'set-row', change),
        steps.StepSpec(
            'audit', {'whole': False, 'expected': values}, final=True
        ),
    )


def _findings(
    server: facts.Server,
    host: facts.Host | None,
    wish: Wish,
    values: dict[str, Any],
) -> Findings:
    yield from states.cell0(server)
    yield from states.hidden(server)
    yield from states.cross_cell(server)
    yield from states.deleting(server)
    yield from states.migration_in_flight(server)
    if server.vm_state in _UNFIT and wish.vm_state != 'error':
        yield _unfit(server)
    elif server.vm_state in _UNFIT[:5]:
        yield _unfit(server)
    yield from _combination(server, values)
    if host is None:
        return
    if values.get('vm_state') == 'active':
        yield from _active(server, host)
    if values.get('vm_state') == 'stopped':
        yield from _stopped(server, host)
    if wish.power_state is not None:
        yield from _power(server, host, values['power_state'])
    if server.task_state is not None and host.up:
        yield catalogue.finding(
            'task-may-run',
            f'task_state is {server.task_state}, and nova-compute on '
            f'{host.name} is up: it may be at it',
            f'openstack server event list {server.uuid}; if nothing works '
            'on it: --accept task-may-run',
        )


def _unfit(server: facts.Server) -> findings.Finding:
    return catalogue.finding(
        'state-unfit',
        f'vm_state is {server.vm_state}, which stands for disks, images or '
        'hosts and not for a word in a row',
        'Let nova lead it out of that: openstack server show '
        f'{server.uuid} names its status',
    )


def _combination(server: facts.Server, values: dict[str, Any]) -> Findings:
    """active runs and stopped does not; error may do either."""
    state = values.get('vm_state', server.vm_state)
    power = values.get('power_state')
    runs = {'active': True, 'stopped': False}.get(state)
    if power is not None and runs is not None:
        if runs != (power == _RUNNING):
            yield catalogue.finding(
                'state-unfit',
                f'vm_state {state} and power_state {power} cannot both be '
                'true',
                'Choose active with running, stopped with shutdown, or error.',
            )


def _active(server: facts.Server, host: facts.Host) -> Findings:
    """Only what the hypervisor says it runs is called active."""
    if server.power_state != _RUNNING or not host.up:
        why = (
            f'power_state is {server.power_state} by the last word of '
            f'{host.name}'
        )
        if not host.up:
            why = f'nova-compute on {host.name} is not up to tell'
        yield catalogue.finding(
            'guest-not-running',
            f'{why}: it is not called active',
            f'Set it to stopped, then: openstack server start {server.uuid}',
        )


def _stopped(server: facts.Server, host: facts.Host) -> Findings:
    """What may run is not called stopped: nova would then stop it."""
    if host.up:
        if server.power_state == _RUNNING:
            yield catalogue.finding(
                'guest-running',
                f'power_state is 1 (running) by the last word of {host.name}, '
                'which is up',
                f'Stop it: openstack server stop {server.uuid}',
            )
    elif not frame.fence_holds(host):
        yield catalogue.finding(
            'fence-missing',
            f'{host.name} is not up, and no fence of it is recorded: the '
            'guest may run',
            frame.fence_command(host.name),
        )


def _power(
    server: facts.Server, host: facts.Host, power_state: int
) -> Findings:
    """A host that is up writes power_state itself."""
    if host.up and power_state != server.power_state:
        yield catalogue.finding(
            'power-of-host',
            f'nova-compute on {host.name} is up and says power_state '
            f'{server.power_state}; it would overwrite this within 10 '
            'minutes',
            f'Stop or start it: openstack server stop {server.uuid}',
        )
    if not host.up and power_state == _RUNNING:
        yield catalogue.finding(
            'guest-not-running',
            f'nova-compute on {host.name} is not up: nothing tells that it '
            'runs',
            'Bring the host back: nova-compute then says what runs.',
        )

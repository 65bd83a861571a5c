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

"""A cloud in memory that obeys the rules of the real one.

Every change is a *point* before and after its effect, at which a test can
let the process die: what the change did stays, the rest never happens.
"""

import copy
import datetime
import json
import threading
from typing import Any

from osc_recovery.cloud import errors
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.tests.unit.steps import points
from osc_recovery.tests.unit.steps import storage

CELL = '0b6c3b2f-6a4e-4b53-8b0c-0d3f3c1e7a11'
PORT = '0d54ab69-49dc-4ad3-98c3-9c332f1136c9'
PROVIDERS = {storage.SOURCE: '3688d200', storage.TARGET: '37f0e462'}


class World(points.Points):
    """The services and databases that a relocation changes."""

    def __init__(self) -> None:
        super().__init__()
        self.compute = Compute(self)
        self.placement = Placement(self)
        self.network = Network(self)
        self.cell = Cell(self)
        self.volume = storage.Volume(self, self.cell)
        self.intent: dict[str, Any] = {}

    @property
    def cells(self) -> dict[str, Any]:
        return {CELL: self.cell}

    def task(self, **params: Any) -> steps.Task:
        return steps.Task(
            run_id='r1',
            subject=storage.SERVER,
            name='web1',
            params=params,
            remember=self._remember,
            tell=lambda _: None,
            stop=threading.Event(),
        )

    def _remember(self, values: dict[str, Any]) -> None:
        self.point('before remember')
        self.intent.update(json.loads(json.dumps(values)))
        self.point('after remember')

    def image(self) -> Any:
        """What a relocation may change, as far as undo is exact."""
        return copy.deepcopy(
            {
                'lock': (self.compute.locked, self.compute.reason),
                'allocation': self.placement.held,
                'bindings': self.network.found,
                'owner': self.network.owner,
                'attachments': self.volume.image(),
                'exports': sorted(self.volume.exports),
                'mapping': self.cell.image(),
                'instance': self.cell.instance,
                'tombstones': len(self.cell.tombstones),
                'starts': len(self.cell.actions),
            }
        )


class Cell(storage.Cell):
    """The cell database, with the locks that nova's API writes."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._compute = world.compute

    def lock_of(self, uuid: str) -> nova_cell.ServerLock | None:
        if self._compute.gone:
            return None
        return nova_cell.ServerLock(self._compute.locked, self._compute.reason)


class Compute:
    """nova's API: locks, services, starts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.locked = False
        self.reason: str | None = None
        self.gone = False
        self.clock = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
        self.found = [
            {
                'id': 'service-1',
                'host': storage.SOURCE,
                'status': 'enabled',
                'disabled_reason': None,
                'forced_down': False,
            }
        ]

    time_limit = 60.0

    def now(self) -> datetime.datetime:
        return self.clock

    def server(self, uuid: str) -> facts.ApiView | None:
        if self.gone:
            return None
        return facts.ApiView(
            status='SHUTOFF',
            host=storage.SOURCE,
            node=storage.SOURCE,
            vm_state='stopped',
            task_state=None,
            power_state=4,
            locked=self.locked,
            locked_reason=self.reason,
        )

    def lock(self, uuid: str, reason: str) -> None:
        self._world.change('lock')
        self.locked, self.reason = True, reason
        self._world.changed('lock')

    def unlock(self, uuid: str) -> None:
        self._world.change('unlock')
        self.locked, self.reason = False, None
        self._world.changed('unlock')

    def start(self, uuid: str) -> str:
        self._world.change('start')
        cell = self._world.cell
        if cell.instance['vm_state'] != 'stopped' or cell.running():
            raise errors.Refused('conflict', 'compute-refused', 409)
        request = f'req-start-{len(cell.actions)}'
        cell.actions.append((request, 'start'))
        self._world.changed('start')
        return request

    def stop(self, uuid: str) -> str:
        self._world.change('stop')
        cell = self._world.cell
        if cell.instance['vm_state'] not in ('active', 'error'):
            raise errors.Refused('conflict', 'compute-refused', 409)
        request = f'req-stop-{len(cell.actions)}'
        cell.actions.append((request, 'stop'))
        self._world.changed('stop')
        return request

    def reset_state(self, uuid: str, state: str) -> None:
        self._world.change('reset_state')
        self._world.cell.instance.update(vm_state=state, task_state=None)
        self._world.changed('reset_state')

    def services(self) -> list[dict[str, Any]]:
        return copy.deepcopy(self.found)

    def force_down(self, service: str, forced_down: bool) -> None:
        self._world.change('force_down')
        self.found[0]['forced_down'] = forced_down
        self._world.changed('force_down')

    def disable(self, service: str, reason: str) -> None:
        self._world.change('disable')
        self.found[0].update(status='disabled', disabled_reason=reason)
        self._world.changed('disable')


class Placement:
    """One consumer's allocation, with its generation."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.generation = 1
        self.held = {PROVIDERS[storage.SOURCE]: {'VCPU': 1, 'MEMORY_MB': 64}}
        self.full = False

    def allocation(self, consumer: str) -> facts.Allocation:
        return facts.Allocation(
            consumer=consumer,
            generation=self.generation,
            project_id='project',
            user_id='user',
            providers=copy.deepcopy(self.held),
        )

    def put_allocation(self, allocation: facts.Allocation) -> None:
        self._world.change('put_allocation')
        if allocation.generation != self.generation:
            raise exceptions.StepFailed('conflict', 'placement-conflict')
        if self.full:
            raise exceptions.StepFailed('full', 'no-capacity')
        self.generation += 1
        self.held = copy.deepcopy(allocation.providers)
        self._world.changed('put_allocation')


class Network:
    """The bindings of one port, as ML2 keeps them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.owner = 'compute:nova'
        self.found = {storage.SOURCE: ('ACTIVE', 'ovs')}
        self.dead = {storage.SOURCE}
        self.can_stage = True

    def bindings(self, port: str) -> tuple[facts.PortBinding, ...]:
        return tuple(
            facts.PortBinding(host, status, vif_type, 'normal')
            for host, (status, vif_type) in sorted(self.found.items())
        )

    def binding(self, port: str, host: str) -> facts.PortBinding | None:
        return next((b for b in self.bindings(port) if b.host == host), None)

    def create_binding(self, port: str, host: str, vnic_type: str) -> str:
        self._world.change('create_binding')
        if host in self.dead:
            raise exceptions.StepFailed('no agent', 'binding-failed')
        self.found.setdefault(host, ('INACTIVE', 'ovs'))
        self._world.changed('create_binding')
        return self.found[host][1]

    def activate_binding(self, port: str, host: str) -> str:
        self._world.change('activate_binding')
        if host not in self.found:
            raise errors.Refused('absent', 'network-refused', 404)
        status, vif_type = self.found[host]
        if status != 'ACTIVE':
            for other in self.found:
                self.found[other] = ('INACTIVE', 'unbound')
            self.found[host] = ('ACTIVE', vif_type)
        self._world.changed('activate_binding')
        return vif_type

    def delete_binding(self, port: str, host: str) -> None:
        self._world.change('delete_binding')
        self.found.pop(host, None)
        self._world.changed('delete_binding')

    def set_host(
        self, port: str, host: str, device_owner: str | None = None
    ) -> str:
        self._world.change('set_host')
        if len(self.found) > 1:
            raise errors.unavailable('network', 'bind', 'it answered 500')
        vif_type = 'binding_failed' if host in self.dead else 'ovs'
        self.found = {host: ('ACTIVE', vif_type)}
        self.owner = device_owner or self.owner
        self._world.changed('set_host')
        return vif_type

    def set_owner(self, port: str, device_owner: str) -> None:
        self._world.change('set_owner')
        self.owner = device_owner
        self._world.changed('set_owner')

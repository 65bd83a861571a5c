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

"""What a lost host leaves behind is taken away."""

from typing import Any, ClassVar

from osc_recovery.cloud import errors
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.steps import removal
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

HEARTBEAT = ['then', 7]
SAFE = steps.Observation.SAFE


class Compute(fakes.Compute):
    """Services that can be deleted."""

    def delete_service(self, service: str) -> None:
        self._world.change('delete_service')
        self.found = [s for s in self.found if s['id'] != service]
        self._world.changed('delete_service')


class Placement(fakes.Placement):
    """A server's allocation on two providers, and one of the providers."""

    def __init__(self, world: fakes.World) -> None:
        super().__init__(world)
        self.held[fakes.PROVIDERS[storage.TARGET]] = {'VCPU': 1}
        self.left = True

    def provider(self, uuid: str) -> facts.Provider | None:
        return facts.Provider(uuid, uuid, 1, {}, {}) if self.left else None

    def delete_provider(self, provider: str) -> None:
        self._world.change('delete_provider')
        self.left = False
        self._world.changed('delete_provider')


class Network(fakes.Network):
    """Agents of the host, and one that is not known."""

    def __init__(self, world: fakes.World) -> None:
        super().__init__(world)
        self.agents: dict[str, tuple[str, str | None]] = {
            'a1': ('ovs', 'then'),
            'a2': ('dhcp', None),
            'a3': ('l3', 'then'),
            'a4': ('new', 'then'),
        }

    def agent_ids(self, host: str) -> dict[str, tuple[str, str | None]]:
        return dict(self.agents)

    def delete_agent(self, agent: str) -> None:
        self._world.change(f'delete {agent}')
        self.agents.pop(agent, None)
        self._world.changed(f'delete {agent}')


class World(fakes.World):
    """A cloud of which a host is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.compute = Compute(self)
        self.placement = Placement(self)
        self.network = Network(self)
        self.reports = 7

    def heartbeats(self, host: str) -> tuple[str, int]:
        return 'then', self.reports

    def image(self) -> Any:
        world: Any = self
        return (
            self.compute.found,
            self.placement.held,
            world.placement.left,
            world.network.agents,
        )


class TestAllocations(base.Journey):
    """What moved servers have on the lost host."""

    params: ClassVar[dict[str, Any]] = {
        'provider': fakes.PROVIDERS[storage.SOURCE],
        'servers': [storage.SERVER],
    }
    changes = ('put_allocation',)

    def world(self) -> World:
        return World()

    def make(self, world: Any) -> steps.Step:
        return removal.Allocations(world)

    def test_the_other_provider_stays(self) -> None:
        world = self.clean()
        kept = {fakes.PROVIDERS[storage.TARGET]: {'VCPU': 1}}
        self.assertEqual(kept, world.placement.held)
        former = world.intent['former'][storage.SERVER]
        self.assertEqual(2, len(former))

    def test_nobody_ends_without_any(self) -> None:
        world: Any = self.world()
        del world.placement.held[fakes.PROVIDERS[storage.TARGET]]
        step, task = self.make(world), world.task(**self.params)
        for work in (step.prepare, lambda t: step.act(t, {})):
            error = self.assertRaises(exceptions.StepFailed, work, task)
            self.assertEqual('moved-without-allocation', error.cause)
            self.assertIn('consistency repair', str(error))


class TestService(base.Journey):
    """nova's service, and the provider that nova may leave."""

    params: ClassVar[dict[str, Any]] = {
        'cell': fakes.CELL,
        'service': 'service-1',
        'provider': 'rp1',
        'heartbeat': HEARTBEAT,
    }
    changes = ('delete_service', 'delete_provider')

    def world(self) -> World:
        return World()

    def make(self, world: Any) -> steps.Step:
        return removal.Service({fakes.CELL: world}, world)

    def test_nova_deletes_the_provider_itself(self) -> None:
        world: Any = self.world()
        world.placement.left = False
        step, task = self.prepared(world, self.make, self.params)
        step.act(task, world.intent)
        self.assertNotIn('after delete_provider', world.passed)

    def test_a_host_that_came_back_is_left(self) -> None:
        world: Any = self.world()
        world.reports = 8
        step, task = self.make(world), world.task(**self.params)
        for work in (step.prepare, lambda t: step.act(t, {})):
            error = self.assertRaises(exceptions.RowMismatch, work, task)
            self.assertIn('is not gone', str(error))
        self.assertEqual(1, len(world.compute.found))

    def test_nova_refuses(self) -> None:
        world: Any = self.world()
        world.failing['delete_service'] = errors.Refused('busy', 'c', 409)
        step, task = self.prepared(world, self.make, self.params)
        self.assertRaises(errors.Refused, step.act, task, world.intent)
        self.assertEqual(SAFE, step.observe(task, world.intent))

    def test_without_a_provider(self) -> None:
        world: Any = self.world()
        params = {**self.params, 'provider': None}
        step, task = self.prepared(world, self.make, params)
        step.act(task, world.intent)
        self.assertEqual(
            steps.Observation.DONE, step.observe(task, world.intent)
        )


class TestAgents(base.Journey):
    """neutron's agents: two are silent, one reported, one is new."""

    params: ClassVar[dict[str, Any]] = {
        'heartbeats': {'ovs': 'then', 'dhcp': None, 'l3': 'before'}
    }
    changes = ('delete a1', 'delete a2')

    def world(self) -> World:
        return World()

    def make(self, world: Any) -> steps.Step:
        return removal.Agents(world)

    def test_their_names_are_kept(self) -> None:
        self.assertEqual(
            {'agents': {'a1': 'ovs', 'a2': 'dhcp'}}, self.clean().intent
        )

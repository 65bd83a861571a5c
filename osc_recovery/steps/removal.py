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

"""What a host that never returns leaves behind, taken away."""

from collections.abc import Mapping
from typing import Any

from osc_recovery.cloud import session
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.steps import base


class Allocations(base.ForwardOnly):
    """Allocations of servers that live elsewhere; params: provider, servers.

    What nova's reportclient does for evacuated servers when it deletes a
    service (_remove_allocations_for_evacuated_instances), for every server
    and every release.
    """

    kind = 'remove-allocations'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Keep what they have; raises StepFailed if one would have none."""
        former = {}
        for server in task.params['servers']:
            found = self._clouds.placement.allocation(server)
            self._without(task, found)
            former[server] = found.providers
        return {'former': codec.encode(former)}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when nobody has anything there; acting is always safe."""
        for server in task.params['servers']:
            found = self._clouds.placement.allocation(server)
            if task.params['provider'] in found.providers:
                return steps.Observation.SAFE
        return steps.Observation.DONE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """PUT each allocation without the host's provider."""
        for server in task.params['servers']:
            found = self._clouds.placement.allocation(server)
            if task.params['provider'] in found.providers:
                kept = self._without(task, found)
                self._clouds.placement.put_allocation(kept)
        return {}

    def _without(
        self, task: steps.Task, found: facts.Allocation
    ) -> facts.Allocation:
        providers = {
            provider: resources
            for provider, resources in found.providers.items()
            if provider != task.params['provider']
        }
        if not providers:
            raise exceptions.StepFailed(
                f'server {found.consumer} has no allocation but on '
                f'{task.name}: put that right first (openstack recovery '
                f'consistency repair --server {found.consumer})',
                cause='moved-without-allocation',
            )
        return facts.Allocation(
            consumer=found.consumer,
            generation=found.generation,
            project_id=found.project_id,
            user_id=found.user_id,
            providers=providers,
        )


class Service(base.ForwardOnly):
    """nova's service of the host; params: cell, service, provider, heartbeat.

    nova logs and goes on when it cannot delete the provider
    (api/openstack/compute/services.py, delete): then we do.
    """

    kind = 'remove-service'

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        clouds: session.Clouds,
    ) -> None:
        self._cells = cells
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Keep the service; raises RowMismatch when the host came back."""
        self._require_silent(task)
        found = [s for s in self._services() if s['id'] == self._id(task)]
        return {'service': found}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when neither the service nor the provider is there."""
        listed = {service['id'] for service in self._services()}
        if self._id(task) in listed or self._provider(task):
            return steps.Observation.SAFE
        return steps.Observation.DONE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """DELETE the service, and the provider that nova may have left."""
        if self._id(task) in {s['id'] for s in self._services()}:
            self._require_silent(task)
            self._clouds.compute.delete_service(self._id(task))
        if self._provider(task):
            self._clouds.placement.delete_provider(task.params['provider'])
        return {}

    def _require_silent(self, task: steps.Task) -> None:
        cell = self._cells[task.params['cell']]
        now = list(cell.heartbeats(task.subject))
        if now != task.params['heartbeat']:
            raise exceptions.RowMismatch(
                f'nova-compute of {task.name} has reported since the plan '
                'was made: the host is not gone'
            )

    def _services(self) -> list[dict[str, Any]]:
        return self._clouds.compute.services()

    def _provider(self, task: steps.Task) -> bool:
        uuid = task.params['provider']
        if uuid is None:
            return False
        return self._clouds.placement.provider(uuid=uuid) is not None

    def _id(self, task: steps.Task) -> str:
        return str(task.params['service'])


class Agents(base.ForwardOnly):
    """neutron's agents of the host; params: heartbeats, by the agents' names.

    One that has reported since the plan is left.  neutron calls an agent
    alive for a while after its last report (agent_down_time), so its own
    word does not tell.
    """

    kind = 'remove-agents'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Keep their names, for the report."""
        return {'agents': self._silent(task)}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when none is left that is silent."""
        if self._silent(task):
            return steps.Observation.SAFE
        return steps.Observation.DONE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Delete them."""
        found = self._silent(task)
        for agent in found:
            self._clouds.network.delete_agent(agent)
        return {'agents': found}

    def _silent(self, task: steps.Task) -> dict[str, str]:
        known = task.params['heartbeats']
        found = self._clouds.network.agent_ids(task.subject)
        return {
            agent: name
            for agent, (name, heartbeat) in found.items()
            if name in known and known[name] == heartbeat
        }

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

"""Forces a dead host's service down, then disables it."""

from typing import Any

from osc_recovery.cloud import session
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base


class Service(base.ForwardOnly):
    """A change of one nova-compute service; params: service (its uuid)."""

    def __init__(self, clouds: session.Clouds) -> None:
        self.clouds = clouds

    def read(self, task: steps.Task) -> dict[str, Any]:
        """The service as nova lists it; raises RowMismatch."""
        for service in self.clouds.compute.services():
            if service['id'] == task.params['service']:
                return service
        raise exceptions.RowMismatch(
            f'nova does not list the nova-compute service of {task.name} '
            f'any more; look at "openstack compute service list"'
        )


class Down(Service):
    """Tell nova that the host is dead, without waiting for its heartbeat.

    It comes before disabling, which leaves a service as alive as it was:
    up or down follows from forced_down and the heartbeat alone
    (nova/servicegroup/api.py, service_is_up).
    """

    kind = 'fence-down'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note the state before, for the report."""
        return {'forced_down': bool(self.read(task)['forced_down'])}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is forced down."""
        if self.read(task)['forced_down']:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Force it down (PUT os-services, 2.53)."""
        self.clouds.compute.force_down(task.params['service'], True)
        return {}


class Disable(Service):
    """Keep nova's scheduler from the host; params: service, operator."""

    kind = 'fence-disable'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note the state before, for the report."""
        found = self.read(task)
        return {
            'status': found['status'],
            'disabled_reason': found['disabled_reason'],
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is disabled with our reason."""
        found = self.read(task)
        wanted = ('disabled', _reason(task))
        if (found['status'], found['disabled_reason']) == wanted:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Disable it, with a reason that stock commands show."""
        self.clouds.compute.disable(task.params['service'], _reason(task))
        return {}


def _reason(task: steps.Task) -> str:
    """What ``openstack compute service list --long`` shows: run and who."""
    return f'osc-recovery {task.run_id} {task.params["operator"]}'

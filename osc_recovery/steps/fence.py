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
from osc_recovery.model import leases
from osc_recovery.model import steps
from osc_recovery.steps import base


class _Service(base.ForwardOnly):
    """A change of one nova-compute service; params: service (its uuid)."""

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def _read(self, task: steps.Task) -> dict[str, Any]:
        for service in self._clouds.compute.services():
            if service['id'] == task.params['service']:
                return service
        raise exceptions.RowMismatch(
            f'nova does not list the nova-compute service of {task.name} '
            f'any more; look at "openstack compute service list"'
        )


class Down(_Service):
    """Tell nova that the host is dead, without waiting for its heartbeat.

    It comes before disabling, which leaves a service as alive as it was:
    up or down follows from forced_down and the heartbeat alone
    (nova/servicegroup/api.py, service_is_up).
    """

    kind = 'fence-down'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note the state before, for the report."""
        return {'forced_down': bool(self._read(task)['forced_down'])}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is forced down."""
        if self._read(task)['forced_down']:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Force it down (PUT os-services, 2.53)."""
        self._clouds.compute.force_down(task.params['service'], True)
        return {}


class Disable(_Service):
    """Keep nova's scheduler from the host; params: service, operator."""

    kind = 'fence-disable'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note the state before, for the report."""
        found = self._read(task)
        return {
            'status': found['status'],
            'disabled_reason': found['disabled_reason'],
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is disabled with our reason."""
        found = self._read(task)
        reason = found['disabled_reason']
        ours = _is_lease(reason, task) or reason == _reason(task)
        if found['status'] == 'disabled' and ours:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Disable it, with a reason that stock commands show.

        While the run holds the host its lease stands there already, and
        stays: nova's API would write another reason over it.
        """
        reason = self._read(task)['disabled_reason']
        if not _is_lease(reason, task):
            reason = _reason(task)
        self._clouds.compute.disable(task.params['service'], reason)
        return {}


def _reason(task: steps.Task) -> str:
    """What ``openstack compute service list --long`` shows: run and who."""
    return leases.closed(task.run_id, task.params['operator'])


def _is_lease(reason: str | None, task: steps.Task) -> bool:
    lease = leases.parse(reason)
    return lease is not None and lease.run_id == task.run_id

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

"""Makes the target's port binding the active one: the point of no return."""

from typing import Any

from osc_recovery.cloud import errors
from osc_recovery.cloud import network
from osc_recovery.cloud import session
from osc_recovery.model import steps
from osc_recovery.steps import base
from osc_recovery.steps import bind


class Activate(base.ForwardOnly):
    """Params: port, source, target, staged, device_owner.

    ``staged``: a binding was prepared and is activated, and the source's is
    deleted (left over, it blocks a later move back with 500).  Otherwise
    binding:host_id is set, as nova does when it evacuates
    (network/neutron.py, _update_port_binding_for_instance).
    ``device_owner`` is the new owner where the zone changes, else None.
    """

    kind = 'activate'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Nothing has to be known before."""
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when the only binding is a good one on the target.

        Anything else is safe to go on from: every call can be repeated.
        """
        found = self._clouds.network.bindings(task.params['port'])
        done = [
            binding.host == task.params['target']
            and binding.status == 'ACTIVE'
            and binding.vif_type not in network.BAD_VIF_TYPES
            for binding in found
        ]
        owned = task.params['staged'] and task.params['device_owner']
        if done == [True] and not owned:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Bind the port to the target; raises StepFailed if it is not."""
        port, target = task.params['port'], task.params['target']
        owner = task.params['device_owner']
        if not task.params['staged']:
            vif_type = self._clouds.network.set_host(port, target, owner)
            bind.check(task, vif_type)
            return {'vif_type': vif_type}
        vif_type = self._activate(port, target)
        bind.check(task, vif_type)
        self._clouds.network.delete_binding(port, task.params['source'])
        if owner:
            self._clouds.network.set_owner(port, owner)
        return {'vif_type': vif_type}

    def _activate(self, port: str, target: str) -> str:
        """Activate; a prepared binding that was lost is made again."""
        try:
            return self._clouds.network.activate_binding(port, target)
        except errors.Refused as exc:
            if exc.status != 404:
                raise
        active = self._clouds.network.bindings(port)[0]
        self._clouds.network.create_binding(port, target, active.vnic_type)
        return self._clouds.network.activate_binding(port, target)

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

"""Puts in order what hangs on a port that is bound to the right host."""

from typing import Any

from osc_recovery.cloud import network
from osc_recovery.cloud import session
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base
from osc_recovery.steps import bind


class SettlePort(base.ForwardOnly):
    """Params: port, target, leftovers, rebind, device_owner.

    ``leftovers`` are hosts whose inactive bindings go: neutron would answer
    a later move there with 500.  ``rebind`` has neutron bind the port anew
    where it is, which it does for a vif_type that says failed or unbound
    (neutron/plugins/ml2/plugin.py, _bind_port_if_needed).
    """

    kind = 'settle-port'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Nothing has to be known before: the port is looked at in act."""
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Acting again is always safe: every call can be repeated."""
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Delete leftovers, then bind and name the owner as needed.

        Raises RowMismatch when the port is active elsewhere, StepFailed
        when it does not bind.
        """
        port, target = task.params['port'], task.params['target']
        found = {b.host: b for b in self._clouds.network.bindings(port)}
        active = [b.host for b in found.values() if b.status == 'ACTIVE']
        if active != [target]:
            raise exceptions.RowMismatch(
                f'port {port} of {task.name} is bound to '
                f'{", ".join(active) or "no host"} and not to {target}; '
                f'audit again'
            )
        for host in task.params['leftovers']:
            if host in found:
                self._clouds.network.delete_binding(port, host)
        vif_type, owner = found[target].vif_type, task.params['device_owner']
        if task.params['rebind'] and vif_type in network.BAD_VIF_TYPES:
            vif_type = self._clouds.network.set_host(port, target, owner)
        elif owner:
            self._clouds.network.set_owner(port, owner)
        bind.check(task, vif_type)
        return {'vif_type': vif_type}

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

"""Prepares a port's binding to the target host, beside the active one."""

from typing import Any

from osc_recovery.cloud import network
from osc_recovery.cloud import session
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.model import steps


class Bind:
    """Params: port, source, target, vnic_type.

    The same calls as nova makes before a live migration
    (network/neutron.py, bind_ports_to_host); they take the role service.
    """

    kind = 'bind'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note what the target has already; raises RowMismatch.

        A leftover of a former move that lost its vif_type ('stale') is of
        no use: activating it leaves the port unbound.
        """
        found = {b.host: b for b in self._bindings(task)}
        source = found.get(task.params['source'])
        target = found.get(task.params['target'])
        if not _active(source) or _active(target):
            raise exceptions.RowMismatch(
                f'port {task.params["port"]} of {task.name} is no longer '
                f'bound to {task.params["source"]}; make a new plan'
            )
        return {
            'existed': target is not None,
            'stale': target is not None and not _good(target),
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when an inactive binding with a good vif_type is there."""
        found = self._target(task)
        if found is None:
            return steps.Observation.SAFE
        if _active(found):
            return steps.Observation.ASK
        if _good(found):
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Create it; raises StepFailed when it does not bind."""
        port, target = task.params['port'], task.params['target']
        if intent['stale']:
            self._clouds.network.delete_binding(port, target)
        vif_type = self._clouds.network.create_binding(
            port, target, task.params['vnic_type']
        )
        check(task, vif_type)
        return {'vif_type': vif_type}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Delete it, unless a good one was there before.

        A stale one is not brought back: nothing can use it, and neutron
        would have to bind it anew.
        """
        if intent['existed'] and not intent['stale']:
            return
        found = self._target(task)
        if found is None:
            return
        if _active(found):
            raise exceptions.StepFailed(
                f'port {task.params["port"]} of {task.name} has become '
                f'active on {found.host}, and deleting that would unbind '
                f'it; look at it with "openstack port show"',
                cause='binding-failed',
            )
        self._clouds.network.delete_binding(task.params['port'], found.host)

    def _bindings(self, task: steps.Task) -> tuple[facts.PortBinding, ...]:
        return self._clouds.network.bindings(task.params['port'])

    def _target(self, task: steps.Task) -> facts.PortBinding | None:
        return self._clouds.network.binding(
            task.params['port'], task.params['target']
        )


def check(task: steps.Task, vif_type: str) -> None:
    """Raise StepFailed when a port is not really bound.

    neutron answers 200 all the same, and nova's plugging then fails with
    VirtualInterfacePlugException.
    """
    if vif_type in network.BAD_VIF_TYPES:
        target = task.params['target']
        raise exceptions.StepFailed(
            f'port {task.params["port"]} of {task.name} is {vif_type} on '
            f'{target}; look for a dead agent with "openstack network agent '
            f'list --host {target}"',
            cause='binding-failed',
        )


def _active(binding: facts.PortBinding | None) -> bool:
    return binding is not None and binding.status == 'ACTIVE'


def _good(binding: facts.PortBinding) -> bool:
    return binding.vif_type not in network.BAD_VIF_TYPES

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

"""The steps of one server, in the order that was proven to work.

Everything before the first step with ``final`` can be undone exactly.
"""

from collections.abc import Iterator
import dataclasses

from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.planning.checks import whole

#: power_state as nova/compute/power_state.py numbers it
_RUNNING = 1


@dataclasses.dataclass(frozen=True)
class Way:
    """One server's way from the failed host to its target.

    ``staged``: port bindings are prepared before they are activated.
    """

    server: facts.Server
    source: facts.Host
    target: facts.Host
    staged: bool
    start: bool

    def specs(self) -> tuple[steps.StepSpec, ...]:
        """All steps, in order."""
        return tuple(self._steps())

    def _steps(self) -> Iterator[steps.StepSpec]:
        lock = not self.server.locked
        cell = {'cell': self.server.cell.uuid}
        if lock:
            yield steps.StepSpec('lock', cell)
        yield self._allocate()
        if self.staged:
            yield from self._bind()
        yield self._move()
        yield from self._attach()
        yield from self._activate()
        if self.start:
            yield steps.StepSpec('start', cell, final=True)
        yield self._verify()
        if lock:
            yield steps.StepSpec('unlock', cell, final=True)

    def _allocate(self) -> steps.StepSpec:
        source = provider_uuid(self.source)
        allocation = self.server.allocation
        held = allocation.providers if allocation is not None else {}
        return steps.StepSpec(
            'allocate',
            {
                'source_provider': source,
                'target_provider': provider_uuid(self.target),
                'resources': dict(held.get(source, {})),
            },
        )

    def _bind(self) -> Iterator[steps.StepSpec]:
        for port in self.server.ports:
            yield steps.StepSpec(
                'bind',
                {
                    'port': port.id,
                    'source': self.source.name,
                    'target': self.target.name,
                    'vnic_type': port.vnic_type,
                },
            )

    def _move(self) -> steps.StepSpec:
        server, node = self.server, self.target.node
        return steps.StepSpec(
            'move',
            {
                'cell': server.cell.uuid,
                'source': {
                    'host': server.host,
                    'node': server.node,
                    'compute_id': server.compute_id,
                },
                'target': {
                    'host': self.target.name,
                    'node': node.node if node else None,
                    'compute_id': node.id if node else None,
                    'zone': self.target.zone,
                },
                'vm_state': server.vm_state,
                'power_state': server.power_state,
                'task_state': server.task_state,
                'zone': server.zone,
                'instance_type_id': server.instance_type_id,
                'user_id': server.user_id,
                'project_id': server.project_id,
            },
        )

    def _attach(self) -> Iterator[steps.StepSpec]:
        for mapping in self.server.volume_mappings:
            attachment = self.server.attachment(mapping)
            if attachment is None:
                continue
            yield steps.StepSpec(
                'attach',
                {
                    'cell': self.server.cell.uuid,
                    'mapping': mapping.id,
                    'volume': mapping.volume_id,
                    'attachment': attachment.id,
                    'device': mapping.device_name or attachment.mountpoint,
                    'connector': dict(self.target.connector or {}),
                    'connection_digest': mapping.connection_digest,
                    'source_connector': dict(attachment.connector or {}),
                },
            )

    def _activate(self) -> Iterator[steps.StepSpec]:
        owner = f'compute:{self.target.zone}'
        for port in self.server.ports:
            yield steps.StepSpec(
                'activate',
                {
                    'port': port.id,
                    'source': self.source.name,
                    'target': self.target.name,
                    'staged': self.staged,
                    'device_owner': (
                        None if port.device_owner == owner else owner
                    ),
                },
                final=True,
            )

    def _verify(self) -> steps.StepSpec:
        expected = whole.relocated(
            self.server, self.source, self.target, running=self.start
        )
        return steps.StepSpec('verify', codec.encode(expected), final=True)


def provider_uuid(host: facts.Host) -> str:
    """The uuid of a host's provider, '' without one."""
    return host.provider.uuid if host.provider is not None else ''


def was_running(server: facts.Server) -> bool:
    """Whether a server has to run again afterwards.

    A server that was suspended or paused boots: its memory is lost, and
    whoever consented to that wants it back.  One in vm_state error is
    started when the hypervisor last saw it run.
    """
    if server.vm_state in ('active', 'paused', 'suspended'):
        return True
    return server.vm_state == 'error' and server.power_state == _RUNNING

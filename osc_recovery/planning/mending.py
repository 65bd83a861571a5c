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

"""The steps that make one server whole again where its row says it is.

What an audit found says what is needed; what the steps leave or cannot
reach is not mended, and keeps the server out of the repair.
"""

from collections.abc import Iterator
import dataclasses
from typing import Any

from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.planning import consistency
from osc_recovery.planning import disputes
from osc_recovery.planning import volumes

Specs = Iterator[steps.StepSpec]

#: the order of steps: what can be undone first, then what cannot, then off
ORDER = (
    *('lock', 'stop', 'reallocate', 'bind', 'set-row', 'drop-attachment'),
    *('reattach', 'attach', 'activate', 'settle-port', 'release-lock'),
    *('start', 'audit', 'unlock'),
)
_BAD_VIF_TYPES = ('', 'unbound', 'binding_failed')
_ROW = {
    'node-differs': 'node',
    'compute-id-differs': 'compute_id',
    'zone-differs': 'availability_zone',
}
#: compared with the plan before the row is changed
_COMPARED = ('host', 'node', 'vm_state', 'task_state')


class Mending:
    """One server, its host in depth, and what an audit found about it."""

    def __init__(
        self,
        server: facts.Server,
        host: facts.Host,
        scene: model.Scene,
        defects: tuple[model.Defect, ...],
    ) -> None:
        self.server = server
        self.host = host
        self.scene = scene
        self.codes = {defect.code for defect in defects}
        self._of = {(defect.where, defect.code) for defect in defects}
        self.mended: set[tuple[str, str]] = set()
        disputed = self.codes & {'host-disputed', 'two-places'}
        self.others = disputes.other_hosts(server, scene) if disputed else {}
        self.specs: tuple[steps.StepSpec, ...] = ()
        self.specs = self._all()

    @property
    def kinds(self) -> set[str]:
        """The kinds of steps that are needed."""
        return {spec.kind for spec in self.specs}

    @property
    def touches_volumes(self) -> bool:
        """Whether an attachment is exchanged, made or deleted."""
        return bool(self.kinds & {'attach', 'reattach', 'drop-attachment'})

    @property
    def stops(self) -> bool:
        """Whether nova has to stop the server first.

        Where the row was changed alone nobody knows what the guest runs
        with: such a server is stopped and started, in error as well.
        """
        alone = 'host-disputed' in self.codes
        if self.server.vm_state == 'active':
            return self.touches_volumes or alone
        return self.server.vm_state == 'error' and alone

    def _all(self) -> tuple[steps.StepSpec, ...]:
        if self.server.host != self.host.name:
            return ()
        found = [
            *self._allocation(),
            *self._row(),
            *self._ports(),
            *self._volumes(),
            *self._lock(),
        ]
        self.specs = tuple(found)
        if not found:
            return ()
        cell = {'cell': self.server.cell.uuid}
        if self.stops:
            found = [_once_stopped(spec) for spec in found]
            stop = {**cell, 'vm_state': self.server.vm_state}
            found.append(steps.StepSpec('stop', stop))
            found.append(steps.StepSpec('start', cell, final=True))
        state = 'active' if self.stops else self.server.vm_state
        expected = {'vm_state': state, 'task_state': None}
        audit = {'whole': True, 'expected': expected}
        found.append(steps.StepSpec('audit', audit, final=True))
        if not self.server.locked:
            found.append(steps.StepSpec('lock', cell))
            found.append(steps.StepSpec('unlock', cell, final=True))
        found.sort(key=lambda spec: ORDER.index(spec.kind))
        return tuple(found)

    def _allocation(self) -> Specs:
        codes = {
            'allocation-missing',
            'allocation-elsewhere',
            'allocation-doubled',
        } & self.codes
        allocation, provider = self.server.allocation, self.host.provider
        if not codes or allocation is None or provider is None:
            return
        before = allocation.providers
        of_hosts = {p for p in before if self.scene.host_of(p)}
        resources = before.get(provider.uuid)
        if resources is None and len(before) == 1 == len(of_hosts):
            (resources,) = before.values()
        if not before:
            resources = volumes.resources(self.server)
        if not resources or of_hosts != set(before):
            return
        self._mend('allocation', *codes)
        yield steps.StepSpec(
            'reallocate',
            {
                'before': before,
                'after': {provider.uuid: dict(resources)},
                'project_id': self.server.project_id,
                'user_id': self.server.user_id,
                'gone': False,
            },
        )

    def _row(self) -> Specs:
        server, node = self.server, self.host.node
        wanted = {
            'node': node.node if node else None,
            'compute_id': node.id if node else None,
            'availability_zone': self.host.zone,
        }
        columns = [c for code, c in _ROW.items() if code in self.codes]
        retire = 'tombstone-stale' in self.codes
        left = self._tombstone()
        if node is None or not (columns or retire or left):
            return
        for where, code in self._of:
            if code in _ROW or code == 'tombstone-stale':
                self._mend(where, code)
        expected = {name: getattr(server, name) for name in _COMPARED}
        expected['compute_id'] = server.compute_id
        expected['availability_zone'] = server.zone
        yield steps.StepSpec(
            'set-row',
            {
                'cell': server.cell.uuid,
                'expected': expected,
                'values': {name: wanted[name] for name in columns},
                'retire': server.host if retire else None,
                'tombstone': left,
            },
        )

    def _tombstone(self) -> dict[str, Any] | None:
        """For the one other host that may have a copy."""
        hosts = [self.scene.hosts[name] for name in self.others]
        for host in hosts:
            where = f'host {host.name}'
            self._mend(where, 'host-disputed', 'two-places')
        needed = [
            h for h in hosts if not disputes.tombstone(self.server, h.name)
        ]
        node = needed[0].node if len(needed) == 1 else None
        if node is None or self.host.node is None:
            return None
        source, target = needed[0], self.host.node
        self._mend(f'host {source.name}', 'tombstone-missing')
        return {
            'source': {'host': source.name, 'node': node.node},
            'target': {
                'host': self.host.name,
                'node': target.node,
                'compute_id': target.id,
            },
            'instance_type_id': self.server.instance_type_id,
            'user_id': self.server.user_id,
            'project_id': self.server.project_id,
        }

    def _ports(self) -> Specs:
        for port in self.server.ports:
            where = f'port {port.id}'
            if any(of == where for of, _ in self._of):
                yield from self._port(port, where)

    def _port(self, port: facts.Port, where: str) -> Specs:
        self._mend(
            where,
            *('port-elsewhere', 'binding-failed'),
            *('binding-left', 'owner-differs'),
        )
        here = self.host.name
        owner = f'compute:{self.host.zone}'
        owner_to_set = None if port.device_owner == owner else owner
        leftovers = [
            b.host for b in port.bindings if b.host not in (here, port.host)
        ]
        if port.host != here:
            staged = self.scene.stage_bindings and bool(port.bindings)
            common = {'port': port.id, 'source': port.host, 'target': here}
            if staged:
                yield steps.StepSpec(
                    'bind', {**common, 'vnic_type': port.vnic_type}
                )
            yield steps.StepSpec(
                'activate',
                {**common, 'staged': staged, 'device_owner': owner_to_set},
                final=True,
            )
            if not leftovers:
                return
            owner_to_set = None
        yield steps.StepSpec(
            'settle-port',
            {
                'port': port.id,
                'target': here,
                'leftovers': leftovers,
                'rebind': port.vif_type in _BAD_VIF_TYPES,
                'device_owner': owner_to_set,
            },
            final=True,
        )

    def _volumes(self) -> Specs:
        made = volumes.mend(self.server, self.host, self._of)
        for spec, mended in made:
            self.mended |= mended
            yield spec

    def _lock(self) -> Specs:
        if 'lock-left' in self.codes:
            self._mend('lock', 'lock-left')
            yield steps.StepSpec(
                'release-lock',
                {
                    'cell': self.server.cell.uuid,
                    'reason': self.server.locked_reason,
                },
            )

    def _mend(self, where: str, *codes: str) -> None:
        self.mended |= {(where, code) for code in codes}


def _once_stopped(spec: steps.StepSpec) -> steps.StepSpec:
    """The row is changed after nova has stopped the server."""
    if spec.kind != 'set-row':
        return spec
    expected = {**spec.params['expected'], 'vm_state': 'stopped'}
    return dataclasses.replace(
        spec, params={**spec.params, 'expected': expected}
    )


def foreign_lock(server: facts.Server, scene: model.Scene) -> bool:
    """Whether the run of a lock of ours is in another journal."""
    run = consistency.lock_of(server)
    return bool(run) and run not in (scene.runs or {})

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

"""Plans the repair of what an audit found: a scene in, a plan out."""

from collections.abc import Iterator
import dataclasses

from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning import audit
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import frame
from osc_recovery.planning.checks import network
from osc_recovery.planning.checks import states
from osc_recovery.planning.checks import storage
from osc_recovery.planning import consistency
from osc_recovery.planning import fingerprint
from osc_recovery.planning import mending

SCENARIO = 'repair'

Findings = Iterator[findings.Finding]

#: others are in the middle of something that only nova can end
_STATES = ('active', 'stopped', 'error', 'paused', 'suspended')
#: kinds of steps for which the server's host has to work
_WITH_HOST = frozenset(
    {'stop', 'start', 'bind', 'activate', 'settle-port'}
    | {'attach', 'reattach'}
)
_PORTS = frozenset({'bind', 'activate', 'settle-port'})


@dataclasses.dataclass(frozen=True)
class Wish:
    """What the operator chose: a host or servers of it, and consents."""

    host: str
    servers: tuple[str, ...] = ()
    accept: frozenset[str] = frozenset()

    def parameters(self) -> dict[str, list[str]]:
        """In JSON's types."""
        return {
            'servers': list(self.servers),
            'accept': sorted(self.accept),
        }


def of_plan(plan: plans.Plan) -> Wish:
    """The wish that a plan was made from."""
    return Wish(
        plan.host,
        tuple(plan.parameters['servers']),
        frozenset(plan.parameters['accept']),
    )


def plan(
    scene: model.Scene,
    host: facts.Host,
    wish: Wish,
    created_at: str,
    schema: dict[str, str],
) -> plans.Plan:
    """Every subject with a defect, its steps, or what stands in the way.

    ``host`` is the host of all of them in depth, with its connector.
    """
    servers = tuple(
        _server_plan(server, host, scene, wish, defects)
        for server in sorted(scene.servers, key=lambda s: (s.name, s.uuid))
        if (defects := consistency.of_server(server, scene))
    )
    orphans = tuple(
        _orphan_plan(subject, scene)
        for subject in audit.orphans(scene)
        if subject.host == host.name
    )
    basis = {
        'host': host.name,
        'node': host.node.uuid if host.node else None,
        'cell': host.cell.uuid,
        'up': host.up,
        'schema': dict(sorted(schema.items())),
        'bindings staged': scene.stage_bindings,
    }
    return plans.Plan(
        scenario=SCENARIO,
        host=host.name,
        cell=host.cell.uuid,
        created_at=created_at,
        parameters=wish.parameters(),
        frame=basis,
        fingerprint=fingerprint.digest(basis),
        findings=tuple(_frame(scene)),
        servers=(*servers, *orphans),
    )


def _frame(scene: model.Scene) -> Findings:
    """What was found about the host itself; none of it is mended here.

    Another cell that was not read has nothing to do with this host. A
    journal that was not read has: nobody knows who works on its servers.
    """
    for subject in audit.check(dataclasses.replace(scene, servers=())):
        if subject.uuid:
            continue
        elsewhere = not subject.host and scene.runs is not None
        for defect in subject.defects:
            note = elsewhere or defect.code == 'fence-left'
            yield _as_note(defect.finding) if note else defect.finding


def _server_plan(
    server: facts.Server,
    host: facts.Host,
    scene: model.Scene,
    wish: Wish,
    defects: tuple[model.Defect, ...],
) -> plans.ServerPlan:
    made = mending.Mending(server, host, scene, defects)
    found = (
        *(
            _as_note(defect.finding)
            if (defect.where, defect.code) in made.mended
            else defect.finding
            for defect in defects
        ),
        *(f.accepted_by(wish.accept) for f in _asked(made)),
    )
    basis = {
        **fingerprint.server(server),
        'findings': sorted({f.code for f in found}),
        'other hosts': sorted(made.others),
    }
    return plans.ServerPlan(
        uuid=server.uuid,
        name=server.name,
        target=host.name,
        method=SCENARIO,
        start='start' in made.kinds,
        steps=made.specs,
        findings=found,
        fingerprint=fingerprint.digest(basis),
        facts=basis,
    )


def _orphan_plan(
    subject: model.Subject, scene: model.Scene
) -> plans.ServerPlan:
    resources = scene.consumers[subject.host][subject.uuid]
    host = scene.hosts[subject.host]
    provider = host.provider.uuid if host.provider else ''
    before = {provider: resources}
    basis = {'allocation': before}
    return plans.ServerPlan(
        uuid=subject.uuid,
        name=subject.name,
        target=subject.host,
        method=SCENARIO,
        start=False,
        steps=(
            steps.StepSpec(
                'reallocate',
                {
                    'before': before,
                    'after': {},
                    'project_id': '',
                    'user_id': '',
                    'gone': True,
                },
            ),
            steps.StepSpec(
                'audit', {'whole': False, 'expected': None}, final=True
            ),
        ),
        findings=tuple(_as_note(d.finding) for d in subject.defects),
        fingerprint=fingerprint.digest(basis),
        facts=basis,
    )


def _asked(made: mending.Mending) -> Findings:
    """What has to be known, or consented to, before the steps are done."""
    if not made.specs:
        return
    server = made.server
    yield from states.migration_in_flight(server)
    if server.vm_state not in _STATES:
        yield catalogue.finding(
            'state-unfit',
            f'vm_state is {server.vm_state}: repair works on servers that '
            f'are {", ".join(_STATES)}',
            'Bring it out of that state first, or let nova end it.',
        )
    if made.kinds & _WITH_HOST:
        yield from _host_works(made)
    if made.touches_volumes or made.stops:
        yield from _power(made)
    if made.kinds & _PORTS:
        yield from network.port_vnic_type(server)
        yield from network.port_resource_request(server)
        yield from _unstaged(made)
    if 'release-lock' in made.kinds and mending.foreign_lock(
        server, made.scene
    ):
        yield catalogue.finding(
            'lock-foreign',
            f'its lock "{server.locked_reason}" is of a run that this '
            'journal does not know',
            'Ask who else recovers servers; if nobody works on it: --accept '
            'lock-foreign',
        )
    for name in made.others:
        yield from _copies(made, made.scene.hosts[name])


def _host_works(made: mending.Mending) -> Findings:
    host = made.host
    if not host.up or host.service.forced_down:
        yield catalogue.finding(
            'host-not-up',
            f'nova-compute on {host.name} is not up',
            'Bring it back first; if it is dead: openstack recovery host '
            f'relocate {host.name}',
        )
    if made.touches_volumes and not host.connector:
        yield catalogue.finding(
            'connector-unknown',
            f'no attachment of {host.name} has a connector to take',
            f'Put it into [storage] connectors_dir as {host.name}.json; '
            'nova-manage volume_attachment get_connector prints it there',
        )


def _power(made: mending.Mending) -> Findings:
    """A connector can only be exchanged while the guest is off."""
    server = made.server
    if made.stops:
        yield catalogue.finding(
            'guest-restarts',
            f'vm_state is {server.vm_state}: its guest is stopped for the '
            'repair and started afterwards',
            'Choose the moment with its owner: --accept guest-restarts; or '
            f'stop it first: openstack server stop {server.uuid}',
        )
    elif server.vm_state != 'stopped':
        yield catalogue.finding(
            'state-unfit',
            f'vm_state is {server.vm_state}: its volumes can only be '
            'attached anew while it is stopped',
            f'openstack server stop {server.uuid}',
        )


def _unstaged(made: mending.Mending) -> Findings:
    """Without the role no binding is deleted; neutron answers 500 or 403."""
    if made.scene.stage_bindings:
        return
    for port in made.server.ports:
        for binding in port.bindings:
            if binding.host != port.host:
                yield catalogue.finding(
                    'port-binding-left',
                    f'port {port.id} has a binding for {binding.host}, and '
                    'no credentials with the role "service" are known',
                    'Name a nova.conf with [service_user] or [neutron].',
                )


def _copies(made: mending.Mending, other: facts.Host) -> Findings:
    """Nothing is made ready for a second start of a guest that may run."""
    server = made.server
    if other.up:
        yield catalogue.finding(
            'copy-possible',
            f'{other.name} is up and may run {server.instance_name}; nova '
            'cannot be asked',
            f'Look there (virsh domstate {server.instance_name}). If it does '
            'not run there: --accept copy-possible',
        )
    elif not frame.fence_holds(other):
        yield catalogue.finding(
            'fence-missing',
            f'{other.name} may run {server.instance_name}, and no fence of '
            'it is recorded that still holds',
            frame.fence_command(other.name),
        )
    parts = storage.local_parts(server)
    if parts and not other.instances_shared:
        yield catalogue.finding(
            'storage-unproven',
            f'{", ".join(parts)}: in the instances directory of {other.name}, '
            f'which is not stated to be shared with {made.host.name}',
            'If that directory is shared (or images_type is rbd), name the '
            'hosts in [storage] shared_instances of recovery.conf; else '
            f'the disk is on {other.name}, and so belongs the row.',
        )
    if len(made.others) > 1:
        yield catalogue.finding(
            'host-disputed',
            f'more than one other host is named: {", ".join(made.others)}',
            'Find the one that has its guest and put its services in order '
            'by hand.',
        )


def _as_note(found: findings.Finding) -> findings.Finding:
    """What the steps mend stands in nobody's way."""
    return dataclasses.replace(found, severity=findings.Severity.NOTE)

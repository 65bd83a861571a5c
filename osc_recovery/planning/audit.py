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

"""Everything that disagrees: servers, consumers of placement, hosts."""

from collections.abc import Iterator

from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.planning import catalogue
from osc_recovery.planning import consistency
from osc_recovery.planning import remedies

Defects = Iterator[model.Defect]


def check(scene: model.Scene) -> tuple[model.Subject, ...]:
    """Every subject with a defect: servers, then consumers, then hosts."""
    return tuple(
        subject
        for subject in (
            *(_server_subject(s, scene) for s in scene.servers),
            *orphans(scene),
            *(_host_subject(scene.hosts[name]) for name in scene.looked_at),
            _cloud_subject(scene),
        )
        if subject.defects
    )


def orphans(scene: model.Scene) -> Iterator[model.Subject]:
    """Consumers that nova does not know; what nova-manage placement audits."""
    for name, consumed in scene.consumers.items():
        for consumer in sorted(consumed):
            if consumer in scene.placed or consumer in scene.excused:
                continue
            yield model.Subject(
                consumer,
                consumer,
                name,
                (
                    model.Defect(
                        catalogue.finding(
                            'allocation-orphaned',
                            f'placement has {consumed[consumer]} of {name} '
                            f'for {consumer}, which is neither a server nor '
                            'a migration',
                            remedies.repair(host=name),
                        ),
                        'allocation',
                    ),
                ),
            )


def _server_subject(server: facts.Server, scene: model.Scene) -> model.Subject:
    return model.Subject(
        server.uuid,
        server.name,
        server.host or '',
        consistency.of_server(server, scene),
    )


def _host_subject(host: facts.Host) -> model.Subject:
    return model.Subject('', '', host.name, tuple(_host(host)))


def _host(host: facts.Host) -> Defects:
    for entry in host.unknown:
        yield consistency.defect(
            'facts-unknown',
            f'could not be read: {entry}',
            'Bring that service back and audit again.',
        )
    if host.node is None:
        yield consistency.defect(
            'node-missing',
            f'compute_nodes has no one row for {host.name}',
            'Start nova-compute there; a host that is gone for ever: '
            f'openstack compute service delete {host.service.uuid}',
        )
    elif host.provider is None:
        yield consistency.defect(
            'provider-missing',
            f'placement has no resource provider {host.node.uuid} '
            f'({host.node.node})',
            f'Restart nova-compute on {host.name}: it makes its own.',
        )
    if host.fence is not None and (host.up or host.fence_stale):
        yield consistency.defect(
            'fence-left',
            f'the fence of {host.fence.recorded_at} is still recorded, '
            f'but nova-compute reported at {host.service.last_seen_up}',
            f'openstack recovery host return {host.name}',
        )


def _cloud_subject(scene: model.Scene) -> model.Subject:
    return model.Subject(
        '',
        '',
        '',
        tuple(
            consistency.defect(
                'facts-unknown',
                f'could not be read: {entry}',
                'Bring that service back and audit again.',
            )
            for entry in scene.unknown
        ),
    )

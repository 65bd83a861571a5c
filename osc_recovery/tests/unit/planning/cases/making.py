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

"""Makes the facts of cases: recorded ones, with single fields changed."""

import dataclasses
from typing import Any, TypeVar, cast

from osc_recovery.model import facts
from osc_recovery.planning import choice as choices
from osc_recovery.tests.unit.planning import builders

T = TypeVar('T')

CELL2 = facts.Cell('bb484bcb-e91b-4c2c-a2de-1ed3761ce30b', 'cell2')
CELL0 = facts.Cell('00000000-0000-0000-0000-000000000000', 'cell0')
OTHER = '11111111-1111-4111-8111-111111111111'
TO_KVM2 = choices.Choice(targets=('kvm2',))


@dataclasses.dataclass(frozen=True)
class Case:
    """Facts, what the operator chose, and what planning has to say.

    ``fact`` and ``remedy`` are parts of the texts; ``also`` are other
    codes that the same facts bring about.
    """

    name: str
    code: str
    cloud: facts.CloudFacts
    fact: str = ''
    remedy: str = ''
    also: tuple[str, ...] = ()
    choice: choices.Choice = TO_KVM2


def change(row: T, **changes: Any) -> T:
    """A dataclass with some fields changed."""
    changed: T = dataclasses.replace(cast(Any, row), **changes)
    return changed


def one(name: str = 'volume-backed', **changes: Any) -> facts.CloudFacts:
    """One server, with some fields changed."""
    return builders.cloud(builders.server(name, **changes))


def specs(name: str = 'volume-backed', **extra: str) -> facts.CloudFacts:
    """One server whose flavor has extra specs (``__`` stands for ``:``)."""
    flavor = builders.server(name).flavor
    made = {key.replace('__', ':'): value for key, value in extra.items()}
    return one(name, flavor=change(flavor, extra_specs=made))


def image(**properties: str) -> facts.CloudFacts:
    """One server whose image has properties."""
    return one(image_properties=properties)


def tied(name: str, column: str, value: str) -> facts.CloudFacts:
    """One server with a value of instance_extra as nova 34 stores it."""
    recorded = builders.load('instance_extra')[column][value]
    return one(name, ties=builders.ties(**{column: recorded}))


def ports(**changes: Any) -> facts.CloudFacts:
    """One server with its port changed."""
    server = builders.server('volume-backed')
    return one(ports=tuple(change(p, **changes) for p in server.ports))


def volumes(**changes: Any) -> facts.CloudFacts:
    """One server with its volumes changed."""
    server = builders.server('volume-backed')
    return one(volumes=tuple(change(v, **changes) for v in server.volumes))


def attached(**changes: Any) -> facts.CloudFacts:
    """One server with its first attachment changed."""
    first, *others = builders.server('volume-backed').attachments
    return one(attachments=(change(first, **changes), *others))


def mapped(**changes: Any) -> facts.CloudFacts:
    """One server with its first mapping changed."""
    first, *others = builders.server('volume-backed').mappings
    return one(mappings=(change(first, **changes), *others))


def with_disk(name: str, **changes: Any) -> facts.CloudFacts:
    """A server with a local disk besides its root disk."""
    server = builders.server(name)
    disk = facts.Mapping(
        id=999,
        uuid=OTHER,
        device_name='/dev/vdc',
        source_type='blank',
        destination_type='local',
        boot_index=-1,
        volume_id=None,
        attachment_id=None,
        connection_digest=None,
        **changes,
    )
    return one(name, mappings=(*server.mappings, disk))


def migration(**changes: Any) -> facts.CloudFacts:
    """One server with a migration from kvm1 to kvm2."""
    row = facts.Migration(
        7, OTHER, 'live-migration', 'running', 'kvm1', 'kvm1', 'kvm2', 'kvm2'
    )
    return one(migrations=(change(row, **changes),))


def held(**providers: dict[str, int]) -> facts.CloudFacts:
    """One server with another allocation."""
    server = builders.server('volume-backed')
    return one(allocation=change(server.allocation, providers=providers))


def group(policy: str, most: int | None, **hosts: str) -> facts.CloudFacts:
    """One server in a group with other members on hosts."""
    server = builders.server('volume-backed')
    members: dict[str, str | None] = {server.uuid: 'kvm1', **hosts}
    return one(group=facts.ServerGroup(OTHER, policy, most, members))


def source(**changes: Any) -> facts.CloudFacts:
    """The failed host changed; a server that is not image-backed."""
    return change(one(), source=builders.dead(**changes))


def service(**changes: Any) -> facts.CloudFacts:
    """The failed host's service changed."""
    return source(service=change(builders.dead().service, **changes))


def target(name: str = 'volume-backed', **changes: Any) -> facts.CloudFacts:
    """The target changed."""
    return change(
        one(name), hosts={'kvm2': change(builders.host('kvm2'), **changes)}
    )


def target_service(**changes: Any) -> facts.CloudFacts:
    """The target's service changed."""
    return target(service=change(builders.host('kvm2').service, **changes))


def target_provider(**changes: Any) -> facts.CloudFacts:
    """The target's provider changed."""
    provider = builders.host('kvm2').provider
    return target(provider=change(provider, **changes))


def agent(name: str, where: str, alive: bool) -> facts.Agent:
    """A neutron agent."""
    return facts.Agent(name, where, '2026-11-22 15:57:01', alive)


def unshared(made: facts.CloudFacts, both: bool = True) -> facts.CloudFacts:
    """No instances directory is stated to be shared."""
    hosts = {'kvm2': change(made.hosts['kvm2'], instances_shared=not both)}
    return change(
        made,
        source=change(made.source, instances_shared=False),
        hosts=hosts,
    )


VOLUME = 'volume-backed'
PROVIDER = '74316657-f2c8-42dd-8d0c-af1c107f61a2'
FENCE_COMMAND = 'openstack recovery host fence kvm1 --statement'
KVM2 = 'eadeba9e-c182-44b0-b4d3-613f8a33ad00'
UUID = 'cff3e96f-1c64-4e04-b999-1664f5e5f69d'

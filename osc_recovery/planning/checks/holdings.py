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

"""What placement and the databases say about who has the server."""

from collections.abc import Callable, Iterator

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue
from osc_recovery.planning import unreadable

Findings = Iterator[findings.Finding]


def facts_unknown(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """What could not be read cannot be checked."""
    for service, what in unreadable.entries(server.unknown).items():
        yield catalogue.finding(
            'facts-unknown',
            f'could not be read: {what}',
            f'Bring {service} back and plan again.',
        )


def allocation_missing(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """Nothing to move; the scheduler would overfill the target."""
    if unreadable.reason(server, 'allocation'):
        return
    if server.allocation is None or not server.allocation.providers:
        yield catalogue.finding(
            'allocation-missing',
            'placement has no allocation for it',
            f'nova-manage placement heal_allocations --instance {server.uuid}',
        )


def allocation_elsewhere(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """The allocation is not on the failed host's provider."""
    provider = cloud.source.provider
    held = server.allocation.providers if server.allocation else {}
    if provider is not None and held and provider.uuid not in held:
        yield catalogue.finding(
            'allocation-elsewhere',
            f'placement has it on {", ".join(sorted(held))}, not on '
            f'{provider.uuid} ({provider.name})',
            'openstack resource provider allocation show '
            f'{server.uuid}; to take the flavor on the host of its row: '
            'nova-manage placement heal_allocations --force --instance '
            f'{server.uuid}',
        )


def multi_provider_allocation(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """nova refuses it too (claim_resources_on_destination)."""
    held = server.allocation.providers if server.allocation else {}
    if len(held) > 1:
        yield catalogue.finding(
            'multi-provider-allocation',
            f'placement has it on {len(held)} providers: '
            f'{", ".join(sorted(held))}',
            'Left by a move, or nested resources: openstack resource '
            f'provider allocation show {server.uuid}',
        )


def node_differs(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """nova never tracks a server whose node is not its host's."""
    node = cloud.source.node
    if node is not None and server.node != node.node:
        yield catalogue.finding(
            'node-differs',
            f'instances.node is {server.node}, the node of {server.host} is '
            f'{node.node}',
            'The row was changed by hand: find the host that has its guest '
            'before it is moved again.',
        )


def database_differs(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """The API reads another database, or the server changes right now."""
    if server.api is None:
        return
    for name in ('host', 'node', 'vm_state', 'task_state'):
        said, row = getattr(server.api, name), getattr(server, name)
        if said != row:
            yield catalogue.finding(
                'database-differs',
                f'{name}: the API says {said}, the cell database {row}',
                'If it stays so, nova.conf names another database than the '
                'API uses: check [nova] config_files.',
            )


CHECKS: tuple[Callable[[facts.Server, facts.CloudFacts], Findings], ...] = (
    facts_unknown,
    allocation_missing,
    allocation_elsewhere,
    multi_provider_allocation,
    node_differs,
    database_differs,
)

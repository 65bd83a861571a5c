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

"""What forbids the whole plan: the failed host and what proves it dead."""

from collections.abc import Callable, Iterator
import datetime
import shlex

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue

#: Fields that say whether others still hear the host.
WATCHERS = ('agents', 'volume_services')
_DAY = datetime.timedelta(hours=24)

#: nova's capability supports_evacuate is False for these drivers, so a
#: source that returns would not clean up (nova/virt/*/driver.py).
_UNSUPPORTED = ('ironic', 'vmware', 'zvm')

Findings = Iterator[findings.Finding]


def fence_command(host: str) -> str:
    """The command that records a fence."""
    return (
        f'openstack recovery host fence {shlex.quote(host)} '
        '--statement "<how you know that it has no power>"'
    )


def fence_recorded(host: facts.Host) -> bool:
    """Whether a fence is recorded, and nothing was heard since."""
    return host.fence is not None and not host.fence_stale


def fence_holds(host: facts.Host) -> bool:
    """Whether nova takes the host for dead as well, whoever reports."""
    return fence_recorded(host) and host.service.forced_down


def facts_unknown(cloud: facts.CloudFacts) -> Findings:
    """A service that the whole plan needs did not answer."""
    for what in _unknown(cloud):
        # nothing gets attached to the failed host
        if not what.startswith((*WATCHERS, 'connector')):
            yield catalogue.finding(
                'facts-unknown',
                f'could not be read: {what}',
                'Bring that service back and plan again.',
            )


def watcher_silent(cloud: facts.CloudFacts) -> Findings:
    """Who could have contradicted a statement, but was not heard."""
    for what in _unknown(cloud):
        if what.startswith(WATCHERS):
            yield catalogue.finding(
                'watcher-silent',
                f'could not be asked whether it still hears '
                f'{cloud.source.name}: {what}',
                'Bring the service back to have its word as well, or go '
                'without: --accept watcher-silent',
            )


def service_missing(cloud: facts.CloudFacts) -> Findings:
    """The host has no nova-compute row: an empty uuid stands for none."""
    if not cloud.source.service.uuid:
        yield catalogue.finding(
            'service-missing',
            f'the cell database has no nova-compute service on '
            f'{cloud.source.name}',
            'Check the name: openstack compute service list '
            '--service nova-compute',
        )


def node_missing(cloud: facts.CloudFacts) -> Findings:
    """Without its node the returning source would not be matched."""
    if cloud.source.node is None:
        yield catalogue.finding(
            'node-missing',
            f'compute_nodes has no row for {cloud.source.name}',
            'Start nova-compute there when the host is back, or evacuate '
            'with nova: openstack server evacuate <server>',
        )


def provider_missing(cloud: facts.CloudFacts) -> Findings:
    """Allocations can only be taken off a provider that exists."""
    known = not any(w.startswith('provider') for w in cloud.source.unknown)
    if cloud.source.provider is None and known:
        yield catalogue.finding(
            'provider-missing',
            f'placement has no resource provider for {cloud.source.name}',
            'openstack resource provider list --name '
            f'{shlex.quote(cloud.source.name)}',
        )


def hypervisor_unsupported(cloud: facts.CloudFacts) -> Findings:
    """Drivers that never clean up after an evacuation."""
    node = cloud.source.node
    if node and node.hypervisor_type.lower().startswith(_UNSUPPORTED):
        yield catalogue.finding(
            'hypervisor-unsupported',
            f'{cloud.source.name} runs {node.hypervisor_type}, which has no '
            'evacuation in nova',
            'Use the means of that platform to bring its machines back.',
        )


def cell_usable(cloud: facts.CloudFacts) -> Findings:
    """cell0 has no hosts, and nova ignores a disabled cell."""
    cell = cloud.source.cell
    if cell.is_cell0:
        yield catalogue.finding(
            'cell0',
            f'{cloud.source.name} is mapped to cell0, which has no hosts',
            'nova-manage cell_v2 list_hosts',
        )
    if cell.disabled:
        yield catalogue.finding(
            'cell-disabled',
            f'cell {cell.name or cell.uuid} is disabled',
            f'nova-manage cell_v2 update_cell --cell_uuid {cell.uuid} '
            '--enable',
        )


def schema_unsupported(cloud: facts.CloudFacts) -> Findings:
    """A database whose tables are not the ones that are written."""
    for database, version in sorted(cloud.schema.items()):
        if version.startswith('unsupported'):
            yield catalogue.finding(
                'schema-unsupported',
                f'database {database}: {version}',
                'Use a version of osc-recovery that knows this release.',
            )


def host_alive(cloud: facts.CloudFacts) -> Findings:
    """Any sign of life forbids everything, whatever the state says."""
    for evidence in cloud.source.alive_evidence:
        yield catalogue.finding(
            'host-alive',
            evidence,
            'Two copies of a server destroy its disk: cut the power of '
            f'{cloud.source.name} first, or let the host go on.',
        )


def fence_missing(cloud: facts.CloudFacts) -> Findings:
    """Nothing moves a server without a recorded fence."""
    fence = cloud.source.fence
    if fence is None or fence.host != cloud.source.name:
        yield catalogue.finding(
            'fence-missing',
            f'no fence of {cloud.source.name} is recorded in the journal',
            fence_command(cloud.source.name),
        )


def fence_stale(cloud: facts.CloudFacts) -> Findings:
    """A host that reported after the fence was not dead then."""
    fence = cloud.source.fence
    if fence is not None and cloud.source.fence_stale:
        yield catalogue.finding(
            'fence-stale',
            f'the fence was recorded at {fence.recorded_at}, but '
            'nova-compute reported at '
            f'{cloud.source.service.last_seen_up}',
            f'Make sure that it is dead: {fence_command(cloud.source.name)}',
        )


def host_not_forced_down(cloud: facts.CloudFacts) -> Findings:
    """forced_down keeps nova from trusting a late heartbeat."""
    service = cloud.source.service
    if service.uuid and not service.forced_down:
        yield catalogue.finding(
            'host-not-forced-down',
            f'nova-compute on {cloud.source.name} is not forced down',
            fence_command(cloud.source.name),
        )


def host_not_disabled(cloud: facts.CloudFacts) -> Findings:
    """When force-down ends, the scheduler would fill the host at once."""
    service = cloud.source.service
    if service.uuid and not service.disabled:
        yield catalogue.finding(
            'host-not-disabled',
            f'nova-compute on {cloud.source.name} is enabled',
            f'openstack compute service set --disable '
            f'{shlex.quote(cloud.source.name)} nova-compute',
        )


def dead_longer_than_24h(cloud: facts.CloudFacts) -> Findings:
    """The target may have swept the base images of the servers."""
    seen = cloud.source.service.last_seen_up
    seen_at, read_at = moment(seen), moment(cloud.read_at)
    if seen_at and read_at and read_at - seen_at > _DAY:
        yield catalogue.finding(
            'dead-longer-than-24h',
            f'{cloud.source.name} was last seen up at {seen}',
            'The image cache may have removed base images since: look for '
            'the backing files of image-backed servers on the targets.',
        )


def service_role_missing(cloud: facts.CloudFacts) -> Findings:
    """Without the role a port is bound at once, and cannot go back."""
    if not cloud.stage_bindings:
        yield catalogue.finding(
            'service-role-missing',
            'no credentials with the role "service" were found in nova.conf',
            'Port bindings are not staged: PUT binding:host_id takes the '
            'place of activating one, after all that can be undone. To '
            'stage them, name a nova.conf with [service_user] or [neutron].',
        )


CHECKS: tuple[Callable[[facts.CloudFacts], Findings], ...] = (
    facts_unknown,
    watcher_silent,
    service_missing,
    node_missing,
    provider_missing,
    hypervisor_unsupported,
    cell_usable,
    schema_unsupported,
    host_alive,
    fence_missing,
    fence_stale,
    host_not_forced_down,
    host_not_disabled,
    dead_longer_than_24h,
    service_role_missing,
)


def check(cloud: facts.CloudFacts) -> tuple[findings.Finding, ...]:
    """All findings about the failed host and the plan as a whole."""
    return tuple(found for look in CHECKS for found in look(cloud))


def _unknown(cloud: facts.CloudFacts) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*cloud.unknown, *cloud.source.unknown)))


def moment(text: str | None) -> datetime.datetime | None:
    """A time in UTC; None where there is none to read."""
    try:
        read = datetime.datetime.fromisoformat(text or '')
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)

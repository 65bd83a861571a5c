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

"""What a repaired host must not run into when its nova-compute starts."""

from collections.abc import Callable, Iterator, Sequence

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import host_return as model
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import frame
from osc_recovery.planning import tombstones

Findings = Iterator[findings.Finding]

#: names that one finding lists before it says how many more there are
_LISTED = 8
#: waiting to be confirmed or reverted by its owner, for days if need be
_VERIFY = 'finished'


def held(read: model.ReturnFacts) -> Findings:
    """A run that works on the host goes first."""
    if read.lease:
        yield catalogue.finding(
            'run-holds-host',
            f'run {read.lease} holds {read.host.name}',
            f'openstack recovery run show {read.lease}; then resume, revert '
            'or abandon it',
        )


def facts_unknown(read: model.ReturnFacts) -> Findings:
    """A copy of a moved server can only be told by those who know."""
    unknown = [w for w in read.host.unknown if w.startswith('provider')]
    for what in (*unknown, *read.unknown):
        yield catalogue.finding(
            'facts-unknown',
            f'could not be read: {what}',
            'Bring that service back and plan again.',
        )


def broker_unknown(read: model.ReturnFacts) -> Findings:
    """What waits in the queue may start a second copy of a server."""
    if read.queues is None:
        yield catalogue.finding(
            'broker-unknown',
            f'nobody could look at what waits for {read.host.name}: '
            f'{read.no_queues}',
            'Do not start nova-compute there. Bring the broker back, or put '
            'right what cell_mappings and nova.conf say of it, then plan '
            'again.',
        )


def compute_running(read: model.ReturnFacts) -> Findings:
    """Whoever consumes the queue has taken what waited in it."""
    if read.running:
        yield catalogue.finding(
            'compute-running',
            f'somebody already takes the messages of {read.host.name}: what '
            'had waited there was carried out unseen, and may have started '
            'copies of servers that live elsewhere',
            f'Stop nova-compute on {read.host.name}, wait until the broker '
            'has noticed, and plan again. When you have seen that its '
            'hypervisor runs nothing that lives elsewhere: --accept '
            'compute-running',
        )


def in_flight(read: model.ReturnFacts) -> Findings:
    """An evacuation that is under way would lose its server."""
    for row in tombstones.sort(read).in_flight:
        yield catalogue.finding(
            'evacuation-in-flight',
            f'server {row.name} is being evacuated from {read.host.name} to '
            f'{row.dest_host or "another host"} (migration {row.id} is '
            f'{row.status})',
            'Wait until it has ended: openstack server migration list '
            f'--server {row.server}',
        )


def destroying(read: model.ReturnFacts) -> Findings:
    """nova-compute would destroy a server that lives there."""
    for row in tombstones.sort(read).destroying:
        yield catalogue.finding(
            'evacuation-destroys',
            f'server {row.name} lives on {read.host.name}, and '
            f'nova-compute would destroy it there when it starts, because '
            f'of migration {row.id} ({row.status})',
            'When nobody evacuates it any more, let the row be retired '
            'first: --accept evacuation-destroys',
        )


def unfinished(read: model.ReturnFacts) -> Findings:
    """Migrations that nova has begun and not ended."""
    for row in read.unfinished:
        way = f'{row.type} {row.id} of server {row.name} ({row.status})'
        if row.status == _VERIFY:
            yield catalogue.finding(
                'resize-unconfirmed',
                f'{way} waits to be confirmed or reverted',
                f'Its owner decides: openstack server resize confirm '
                f'{row.server}. It needs {read.host.name} to be up.',
            )
            continue
        yield catalogue.finding(
            'migration-unfinished',
            f'{way} from {row.source_host} to {row.dest_host} has not ended',
            'Wait until it has. When nobody works on it any more and you '
            'know on which host its guest is: --accept migration-unfinished',
        )


def moved(read: model.ReturnFacts) -> Findings:
    """A copy that nova would not destroy, because nothing tells it to."""
    host = read.host.name
    for row in read.moved:
        home = row.home
        if row.allocated is None:
            continue
        why = (
            f'server {home.name} lives on {home.host}, but '
            f'{" and ".join(row.evidence)}: its copy on {host} could run'
        )
        if row.provider is None or row.provider not in row.allocated:
            yield catalogue.finding(
                'moved-without-allocation',
                f'{why}, and it has no allocation on {home.host}',
                'Put it right first: openstack recovery consistency repair '
                f'--server {home.uuid}',
            )
            continue
        yield catalogue.finding(
            'moved-without-tombstone',
            why,
            f'If its disk is a volume or on shared storage, let nova destroy '
            f'the copy on {host} when it starts: --accept '
            'moved-without-tombstone. A disk that exists on '
            f'{host} alone would be lost.',
        )


def calls_waiting(read: model.ReturnFacts) -> Findings:
    """What will be thrown away."""
    if read.waiting:
        yield catalogue.finding(
            'calls-waiting',
            f'{read.waiting} messages wait for {read.host.name}: '
            f'{_several([_call(c.method, c.servers) for c in read.calls])}',
            'They are thrown away before nova-compute starts, and kept in '
            'the journal by name. Ask again for what is still wanted.',
        )


def residents(read: model.ReturnFacts) -> Findings:
    """What nova does with the servers that were never moved."""
    if read.residents:
        names = [f'{s.name} ({s.vm_state})' for s in read.residents]
        yield catalogue.finding(
            'servers-still-there',
            f'{len(names)} servers live on {read.host.name}: '
            f'{_several(names)}',
            'Those that were running are called stopped by nova when it '
            'finds them off, unless resume_guests_state_on_host_boot is '
            'set: note which they are.',
        )


CHECKS: tuple[Callable[[model.ReturnFacts], Findings], ...] = (
    held,
    facts_unknown,
    broker_unknown,
    compute_running,
    in_flight,
    destroying,
    unfinished,
    moved,
    calls_waiting,
    residents,
)
_FRAME = (
    frame.service_missing,
    frame.node_missing,
    frame.provider_missing,
    frame.hypervisor_unsupported,
    frame.cell_usable,
)


def check(
    read: model.ReturnFacts, accept: frozenset[str]
) -> tuple[findings.Finding, ...]:
    """All findings, those that the operator consents to accepted."""
    alone = facts.CloudFacts(
        source=read.host,
        hosts={},
        servers=(),
        candidates={},
        stage_bindings=True,
        schema={},
    )
    found = [f for look in _FRAME for f in look(alone)]
    found += [f for look in CHECKS for f in look(read)]
    return tuple(f.accept() if f.code in accept else f for f in found)


def _several(names: Sequence[str]) -> str:
    listed = ', '.join(names[:_LISTED])
    more = len(names) - _LISTED
    return f'{listed} and {more} more' if more > 0 else listed


def _call(method: str, servers: Sequence[str]) -> str:
    return f'{method} ({_several(servers)})' if servers else method

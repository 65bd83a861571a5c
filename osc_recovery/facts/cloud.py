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

"""Gathers everything that a plan for one host is made from."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses

from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import liveness
from osc_recovery.facts import servers
from osc_recovery.facts import sources
from osc_recovery.model import facts

#: hosts whose every detail is read when the operator names no target: a
#: plan needs a choice, not the whole cell (some six calls a host)
MOST_CANDIDATES = 24
#: placement's answers to one question
MOST_ANSWERS = 1000

#: set by nova on the provider of a disabled service, and forbidden by its
#: scheduler (nova/scheduler/request_filter.py: compute_status_filter)
NOT_DISABLED = '!COMPUTE_STATUS_DISABLED'

Request = tuple[tuple[tuple[str, int], ...], tuple[str, ...]]


def gather(
    origin: sources.Sources,
    host: str,
    *,
    targets: Collection[str] = (),
    only: Collection[str] | None = None,
    schema: Mapping[str, str] | None = None,
    read_at: str = '',
    watch: bool = True,
) -> facts.CloudFacts:
    """Read a failed host, its servers and the hosts they can go to.

    ``only`` are uuids: other servers of the host are left out.  With
    ``watch`` the host's heartbeats are read twice, and everything else in
    between.  Raises UsageError for a host that nova does not know,
    ServiceUnavailable when a database of nova cannot be read.
    """
    known = _known(origin, host, targets)
    watched = _watch(origin, known[host]) if watch else None
    found = _servers(origin, host, only)
    offered = candidates(origin, host, found, known.values())
    wanted = list(targets) or _spread(known, offered)
    with_source = [known[name] for name in (host, *wanted) if name in known]
    source, *others = hosts.deepen(origin, dict.fromkeys(with_source))
    if watched is not None:
        source = _with_verdict(source, watched.verdict())
    backends = liveness.volume_services(origin)
    return facts.CloudFacts(
        source=source,
        hosts={
            other.name: other
            for other in _seen(origin, others, watched is not None)
        },
        servers=found,
        candidates={
            uuid: tuple(name for name in names if name in wanted)
            for uuid, names in offered.items()
        },
        stage_bindings=bool(
            origin.api(lambda clouds: clouds.network.can_stage).value
        ),
        schema=dict(schema or {}),
        read_at=read_at,
        volume_services=liveness.of_volumes(backends.known(())),
        unknown=_unknown(origin, backends.reason),
    )


def candidates(
    origin: sources.Sources,
    source: str,
    found: Collection[facts.Server],
    known: Iterable[facts.Host],
) -> dict[str, tuple[str, ...]]:
    """The hosts that placement offers, by server uuid.

    One call for all servers that ask for the same: the resources that
    they have allocated and the traits of their flavor and image.  A server
    whose allocation is not known, or that placement was not asked about,
    is missing in the answer.
    """
    by_node = {
        host.node.uuid: host
        for host in known
        if host.node is not None and host.name != source
    }
    requests = {server.uuid: request(server) for server in found}
    with sources.asking() as asking:
        under_way = {
            asked: asking.do(_offered, origin, asked)
            for asked in set(requests.values())
            if asked is not None
        }
    answers: dict[Request | None, tuple[str, ...] | None] = {
        asked: future.result().value for asked, future in under_way.items()
    }
    return {
        server.uuid: tuple(
            by_node[uuid].name
            for uuid in answers.get(requests[server.uuid]) or ()
            if uuid in by_node
            if by_node[uuid].cell.uuid == server.cell.uuid
        )
        for server in found
        if answers.get(requests[server.uuid]) is not None
    }


def request(server: facts.Server) -> Request | None:
    """What placement is asked for: resources, and traits.

    Required and forbidden traits are named by the flavor's extra specs and
    the image's properties ``trait:<name>`` (nova/scheduler/utils.py).
    """
    if server.allocation is None or not server.allocation.providers:
        return None
    resources: dict[str, int] = {}
    for provided in server.allocation.providers.values():
        for name, amount in provided.items():
            resources[name] = resources.get(name, 0) + amount
    asked = {**server.image_properties, **server.flavor.extra_specs}
    traits = [
        ('' if value == 'required' else '!') + key.removeprefix('trait:')
        for key, value in asked.items()
        if key.startswith('trait:') and value in ('required', 'forbidden')
    ]
    return (
        tuple(sorted(resources.items())),
        tuple(sorted({*traits, NOT_DISABLED})),
    )


def _offered(
    origin: sources.Sources, asked: Request
) -> sources.Answer[tuple[str, ...]]:
    resources, traits = asked
    return origin.api(
        lambda clouds: clouds.placement.candidates(
            dict(resources), traits, limit=MOST_ANSWERS
        )
    )


def _known(
    origin: sources.Sources, host: str, targets: Collection[str]
) -> dict[str, facts.Host]:
    found = {
        known.name: known
        for known in hosts.gather(origin, [host, *targets], neighbours=True)
    }
    if host not in found:
        raise exceptions.UsageError(
            f'nova knows no compute host {host}. "openstack recovery host '
            'list" names those it knows.'
        )
    return found


def _watch(origin: sources.Sources, source: facts.Host) -> liveness.Watch:
    return liveness.Watch(origin, source.cell.uuid, source.name)


def _with_verdict(source: facts.Host, verdict: liveness.Verdict) -> facts.Host:
    unknown = tuple(dict.fromkeys((*source.unknown, *verdict.unknown)))
    return dataclasses.replace(
        source, alive_evidence=verdict.evidence, unknown=unknown
    )


def _seen(
    origin: sources.Sources, found: Collection[facts.Host], watched: bool
) -> Iterator[facts.Host]:
    """Targets with what shows that they work: one statement a cell.

    A target that has reported while the source was watched is alive; where
    nobody watched, nova's own word has to do.
    """
    now: dict[str, facts.ComputeService] = {}
    for uuid in {host.cell.uuid for host in found} if watched else ():
        now.update({row.host: row for row in origin.cells[uuid].services()})
    for host in found:
        service = now.get(host.name, host.service)
        evidence: tuple[str, ...] = ()
        if service.report_count != host.service.report_count or (
            not watched and host.up
        ):
            evidence = (f'nova-compute reported at {service.last_seen_up}',)
        yield dataclasses.replace(
            host, service=service, alive_evidence=evidence
        )


def _unknown(origin: sources.Sources, reason: str) -> tuple[str, ...]:
    """What the whole plan lacks: the APIs, or cinder's services."""
    unknown = []
    if origin.clouds is None:
        unknown.append(origin.no_clouds)
    if reason:
        unknown.append(f'volume_services: {reason}')
    return tuple(unknown)


def _servers(
    origin: sources.Sources, host: str, only: Collection[str] | None
) -> servers.Servers:
    found = servers.from_cells(origin, hosts=[host])
    if only is not None:
        found = tuple(server for server in found if server.uuid in only)
    return servers.join(origin, found, servers.Depth())


def _spread(
    known: Mapping[str, facts.Host],
    offered: Mapping[str, tuple[str, ...]],
) -> list[str]:
    """The emptiest of the hosts that are offered and in service."""
    names = {name for answer in offered.values() for name in answer}
    usable = [
        known[name]
        for name in names
        if not known[name].service.disabled
        and not known[name].service.forced_down
    ]
    usable.sort(key=lambda host: (host.server_count, host.name))
    return [host.name for host in usable[:MOST_CANDIDATES]]

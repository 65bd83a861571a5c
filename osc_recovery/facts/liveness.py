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

"""Tells a dead host from one that still reports, whatever its state says.

nova's own view is not enough: service_is_up (nova/servicegroup/api.py) is
False whenever forced_down is set, even while the service heartbeats.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import datetime
import time

from osc_recovery.facts import sources
from osc_recovery.model import facts

#: two report intervals, and a little for the report to be written
INTERVALS = 2
MARGIN = 1.0


@dataclasses.dataclass(frozen=True)
class Reading:
    """The heartbeats of everything that reports from one host.

    ``taken_at`` is the monotonic clock's time in seconds.  ``nova`` is
    last_seen_up and report_count of nova-compute; ``others`` the last
    report of every agent and cinder service, by its name.
    """

    taken_at: float
    nova: tuple[str | None, int] | None
    others: Mapping[str, str | None]
    claims: bool
    unknown: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What two readings say: signs of life, and what was not readable."""

    evidence: tuple[str, ...]
    unknown: tuple[str, ...] = ()


class Watch:
    """Two readings of one host with two report intervals between them.

    Make it first, gather other facts meanwhile, and ask for the
    :meth:`verdict` afterwards: it waits for what is left of the time.
    """

    def __init__(
        self,
        origin: sources.Sources,
        cell: str,
        host: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._origin = origin
        self._cell = cell
        self._host = host
        self._clock = clock
        self._sleep = sleep
        self._first = self._read()

    @property
    def seconds(self) -> float:
        """How long the two readings are apart.

        nova-compute's own interval counts, and that of agents only if one
        of them claims to be alive: silence for longer than their down
        time is proof enough.
        """
        interval = self._origin.report_interval
        if self._first.claims:
            interval = max(interval, self._origin.agent_report_interval)
        return INTERVALS * interval + MARGIN

    def verdict(self) -> Verdict:
        """Wait for what is left, read again and compare."""
        left = self._first.taken_at + self.seconds - self._clock()
        if left > 0:
            self._sleep(left)
        return compare(self._first, self._read())

    def _read(self) -> Reading:
        return read(self._origin, self._cell, self._host, self._clock())


def read(
    origin: sources.Sources, cell: str, host: str, taken_at: float = 0.0
) -> Reading:
    """Read the heartbeats of a host once: nova's, neutron's and cinder's."""
    nova = sources.ask(origin.cells[cell].heartbeats, host)
    network = agents(origin, host)
    services = volume_services(origin)
    others = (*network.known(()), *on_host(services.known(()), host))
    return Reading(
        taken_at=taken_at,
        nova=nova.value,
        others={_label(agent): agent.heartbeat for agent in others},
        claims=any(agent.alive for agent in others),
        unknown=tuple(
            f'{field}: {answer.reason}'
            for field, answer in (
                ('service', nova),
                ('agents', network),
                ('volume_services', services),
            )
            if answer.reason
        ),
    )


def compare(before: Reading, after: Reading) -> Verdict:
    """Every heartbeat that has advanced between two readings."""
    unknown = tuple(dict.fromkeys((*before.unknown, *after.unknown)))
    return Verdict(tuple(_advanced(before, after)), unknown)


def stale(fence: facts.Fence | None, service: facts.ComputeService) -> bool:
    """Whether the host was heard of after somebody stated it is dead.

    The report that was the last one then must be the last one now: no two
    clocks are compared, except where the fence does not tell.
    """
    if fence is None or service.last_seen_up is None:
        return False
    if fence.last_seen_up:
        return service.last_seen_up != fence.last_seen_up
    return moment(service.last_seen_up) > moment(fence.recorded_at)


def is_up(
    service: facts.ComputeService, now: datetime.datetime, down_time: float
) -> bool:
    """nova's service_is_up: not forced down, heard of lately.

    As nova/servicegroup/drivers/db.py computes it; ``down_time`` is nova's
    service_down_time in seconds.
    """
    if service.forced_down or service.last_seen_up is None:
        return False
    elapsed = (now - moment(service.last_seen_up)).total_seconds()
    return abs(elapsed) <= down_time


def moment(text: str) -> datetime.datetime:
    """A time as databases and services write it, in UTC."""
    read_time = datetime.datetime.fromisoformat(text)
    if read_time.tzinfo is None:
        return read_time.replace(tzinfo=datetime.UTC)
    return read_time.astimezone(datetime.UTC)


def on_host(
    agents: Collection[facts.Agent], host: str
) -> tuple[facts.Agent, ...]:
    """The services of cinder that run on a host.

    A service of cinder calls itself <host> or <host>@<backend>; a backend
    may have a host name of its own, which then tells nothing.
    """
    return tuple(a for a in agents if a.host.split('@')[0] == host)


def of_volumes(
    agents: Collection[facts.Agent],
) -> tuple[facts.Agent, ...]:
    """The cinder-volume services among cinder's."""
    return tuple(a for a in agents if a.name.startswith('cinder-volume'))


def agents(
    origin: sources.Sources, host: str
) -> sources.Answer[tuple[facts.Agent, ...]]:
    """neutron's agents on a host."""
    return origin.api(lambda clouds: clouds.network.agents(host))


def volume_services(
    origin: sources.Sources,
) -> sources.Answer[tuple[facts.Agent, ...]]:
    """All of cinder's services: from its database, else from its API."""
    if origin.cinder_db is not None:
        return sources.ask(origin.cinder_db.services)
    return origin.api(lambda clouds: clouds.volume.services())


def _label(agent: facts.Agent) -> str:
    """Its name with its host: the backends of a host share their binary."""
    if agent.host in agent.name:
        return agent.name
    return f'{agent.name} on {agent.host}'


def _advanced(before: Reading, after: Reading) -> Iterator[str]:
    if before.nova is not None and after.nova is not None:
        yield from _nova_advanced(before.nova, after.nova)
    for name, heartbeat in after.others.items():
        if heartbeat is not None and heartbeat != before.others.get(name):
            yield f'{name} reported at {heartbeat}'


def _nova_advanced(
    before: tuple[str | None, int], after: tuple[str | None, int]
) -> Iterator[str]:
    if after != before:
        yield (
            f'nova-compute reported at {after[0]} '
            f'(report_count {before[1]} -> {after[1]})'
        )

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

"""What forbids a fence: life, an agent that is no proof, too many fences."""

from collections.abc import Iterable, Iterator

from osc_recovery.model import facts
from osc_recovery.model import fencing
from osc_recovery.model import findings
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import frame

Findings = Iterator[findings.Finding]

#: how signs of life begin that nova-compute itself gives
_NOVA = 'nova-compute '
#: states of a run of a fence whose host is about to be off
_UNDER_WAY = (results.RunState.PAUSED, results.RunState.RUNNING)


def agent_failed(agent: fencing.AgentFacts) -> Findings:
    """Nothing is begun with an agent that cannot even be asked."""
    if not agent.power:
        yield catalogue.finding(
            'fence-agent-failed',
            f'fence agent {agent.agent} was asked for the power: {agent.said}',
            'Mend it (address, password, network of the BMC), or cut the '
            'power by hand and say so: --statement <text>.',
        )


def alive(host: facts.Host, agent: fencing.AgentFacts) -> Findings:
    """A host that reports may be fenced by an agent, never by mistake."""
    works = any(e.startswith(_NOVA) for e in host.alive_evidence)
    for evidence in host.alive_evidence:
        if agent.power == 'off':
            yield catalogue.finding(
                'fence-agent-differs',
                f'fence agent {agent.agent} says that {host.name} is off, '
                f'yet {evidence}',
                'The agent asks another machine: correct its address or '
                'plug before it cuts that one.',
            )
        elif works:
            yield catalogue.finding(
                'host-alive',
                evidence,
                f'{host.name} works, and its guests run. To cut its power '
                'all the same: --override host-alive --reason <text>',
            )
        else:
            yield catalogue.finding(
                'watcher-reports',
                f'nova-compute on {host.name} is silent, yet {evidence}',
                'The host has power and its guests may run: start '
                'nova-compute there, or cut them off with it: --accept '
                'watcher-reports',
            )


def agent_unused(host: str, agent: str) -> Findings:
    """A statement where a proof could be had."""
    if agent:
        yield catalogue.finding(
            'fence-agent-unused',
            f'fence agent {agent} is configured for {host} and is not asked',
            'To have it cut the power and prove it, leave out --statement.',
        )


def blast_radius(host: str, radius: fencing.Radius) -> Findings:
    """Many hosts that seem dead at once are rather a fault elsewhere."""
    others = [loss for loss in radius.losses if loss.host != host]
    if len(others) < radius.allowed:
        return
    named = ', '.join(f'{o.host} ({o.known_by} {o.since})' for o in others)
    yield catalogue.finding(
        'blast-radius',
        f'{host} would be host {len(others) + 1} of {radius.total} to be '
        f'fenced within {radius.window} s, {radius.allowed} may be: {named}',
        'Look whether the network, the message broker or the database is '
        'what failed. If the hosts are dead: --override blast-radius '
        '--reason <text>',
    )


def losses(
    hosts: Iterable[facts.Host],
    begun: Iterable[runs.RunRecord],
    now: str,
    window: int,
) -> tuple[fencing.Loss, ...]:
    """Hosts that were fenced within the window, however it was done.

    ``begun`` are the runs of fences.  A forced-down host without a fence
    of ours counts when it last reported within the window: someone else
    (an operator, Masakari) has fenced it, and nova does not say when.  A
    host that is up again, or was heard of since, does not count.
    """
    found: dict[str, fencing.Loss] = {}
    up = set()
    for host in hosts:
        seen = host.service.last_seen_up or ''
        if host.up:
            up.add(host.name)
        elif host.fence is not None and not host.fence_stale:
            found[host.name] = fencing.Loss(
                host.name, host.fence.recorded_at, 'fenced'
            )
        elif host.service.forced_down:
            found[host.name] = fencing.Loss(
                host.name, seen, 'forced down, last seen'
            )
    for run in begun:
        loss = fencing.Loss(run.host, run.created_at, f'run {run.id}')
        if run.state in _UNDER_WAY:
            found[run.host] = loss
        elif run.state is results.RunState.UNVERIFIED and run.host not in up:
            # its power may have been cut, though nothing has proven it
            found.setdefault(run.host, loss)
    return tuple(
        loss
        for _, loss in sorted(found.items())
        if _within(loss.since, now, window)
    )


def _within(since: str, now: str, window: int) -> bool:
    """Whether a time is less than so many seconds ago; unknown is not."""
    then, today = frame.moment(since), frame.moment(now)
    if then is None or today is None:
        return False
    return (today - then).total_seconds() <= window

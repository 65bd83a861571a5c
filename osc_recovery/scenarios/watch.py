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

"""Watches a host over two report intervals before anything is done to it."""

import dataclasses

from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import liveness
from osc_recovery.model import facts
from osc_recovery.planning import fence as planning
from osc_recovery.scenarios import environment


def watched(env: environment.Environment, name: str) -> facts.Host:
    """The host, with every sign of life over two report intervals.

    Raises UsageError when nova knows no such host.
    """
    origin = env.sources()
    found = hosts.gather(origin, [name])
    if not found:
        raise exceptions.UsageError(
            f'nova knows no compute host {name}: see "openstack recovery '
            'host list".'
        )
    watch = liveness.Watch(origin, found[0].cell.uuid, name)
    (host,) = hosts.deepen(origin, found)
    verdict = watch.verdict()
    return dataclasses.replace(
        host,
        alive_evidence=verdict.evidence,
        unknown=tuple(dict.fromkeys((*host.unknown, *verdict.unknown))),
    )


def require_dead(
    env: environment.Environment,
    name: str,
    accept: frozenset[str] = frozenset(),
) -> None:
    """Raise Blocked when a host may have come back to life.

    A run that is gone on with hours later must not take it for dead
    because it was dead when the run began, nor because nobody answers who
    would know better: that needs consent (``watcher-silent``).
    """
    for found in planning.still_dead(watched(env, name), accept):
        if found.blocks:
            raise exceptions.Blocked(
                f'Blocked, nothing was changed: {found.code}: {found.fact} '
                f'{found.remedy}'
            )

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
"""host evacuate: the servers of a dead host, moved by nova itself."""

import dataclasses

from osc_recovery import exceptions
from osc_recovery.facts import cloud
from osc_recovery.facts import hosts
from osc_recovery.facts import servers as server_facts
from osc_recovery.journal import clock
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.planning.checks import frame
from osc_recovery.planning import choice as choices
from osc_recovery.planning import evacuate as planning
from osc_recovery.scenarios import changes
from osc_recovery.scenarios import dead_host
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import verify
from osc_recovery.scenarios import watch
from osc_recovery.steps import evacuate as step
from osc_recovery.steps import tools

SCENARIO = planning.SCENARIO
#: hosts that are looked at to say why none of them takes a server
MOST_EXPLAINED = 24


class Evacuation:
    """Evacuations of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def plan(
        self,
        host: str,
        *,
        targets: tuple[str, ...] = (),
        servers: tuple[str, ...] = (),
        keep_power: bool = True,
        accept: frozenset[str] = frozenset(),
        concurrency: int | None = None,
        per_target: int | None = None,
        stagger: float | None = None,
    ) -> plans.Plan:
        """Read everything and plan; changes nothing.

        Raises UsageError for a host, target or server that is not there.
        """
        wish = dataclasses.replace(
            self._wish(concurrency, per_target),
            choice=choices.Choice(
                targets=targets,
                servers=servers,
                keep_power=keep_power,
                accept=accept,
                concurrency=concurrency,
            ),
            stagger=stagger,
        )
        return self._planned(host, wish, targets)

    def changed(self, plan: plans.Plan) -> dict[str, str]:
        """The servers that are not as they were, with what differs.

        Raises FactsChanged when the frame differs.
        """
        wish = self._wish(
            plan.parameters.get('concurrency'),
            plan.parameters.get('per_target'),
        )
        wish = planning.wish_of(plan, wish)
        targets = wish.choice.targets
        if all(server.target for server in plan.runnable):
            # where nova chooses for one of them, all hosts have to be read
            targets = tuple(sorted(set(wish.choice.placement.values())))
        return changes.servers(plan, self._planned(plan.host, wish, targets))

    def begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        """Nothing to record before the first step."""

    def resumable(self, run: runs.RunRecord) -> None:
        """Go on only while the host is dead: raises Blocked."""
        watch.require_dead(self._env, run.host)

    def revertible(self, run: runs.RunRecord) -> None:
        """What nova has begun cannot be taken back."""
        if run.state is results.RunState.DONE:
            raise exceptions.UsageError(
                f'Run {run.id} is done: an evacuation cannot be undone. '
                f'When {run.host} is back and enabled, migrate its servers: '
                'openstack server migrate --live-migration --host '
                f'{run.host} <server>.'
            )

    def _planned(
        self, host: str, wish: planning.Wish, targets: tuple[str, ...]
    ) -> plans.Plan:
        read, choice = dead_host.read(self._env, host, wish.choice, targets)
        wish = dataclasses.replace(wish, choice=choice)
        return planning.plan(read, wish, clock.now())

    def _wish(
        self, concurrency: int | None, per_target: int | None
    ) -> planning.Wish:
        conf = self._env.conf
        return planning.Wish(
            choice=choices.Choice(),
            per_target=per_target,
            limits=(
                concurrency or conf.engine.concurrency,
                per_target or conf.engine.per_target,
            ),
            priority_key=conf.evacuate.priority_key,
            shared_everywhere='*' in conf.storage.shared_instances,
            version=self._env.clouds.compute.version(),
        )


def made_steps(env: environment.Environment) -> tuple[steps.Step, ...]:
    """The kinds of steps that only this scenario has."""
    conf = env.conf
    return (
        step.Evacuate(
            env.cells,
            env.clouds,
            _Surroundings(env),
            tools.Pace(
                timeout=conf.evacuate.timeout,
                lost_after=conf.evacuate.lost_after,
                down_after=env.nova.service_down_time,
                retries=conf.evacuate.retries,
                poll_interval=conf.engine.poll_interval,
            ),
        ),
        verify.VerifyEvacuation(env),
    )


class _Surroundings:
    """The cloud around a server, read when a step has to know."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def fenced(self, host: str) -> bool:
        """Whether a fence is recorded that still holds."""
        found = hosts.gather(self._env.sources(), [host])
        return any(map(frame.fence_recorded, found))

    def explain(self, uuid: str) -> str:
        """What each of the cell's hosts lacks, by name."""
        origin = self._env.sources()
        for row in server_facts.from_cells(origin, uuids=[uuid]):
            source = row.host or ''
            others = [
                host.name
                for host in hosts.gather(origin, [source], neighbours=True)
                if host.name != source
            ]
            read = cloud.gather(
                origin,
                source,
                targets=others[:MOST_EXPLAINED],
                only=[uuid],
                watch=False,
            )
            return planning.explanation(read, uuid)
        return ''

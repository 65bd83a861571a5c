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

"""host relocate: the servers of a dead host, moved through the database."""

from osc_recovery import exceptions
from osc_recovery.journal import clock
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.planning import choice
from osc_recovery.planning import relocate as planning
from osc_recovery.scenarios import changes
from osc_recovery.scenarios import dead_host
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import watch

SCENARIO = planning.SCENARIO


class Relocation:
    """Relocations of one cloud."""

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
    ) -> plans.Plan:
        """Read everything and plan; changes nothing.

        Raises UsageError for a host, target or server that is not there.
        """
        return self._planned(
            host,
            choice.Choice(
                targets=targets,
                servers=servers,
                keep_power=keep_power,
                accept=accept,
                concurrency=concurrency,
            ),
        )

    def changed(self, plan: plans.Plan) -> dict[str, str]:
        """The servers that are not as they were, with what differs.

        Raises FactsChanged when the frame differs: the fence, the host,
        a target, the cell or the schema.
        """
        again = self._planned(plan.host, choice.of_plan(plan))
        return changes.servers(plan, again)

    def begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        """Nothing to record before the first step."""

    def resumable(self, run: runs.RunRecord) -> None:
        """Go on only while the host is dead: raises Blocked."""
        watch.require_dead(self._env, run.host)

    def revertible(self, run: runs.RunRecord) -> None:
        """Only what has not passed the point of no return can be undone."""
        if run.state is results.RunState.DONE:
            raise exceptions.UsageError(
                f'Run {run.id} is done: its servers run on their new hosts '
                f'and can only be moved again. When {run.host} is back and '
                'enabled, migrate them: openstack server migrate '
                f'--live-migration --host {run.host} <server>.'
            )

    def _planned(self, host: str, wish: choice.Choice) -> plans.Plan:
        read, wish = dead_host.read(
            self._env,
            host,
            wish,
            wish.targets or tuple(set(wish.placement.values())),
        )
        return planning.plan(read, wish, clock.now())

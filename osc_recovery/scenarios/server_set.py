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

"""server set: states of one server, by nova's API or in the database."""

from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import identify
from osc_recovery.journal import clock
from osc_recovery.model import plans
from osc_recovery.model import runs
from osc_recovery.planning import server_set as planning
from osc_recovery.scenarios import changes
from osc_recovery.scenarios import environment

SCENARIO = planning.SCENARIO


class ServerStates:
    """States of the servers of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def plan(
        self,
        server: str,
        *,
        vm_state: str | None = None,
        power_state: str | None = None,
        clear_task: bool = False,
        accept: frozenset[str] = frozenset(),
    ) -> plans.Plan:
        """Read the server and its host, and plan the change.

        Raises UsageError when nothing is to be set, or there is no such
        server.
        """
        if vm_state is None and power_state is None and not clear_task:
            raise exceptions.UsageError(
                'Nothing to set: give --vm-state, --power-state or '
                '--task-state.'
            )
        found = identify.resolve(self._env.sources(), server)
        return self._planned(
            planning.Wish(
                found.uuid, vm_state, power_state, clear_task, accept
            )
        )

    def changed(self, plan: plans.Plan) -> dict[str, str]:
        """The server, if it is not as it was."""
        return changes.servers(plan, self._planned(planning.of_plan(plan)))

    def begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        """Nothing to record before the first step."""

    def resumable(self, run: runs.RunRecord) -> None:
        """The step looks before it acts."""

    def revertible(self, run: runs.RunRecord) -> None:
        """The former states come back exactly."""

    def _planned(self, wish: planning.Wish) -> plans.Plan:
        origin = self._env.sources()
        server = identify.resolve(origin, wish.server)
        places = hosts.gather(origin, [server.host]) if server.host else ()
        host = next((h for h in places if h.name == server.host), None)
        return planning.plan(server, host, wish, clock.now())

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

"""host fence: a recorded statement, then down, then disabled."""

from osc_recovery import exceptions
from osc_recovery.journal import clock
from osc_recovery.journal import process
from osc_recovery.model import facts
from osc_recovery.model import plans
from osc_recovery.model import runs
from osc_recovery.planning import fence as planning
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import watch

SCENARIO = planning.SCENARIO


class Fencing:
    """Fences of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def plan(
        self, host: str, statement: str, accept: frozenset[str]
    ) -> plans.Plan:
        """Watch the host over two report intervals and plan its fence.

        Raises UsageError when the statement is empty or nova knows no such
        host.
        """
        if not statement.strip():
            raise exceptions.UsageError(
                'The statement is empty: say how you know that the host is '
                'dead.'
            )
        return planning.plan(
            watch.watched(self._env, host),
            statement,
            process.current().operator,
            clock.now(),
            accept,
        )

    def changed(self, plan: plans.Plan) -> dict[str, str]:
        """Look again; raises FactsChanged when the host shows life."""
        again = self.plan(
            plan.host,
            plan.parameters['statement'],
            frozenset(plan.parameters['accept']),
        )
        if again.blocked or again.fingerprint != plan.fingerprint:
            raise exceptions.FactsChanged(
                f'Host {plan.host} is not as it was when the plan was made: '
                'nothing was changed. Look at it with "openstack recovery '
                f'host show {plan.host}".'
            )
        return {}

    def begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        """Record the statement before anything is done on its strength."""
        self._env.journal.record_fence(
            facts.Fence(
                host=plan.host,
                method='statement',
                statement=plan.parameters['statement'],
                operator=run.process.operator,
                recorded_at=clock.now(),
                run_id=run.id,
                last_seen_up=plan.frame['last seen up'] or '',
            )
        )

    def resumable(self, run: runs.RunRecord) -> None:
        """Go on only while the host is dead: raises Blocked."""
        watch.require_dead(self._env, run.host)

    def revertible(self, run: runs.RunRecord) -> None:
        """Fences are lifted by the host's return, not by an undo."""
        raise exceptions.UsageError(
            f'Run {run.id} is a fence: start nova-compute on {run.host}, '
            'then "openstack compute service set --up --enable '
            f'{run.host} nova-compute".'
        )

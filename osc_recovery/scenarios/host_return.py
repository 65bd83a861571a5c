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

"""host return: the gate for a repaired host."""

from typing import Any

from osc_recovery import exceptions
from osc_recovery.facts import host_return as facts
from osc_recovery.journal import clock
from osc_recovery.model import codec
from osc_recovery.model import host_return as model
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.planning.checks import returned
from osc_recovery.planning.checks import whole
from osc_recovery.planning import host_return as planning
from osc_recovery.scenarios import brokers
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import verify
from osc_recovery.steps import base
from osc_recovery.steps import comeback
from osc_recovery.steps import homecoming

SCENARIO = planning.SCENARIO


class Return:
    """Returns of hosts of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def plan(
        self,
        host: str,
        *,
        wait: int,
        enable: bool = True,
        accept: frozenset[str] = frozenset(),
    ) -> plans.Plan:
        """Read everything and plan; changes nothing.

        ``wait`` is how many seconds nova-compute has to be started in.
        Raises UsageError when nova knows no such host.
        """
        lease = self._env.journal.lease(host)
        return planning.plan(
            read(self._env, host, lease.run_id if lease else ''),
            clock.now(),
            wait=wait,
            enable=enable,
            accept=accept,
        )

    def changed(self, plan: plans.Plan) -> dict[str, str]:
        """Look again; raises FactsChanged when it would be another plan."""
        parameters = plan.parameters
        again = self.plan(
            plan.host,
            wait=parameters['wait'],
            enable=parameters['enable'],
            accept=frozenset(parameters['accept']),
        )
        if again.fingerprint != plan.fingerprint:
            raise exceptions.FactsChanged(
                f'Host {plan.host} is not as it was when the plan was made: '
                'nothing was changed. Make a new plan: openstack recovery '
                f'host return {plan.host} --dry-run'
            )
        return {}

    def begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        """Nothing to record before the first step."""

    def resumable(self, run: runs.RunRecord) -> None:
        """The host may well be up: every step looks before it acts."""

    def revertible(self, run: runs.RunRecord) -> None:
        """A host that is in service again is fenced, not reverted."""
        if run.state is results.RunState.DONE:
            raise exceptions.UsageError(
                f'Run {run.id} is done: {run.host} is in service. To take it '
                'out again, disable it: openstack compute service set '
                f'--disable {run.host} nova-compute'
            )


class Verify:
    """Reads the host again; params: cell, enabled, provider."""

    kind = 'return-verify'

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """There is nothing to keep."""
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Looking twice does no harm."""
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Look; raises NotWhole with every check that was made."""
        checks = returned.check(
            read(self._env, task.subject), enabled=task.params['enabled']
        )
        if whole.overall(checks) is not results.Verdict.OK:
            raise verify.NotWhole(checks)
        return {'checks': codec.encode(list(checks))}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """There is nothing to take back."""


class Release(base.ForwardOnly):
    """The fence of the host ends: it is not dead any more."""

    kind = 'return-release'

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Keep what had been said of the host, for the report."""
        fence = self._env.journal.fence(task.subject)
        return {'fence': codec.encode(fence)}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when no fence is left; releasing twice does no harm."""
        if self._env.journal.fence(task.subject) is None:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Release it."""
        self._env.journal.release_fence(task.subject)
        return {}


def read(
    env: environment.Environment, host: str, lease: str = ''
) -> model.ReturnFacts:
    """What the gate looks at, now."""
    return facts.gather(env.sources(), host, brokers.Brokers(env), lease)


def made(
    env: environment.Environment, settings: base.Settings
) -> dict[str, steps.Step]:
    """The steps of a return, by their kind."""
    several: tuple[steps.Step, ...] = (
        homecoming.Rows(env.cells),
        homecoming.Purge(brokers.Brokers(env)),
        comeback.Await(env.cells, settings),
        comeback.Up(env.clouds, settings),
        comeback.Enable(env.clouds, settings),
        Verify(env),
        Release(env),
    )
    return {step.kind: step for step in several}

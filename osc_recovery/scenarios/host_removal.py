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

"""host return --never: what a lost host leaves behind is taken away."""

import dataclasses
from typing import Any

from osc_recovery import exceptions
from osc_recovery.facts import host_return as facts
from osc_recovery.journal import clock
from osc_recovery.model import codec
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.planning.checks import whole
from osc_recovery.planning import host_removal as planning
from osc_recovery.scenarios import brokers
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import verify
from osc_recovery.scenarios import watch
from osc_recovery.steps import removal

SCENARIO = planning.SCENARIO


class Removal:
    """Removals of hosts of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def plan(
        self, host: str, accept: frozenset[str] = frozenset()
    ) -> plans.Plan:
        """Watch the host over two report intervals, read and plan.

        Raises UsageError when nova knows no such host.
        """
        env = self._env
        lease = env.journal.lease(host)
        watched = watch.watched(env, host)
        read = facts.gather(
            env.sources(),
            host,
            brokers.Brokers(env),
            lease.run_id if lease else '',
            buried=False,
        )
        return planning.plan(
            dataclasses.replace(read, host=watched), clock.now(), accept
        )

    def changed(self, plan: plans.Plan) -> dict[str, str]:
        """Look again; raises FactsChanged when it would be another plan."""
        again = self.plan(plan.host, frozenset(plan.parameters['accept']))
        if again.blocked or again.fingerprint != plan.fingerprint:
            raise exceptions.FactsChanged(
                f'Host {plan.host} is not as it was when the plan was made: '
                'nothing was changed. Make a new plan: openstack recovery '
                f'host return {plan.host} --never --dry-run'
            )
        return {}

    def begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        """Nothing to record before the first step."""

    def resumable(self, run: runs.RunRecord) -> None:
        """The host may well be up: every step looks before it acts."""

    def revertible(self, run: runs.RunRecord) -> None:
        """What is deleted comes back when its nova-compute starts anew."""
        raise exceptions.UsageError(
            f'Run {run.id} removes host {run.host}: that is not undone. '
            'nova-compute registers itself again when it is started.'
        )


class Verify:
    """Looks for what should be gone; params: service, provider."""

    kind = 'remove-verify'

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
        clouds = self._env.clouds
        provider = task.params['provider']
        services = {service['id'] for service in clouds.compute.services()}
        checks = (
            _gone('service', task.params['service'] in services, 'nova'),
            _gone(
                'provider',
                provider is not None
                and clouds.placement.provider(uuid=provider) is not None,
                'placement',
            ),
            _gone(
                'agents',
                bool(clouds.network.agent_ids(task.subject)),
                'neutron',
            ),
        )
        if whole.overall(checks) is not results.Verdict.OK:
            raise verify.NotWhole(checks)
        return {'checks': codec.encode(list(checks))}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """There is nothing to take back."""


def made(env: environment.Environment) -> dict[str, steps.Step]:
    """The steps that only a removal has, by their kind."""
    several: tuple[steps.Step, ...] = (
        removal.Allocations(env.clouds),
        removal.Service(env.cells, env.clouds),
        removal.Agents(env.clouds),
        Verify(env),
    )
    return {step.kind: step for step in several}


def _gone(name: str, there: bool, where: str) -> results.Check:
    return results.Check(
        name,
        results.Verdict.WRONG if there else results.Verdict.OK,
        'gone',
        'there' if there else 'gone',
        where,
    )

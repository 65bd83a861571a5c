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
"""host fence: proven or stated dead, then down, then disabled."""

from collections.abc import Callable
import concurrent.futures
import dataclasses
import time

from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import liveness
from osc_recovery.fencing import base as drivers_base
from osc_recovery.fencing import drivers
from osc_recovery.journal import clock
from osc_recovery.journal import process
from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import fencing
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.planning.checks import fence as checks
from osc_recovery.planning import fence as planning
from osc_recovery.planning import gates
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import watch
from osc_recovery.steps import base as steps_base
from osc_recovery.steps import power

SCENARIO = planning.SCENARIO


@dataclasses.dataclass(frozen=True)
class Checked:
    """What a fence agent says of a host; nothing was changed."""

    host: str
    agent: str
    program: str
    power: str
    said: str

    @property
    def off(self) -> bool:
        """Whether the host is proven to be off."""
        return self.power == drivers_base.Power.OFF


class Fencing:
    """Fences of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def check(self, host: str) -> Checked:
        """Ask the host's fence agent for the power, and nothing else.

        Neither nova nor the journal is needed.  Raises UsageError when no
        agent is configured for the host, and AgentFailed when it gives no
        clear answer.
        """
        driver = self._agent(host)
        shown, answer = driver.shown(), driver.status()
        return Checked(
            host=host,
            agent=shown['agent'],
            program=shown['program'],
            power=answer.power.value,
            said=answer.said,
        )

    def plan(
        self,
        host: str,
        *,
        statement: str | None = None,
        accept: frozenset[str] = frozenset(),
        override: findings.Override | None = None,
    ) -> plans.Plan:
        """Watch the host over two report intervals and plan its fence.

        Without a statement its fence agent is used.  Raises UsageError
        when the statement is empty, when there is neither a statement nor
        an agent, and when nova knows no such host.
        """
        if statement is not None and not statement.strip():
            raise exceptions.UsageError(
                'The statement is empty: say how you know that the host is '
                'dead.'
            )
        return self._planned(
            host,
            planning.Wish(
                statement or '', accept, override or findings.Override()
            ),
        )

    def changed(self, plan: plans.Plan) -> dict[str, str]:
        """Look again; raises FactsChanged when the host shows life."""
        again = self._planned(plan.host, planning.wish_of(plan))
        if again.blocked or again.fingerprint != plan.fingerprint:
            raise exceptions.FactsChanged(
                f'Host {plan.host} is not as it was when the plan was made: '
                'nothing was changed. Look at it with "openstack recovery '
                f'host show {plan.host}".'
            )
        return {}

    def begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        """Count once more, then record a statement before it is used.

        Fences that are planned at the same time do not see each other, but
        their runs do: raises Blocked when they are too many.
        """
        wish = planning.wish_of(plan)
        found = gates.passed(
            checks.blast_radius(plan.host, self._radius()),
            wish.override,
            wish.accept,
        )
        for finding in found:
            if finding.blocks:
                raise exceptions.Blocked(
                    f'Blocked, nothing was changed: {finding.code}: '
                    f'{finding.fact} {finding.remedy}'
                )
        if planning.method_of(plan) == planning.STATEMENT:
            self._env.journal.record_fence(
                facts.Fence(
                    host=plan.host,
                    method=planning.STATEMENT,
                    statement=_with_reason(wish.statement, wish.override),
                    operator=run.process.operator,
                    recorded_at=clock.now(),
                    run_id=run.id,
                    last_seen_up=plan.frame['last seen up'] or '',
                )
            )

    def resumable(self, run: runs.RunRecord) -> None:
        """Raise Blocked when a host that was dead may live again.

        As long as its agent has not proven it off, it may well live: the
        step that cuts the power looks for itself.
        """
        plan = codec.decode(plans.Plan, run.plan)
        if planning.method_of(plan) == planning.AGENT:
            done = {
                record.kind
                for record in self._env.journal.steps(run.id)
                if record.state is steps.StepState.DONE
            }
            if planning.POWER not in done:
                return
        watch.require_dead(self._env, run.host)

    def revertible(self, run: runs.RunRecord) -> None:
        """Fences are lifted by the host's return, not by an undo."""
        raise exceptions.UsageError(
            f'Run {run.id} is a fence: start nova-compute on {run.host}, '
            'then "openstack compute service set --up --enable '
            f'{run.host} nova-compute".'
        )

    def _agent(self, host: str) -> drivers_base.Driver:
        return drivers.load(planning.AGENT, self._env.conf, host)

    def _planned(self, host: str, wish: planning.Wish) -> plans.Plan:
        gates.check(wish.override, planning.GATES[wish.method])
        if wish.method == planning.AGENT:
            driver = self._agent(host)
            # the agent answers while the host is watched
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                asked = pool.submit(ask, driver)
                seen = watch.watched(self._env, host)
            agent, unused = asked.result(), ''
        else:
            agent, unused = None, self._unused(host)
            seen = watch.watched(self._env, host)
        return planning.plan(
            seen,
            wish,
            self._radius(),
            process.current().operator,
            clock.now(),
            agent=agent,
            unused=unused,
        )

    def _unused(self, host: str) -> str:
        """The agent that a statement does without; '' for none."""
        try:
            return str(self._agent(host).shown()['agent'])
        except exceptions.RecoveryError:
            # a broken section must not stand in the way of a statement
            return ''

    def _radius(self) -> fencing.Radius:
        """The hosts that were lost lately, from databases and journal."""
        settings = self._env.conf.fencing
        known = hosts.gather(self._env.sources(apis=False), unreadable=[])
        begun = [
            run for run in self._env.journal.runs() if run.scenario == SCENARIO
        ]
        return fencing.Radius(
            losses=checks.losses(known, begun, clock.now(), settings.window),
            total=len(known),
            max_hosts=settings.max_hosts,
            max_share=settings.max_share,
            window=settings.window,
        )


class Book:
    """Proofs go into the journal; the host is heard in the databases."""

    def __init__(self, env: environment.Environment, plan: plans.Plan) -> None:
        self._env = env
        self._plan = plan

    def record(self, task: steps.Task, said: str) -> None:
        """Keep a proof, with the host's last report before it."""
        wish = planning.wish_of(self._plan)
        seen, _ = self._env.cells[task.params['cell']].heartbeats(task.subject)
        self._env.journal.record_fence(
            facts.Fence(
                host=task.subject,
                method=planning.AGENT,
                statement=_with_reason(said, wish.override),
                operator=process.current().operator,
                recorded_at=clock.now(),
                run_id=task.run_id,
                last_seen_up=seen or '',
            )
        )

    def recorded(self, task: steps.Task) -> bool:
        """Whether the host's newest fence is this run's."""
        fence = self._env.journal.fence(task.subject)
        return fence is not None and fence.run_id == task.run_id

    def alive(self, task: steps.Task) -> tuple[str, ...]:
        """Signs of life over two report intervals; waits for them."""
        cell = task.params['cell']
        heard = liveness.Watch(self._env.sources(), cell, task.subject)
        return heard.verdict().evidence


def power_step(
    env: environment.Environment,
    plan: plans.Plan,
    settings: steps_base.Settings,
    *,
    now: Callable[[], float] = time.monotonic,
) -> power.Power:
    """The step that cuts power, with the drivers and the journal."""
    return power.Power(
        lambda method, host: drivers.load(method, env.conf, host),
        Book(env, plan),
        settings,
        clock=now,
    )


def ask(driver: drivers_base.Driver) -> fencing.AgentFacts:
    """What a plan has to know about an agent, its silence included."""
    shown = driver.shown()
    try:
        answer = driver.status()
        said, state = answer.said, answer.power.value
    except drivers_base.AgentFailed as exc:
        said, state = str(exc), ''
    return fencing.AgentFacts(
        agent=shown['agent'],
        program=shown['program'],
        options=shown['options'],
        power=state,
        said=said,
    )


def _with_reason(text: str, override: findings.Override) -> str:
    """What a fence keeps: the proof, and which gates were passed why."""
    if not override.gates:
        return text
    passed = ', '.join(sorted(override.gates))
    return f'{text}; overridden: {passed}: {override.reason}'

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

"""Builds what a command asks for, lazily; holds no logic of its own."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oslo_config import cfg

    from osc_recovery.model import plans
    from osc_recovery.model import results
    from osc_recovery.sandbox import controller
    from osc_recovery.scenarios import consistency
    from osc_recovery.scenarios import environment
    from osc_recovery.scenarios import evacuate
    from osc_recovery.scenarios import fence
    from osc_recovery.scenarios import host_removal
    from osc_recovery.scenarios import host_return
    from osc_recovery.scenarios import hosts
    from osc_recovery.scenarios import relocate
    from osc_recovery.scenarios import runner
    from osc_recovery.scenarios import server_set
    from osc_recovery.scenarios import servers


class RecoveryClient:
    """``client_manager.recovery``: the way from commands to scenarios."""

    def __init__(self, manager: Any, config_file: str | None = None) -> None:
        self._manager = manager
        self._config_file = config_file
        self._environment: environment.Environment | None = None

    def configuration(self) -> 'cfg.ConfigOpts':
        """Our configuration; raises ConfigError in one clear line."""
        from osc_recovery import conf

        return conf.load(self._config_file)

    def use_config(self, path: str | None) -> None:
        """Name the configuration file (--recovery-config)."""
        self._config_file = path

    def environment(self) -> 'environment.Environment':
        """Databases, services and journal, each connected on first use."""
        from osc_recovery.scenarios import environment

        if self._environment is None:
            self._environment = environment.Environment(
                self.configuration(), self._manager
            )
        return self._environment

    def hosts(self) -> 'hosts.Hosts':
        """What host list and host show read."""
        from osc_recovery.scenarios import hosts

        return hosts.Hosts(self.environment())

    def servers(self) -> 'servers.Servers':
        """What server list and server show read."""
        from osc_recovery.scenarios import servers

        return servers.Servers(self.environment())

    def consistency(self) -> 'consistency.Consistency':
        """What consistency audit and repair do."""
        from osc_recovery.scenarios import consistency

        return consistency.Consistency(self.environment())

    def server_states(self) -> 'server_set.ServerStates':
        """What server set does."""
        from osc_recovery.scenarios import server_set

        return server_set.ServerStates(self.environment())

    def fencing(self) -> 'fence.Fencing':
        """What host fence does."""
        from osc_recovery.scenarios import fence

        return fence.Fencing(self.environment())

    def evacuation(self) -> 'evacuate.Evacuation':
        """What host evacuate does."""
        from osc_recovery.scenarios import evacuate

        return evacuate.Evacuation(self.environment())

    def relocation(self) -> 'relocate.Relocation':
        """What host relocate does."""
        from osc_recovery.scenarios import relocate

        return relocate.Relocation(self.environment())

    def host_return(self) -> 'host_return.Return':
        """What host return does."""
        from osc_recovery.scenarios import host_return

        return host_return.Return(self.environment())

    def host_removal(self) -> 'host_removal.Removal':
        """What host return --never does."""
        from osc_recovery.scenarios import host_removal

        return host_removal.Removal(self.environment())

    def runner(self) -> 'runner.Runner':
        """What carries plans out and shows runs."""
        from osc_recovery.scenarios import runner

        return runner.Runner(self.environment())

    def save_plan(self, plan: 'plans.Plan', path: str) -> None:
        """Write a plan to a file."""
        from osc_recovery.scenarios import plans

        plans.save(plan, path)

    def load_plan(self, path: str) -> 'plans.Plan':
        """Read a plan from a file."""
        from osc_recovery.scenarios import plans

        return plans.load(path)

    def describe_plan(
        self, plan: 'plans.Plan', *, servers: bool = True
    ) -> str:
        """A plan in words, for a person who has to decide."""
        from osc_recovery.scenarios import plans

        return plans.describe(plan, servers=servers)

    def verified(self, server: 'results.ServerResult') -> str:
        """How many of a server's checks are right."""
        from osc_recovery.scenarios import runner

        return runner.verified(server)

    def describe_result(self, result: 'results.RunResult') -> str:
        """What became of a run, in words."""
        from osc_recovery.scenarios import runner

        return runner.describe(result)

    def plan_commands(
        self, plan: 'plans.Plan'
    ) -> 'Iterable[tuple[str, str, str]]':
        """Every call and statement of a plan: server, step, command."""
        from osc_recovery.scenarios import plans

        return plans.commands(plan)


def sandboxes() -> type['controller.Sandbox']:
    """The sandbox's controller, imported only when it is wanted."""
    from osc_recovery.sandbox import controller

    return controller.Sandbox

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
    from oslo_config import cfg

    from osc_recovery.sandbox import controller
    from osc_recovery.scenarios import environment


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


def sandboxes() -> type['controller.Sandbox']:
    """The sandbox's controller, imported only when it is wanted."""
    from osc_recovery.sandbox import controller

    return controller.Sandbox

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

"""The message broker of a cell, by the cell's uuid."""

from osc_recovery.cloud import broker
from osc_recovery.db import cells
from osc_recovery.scenarios import environment


class Brokers:
    """Brokers of one cloud, as cell_mappings and nova.conf describe them."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def __call__(self, uuid: str) -> broker.Broker:
        """Raises ConfigError when nothing says where it is."""
        env = self._env
        cell = env.cells[uuid].cell
        return broker.Broker(
            cell.name or cell.uuid,
            cells.transport_url(env.api_db.database, env.nova, cell),
            env.nova.messaging.tls,
        )

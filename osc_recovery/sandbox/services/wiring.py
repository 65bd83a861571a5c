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

"""The part of a layer 2 agent that wires ports.

A port that is bound to a host becomes ACTIVE when its guest runs there and
DOWN when it does not. Neutron is told by the calls that agents make.
"""

import pathlib
from typing import Any, NamedTuple

from neutron.db import models_v2
from neutron.plugins.ml2 import models
from neutron.plugins.ml2 import rpc
from neutron_lib.api.definitions import portbindings
from neutron_lib import constants
from neutron_lib import context
from neutron_lib.db import api as db_api
from neutron_lib.plugins import directory

from . import records

UNWIRED = (
    portbindings.VIF_TYPE_BINDING_FAILED,
    portbindings.VIF_TYPE_UNBOUND,
)


class Port(NamedTuple):
    """A port that is bound to a host."""

    id: str
    server: str
    status: str
    host: str


def bound_ports(hosts: list[str]) -> list[Port]:
    """The ports of servers that are bound to one of the hosts."""
    admin = context.get_admin_context()
    port, binding = models_v2.Port, models.PortBinding
    with db_api.CONTEXT_READER.using(admin):
        rows = (
            admin.session.query(
                port.id, port.device_id, port.status, binding.host
            )
            .join(binding, binding.port_id == port.id)
            .filter(binding.host.in_(hosts))
            .filter(binding.status == constants.ACTIVE)
            .filter(binding.vif_type.notin_(UNWIRED))
            .all()
        )
    return [Port(*row) for row in rows]


class Wiring:
    """Compares ports with guests and tells neutron what has changed."""

    def __init__(self, hosts: pathlib.Path) -> None:
        self._hosts = hosts
        plugin = directory.get_plugin()
        self._neutron = rpc.RpcCallbacks(plugin.notifier, plugin.type_manager)

    def update(self, hosts: list[str]) -> None:
        """Wire the ports of these hosts."""
        running = {host: self._running(host) for host in hosts}
        for port in bound_ports(hosts):
            up = port.server in running[port.host]
            if up and port.status != constants.PORT_STATUS_ACTIVE:
                self._tell(self._neutron.update_device_up, port)
            elif not up and port.status == constants.PORT_STATUS_ACTIVE:
                self._tell(self._neutron.update_device_down, port)

    def _running(self, host: str) -> set[str]:
        guests = records.read_guests(self._hosts / host)
        return {
            uuid
            for uuid, guest in guests.items()
            if guest.state in (records.RUNNING, records.PAUSED)
        }

    def _tell(self, call: Any, port: Port) -> None:
        call(
            context.get_admin_context(),
            agent_id=f'ovs-agent-{port.host}',
            host=port.host,
            device=port.id,
        )

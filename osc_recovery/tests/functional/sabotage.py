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

"""What the sandbox's own tests do to it, as operators and guides do."""

import contextlib
import pathlib
import sqlite3
from typing import Any

from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import controller


class Cloud:
    """What the tests do to a sandbox, the way operators and guides do."""

    def __init__(self, sandbox: controller.Sandbox) -> None:
        self.sandbox = sandbox
        self.api = sandbox.api()
        found = self.api.compute.get('/servers/detail').json()['servers']
        self.ids: dict[str, str] = {
            server['name']: server['id'] for server in found
        }

    def database(self, name: str) -> sqlite3.Connection:
        """A database of the sandbox; closing it is the caller's."""
        path = self.sandbox.directory / 'db' / f'{name}.db'
        return sqlite3.connect(path, timeout=60)

    def execute(
        self, name: str, statement: str, *values: Any
    ) -> list[tuple[Any, ...]]:
        """One statement in a transaction of its own."""
        with contextlib.closing(self.database(name)) as connection:
            with connection:
                return connection.execute(statement, values).fetchall()

    def move_row(self, server: str, host: str) -> None:
        """What the guide does: UPDATE the server's host, no more."""
        self.execute(
            'nova_cell1',
            'UPDATE instances SET host = ?, node = ?, compute_id = ('
            'SELECT id FROM compute_nodes WHERE host = ? AND deleted = 0) '
            'WHERE uuid = ?',
            *(host, host, host, self.ids[server]),
        )

    def ports(self, server: str) -> list[dict[str, Any]]:
        """The server's ports."""
        query = {'device_id': self.ids[server]}
        found = self.api.network.get('/v2.0/ports', params=query).json()
        return list(found['ports'])

    def port_statuses(self, server: str) -> list[str]:
        """The status of each of the server's ports."""
        return [port['status'] for port in self.ports(server)]

    def await_ports(self, server: str, status: str) -> None:
        """Wait until the server's ports have that status."""

        def look() -> bool | None:
            return set(self.port_statuses(server)) == {status} or None

        apis.wait(f'the ports of {server} to be {status}', look)

    def bind_ports(self, server: str, host: str) -> None:
        """Bind the server's ports to a host."""
        for port in self.ports(server):
            self.api.network.put(
                f'/v2.0/ports/{port["id"]}',
                json={'port': {'binding:host_id': host}},
            )

    def disk(self, server: str) -> pathlib.Path:
        """The server's disk in the shared instances directory."""
        instances = self.sandbox.directory / 'instances'
        return instances / self.ids[server] / 'disk'

    def act(self, server: str, action: dict[str, Any]) -> tuple[str, str]:
        """Ask nova to act and wait; the result and the message, if any.

        The result is that of the action's event on the compute host.
        """
        url = f'/servers/{self.ids[server]}'
        answer = self.api.compute.post(f'{url}/action', json=action)
        request = answer.headers['x-openstack-request-id']

        def look() -> tuple[str, str] | None:
            path = f'{url}/os-instance-actions/{request}'
            found = self.api.compute.get(path).json()['instanceAction']
            for event in found['events']:
                if event['event'].startswith('compute_') and event['result']:
                    return event['result'], event.get('details') or ''
            return None

        result = apis.wait(f'{action} of {server}', look)
        apis.wait(f'{server} to be idle', lambda: self._idle(url))
        return result

    def _idle(self, url: str) -> bool | None:
        # nova ends an action's event before it lets go of the server.
        found = self.api.compute.get(url).json()['server']
        return found['OS-EXT-STS:task_state'] is None or None

    def hard_reboot(self, server: str) -> tuple[str, str]:
        """Reboot as the guide does after its UPDATE."""
        return self.act(server, {'reboot': {'type': 'HARD'}})

    def delete(self, server: str) -> None:
        """Delete a server and wait until it is gone."""
        url = f'/servers/{self.ids[server]}'
        self.api.compute.delete(url)

        def look() -> bool | None:
            query = {'uuid': self.ids[server]}
            found = self.api.compute.get('/servers', params=query).json()
            return True if not found['servers'] else None

        apis.wait(f'the deletion of {server}', look)

    def compute_service(self, host: str) -> dict[str, Any]:
        """nova-compute of a host, as nova's API shows it."""
        query = {'host': host, 'binary': 'nova-compute'}
        found = self.api.compute.get('/os-services', params=query).json()
        (service,) = found['services']
        return dict(service)

    def set_forced_down(self, service: dict[str, Any], down: bool) -> None:
        """Say that a compute service is down, or no longer so."""
        self.api.compute.put(
            f'/os-services/{service["id"]}', json={'forced_down': down}
        )

    def agent_report(self, host: str) -> str:
        """When neutron heard last from the host's agent."""
        query = {'host': host}
        found = self.api.network.get('/v2.0/agents', params=query).json()
        (agent,) = found['agents']
        return str(agent['heartbeat_timestamp'])

    def await_report(self, host: str) -> None:
        """Wait until the host's agent reports once more."""
        former = self.agent_report(host)

        def look() -> bool | None:
            return self.agent_report(host) != former or None

        apis.wait(f'the agent of {host}', look)

    def agent_reports(self, host: str, other: str) -> bool:
        """Whether the host's agent reports while another one does."""
        # One report may have been under way.
        for _ in range(2):
            self.await_report(other)
        former = self.agent_report(host)
        for _ in range(3):
            self.await_report(other)
        return self.agent_report(host) != former

    def await_service(self, host: str, state: str) -> None:
        """Wait until nova says that the host is up, or down."""

        def look() -> bool | None:
            return self.compute_service(host)['state'] == state or None

        apis.wait(f'{host} to be {state}', look)

    def volume_of(self, server: str) -> str:
        """The id of the server's volume."""
        rows = self.execute(
            'nova_cell1',
            'SELECT volume_id FROM block_device_mapping WHERE '
            'instance_uuid = ? AND volume_id IS NOT NULL AND deleted = 0',
            self.ids[server],
        )
        ((volume,),) = rows
        return str(volume)

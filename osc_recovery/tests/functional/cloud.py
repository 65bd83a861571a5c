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

"""What functional tests do to and ask of the sandbox's cloud."""

import contextlib
import functools
import os
from typing import Any
import uuid as uuids

import openstack
import sqlalchemy as sa

from osc_recovery import client
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import servers
from osc_recovery.facts import sources
from osc_recovery.model import facts
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import bootstrap
from osc_recovery.sandbox import controller
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import schedulable
from osc_recovery.sandbox import state as states

#: seconds until a host that was started is up for nova
UP_TIMEOUT = 60.0
#: servers that are booted at the same time
BATCH = 5


class Manager:
    """What our client needs of OpenStackClient's manager."""

    def __init__(self, clouds_yaml: str) -> None:
        config = openstack.config.OpenStackConfig(
            config_files=[clouds_yaml], load_envvars=False
        )
        self._region = config.get_one(cloud='recovery-sandbox')
        self.region_name = 'RegionOne'
        self.interface = 'public'
        self.session: Any = None

    @property
    def auth_ref(self) -> Any:
        """The token that the session has."""
        return self.session.get_token()

    def setup_auth(self) -> None:
        """Make the session."""
        self.session = self.session or self._region.get_session()

    def _override_for(self, service_type: str) -> str | None:
        return None


class Cloud:
    """The cloud of a sandbox, for tests."""

    def __init__(self, sandbox: controller.Sandbox) -> None:
        self.sandbox = sandbox
        layout = layouts.Layout(sandbox.directory)
        state = states.State.read(layout.state)
        assert state is not None
        self._state = state
        self._layout = layout
        self.api = apis.Api(state, bootstrap.MEMBER)

    def passwords(self) -> tuple[str, ...]:
        """What no output may ever hold."""
        state = self._state
        return (
            state.admin_password,
            state.service_password,
            state.backend_password,
        )

    def environ(self) -> dict[str, str]:
        """What sourcing the openrc makes of this process's environment."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('OS_', 'OSC_'))
        }
        return {
            **kept,
            'OS_CLIENT_CONFIG_FILE': str(self._layout.clouds_yaml),
            'OS_CLOUD': 'recovery-sandbox',
            'OSC_RECOVERY_CONFIG': str(self._layout.recovery_conf),
            'no_proxy': '127.0.0.1',
            'NO_PROXY': '127.0.0.1',
        }

    def client(self) -> client.RecoveryClient:
        """Our client, in this process."""
        return client.RecoveryClient(
            Manager(str(self._layout.clouds_yaml)),
            str(self._layout.recovery_conf),
        )

    @functools.cached_property
    def _sources(self) -> sources.Sources:
        return self.client().environment().sources()

    def sources(self) -> sources.Sources:
        """What facts are read from."""
        return self._sources

    def host(self, name: str) -> facts.Host:
        """A compute host, as the services describe it now."""
        found = hosts.gather(self.sources(), [name])
        return hosts.deepen(self.sources(), found)[0]

    def running_on(self, uuid: str) -> list[str]:
        """The hosts whose hypervisor runs a guest."""
        return [
            host
            for host in self.sandbox.hosts
            if self.sandbox.guests(host).get(uuid) == 'running'
        ]

    def known_on(self, uuid: str) -> list[str]:
        """The hosts whose hypervisor has a guest defined."""
        return [
            h for h in self.sandbox.hosts if uuid in self.sandbox.guests(h)
        ]

    # hosts

    def power_off(self, host: str) -> None:
        """Cut a host's power, if it has any."""
        with contextlib.suppress(exceptions.NothingToDo):
            self.sandbox.stop_host(host)

    def service(self, host: str) -> dict[str, Any]:
        """nova-compute's service as the API shows it."""
        answer = self.api.compute.get(
            '/os-services', params={'host': host, 'binary': 'nova-compute'}
        )
        found: dict[str, Any] = answer.json()['services'][0]
        return found

    def fail(self, host: str) -> None:
        """Cut a host's power and wait until nova misses it."""
        self.power_off(host)
        apis.wait(
            f'{host} to be down',
            lambda: self.service(host)['state'] == 'down' or None,
            UP_TIMEOUT,
        )

    def come_back(self, host: str) -> None:
        """What an operator does with a repaired host, and its cleanup.

        Started while it is forced down, so that nova destroys the copies
        of what was moved before anybody trusts the host again.
        """
        with contextlib.suppress(exceptions.NothingToDo):
            self.sandbox.waiting(host, purge=True)
            self.sandbox.start_host(host)
        self._wait_for_clean_up(host)
        service = self.service(host)
        path = f'/os-services/{service["id"]}'
        if service['forced_down']:
            self.api.compute.put(path, json={'forced_down': False})
        # To enable a host that is not up leaves it disabled in placement.
        apis.wait(
            f'{host} to be up',
            lambda: self.service(host)['state'] == 'up' or None,
            UP_TIMEOUT,
        )
        if service['status'] == 'disabled':
            self.api.compute.put(path, json={'status': 'enabled'})
        schedulable.wait_for(self.api, host)

    def restore(self) -> None:
        """Every host is up, and every server runs that should.

        The guests of a host that lost its power are off when it returns,
        and nova then calls their servers stopped.
        """
        for host in self.sandbox.hosts:
            service = self.service(host)
            if service['state'] == 'up' and service['status'] == 'enabled':
                continue
            self.come_back(host)
        answer = self.api.compute.get('/servers/detail?all_tenants=1')
        off = [
            server['id']
            for server in answer.json()['servers']
            if server['status'] == 'SHUTOFF'
            and not server['name'].startswith('batch')
        ]
        for uuid in off:
            self.start_server(uuid)
        for uuid in off:
            self.wait_for_status(uuid, 'ACTIVE')

    def start_server(self, uuid: str) -> None:
        """Ask nova to start a server; does not wait."""
        self.api.compute.post(
            f'/servers/{uuid}/action', json={'os-start': None}
        )

    def _wait_for_clean_up(self, host: str) -> None:
        apis.wait(
            f'{host} to complete its evacuations',
            lambda: not self.tombstones(host) or None,
            UP_TIMEOUT,
        )

    def tombstones(self, source: str) -> list[dict[str, Any]]:
        """The evacuations whose source has not cleaned up yet."""
        answer = self.api.compute.get(
            '/os-migrations', params={'migration_type': 'evacuation'}
        )
        return [
            row
            for row in answer.json()['migrations']
            if row['source_compute'] == source
            and row['status'] in ('accepted', 'pre-migrating', 'done')
        ]

    def cell(self, name: str = 'cell1') -> nova_cell.NovaCell:
        """A cell that has hosts; most sandboxes have one."""
        cells = self.client().environment().cells.values()
        (cell,) = [found for found in cells if found.cell.name == name]
        return cell

    def execute(self, statement: str, **values: Any) -> None:
        """One statement in the cell database, as nobody should do it."""
        with self.cell().database.writing() as connection:
            connection.execute(sa.text(statement), values)

    def insert_stale(self, server: facts.Server, target: str) -> None:
        """An evacuation from the target that never got further."""
        self.execute(
            'INSERT INTO migrations (created_at, updated_at, deleted, uuid, '
            'instance_uuid, source_compute, source_node, dest_compute, '
            'dest_node, status, migration_type, hidden, cross_cell_move) '
            'VALUES (CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 0, :uuid, '
            ':server, :target, :target, :source, :source, :status, '
            ':type, 0, 0)',
            uuid=str(uuids.uuid4()),
            server=server.uuid,
            target=target,
            source=server.host,
            status='accepted',
            type='evacuation',
        )

    def disk(self, uuid: str) -> str:
        """What the server's disk on shared storage holds; '' for none."""
        path = self.sandbox.directory / 'instances' / uuid / 'disk'
        return path.read_text() if path.exists() else ''

    def busiest(self) -> str:
        """The host with the most servers."""
        return max(
            self.sandbox.hosts,
            key=lambda host: len(self.sandbox.guests(host)),
        )

    def others(self, host: str) -> list[str]:
        """Every host but one."""
        return [name for name in self.sandbox.hosts if name != host]

    # servers

    def servers_on(self, host: str) -> tuple[facts.Server, ...]:
        """The servers of a host, as every service describes them."""
        return servers.gather(self.sources(), hosts=[host])

    def make_servers(self, names: list[str], host: str) -> list[str]:
        """Boot image-backed servers with a volume each, a few at a time."""
        volumes = [self.make_volume(f'{name}-data') for name in names]
        uuids: list[str] = []
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            booted = [self.boot(name, host) for name in batch]
            for uuid in booted:
                self.wait_for_status(uuid, 'ACTIVE')
            uuids += booted
        for uuid, volume in zip(uuids, volumes, strict=True):
            self.wait_for_volume(volume, 'available')
            self.attach_volume(uuid, volume)
        for volume in volumes:
            self.wait_for_volume(volume, 'in-use')
        return uuids

    def boot(self, name: str, host: str) -> str:
        """Ask for an image-backed server; does not wait."""
        body = {
            'name': name,
            'flavorRef': self._named('compute', '/flavors', 'tiny'),
            'imageRef': self._named('image', '/v2/images', 'tiny'),
            'networks': [
                {'uuid': self._named('network', '/v2.0/networks', 'private')}
            ],
            'host': host,
        }
        made = self.api.compute.post('/servers', json={'server': body})
        uuid: str = made.json()['server']['id']
        return uuid

    def make_volume(self, name: str) -> str:
        """Ask for a volume; does not wait."""
        body = {'name': name, 'size': 1, 'volume_type': 'array1'}
        made = self.api.volume.post('/volumes', json={'volume': body})
        volume: str = made.json()['volume']['id']
        return volume

    def volume(self, volume: str) -> dict[str, Any]:
        """A volume as cinder's API shows it."""
        answer = self.api.volume.get(f'/volumes/{volume}')
        found: dict[str, Any] = answer.json()['volume']
        return found

    def attach_volume(self, uuid: str, volume: str) -> None:
        """Ask to attach a volume; does not wait."""
        self.api.compute.post(
            f'/servers/{uuid}/os-volume_attachments',
            json={'volumeAttachment': {'volumeId': volume}},
        )

    def wait_for_volume(self, volume: str, status: str) -> None:
        apis.wait(
            f'volume {volume} to be {status}',
            lambda: self.volume(volume)['status'] == status or None,
        )

    def server(self, uuid: str) -> dict[str, Any]:
        """A server as nova's API shows it."""
        answer = self.api.compute.get(f'/servers/{uuid}')
        found: dict[str, Any] = answer.json()['server']
        return found

    def reset_state(self, uuid: str, state: str) -> None:
        """What ``openstack server set --state`` does."""
        self.api.compute.post(
            f'/servers/{uuid}/action', json={'os-resetState': {'state': state}}
        )

    def wait_until_idle(self, uuid: str) -> None:
        """Wait until a server has no task."""
        apis.wait(
            f'server {uuid} to be idle',
            lambda: self.server(uuid)['OS-EXT-STS:task_state'] is None or None,
        )

    def starts(self, uuid: str) -> int:
        """How often anybody asked nova to start or reboot a server."""
        answer = self.api.compute.get(f'/servers/{uuid}/os-instance-actions')
        return sum(
            action['action'] in ('start', 'reboot')
            for action in answer.json()['instanceActions']
        )

    def delete_server(self, uuid: str) -> None:
        """Delete a server and its volumes and wait until it is gone."""
        volumes = [
            item['id']
            for item in self.server(uuid)[
                'os-extended-volumes:volumes_attached'
            ]
        ]
        self.api.compute.delete(f'/servers/{uuid}')
        apis.wait('the server to be gone', lambda: self._gone(uuid) or None)
        for volume in volumes:
            with contextlib.suppress(exceptions.RecoveryError):
                self.api.volume.delete(f'/volumes/{volume}')

    def _gone(self, uuid: str) -> bool:
        answer = self.api.compute.get('/servers', params={'all_tenants': 1})
        return uuid not in {s['id'] for s in answer.json()['servers']}

    def wait_for_status(self, uuid: str, status: str) -> None:
        def look() -> bool | None:
            found = self.server(uuid)
            if found['status'] == 'ERROR':
                fault = found.get('fault', {}).get('message', 'no reason')
                raise AssertionError(f'server {uuid} failed: {fault}')
            return found['status'] == status or None

        apis.wait(f'server {uuid} to be {status}', look)

    def _named(self, service: str, path: str, name: str) -> str:
        answer = getattr(self.api, service).get(path).json()
        (listing,) = [v for v in answer.values() if isinstance(v, list)]
        return str(
            next(item['id'] for item in listing if item['name'] == name)
        )

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

"""Fills a new cloud: an image, flavors, a network, volumes and servers."""

from collections.abc import Callable, Iterable
import concurrent.futures
import functools
from typing import Any

from osc_recovery import exceptions
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import events
from osc_recovery.sandbox import fleet
from osc_recovery.sandbox import schedulable

STAGE = 'servers'

WORKERS = 4

IMAGE_DATA = bytes(64 * 1024)

VOLUME_TYPE = 'array1'
SHARED_TYPE = 'array1-multiattach'
SHARED_VOLUME = 'shared-data'


class Seeder:
    """Makes everything in parallel, as far as one thing allows another."""

    def __init__(
        self,
        api: apis.Api,
        servers: Iterable[fleet.Server],
        progress: events.Progress,
    ) -> None:
        self._api = api
        self._servers = list(servers)
        self._progress = progress
        self._ids: dict[str, str] = {}
        self._volumes: dict[str, str] = {}

    def run(self) -> None:
        """Make everything and wait until it is there.

        :raises RecoveryError: a server or a volume failed, by name
        """
        text = 'Making image, flavors, network and volume types'
        self._progress(events.Event(STAGE, text))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            _run_all(
                pool,
                [
                    self._make_image,
                    self._make_flavors,
                    self._make_network,
                    self._make_volume_types,
                    self._make_group,
                    self._lift_volume_quotas,
                ],
            )
            self._progress(events.Event(STAGE, 'Making volumes'))
            _run_all(
                pool,
                [
                    functools.partial(self._make_volume, *volume)
                    for volume in self._volume_plan()
                ],
            )
            self._await_volumes()
            self._await_hosts(pool)
            _run_all(pool, [self._make_sharing, *self._server_tasks()])
            self._await_servers('ACTIVE', self._servers)
            self._check_hosts()
            stopped = [
                server
                for server in self._servers
                if server.kind is fleet.Kind.STOPPED
            ]
            _run_all(
                pool,
                [functools.partial(self._stop, server) for server in stopped],
            )
        self._await_servers('SHUTOFF', stopped)

    def _make_image(self) -> None:
        image = self._api.image.post(
            '/v2/images',
            json={
                'name': 'tiny',
                'disk_format': 'raw',
                'container_format': 'bare',
                'visibility': 'public',
            },
        ).json()
        self._api.image.put(
            f'/v2/images/{image["id"]}/file',
            data=IMAGE_DATA,
            headers={'Content-Type': 'application/octet-stream'},
        )
        self._ids['image'] = image['id']

    def _make_flavors(self) -> None:
        # A server that boots from a volume needs no local disk.
        for name, disk in (('tiny', 1), ('tiny-volume', 0)):
            body = {'name': name, 'vcpus': 1, 'ram': 64, 'disk': disk}
            made = self._api.compute.post('/flavors', json={'flavor': body})
            self._ids[name] = made.json()['flavor']['id']

    def _make_network(self) -> None:
        network = self._post_network('network', {'name': 'private'})
        self._post_network(
            'subnet',
            {
                'name': 'private',
                'network_id': network['id'],
                'ip_version': 4,
                'cidr': '10.0.0.0/16',
                'enable_dhcp': False,
            },
        )
        self._ids['network'] = network['id']

    def _post_network(self, kind: str, body: dict[str, Any]) -> Any:
        made = self._api.network.post(f'/v2.0/{kind}s', json={kind: body})
        return made.json()[kind]

    def _make_volume_types(self) -> None:
        for name, extra in (
            (VOLUME_TYPE, {}),
            (SHARED_TYPE, {'multiattach': '<is> True'}),
        ):
            specs = {'volume_backend_name': VOLUME_TYPE, **extra}
            body = {'name': name, 'extra_specs': specs}
            self._api.volume.post('/types', json={'volume_type': body})

    def _lift_volume_quotas(self) -> None:
        # What cinder's migrations store for the default class outweighs
        # its configuration.
        limits = {'volumes': -1, 'gigabytes': -1}
        self._api.volume.put(
            '/os-quota-class-sets/default', json={'quota_class_set': limits}
        )

    def _make_group(self) -> None:
        body = {'name': 'quorum', 'policy': 'anti-affinity'}
        made = self._api.compute.post(
            '/os-server-groups', json={'server_group': body}
        )
        self._ids['group'] = made.json()['server_group']['id']

    def _volume_plan(self) -> list[tuple[str, str, bool]]:
        """Name, type and whether it boots, for every volume."""
        planned = []
        for server in self._servers:
            if server.kind is fleet.Kind.ROOT_VOLUME:
                planned.append((f'{server.name}-root', VOLUME_TYPE, True))
            elif server.kind in (fleet.Kind.VOLUME, fleet.Kind.STOPPED):
                planned.append((f'{server.name}-data', VOLUME_TYPE, False))
        if any(s.kind is fleet.Kind.SHARING for s in self._servers):
            planned.append((SHARED_VOLUME, SHARED_TYPE, False))
        return planned

    def _make_volume(self, name: str, kind: str, bootable: bool) -> None:
        body = {'name': name, 'size': 1, 'volume_type': kind}
        if bootable:
            body['imageRef'] = self._ids['image']
        made = self._api.volume.post('/volumes', json={'volume': body})
        self._volumes[name] = made.json()['volume']['id']

    def _await_volumes(self) -> None:
        def look() -> bool | None:
            found = self._api.volume.get('/volumes/detail').json()['volumes']
            _raise_if_error('volume', found)
            return all(v['status'] == 'available' for v in found) or None

        apis.wait('the volumes', look)

    def _await_hosts(self, pool: concurrent.futures.Executor) -> None:
        hosts = sorted({server.host for server in self._servers})
        _run_all(
            pool,
            [
                functools.partial(schedulable.wait_for, self._api, host)
                for host in hosts
            ],
        )

    def _server_tasks(self) -> list[Callable[[], None]]:
        return [
            functools.partial(self._make_server, server)
            for server in self._servers
            if server.kind is not fleet.Kind.SHARING
        ]

    def _make_sharing(self) -> None:
        # cinder reserves a volume for one server at a time.
        for server in self._servers:
            if server.kind is fleet.Kind.SHARING:
                self._make_server(server)
                apis.wait(SHARED_VOLUME, self._shared_volume_in_use)

    def _shared_volume_in_use(self) -> bool | None:
        self._look_at_servers()
        volume_id = self._volumes[SHARED_VOLUME]
        found = self._api.volume.get(f'/volumes/{volume_id}').json()
        return found['volume']['status'] == 'in-use' or None

    def _make_server(self, server: fleet.Server) -> None:
        hints: dict[str, str] = {}
        if server.kind is fleet.Kind.APART:
            hints['group'] = self._ids['group']
        self._api.compute.post(
            '/servers',
            json={
                'server': self._server_body(server),
                'OS-SCH-HNT:scheduler_hints': hints,
            },
        )

    def _server_body(self, server: fleet.Server) -> dict[str, Any]:
        body = {
            'name': server.name,
            'host': server.host,
            'networks': [{'uuid': self._ids['network']}],
            'flavorRef': self._ids['tiny'],
        }
        if server.kind is fleet.Kind.ROOT_VOLUME:
            body['flavorRef'] = self._ids['tiny-volume']
            root = self._volumes[f'{server.name}-root']
            body['block_device_mapping_v2'] = [_volume_device(root, 0)]
            return body
        body['imageRef'] = self._ids['image']
        data = self._data_volume(server)
        if data is not None:
            body['block_device_mapping_v2'] = [
                _image_device(self._ids['image']),
                _volume_device(data, -1),
            ]
        return body

    def _data_volume(self, server: fleet.Server) -> str | None:
        if server.kind is fleet.Kind.SHARING:
            return self._volumes[SHARED_VOLUME]
        return self._volumes.get(f'{server.name}-data')

    def _stop(self, server: fleet.Server) -> None:
        server_id = self._ids[server.name]
        self._api.compute.post(
            f'/servers/{server_id}/action', json={'os-stop': None}
        )

    def _await_servers(self, status: str, servers: list[fleet.Server]) -> None:
        wanted = {server.name for server in servers}
        total = len(wanted)

        def look() -> bool | None:
            found = self._look_at_servers()
            self._ids.update({s['name']: s['id'] for s in found})
            done = sum(
                s['status'] == status and s['name'] in wanted for s in found
            )
            text = f'Waiting for servers to be {status}'
            self._progress(events.Event(STAGE, text, done, total))
            return True if done == total else None

        apis.wait(f'servers to be {status}', look, interval=1)

    def _check_hosts(self) -> None:
        found = {
            server['name']: server['OS-EXT-SRV-ATTR:host']
            for server in self._look_at_servers()
        }
        for server in self._servers:
            if found[server.name] != server.host:
                raise exceptions.RecoveryError(
                    f'The server {server.name} is on {found[server.name]}, '
                    f'not on {server.host}.'
                )

    def _look_at_servers(self) -> list[dict[str, Any]]:
        found = self._api.compute.get('/servers/detail').json()['servers']
        _raise_if_error('server', found)
        return list(found)


def _raise_if_error(kind: str, found: list[dict[str, Any]]) -> None:
    for one in found:
        if one['status'].upper() == 'ERROR':
            fault = one.get('fault', {}).get('message', 'no reason given')
            raise exceptions.RecoveryError(
                f'The {kind} {one["name"]} failed: {fault}'
            )


def _image_device(image: str) -> dict[str, Any]:
    return {
        'boot_index': 0,
        'uuid': image,
        'source_type': 'image',
        'destination_type': 'local',
        'delete_on_termination': True,
    }


def _volume_device(volume: str, boot_index: int) -> dict[str, Any]:
    return {
        'boot_index': boot_index,
        'uuid': volume,
        'source_type': 'volume',
        'destination_type': 'volume',
        'delete_on_termination': False,
    }


def _run_all(
    pool: concurrent.futures.Executor, tasks: Iterable[Callable[[], None]]
) -> None:
    for result in [pool.submit(task) for task in tasks]:
        result.result()

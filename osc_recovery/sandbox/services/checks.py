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

"""What a host depends on when it starts a guest.

A check that fails raises, so that the start fails as it would with libvirt.
What real hardware would let happen in silence (a second copy of a running
guest, a guest without network) is recorded as a violation besides.
"""

import json
import pathlib
from typing import Any
import uuid

import nova.conf
from nova import context as nova_context
from nova import exception
from nova.network import neutron

from . import records

CONF = nova.conf.CONF


class StartRefused(exception.NovaException):
    """The guest cannot start on this host."""

    msg_fmt = '%(reason)s'


def disk_of(instance: Any) -> pathlib.Path:
    """The server's disk in the shared instances directory."""
    return pathlib.Path(CONF.instances_path) / instance.uuid / 'disk'


def make_disk(instance: Any) -> None:
    """Make the server's directory, and a disk if it boots from an image.

    A disk that is there is kept. Its text is unlike any other disk's, so
    that a lost and remade disk can be told from the old one.
    """
    disk = disk_of(instance)
    disk.parent.mkdir(parents=True, exist_ok=True)
    if instance.image_ref and not disk.exists():
        disk.write_text(f'{instance.uuid} {uuid.uuid4()}\n')


class Checks:
    """The checks of one host."""

    def __init__(self, sandbox: pathlib.Path, host: str) -> None:
        self._sandbox = sandbox
        self._host = host
        self._exports = records.Exports(sandbox)

    def connector(self) -> dict[str, Any]:
        """The host's storage connector."""
        path = self._sandbox / 'connectors' / f'{self._host}.json'
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def before_start(
        self, instance: Any, network_info: Any, block_device_info: Any
    ) -> None:
        """Every check; raises StartRefused at the first that fails."""
        self.disk(instance)
        self.volumes(instance, block_device_info)
        self.ports(instance, network_info)
        self.single_copy(instance)

    def disk(self, instance: Any) -> None:
        """The disk of a server that boots from an image must be here."""
        if instance.image_ref and not disk_of(instance).exists():
            raise StartRefused(reason=f'no disk {disk_of(instance)}')

    def volumes(self, instance: Any, block_device_info: Any) -> None:
        """Every volume must be connected for this host and no other."""
        mappings = (block_device_info or {}).get('block_device_mapping') or []
        for mapping in mappings:
            self.volume(instance, mapping['connection_info'])

    def volume(self, instance: Any, connection_info: dict[str, Any]) -> None:
        """A volume: made for this host's connector, and shown to it."""
        data = connection_info['data']
        volume = data['volume_id']
        if data['export_host'] != self._host:
            raise StartRefused(
                reason=f'volume {volume} was connected for host '
                f'{data["export_host"]}, not for {self._host}'
            )
        if records.Export(volume, self._host) not in self._exports.read():
            raise StartRefused(
                reason=f'the array does not show volume {volume} '
                f'to host {self._host}'
            )

    def ports(self, instance: Any, network_info: Any) -> None:
        """Every port must be bound to this host, as neutron says now."""
        for vif in network_info or []:
            bound_to = _binding_host(vif['id'])
            if bound_to != self._host:
                self._violation(
                    'port-not-bound', instance, port=vif['id'], bound=bound_to
                )
                raise StartRefused(
                    reason=f'port {vif["id"]} is bound to host '
                    f'{bound_to}, not to {self._host}'
                )

    def single_copy(self, instance: Any) -> None:
        """A guest that runs elsewhere starts here too, and it shows."""
        others = records.running_elsewhere(
            self._sandbox / 'hosts' / self._host, instance.uuid
        )
        if others:
            self._violation('split-brain', instance, running_on=others)

    def _violation(self, kind: str, instance: Any, **facts: Any) -> None:
        records.record_violation(
            self._sandbox, kind, instance.uuid, host=self._host, **facts
        )


def _binding_host(port_id: str) -> str | None:
    client = neutron.get_client(nova_context.get_admin_context(), admin=True)
    port = client.show_port(port_id, fields=['binding:host_id'])['port']
    host: str | None = port.get('binding:host_id')
    return host

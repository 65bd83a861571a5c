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

"""A cinder driver for a storage array that shows volumes host by host."""

import pathlib
from typing import Any

from cinder import exception
from cinder.volume import driver
from oslo_config import cfg

from . import records

OPTIONS = [
    cfg.StrOpt(
        'sandbox_directory',
        help='The directory that holds the export table.',
    ),
]


class ArrayDriver(driver.VolumeDriver):
    """Keeps an export table and makes connections that vary by host.

    The data of a volume is not simulated. What a host may reach is: a
    connection made for another host, or an export that was never removed,
    is what goes wrong with iSCSI and Fibre Channel and what NFS would hide.
    """

    VERSION = '1.0.0'

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(OPTIONS)
        self._exports = records.Exports(
            pathlib.Path(self.configuration.sandbox_directory)
        )

    def check_for_setup_error(self) -> None:
        """Nothing can be set up wrongly."""

    def _update_volume_stats(self) -> None:
        name = self.configuration.volume_backend_name
        self._stats = {
            'volume_backend_name': name,
            'vendor_name': 'osc-recovery',
            'driver_version': self.VERSION,
            'storage_protocol': 'iSCSI',
            'total_capacity_gb': 10000,
            'free_capacity_gb': 10000,
            'reserved_percentage': 0,
            'multiattach': True,
            'QoS_support': False,
        }

    def create_volume(self, volume: Any) -> None:
        """Nothing to store."""

    def clone_image(
        self,
        context: Any,
        volume: Any,
        image_location: Any,
        image_meta: Any,
        image_service: Any,
    ) -> tuple[dict[str, Any], bool]:
        """Clone on the array: no qemu-img needed."""
        return {}, True

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        """Nothing to store."""

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        """Nothing to store."""

    def delete_volume(self, volume: Any) -> None:
        """Refuse while a host still sees the volume, as an array does."""
        if any(e.volume == volume.id for e in self._exports.read()):
            raise exception.VolumeIsBusy(volume_name=volume.id)

    def create_snapshot(self, snapshot: Any) -> None:
        """Nothing to store."""

    def delete_snapshot(self, snapshot: Any) -> None:
        """Nothing to remove."""

    def extend_volume(self, volume: Any, new_size: int) -> None:
        """Nothing to extend."""

    def ensure_export(self, context: Any, volume: Any) -> None:
        """The export table outlives the process."""

    def create_export(
        self, context: Any, volume: Any, connector: dict[str, Any]
    ) -> None:
        """Exports are made per host, by initialize_connection."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """Exports are removed per host, by terminate_connection."""

    def initialize_connection(
        self, volume: Any, connector: dict[str, Any]
    ) -> dict[str, Any]:
        """Show the volume to the connector's host."""
        host = connector['host']
        self._exports.add(volume.id, host)
        return {
            'driver_volume_type': 'iscsi',
            'data': {
                'target_discovered': False,
                'target_portal': '127.0.0.1:3260',
                'target_iqn': f'iqn.2010-10.org.openstack:{host}',
                'target_lun': int(volume.id[:4], 16),
                'volume_id': volume.id,
                'export_host': host,
                'export_initiator': connector.get('initiator'),
                'access_mode': 'rw',
                'discard': False,
            },
        }

    def terminate_connection(
        self, volume: Any, connector: dict[str, Any] | None, **kwargs: Any
    ) -> bool:
        """Hide the volume from the connector's host.

        Returns True, and changes nothing, while another attachment of the
        same host needs the export (two servers sharing the volume). Without
        a connector (force detach) the volume is hidden from every host.
        """
        if not connector:
            self._exports.remove(volume.id)
            return False
        host = connector['host']
        users = [
            attachment
            for attachment in volume.volume_attachment
            if (attachment.connector or {}).get('host') == host
        ]
        if len(users) > 1:
            return True
        self._exports.remove(volume.id, host)
        return False

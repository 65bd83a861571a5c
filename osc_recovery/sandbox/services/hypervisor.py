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

"""The strict hypervisor: a nova virt driver that refuses what would break.

It stands in for libvirt. Its guests outlive nova-compute, it spawns an
absent guest at power on and at hard reboot, and it looks at what a real
host depends on before it starts one: checks.py.
"""

import os
import pathlib
import shutil
import tempfile
from typing import Any

from nova.compute import power_state
import nova.conf
from nova.virt import fake
from oslo_config import cfg

from . import checks
from . import records

CONF = nova.conf.CONF

CONF.register_opts(
    [
        cfg.StrOpt(
            'directory',
            help='The directory of the sandbox.',
        ),
    ],
    group='recovery_sandbox',
)

STATES = {
    records.RUNNING: power_state.RUNNING,
    records.PAUSED: power_state.PAUSED,
    records.SUSPENDED: power_state.SUSPENDED,
    records.SHUTDOWN: power_state.SHUTDOWN,
}
NAMES = {number: name for name, number in STATES.items()}


class SandboxDriver(fake.FakeDriverWithoutFakeNodes):
    """Guests in a file, disks in a directory, and no mercy."""

    vcpus = 32
    memory_mb = 65536
    local_gb = 1000

    def init_host(self, host: str) -> None:
        """Find the guests that outlived the last nova-compute."""
        super().init_host(host)
        self._sandbox = pathlib.Path(CONF.recovery_sandbox.directory)
        self._directory = self._sandbox / 'hosts' / host
        self._checks = checks.Checks(self._sandbox, host)
        for uuid, guest in records.read_guests(self._directory).items():
            self.instances[uuid] = fake.FakeInstance(
                guest.name, STATES[guest.state], uuid
            )

    def _save(self) -> None:
        # Threads that start guests at the same time come here together:
        # what this driver knows is looked at when it is their turn.
        records.update_guests(
            self._directory,
            lambda _: {
                uuid: records.Guest(guest.name, NAMES[guest.state])
                for uuid, guest in list(self.instances.items())
            },
        )

    def _set_state(self, instance: Any, state: int) -> None:
        # Raises InstanceNotFound, as the base class does.
        self.get_info(instance)
        self.instances[instance.uuid].state = state
        self._save()

    def _define(self, instance: Any, state: int) -> None:
        self.instances[instance.uuid] = fake.FakeInstance(
            instance.name, state, instance.uuid
        )
        self._save()

    def _forget(self, instance: Any) -> None:
        self.instances.pop(instance.uuid, None)
        self._save()

    def _start(
        self, instance: Any, network_info: Any, block_device_info: Any
    ) -> None:
        self._checks.before_start(instance, network_info, block_device_info)
        self._define(instance, power_state.RUNNING)

    def spawn(
        self,
        context: Any,
        instance: Any,
        image_meta: Any,
        injected_files: Any,
        admin_password: Any,
        allocations: Any,
        network_info: Any = None,
        block_device_info: Any = None,
        power_on: bool = True,
        accel_info: Any = None,
    ) -> None:
        """Make the disk when there is none, then start the guest."""
        checks.make_disk(instance)
        if power_on:
            self._start(instance, network_info, block_device_info)
        else:
            self._define(instance, power_state.SHUTDOWN)

    def power_on(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        accel_info: Any = None,
        share_info: Any = None,
    ) -> None:
        """A hard reboot, as in libvirt: an absent guest is made."""
        self._start(instance, network_info, block_device_info)

    def reboot(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        reboot_type: str,
        block_device_info: Any = None,
        bad_volumes_callback: Any = None,
        accel_info: Any = None,
        share_info: Any = None,
    ) -> None:
        """Make the guest anew from what nova says, and start it."""
        self._start(instance, network_info, block_device_info)

    def resume_state_on_host_boot(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        share_info: Any,
        block_device_info: Any = None,
    ) -> None:
        """Start a guest that ran before the host went down."""
        guest = self.instances.get(instance.uuid)
        if guest is None or guest.state != power_state.RUNNING:
            self._start(instance, network_info, block_device_info)

    def resume(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        share_info: Any = None,
    ) -> None:
        """Go on with a suspended guest."""
        self._start(instance, network_info, block_device_info)

    def power_off(
        self, instance: Any, timeout: int = 0, retry_interval: int = 0
    ) -> None:
        """Shut the guest down."""
        self._set_state(instance, power_state.SHUTDOWN)

    def pause(self, instance: Any) -> None:
        """Pause the guest."""
        self._set_state(instance, power_state.PAUSED)

    def unpause(self, instance: Any) -> None:
        """Let the guest go on."""
        self._set_state(instance, power_state.RUNNING)

    def suspend(self, context: Any, instance: Any) -> None:
        """Save the guest's memory to disk."""
        self._set_state(instance, power_state.SUSPENDED)

    def unrescue(self, context: Any, instance: Any) -> None:
        """Run from the guest's own disk again."""
        self._set_state(instance, power_state.RUNNING)

    def destroy(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        """Remove the guest, and its disk when nova asks for that."""
        self._forget(instance)
        self.cleanup(
            context, instance, network_info, destroy_disks=destroy_disks
        )

    def cleanup(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        migrate_data: Any = None,
        destroy_vifs: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        """Remove the disk of a guest that is gone, when asked to."""
        if destroy_disks:
            shutil.rmtree(checks.disk_of(instance).parent, ignore_errors=True)

    def migrate_disk_and_power_off(
        self,
        context: Any,
        instance: Any,
        dest: str,
        flavor: Any,
        network_info: Any,
        block_device_info: Any = None,
        timeout: int = 0,
        retry_interval: int = 0,
    ) -> None:
        """Shut the guest down; the disk is on shared storage already."""
        self.power_off(instance)

    def finish_revert_migration(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        migration: Any,
        block_device_info: Any = None,
        power_on: bool = True,
        share_info: Any = None,
    ) -> None:
        """Start the guest on its former host again."""
        if power_on:
            self._start(instance, network_info, block_device_info)

    def confirm_migration(
        self, context: Any, migration: Any, instance: Any, network_info: Any
    ) -> None:
        """Forget the source's guest; its disk is in use elsewhere."""
        if migration.source_compute != migration.dest_compute:
            self._forget(instance)

    def post_live_migration(
        self,
        context: Any,
        instance: Any,
        block_device_info: Any,
        migrate_data: Any = None,
    ) -> None:
        """Forget the source's guest; its disk is in use elsewhere."""
        self._forget(instance)

    def attach_volume(
        self,
        context: Any,
        connection_info: dict[str, Any],
        instance: Any,
        mountpoint: str,
        disk_bus: Any = None,
        device_type: Any = None,
        encryption: Any = None,
    ) -> None:
        """Attach a volume that the array shows to this host."""
        self._checks.volume(instance, connection_info)
        super().attach_volume(context, connection_info, instance, mountpoint)

    def attach_interface(
        self, context: Any, instance: Any, image_meta: Any, vif: Any
    ) -> None:
        """Plug an interface; nothing is kept of it."""

    def detach_interface(self, context: Any, instance: Any, vif: Any) -> None:
        """Unplug an interface; nothing was kept of it."""

    def get_volume_connector(self, instance: Any) -> dict[str, Any]:
        """What os-brick would find on this host."""
        return self._checks.connector()

    def get_host_ip_addr(self) -> str:
        """The address that nova has been told."""
        return str(CONF.my_ip)

    def get_host_uptime(self) -> str:
        """Shown by the hypervisor API."""
        return 'up 1 day'

    def instance_on_disk(self, instance: Any) -> bool:
        """Whether the shared instances directory holds the server."""
        return os.access(checks.disk_of(instance).parent, os.W_OK)

    def check_instance_shared_storage_local(
        self, context: Any, instance: Any
    ) -> dict[str, str] | None:
        """Leave a file that the other host looks for, as libvirt does."""
        directory = checks.disk_of(instance).parent
        if not directory.exists():
            return None
        handle, name = tempfile.mkstemp(dir=directory)
        os.close(handle)
        return {'filename': name}

    def check_instance_shared_storage_remote(
        self, context: Any, data: dict[str, str]
    ) -> bool:
        """Whether the other host's file is visible here."""
        return os.path.exists(data['filename'])

    def check_instance_shared_storage_cleanup(
        self, context: Any, data: dict[str, str]
    ) -> None:
        """Remove the file."""
        pathlib.Path(data['filename']).unlink(missing_ok=True)

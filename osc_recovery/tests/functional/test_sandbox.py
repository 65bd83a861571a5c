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

"""The sandbox is as strict as hardware: each rule is broken and caught."""

import contextlib
import functools
import pathlib
import subprocess
import sys
import tempfile

import fixtures
import testtools

from osc_recovery import exceptions
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import backends
from osc_recovery.sandbox import controller
from osc_recovery.sandbox import processes
from osc_recovery.tests.functional import sabotage


class SandboxTest(testtools.TestCase):
    """One small sandbox; every test has servers of its own in it."""

    cloud: sabotage.Cloud
    sandbox: controller.Sandbox

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        directory = tempfile.mkdtemp(prefix='osc-recovery-')
        cls.addClassCleanup(controller.Sandbox.delete, directory)
        cls.sandbox = controller.Sandbox.create(
            directory, hosts=2, servers=8, backends=backends.Backends()
        )
        cls.cloud = sabotage.Cloud(cls.sandbox)

    def setUp(self) -> None:
        super().setUp()
        self.sandbox.clear_violations()

    def kinds(self) -> list[str]:
        """The kinds of the violations so far."""
        return [found['kind'] for found in self.sandbox.violations()]

    def guest(self, host: str, server: str) -> str | None:
        """The state of a server's guest on a host."""
        return self.sandbox.guests(host).get(self.cloud.ids[server])

    def test_port_bound_elsewhere(self) -> None:
        self.cloud.move_row('app-1', 'host2')
        result, _ = self.cloud.hard_reboot('app-1')
        self.assertEqual('Error', result)
        self.assertEqual(['port-not-bound'], self.kinds())
        self.assertIsNone(self.guest('host2', 'app-1'))

    def test_volume_connected_for_another_host(self) -> None:
        self.cloud.move_row('db-1', 'host2')
        self.cloud.bind_ports('db-1', 'host2')
        result, _ = self.cloud.hard_reboot('db-1')
        self.assertEqual('Error', result)
        self.assertIsNone(self.guest('host2', 'db-1'))
        # Loud on real hardware, so it is no violation.
        self.assertEqual([], self.kinds())
        self._rewrite_connection('db-1')
        result, _ = self.cloud.hard_reboot('db-1')
        # The array knows nothing of what the row says now.
        self.assertEqual('Error', result)
        self.assertIsNone(self.guest('host2', 'db-1'))

    def _rewrite_connection(self, server: str) -> None:
        self.cloud.execute(
            'nova_cell1',
            'UPDATE block_device_mapping SET connection_info = replace('
            "connection_info, '\"host1\"', '\"host2\"') "
            'WHERE instance_uuid = ? AND deleted = 0',
            self.cloud.ids[server],
        )

    def test_disk_missing(self) -> None:
        disk = self.cloud.disk('batch-1')
        away = disk.rename(disk.with_name('away'))
        result, _ = self.cloud.act('batch-1', {'os-start': None})
        self.assertEqual('Error', result)
        self.assertEqual('shutdown', self.guest('host1', 'batch-1'))
        away.rename(disk)
        result, _ = self.cloud.act('batch-1', {'os-start': None})
        self.assertEqual('Success', result)
        self.assertEqual('running', self.guest('host1', 'batch-1'))

    def test_split_brain(self) -> None:
        self.cloud.move_row('quorum-1', 'host2')
        self.cloud.bind_ports('quorum-1', 'host2')
        result, _ = self.cloud.hard_reboot('quorum-1')
        # In silence, as on real hardware; an absent guest is made.
        self.assertEqual('Success', result)
        self.assertEqual('running', self.guest('host1', 'quorum-1'))
        self.assertEqual('running', self.guest('host2', 'quorum-1'))
        self.assertEqual(['split-brain'], self.kinds())
        (found,) = self.sandbox.violations()
        self.assertEqual(['host1'], found['running_on'])

    def test_export_table(self) -> None:
        shared = self.cloud.volume_of('shared-1')
        self.assertIn((shared, 'host1'), self.sandbox.exports())
        for server, shown in (('shared-1', True), ('shared-2', False)):
            server_id = self.cloud.ids[server]
            self.cloud.api.compute.delete(
                f'/servers/{server_id}/os-volume_attachments/{shared}'
            )
            looking = functools.partial(self._detached, server)
            apis.wait('the detachment', looking)
            # A second server of the host needs the export.
            exports = self.sandbox.exports()
            self.assertEqual(shown, (shared, 'host1') in exports)

    def test_evacuation_keeps_the_disk_and_deletion_does_not(self) -> None:
        # nova stops a guest that it once found off; it has to run here.
        self.cloud.hard_reboot('edge-1')
        disk = self.cloud.disk('edge-1')
        text = disk.read_text()
        service = self.cloud.compute_service('host2')
        self._stop('host2')
        self.cloud.set_forced_down(service, True)
        self.cloud.act('edge-1', {'evacuate': {'host': 'host1'}})
        self.assertEqual('running', self.guest('host1', 'edge-1'))
        volume = self.cloud.volume_of('edge-1')
        shown = {e.host for e in self.sandbox.exports() if e.volume == volume}
        self.assertEqual({'host1'}, shown)
        self.sandbox.start_host('host2')
        self.cloud.set_forced_down(service, False)
        # nova has destroyed the old copy and found the disk to be shared.
        self.assertIsNone(self.guest('host2', 'edge-1'))
        self.assertEqual(text, disk.read_text())
        self.assertEqual([], self.kinds())
        self.cloud.delete('edge-1')
        self.assertFalse(disk.parent.exists())
        self.assertIsNone(self.guest('host1', 'edge-1'))

    def test_power_cut(self) -> None:
        self._stop('host2')
        self.assertEqual('shutdown', self.guest('host2', 'quorum-2'))
        self.assertEqual(('host2',), self.sandbox.describe().hosts_off)
        self.cloud.await_service('host2', 'down')
        self.assertFalse(self.cloud.agent_reports('host2', 'host1'))
        # A silent agent says nothing of its ports.
        self.assertEqual(['ACTIVE'], self.cloud.port_statuses('quorum-2'))
        self.sandbox.start_host('host2')
        self.cloud.await_service('host2', 'up')
        # Nothing starts a guest but nova.
        self.assertEqual('shutdown', self.guest('host2', 'quorum-2'))
        self.cloud.await_ports('quorum-2', 'DOWN')
        self.cloud.hard_reboot('quorum-2')
        self.assertEqual('running', self.guest('host2', 'quorum-2'))
        self.cloud.await_ports('quorum-2', 'ACTIVE')

    def test_service_alone_stops(self) -> None:
        self._stop('host2', service_only=True)
        self.assertEqual('running', self.guest('host2', 'quorum-2'))
        self.assertEqual((), self.sandbox.describe().hosts_off)
        self.cloud.await_service('host2', 'down')
        # The machine runs, and with it the network agent.
        self.assertTrue(self.cloud.agent_reports('host2', 'host1'))
        self.assertRaises(
            exceptions.NothingToDo,
            self.sandbox.stop_host,
            'host2',
            service_only=True,
        )

    def test_calls_wait_for_a_dead_host(self) -> None:
        self._stop('host2')
        server = self.cloud.ids['quorum-2']
        self.cloud.api.compute.post(
            f'/servers/{server}/action', json={'reboot': {'type': 'HARD'}}
        )
        found = apis.wait(
            'the call', lambda: self.sandbox.waiting('host2') or None
        )
        self.assertEqual(('reboot_instance',), found)
        self.assertEqual(found, self.sandbox.waiting('host2', purge=True))
        self.assertEqual((), self.sandbox.waiting('host2'))

    def _stop(self, host: str, **arguments: bool) -> None:
        self.addCleanup(self._start_again, host)
        self.sandbox.stop_host(host, **arguments)

    def _start_again(self, host: str) -> None:
        with contextlib.suppress(exceptions.NothingToDo):
            self.sandbox.start_host(host)
        self.cloud.set_forced_down(self.cloud.compute_service(host), False)
        self.cloud.await_service(host, 'up')
        # The next test begins with a guest that runs.
        self.cloud.hard_reboot('quorum-2')
        self.cloud.await_ports('quorum-2', 'ACTIVE')

    def test_service_of_the_control_plane(self) -> None:
        self.sandbox.stop_service('placement')
        missing = self.sandbox.describe().not_running
        self.assertEqual(('placement',), missing)
        self.sandbox.start_service('placement')
        found = self.cloud.api.placement.get('/resource_providers').json()
        self.assertEqual(2, len(found['resource_providers']))

    def test_create_twice(self) -> None:
        directory = self.sandbox.directory
        events: list[str] = []
        controller.Sandbox.create(
            directory,
            hosts=2,
            servers=8,
            backends=backends.Backends(),
            progress=lambda event: events.append(event.stage),
        )
        self.assertEqual(['reuse'], events)
        self.assertRaises(
            exceptions.UsageError, controller.Sandbox.create, directory
        )

    def test_commands(self) -> None:
        shown = self._run('show', '-f', 'value', '-c', 'openrc')
        self.assertEqual(f'{self.sandbox.openrc}\n', shown.stdout)
        again = self._run('host', 'start', 'host1')
        self.assertEqual(exceptions.ExitCode.NOTHING_TO_DO, again.returncode)
        self.assertIn('host1 runs already.', again.stderr)
        unknown = self._run('host', 'stop', 'host9')
        self.assertEqual(exceptions.ExitCode.USAGE, unknown.returncode)

    def _run(self, *arguments: str) -> 'subprocess.CompletedProcess[str]':
        command = ['-m', 'openstackclient.shell', 'recovery', 'sandbox']
        place = ['--directory', str(self.sandbox.directory)]
        return subprocess.run(
            [sys.executable, *command, *arguments, *place],
            capture_output=True,
            text=True,
        )

    def _detached(self, server: str) -> bool | None:
        url = f'/servers/{self.cloud.ids[server]}/os-volume_attachments'
        found = self.cloud.api.compute.get(url).json()['volumeAttachments']
        attachments = self.cloud.execute(
            'cinder',
            'SELECT id FROM volume_attachment WHERE instance_uuid = ? '
            'AND deleted = 0',
            self.cloud.ids[server],
        )
        return True if not found and not attachments else None


class CreationTest(testtools.TestCase):
    """What happens when a sandbox cannot be made to the end."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'sandbox'
        )
        self.addCleanup(self._delete)

    def _delete(self) -> None:
        with contextlib.suppress(exceptions.NothingToDo):
            controller.Sandbox.delete(self.directory)

    def _processes(self) -> list[processes.Process]:
        return list(processes.marked(self.directory))

    def test_killed_creation(self) -> None:
        code = (
            'import sys; from osc_recovery.sandbox import controller; '
            'controller.Sandbox.create(sys.argv[1])'
        )
        with subprocess.Popen(
            [sys.executable, '-c', code, str(self.directory)]
        ) as child:
            pid_file = self.directory / 'run' / 'scheduler.pid'
            apis.wait('the services', lambda: pid_file.exists() or None)
            refused = self.assertRaises(
                exceptions.UsageError,
                controller.Sandbox.delete,
                self.directory,
            )
            self.assertIn(f'by process {child.pid}.', str(refused))
            child.kill()
        self.assertNotEqual([], self._processes())
        for method in (controller.Sandbox.load, controller.Sandbox.create):
            found = self.assertRaises(
                exceptions.UsageError, method, self.directory
            )
            self.assertIn('is incomplete', str(found))
        controller.Sandbox.delete(self.directory)
        self.assertEqual([], self._processes())
        self.assertFalse(self.directory.exists())

    def test_failing_service_is_named(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'osc_recovery.sandbox.topology.Topology._keystone',
                lambda self: {'OS_KEYSTONE_CONFIG_FILES': '/nowhere'},
            )
        )
        found = self.assertRaises(
            exceptions.RecoveryError,
            controller.Sandbox.create,
            self.directory,
            hosts=1,
            servers=0,
        )
        self.assertIn('keystone did not start or died', str(found))
        self.assertIn('/nowhere', str(found))
        self.assertEqual([], self._processes())

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

"""Each disagreement is made, found by the audit, and mended."""

from typing import Any

from osc_recovery.model import facts
from osc_recovery.sandbox import api as apis
from osc_recovery.tests.functional import base
from osc_recovery.tests.functional import corruption

#: exit code of an audit that has found something
DISAGREES = 16


class ConsistencyTestCase(base.OwnServersTestCase):
    """A server of its own, image-backed and with a data volume."""

    def setUp(self) -> None:
        super().setUp()
        journal = self.cloud.client().environment().journal
        for host in self.sandbox.hosts:
            journal.release_fence(host)
        journal.dispose()
        if not self._servers:
            made = self.cloud.make_servers(['audited'], 'host1')
            type(self)._servers = made
        (self.uuid,) = self._servers
        self.before = self.read_server(self.uuid)
        self.host = self.before.host or ''
        self.other = self.cloud.others(self.host)[0]
        self.spoil = corruption.Corruption(self.cloud, self.uuid, self.other)

    def audit(self, *args: str) -> set[str]:
        """The codes that an audit finds; its exit code says the same."""
        words = args or ('--server', self.uuid)
        output = self.recovery(
            'consistency', 'audit', *words, '-f', 'json', code=None
        )
        rows = output.json()
        self.assertEqual(
            DISAGREES if rows else 0, output.code, output.out + output.err
        )
        for row in rows:
            self.assertTrue(row['Fact'] and row['Remedy'], row)
        return {row['Code'] for row in rows}

    def repair(
        self, *accept: str, code: int = 0, args: tuple[str, ...] = ()
    ) -> base.Output:
        """Mend the server."""
        consents = [word for code in accept for word in ('--accept', code)]
        words = args or ('--server', self.uuid)
        return self.recovery(
            'consistency', 'repair', *words, *consents, '--yes', code=code
        )

    def assert_mended(self, host: str | None = None) -> facts.Server:
        """The audit finds nothing, and nothing else has changed."""
        self.assertEqual(set(), self.audit())
        now = self.read_server(self.uuid)
        where = host or self.host
        self.assertEqual(where, now.host)
        self.assertEqual('active', now.vm_state)
        self.assertEqual([where], self.cloud.running_on(self.uuid))
        self.assert_exports(now, where)
        return now


class AuditTestCase(ConsistencyTestCase):
    """What is found, and mended without touching the guest."""

    def test_a_healthy_cloud(self) -> None:
        self.assertEqual(set(), self.audit('--host', self.host))
        for args in (('audit',), ('audit', '--host', self.other)):
            output = self.recovery('consistency', *args, '-f', 'json')
            self.assertEqual([], output.json())
        self.repair(code=12)
        self.recovery('consistency', 'audit', '--host', 'nohost', code=2)
        self.recovery('consistency', 'audit', '--server', 'noserver', code=2)

    def test_row_allocation_and_port(self) -> None:
        """Several at once, while the guest runs on."""
        starts = self.cloud.starts(self.uuid)
        self._await_tracker()
        self.spoil.column('compute_id', None)
        self.spoil.column('availability_zone', 'elsewhere')
        self.spoil.allocate(self.host, self.other)
        self.spoil.own_elsewhere()
        self.spoil.destroying_row(self.host)
        self.spoil.lock()
        self.assertEqual(
            {
                'allocation-doubled',
                'compute-id-differs',
                'lock-left',
                'owner-differs',
                'tombstone-stale',
                'zone-differs',
            },
            self.audit(),
        )
        self.assertIn('lock-foreign', self.repair(code=10).err)
        self.repair('lock-foreign')
        now = self.assert_mended()
        self.assertEqual(starts, self.cloud.starts(self.uuid))
        self.assertFalse(now.locked)
        self.assertEqual(self.before.compute_id, now.compute_id)

    def _await_tracker(self) -> None:
        """Wait until nova-compute has just looked through its servers.

        It then mends compute_id itself (compute/resource_tracker.py,
        _ensure_compute_id_for_instances), and not again for 20 s.
        """
        self.spoil.column('compute_id', None)
        apis.wait(
            'nova-compute to look through its servers',
            lambda: self.read_server(self.uuid).compute_id,
            timeout=90,
        )

    def test_allocations(self) -> None:
        """None at all, one on another host, and one of nobody."""
        self.spoil.nothing_allocated()
        self.assertEqual({'allocation-missing'}, self.audit())
        self.repair()
        now = self.assert_mended()
        assert now.allocation and self.before.allocation
        self.assertEqual(
            self.before.allocation.providers, now.allocation.providers
        )
        self.spoil.allocate(self.other)
        consumer = self.spoil.orphan(self.host)
        self.assertEqual({'allocation-elsewhere'}, self.audit())
        found = self.audit('--host', self.host)
        self.assertEqual(
            {'allocation-elsewhere', 'allocation-orphaned'}, found
        )
        self.repair(args=('--host', self.host))
        self.assertEqual(set(), self.audit('--host', self.host))
        held = self.spoil.services.placement.allocation(consumer)
        self.assertEqual({}, held.providers)

    def test_bindings(self) -> None:
        """A leftover, then a port that is bound elsewhere."""
        self.spoil.bind_twice()
        self.assertEqual({'binding-left'}, self.audit())
        self.repair()
        self.assert_mended()
        self.spoil.bind_elsewhere()
        self.assertEqual({'port-elsewhere'}, self.audit())
        self.repair()
        self.assert_mended()

    def test_not_mended(self) -> None:
        """What only nova or cinder can end is named and left alone."""
        self.spoil.volume_status('error')
        self.assertEqual({'volume-state'}, self.audit())
        self.assertIn('volume-state', self.repair(code=10).err)
        self.spoil.volume_status('in-use')
        self.spoil.column('task_state', 'rebooting')
        self.assertEqual({'server-busy'}, self.audit())
        self.repair(code=10)
        self.spoil.column('task_state', None)
        self.assertEqual(set(), self.audit())


class VolumeTestCase(ConsistencyTestCase):
    """What can only be mended while the guest is off."""

    def test_connection(self) -> None:
        """The guest is stopped and started, once, and only by consent."""
        starts = self.cloud.starts(self.uuid)
        self.spoil.another_lun()
        self.assertEqual({'connection-differs'}, self.audit())
        refused = self.repair(code=10)
        self.assertIn('guest-restarts', refused.err)
        self.repair('guest-restarts')
        self.assert_mended()
        self.assertEqual(starts + 1, self.cloud.starts(self.uuid))

    def test_mapping_without_attachment(self) -> None:
        volume = self.spoil.reset_volume()
        self.assertEqual({'mapping-unattached'}, self.audit())
        self.repair('guest-restarts')
        self.assert_mended()
        self.assertEqual('in-use', self.cloud.volume(volume)['status'])

    def test_attachment_without_mapping(self) -> None:
        volume = self.spoil.forget_mapping()
        self.assertEqual({'attachment-unmapped'}, self.audit())
        self.repair('guest-restarts')
        self.assert_mended()
        self.assertEqual('available', self.cloud.volume(volume)['status'])
        self.cloud.attach_volume(self.uuid, volume)
        self.cloud.wait_for_volume(volume, 'in-use')


class GuideTestCase(ConsistencyTestCase):
    """The old guide's UPDATE, and what it leaves behind."""

    def test_bare_update(self) -> None:
        """The host is dead; its server's row alone was changed."""
        self.cloud.fail(self.host)
        self.spoil.column('host', self.other)
        self._reboot_fails()
        found = self.audit()
        self.assertEqual(
            {
                'allocation-elsewhere',
                'compute-id-differs',
                'connector-elsewhere',
                'host-disputed',
                'node-differs',
                'port-elsewhere',
                'tombstone-missing',
            },
            found,
        )
        consents = ('guest-restarts',)
        self.assertIn('fence-missing', self.repair(*consents, code=10).err)
        self.fence(self.host)
        self.repair(*consents)
        self.assert_mended(self.other)
        self.assert_whole(self.before, self.other, running=True)
        self.cloud.come_back(self.host)
        self.assertEqual([self.other], self.cloud.known_on(self.uuid))
        self.assertEqual({'fence-left'}, self.audit('--host', self.host))

    def _reboot_fails(self) -> None:
        """The strict hypervisor has neither its port nor its volume."""
        self.cloud.api.compute.post(
            f'/servers/{self.uuid}/action', json={'reboot': {'type': 'HARD'}}
        )
        self.cloud.wait_until_idle(self.uuid)
        self.assertEqual('ERROR', self.cloud.server(self.uuid)['status'])


class ServerSetTestCase(ConsistencyTestCase):
    """States that can be true, and those that cannot."""

    def set(self, *args: str, code: int = 0) -> base.Output:
        """Set the server's states."""
        return self.recovery(
            'server', 'set', self.uuid, *args, '--yes', code=code
        )

    def states(self) -> tuple[Any, ...]:
        """What its row says."""
        now = self.read_server(self.uuid)
        return now.vm_state, now.power_state, now.task_state

    def test_a_running_server(self) -> None:
        """It may be called in error and active, and never stopped."""
        self.assertIn(
            'guest-running', self.set('--vm-state', 'stopped', code=10).err
        )
        for words, code in (
            (('--power-state', 'shutdown'), 'state-unfit'),
            (
                ('--vm-state', 'error', '--power-state', 'shutdown'),
                'power-of-host',
            ),
        ):
            self.assertIn(code, self.set(*words, code=10).err)
        self.set('--vm-state', 'active', code=12)
        self.set(code=2)
        self.set('--vm-state', 'error')
        self.assertEqual(('error', 1, None), self.states())
        self.set('--vm-state', 'active')
        self.assertEqual(('active', 1, None), self.states())

    def test_a_stuck_task(self) -> None:
        self.spoil.column('task_state', 'powering-off')
        refused = self.set('--task-state', 'none', code=10)
        self.assertIn('task-may-run', refused.err)
        self.set('--task-state', 'none', '--accept', 'task-may-run')
        self.assertEqual(('active', 1, None), self.states())

    def test_a_dead_host(self) -> None:
        """Stopped, once somebody has said that the host is dead."""
        self.cloud.fail(self.host)
        self.assertIn(
            'fence-missing', self.set('--vm-state', 'stopped', code=10).err
        )
        self.fence(self.host)
        self.set('--vm-state', 'stopped')
        self.assertEqual(('stopped', 4, None), self.states())
        self.set('--vm-state', 'error', '--power-state', 'shutdown')
        self.assertEqual(('error', 4, None), self.states())
        self.assertIn(
            'guest-not-running', self.set('--vm-state', 'active', code=10).err
        )
        self.set('--vm-state', 'stopped')
        self.cloud.come_back(self.host)

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

"""host relocate on the real services: servers that move and come back."""

from osc_recovery.model import facts
from osc_recovery.tests.functional import base

Servers = dict[str, facts.Server]


class RelocateTestCase(base.TestCase):
    """A host dies, its servers move, it returns, and all of it again."""

    def test_mixed_servers_there_and_back_and_again(self) -> None:
        """Older tombstones never destroy a server that lives."""
        first = self.cloud.busiest()
        second, third = self.cloud.others(first)
        self._lose(first, [second, third])
        self._lose(second, [first, third])
        self._lose(first, [second, third])

    def test_stale_evacuation_whose_source_is_the_target(self) -> None:
        """nova would destroy the server when its new host restarts."""
        source = self.cloud.busiest()
        target = self.cloud.others(source)[0]
        server = self._one_on(source)
        self.cloud.insert_stale(server, target)
        disk = self.cloud.disk(server.uuid)
        self.fence(source)
        self._relocate(source, [target], servers=(server.uuid,))
        now = self.assert_whole(server, target, running=True)
        self.assertIn(
            'completed',
            [m.status for m in now.migrations if m.source_host == target],
        )
        self.sandbox.stop_host(target, service_only=True)
        self.sandbox.start_host(target)
        self.assertEqual([target], self.cloud.running_on(server.uuid))
        self.assertEqual(disk, self.cloud.disk(server.uuid))

    def test_power_off_leaves_all_stopped(self) -> None:
        """--power off: nothing is started."""
        source = self.cloud.busiest()
        target = self.cloud.others(source)[0]
        server = self._one_on(source)
        starts = self.cloud.starts(server.uuid)
        self.fence(source)
        self._relocate(
            source, [target], '--power', 'off', servers=(server.uuid,)
        )
        self.assert_whole(server, target, running=False)
        self.assertEqual(starts, self.cloud.starts(server.uuid))

    def test_nothing_to_do(self) -> None:
        """A fenced host without servers: 12, nothing written."""
        source = self.cloud.busiest()
        self.fence(source)
        self._relocate(source, self.cloud.others(source))
        self.recovery('host', 'relocate', source, '--yes', code=12)

    def _lose(self, source: str, targets: list[str]) -> None:
        """One host's death, the move of its servers, and its return."""
        before = {s.uuid: s for s in self.cloud.servers_on(source)}
        disks = {uuid: self.cloud.disk(uuid) for uuid in before}
        self.assertTrue(before)
        self.fence(source)
        self._relocate(source, targets)
        self._assert_moved(before, targets)
        self.cloud.come_back(source)
        self._assert_clean(source, before)
        self._assert_moved(before, targets)
        self.assertEqual(
            disks, {uuid: self.cloud.disk(uuid) for uuid in before}
        )

    def _assert_moved(self, before: Servers, targets: list[str]) -> None:
        """Every server is as it was, whole, on one of the targets."""
        for uuid, server in before.items():
            host = self.read_server(uuid).host or ''
            self.assertIn(host, targets)
            self.assert_whole(
                server, host, running=server.vm_state == 'active'
            )

    def _assert_clean(self, source: str, before: Servers) -> None:
        """Old copies destroyed, rows completed."""
        left = set(self.sandbox.guests(source)) & set(before)
        self.assertEqual(set(), left)
        self.assertEqual([], self.cloud.tombstones(source))

    def _relocate(
        self,
        source: str,
        targets: list[str],
        *more: str,
        servers: tuple[str, ...] = (),
    ) -> None:
        chosen = [word for t in targets for word in ('--target', t)]
        chosen += [word for s in servers for word in ('--server', s)]
        self.recovery('host', 'relocate', source, '--yes', *chosen, *more)

    def _one_on(self, host: str) -> facts.Server:
        """A running server with a volume."""
        return next(
            s
            for s in self.cloud.servers_on(host)
            if s.vm_state == 'active' and s.volume_mappings
        )

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
"""host evacuate on the real services."""

from osc_recovery.tests.functional import evacuations


class EvacuateTestCase(evacuations.EvacuationTestCase):
    """A host dies, nova rebuilds its servers, it returns."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.cloud.busiest()
        self.targets = self.cloud.others(self.source)

    def test_mixed_servers_there_and_back(self) -> None:
        """All kinds are whole, stopped ones stopped; nothing is lost."""
        before = self.on_source(self.source)
        disks = {uuid: self.cloud.disk(uuid) for uuid in before}
        self.fence(self.source)
        self.evacuate(
            self.source, *evacuations.BOOTS, '--concurrency', '20'
        )
        for server in before.values():
            running = server.vm_state == 'active'
            self.assert_evacuated(server, running=running)
            self.assert_once(server)
        self.cloud.come_back(self.source)
        for uuid, server in before.items():
            self.assertNotIn(self.source, self.cloud.known_on(uuid))
            self.assertEqual(disks[uuid], self.cloud.disk(uuid))
            running = server.vm_state == 'active'
            self.assert_evacuated(server, running=running)
        left = self.cloud.host(self.source).provider
        assert left is not None
        self.assertEqual(set(), {n for n in left.used.values() if n})

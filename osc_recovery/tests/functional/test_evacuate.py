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

import pathlib
import subprocess
from typing import Any
import uuid as uuids

import fixtures

from osc_recovery.execution import crash
from osc_recovery.model import facts
from osc_recovery.sandbox import api as apis
from osc_recovery.tests.functional import base
from osc_recovery.tests.functional import evacuations

#: how a shell reports a process that was killed
KILLED = -9
STEP, PROOF = 'evacuate', 'verify-evacuation'
#: where the processes of one run die, one after the other, and the how
#: manyeth server that comes there kills it
DEATHS = (
    (STEP, crash.AFTER_INTENT, 2),
    (STEP, crash.BEFORE_REMEMBER, 2),
    (STEP, crash.AFTER_REMEMBER, 2),
    (STEP, crash.BEFORE_ACT, 2),
    (STEP, crash.AFTER_ACT, 1),
    (STEP, crash.AFTER_OUTCOME, 1),
    (PROOF, crash.BEFORE_ACT, 1),
    (PROOF, crash.AFTER_ACT, 1),
)


class EvacuateTestCase(evacuations.EvacuationTestCase):
    """A host dies, nova rebuilds its servers, it returns."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self._suited()
        self.targets = self.cloud.others(self.source)
        self._filled: list[str] = []
        self.addCleanup(self._empty)

    def test_mixed_servers_there_and_back(self) -> None:
        """All kinds are whole, stopped ones stopped; nothing is lost."""
        self.source = self.cloud.busiest()
        before = self.on_source(self.source)
        disks = {uuid: self.cloud.disk(uuid) for uuid in before}
        self.fence(self.source)
        self.evacuate(self.source, *evacuations.BOOTS, '--concurrency', '20')
        self._assert_all(before)
        self.cloud.come_back(self.source)
        self._assert_all(before)
        for uuid, disk in disks.items():
            self.assertNotIn(self.source, self.cloud.known_on(uuid))
            self.assertEqual(disk, self.cloud.disk(uuid))
        left = self.cloud.host(self.source).provider
        assert left is not None
        self.assertEqual(set(), {n for n in left.used.values() if n})

    def test_killed_at_every_boundary(self) -> None:
        """However often the tool dies, no server is submitted twice."""
        self.source = self.cloud.busiest()
        before = self.on_source(self.source)
        self.fence(self.source)
        quick = self._impatient()
        for number, (kind, point, count) in enumerate(DEATHS):
            killed = {
                **quick,
                crash.VARIABLE: f'*:{kind}:{point}:{count}',
            }
            if not number:
                chosen = (*evacuations.BOOTS, '--concurrency', '3')
                self.evacuate(self.source, *chosen, code=KILLED, env=killed)
                run = self.newest_run()
            else:
                self.recovery('run', 'resume', run, code=KILLED, env=killed)
        self.recovery('run', 'resume', run, env=quick)
        self._assert_all(before)
        refused = self.recovery('run', 'revert', run, '--yes', code=2)
        self.assertIn('cannot be undone', refused.err)

    def test_conductor_restarts_and_somebody_else_was_first(self) -> None:
        """Theirs is left alone, ours waits; each is moved once."""
        chosen = self._some(self.on_source(self.source), 3)
        others, locked, building = chosen
        self.api(locked, {'lock': {'locked_reason': 'mine'}})
        self.addCleanup(self.api, locked, {'unlock': None})
        before = self.on_source(self.source)
        self._set_state(building, 'building')
        self.addCleanup(self._set_state, building, 'active')
        self.fence(self.source)
        self.sandbox.stop_service('conductor')
        self.api(others, {'evacuate': {}})
        process = self.started(
            *('host', 'evacuate', self.source, '--yes'),
            *(word for uuid in chosen for word in ('--server', uuid)),
        )
        try:
            self._wait_for_lines(process, ' accepted', 1)
            self.sandbox.start_service('conductor')
            _, err = process.communicate(timeout=base.COMMAND_TIMEOUT)
        finally:
            process.kill()
        self.assertEqual(11, process.returncode, err)
        self.wait_for_evacuation(before[others])
        for uuid in (others, locked):
            self.assert_evacuated(before[uuid], running=True)
            self.assert_once(before[uuid])
        self.assertTrue(self.read_server(locked).locked)
        self.assertEqual([], self.since(before[building]))

    def test_target_dies_in_the_middle(self) -> None:
        """Not tried elsewhere before it is fenced; then it is."""
        before = self.on_source(self.source)
        (uuid,) = self._some(before, 1)
        server = before[uuid]
        first, second = self.targets
        self.fence(self.source)
        process = self.started(
            *('host', 'evacuate', self.source, '--yes', '--server', uuid),
            *('--target', first, '--target', second),
        )
        try:
            dead = apis.wait('a claim', lambda: self._claimed(server))
            self.sandbox.stop_host(dead)
            _, err = process.communicate(timeout=base.COMMAND_TIMEOUT)
        finally:
            process.kill()
        self.assertEqual(16, process.returncode, err)
        self.assertIn(f'openstack recovery host fence {dead}', err)
        self.assertEqual([('pre-migrating', dead)], self.since(server))
        run = self.newest_run()
        self.fence(dead)
        self.recovery('run', 'resume', run)
        now = self.assert_evacuated(server, running=True)
        self.assertEqual(
            [('failed', dead), ('done', now.host)], self.since(server)
        )
        self.cloud.come_back(dead)
        self.assertEqual([now.host], self.cloud.running_on(uuid))

    def test_room_for_half_of_them(self) -> None:
        """The plan says who has none; nova's word is explained."""
        before = self.on_source(self.source)
        chosen = self._some(before, 3)
        self.fence(self.source)
        for room, host in enumerate(self.targets):
            self._fill(host, leave=room)
        done = self.evacuate(self.source, servers=chosen, code=11)
        moved = [u for u in chosen if self.since(before[u])]
        self.assertEqual(1, len(moved))
        for uuid in moved:
            self.assert_evacuated(before[uuid], running=True)
        self.assertIn('target-too-small', done.err)
        left = tuple(u for u in chosen if u not in moved)
        self._empty()
        # there is room while it is planned, and none when it is submitted
        process = self.started(
            *('host', 'evacuate', self.source, '--yes'),
            *('--concurrency', '1'),
            *(word for uuid in left for word in ('--server', uuid)),
        )
        try:
            self._wait_for_lines(process, ' submitted', 1)
            self._wait_until_moved([before[u] for u in left])
            for host in self.targets:
                self._fill(host, leave=0)
            _, err = process.communicate(timeout=base.COMMAND_TIMEOUT)
        finally:
            process.kill()
        self.assertEqual(16, process.returncode, err)
        for host in self.targets:
            self.assertIn(f'{host}: target-too-small', err)
        statuses = sorted(s for u in left for s, _ in self.since(before[u]))
        self.assertEqual(['done', 'error'], statuses)
        self._empty()
        self.recovery('run', 'resume', self.newest_run())
        for uuid in left:
            self.assert_evacuated(before[uuid], running=True)

    def test_power_off_and_priority(self) -> None:
        """Left stopped, the most important first, one after the other."""
        before = self.on_source(self.source)
        chosen = self._some(before, 2)
        path = f'/servers/{chosen[1]}/metadata'
        body = {'metadata': {'recovery_priority': '10'}}
        self.cloud.api.compute.post(path, json=body)
        self.fence(self.source)
        more = ('--power', 'off', '--concurrency', '1')
        blocked = self.evacuate(self.source, *more, servers=chosen, code=10)
        self.assertIn('stopped-guest-boots', blocked.err)
        done = self.evacuate(
            self.source, *more, *evacuations.BOOTS, servers=chosen
        )
        order = [row['Server'] for row in done.json()]
        self.assertEqual([chosen[1], chosen[0]], order)
        for uuid in chosen:
            self.assert_evacuated(before[uuid], running=False)
            self.assert_once(before[uuid])

    # helpers

    def _suited(self) -> str:
        """The host with the most servers that any test can take."""
        hosts = self.sandbox.hosts
        found = {host: self._plain(self.on_source(host)) for host in hosts}
        return max(hosts, key=lambda host: len(found[host]))

    def _assert_all(self, before: evacuations.Servers) -> None:
        """Every server was moved once and is as it was, apart or not."""
        apart: dict[str, list[str | None]] = {}
        for server in before.values():
            running = server.vm_state == 'active'
            now = self.assert_evacuated(server, running=running)
            self.assert_once(server)
            if now.group is not None:
                hosts = list(now.group.member_hosts.values())
                apart[now.group.uuid] = hosts
        for hosts in apart.values():
            self.assertEqual(len(set(hosts)), len(hosts))

    def _some(
        self, before: evacuations.Servers, count: int
    ) -> tuple[str, ...]:
        """Running servers in no group and with no shared volume."""
        found = self._plain(before)
        self.assertGreaterEqual(len(found), count)
        return found[:count]

    def _plain(self, before: evacuations.Servers) -> tuple[str, ...]:
        return tuple(
            uuid
            for uuid, server in before.items()
            if server.vm_state == 'active'
            and server.group is None
            and not any(v.multiattach for v in server.volumes)
        )

    def _impatient(self) -> dict[str, str]:
        """An environment in which a request is given up early."""
        environ = self.environ()
        text = pathlib.Path(environ['OS_CLIENT_CONFIG_FILE']).read_text()
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'c.yaml')
        name = '  recovery-sandbox:\n'
        self.assertIn(name, text)
        path.write_text(text.replace(name, f'{name}    api_timeout: 8\n'))
        return {'OS_CLIENT_CONFIG_FILE': str(path)}

    def api(self, uuid: str, body: dict[str, Any]) -> None:
        """An action of a server that somebody else asks for."""
        self.cloud.api.compute.post(f'/servers/{uuid}/action', json=body)

    def _set_state(self, uuid: str, state: str) -> None:
        self.cloud.execute(
            'UPDATE instances SET vm_state = :state WHERE uuid = :uuid',
            state=state,
            uuid=uuid,
        )

    def _wait_for_lines(
        self, process: subprocess.Popen[str], text: str, count: int
    ) -> None:
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            count -= text in line
            if not count:
                return
        self.fail(f'the process ended without {text!r}: {"".join(told)}')

    def wait_for_evacuation(self, before: facts.Server) -> None:
        """Until an evacuation that somebody else began is over."""
        apis.wait(
            f'{before.name} to be evacuated',
            lambda: [s for s, _ in self.since(before)] == ['done'] or None,
        )

    def _wait_until_moved(self, servers: list[facts.Server]) -> None:
        apis.wait(
            'one of them to be claimed',
            lambda: any(map(self._claimed, servers)) or None,
        )

    def _claimed(self, before: facts.Server) -> str | None:
        """The host that works on it."""
        for status, target in self.since(before):
            if status in ('pre-migrating', 'done'):
                return target
        return None

    def _fill(self, host: str, leave: int) -> None:
        """Take all virtual CPUs of a host but some."""
        provider = self.cloud.host(host).provider
        assert provider is not None
        free = provider.free('VCPU') - leave
        while free > 0:
            taken = min(free, provider.max_unit['VCPU'])
            self._allocate(provider.uuid, taken)
            free -= taken

    def _allocate(self, provider: str, vcpus: int) -> None:
        consumer = str(uuids.uuid4())
        self.cloud.api.placement.put(
            f'/allocations/{consumer}',
            json={
                'allocations': {provider: {'resources': {'VCPU': vcpus}}},
                'project_id': str(uuids.uuid4()),
                'user_id': str(uuids.uuid4()),
                'consumer_generation': None,
            },
            microversion='1.36',
        )
        self._filled.append(consumer)

    def _empty(self) -> None:
        while self._filled:
            consumer = self._filled.pop()
            self.cloud.api.placement.delete(f'/allocations/{consumer}')

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

"""host return on the real services: what must never run twice, and is not."""

import configparser
import os
import pathlib
import sqlite3
import tempfile
from typing import Any

from osc_recovery.model import facts
from osc_recovery.sandbox import api as apis
from osc_recovery.tests.functional import returning


class QueueTestCase(returning.ReturnCase):
    """A call that was cast to the dead host."""

    def test_queued_start_is_thrown_away(self) -> None:
        """What the test below shows does not happen: the call never runs."""
        server = self._diskless()
        request = self._cast_start(server.uuid)
        self.fence(self.source)
        self.relocate(accept=('task-pending',))
        before = self.sandbox.waiting(self.source)
        self.assertIn('start_instance', before)
        self.assertIn('calls-waiting', self.dry_run())
        self.assertEqual(before, self.sandbox.waiting(self.source))
        said = self.start_when_told()
        self.assertIn('start_instance', said)
        self.assertIn(server.uuid, said)
        self.assert_in_service()
        self.assertEqual((), self.sandbox.waiting(self.source))
        self.assert_one_copy(server.uuid)
        self.assertEqual({}, self.sandbox.guests(self.source))
        self.assertEqual((), self._events(server.uuid, request))
        purged = self._journaled('return-purge')['purged']
        self.assertIn(
            'start_instance',
            [call['method'] for q in purged for call in q['calls']],
        )
        self._boot_there()

    def test_without_the_gate(self) -> None:
        """nova cleans up, and then carries out what waited for the source.

        The hypervisor refuses, because the port is bound elsewhere; libvirt
        would boot a second copy.
        """
        server = self._diskless()
        request = self._cast_start(server.uuid)
        self.fence(self.source)
        self.relocate(accept=('task-pending',))
        self.sandbox.start_host(self.source)
        apis.wait(
            'the queued start to be carried out',
            lambda: self._events(server.uuid, request) or None,
        )
        found = self.sandbox.violations()
        self.sandbox.clear_violations()
        self.assertEqual(
            [('port-not-bound', server.uuid, self.source)],
            [(v['kind'], v['server'], v['host']) for v in found],
        )
        self.recovery(
            *('host', 'return', self.source, '--yes'),
            *('--accept', 'compute-running'),
        )
        self.assert_in_service()

    def test_dry_run_changes_nothing(self) -> None:
        """Neither the queue nor a row nor the service."""
        server = self.a_server()
        self._cast_start(server.uuid)
        self.fence(self.source)
        self.insert_migration(server.uuid, 'evacuation', 'done')
        image = self._image(server.uuid)
        codes = self.dry_run(code=10)
        self.assertEqual(
            {'calls-waiting', 'evacuation-destroys', 'servers-still-there'},
            codes,
        )
        self.assertEqual(image, self._image(server.uuid))
        self.start_when_told('--accept', 'evacuation-destroys')

    def _diskless(self) -> facts.Server:
        """A running server without a volume.

        The sandbox's array refuses a start with another host's connector;
        nothing but the port tells where this one belongs.
        """
        return next(
            s
            for s in self.cloud.servers_on(self.source)
            if s.vm_state == 'active' and not s.volume_mappings
        )

    def _events(self, uuid: str, request: str) -> tuple[tuple[str, Any], ...]:
        """What became of a request on the host that carried it out."""
        result = self.cloud.cell().action_results(uuid, request)
        assert result is not None
        return tuple(
            (event, outcome)
            for event, outcome in result.events
            if outcome is not None
        )

    def _cast_start(self, uuid: str) -> str:
        """Stop a server, cut its host's power, ask to start it: the request.

        nova writes the action before it casts the request.
        """
        path = f'/servers/{uuid}/action'
        self.cloud.api.compute.post(path, json={'os-stop': None})
        self.cloud.wait_for_status(uuid, 'SHUTOFF')
        self.cloud.power_off(self.source)
        self.cloud.start_server(uuid)
        apis.wait(
            'the call to wait',
            lambda: self.sandbox.waiting(self.source) or None,
        )
        request, action = self.cloud.cell().action_request_ids(uuid)[-1]
        self.assertEqual('start', action)
        return request

    def _image(self, uuid: str) -> Any:
        return (
            self.sandbox.waiting(self.source),
            self.cloud.service(self.source)['forced_down'],
            self.cloud.service(self.source)['disabled_reason'],
            self.cloud.tombstones(self.source),
            self.read_server(uuid).task_state,
            self.cloud.host(self.source).fence,
        )

    def _journaled(self, kind: str) -> Any:
        environment = self.cloud.client().environment()
        records = environment.journal.steps(self.newest_run())
        return next(r.intent for r in records if r.kind == kind)

    def _boot_there(self) -> None:
        """A new server goes where it is told."""
        uuid = self.cloud.boot('after-return', self.source)
        self.cloud.wait_for_status(uuid, 'ACTIVE')
        self.assertEqual([self.source], self.cloud.running_on(uuid))
        self.cloud.delete_server(uuid)


class RefusalTestCase(returning.ReturnCase):
    """Every reason to refuse, and what lets the host return after it."""

    def test_refused_for_each_reason_and_then_allowed(self) -> None:
        server = self.a_server()
        disk = self.cloud.disk(server.uuid)
        self.fence(self.source)
        self._refused_without_a_broker()
        self._refused_while_migrating(server)
        self._refused_while_evacuating(server)
        row = self._refused_for_a_stale_evacuation(server)
        self._refused_while_running(server)
        said = self.start_when_told('--accept', 'evacuation-destroys')
        self.assertIn('evacuation-destroys', said)
        self.assertEqual('completed', self.status_of(server.uuid, row))
        self.assert_in_service()
        self.assertEqual([self.source], self.cloud.known_on(server.uuid))
        self.assertEqual(disk, self.cloud.disk(server.uuid))
        self.recovery('host', 'return', self.source, '--yes', code=12)

    def test_moved_behind_novas_back(self) -> None:
        """A server without a tombstone, whose copy nothing would destroy."""
        server = self.a_server()
        self.fence(self.source)
        self.relocate()
        for row in self.read_server(server.uuid).migrations:
            self.delete_migration(row.uuid or '')
        self.allocate_twice(server)
        codes = self.dry_run(code=10)
        self.assertIn('moved-without-tombstone', codes)
        self.recovery('host', 'return', self.source, '--yes', code=10)
        self.start_when_told('--accept', 'moved-without-tombstone')
        self.assert_in_service()
        self.assert_one_copy(server.uuid)
        allocation = self.read_server(server.uuid).allocation
        assert allocation is not None
        self.assertEqual(1, len(allocation.providers))

    def test_unknown_host(self) -> None:
        self.recovery('host', 'return', 'nosuch', '--yes', code=2)

    def _refused_without_a_broker(self) -> None:
        """The same cloud, but for the address of the cell's broker."""
        with tempfile.TemporaryDirectory() as directory:
            config = self._other_broker(pathlib.Path(directory))
            refused = self.recovery(
                *('host', 'return', self.source, '--yes'),
                code=10,
                env={'OSC_RECOVERY_CONFIG': str(config)},
            )
        self.assertIn('broker-unknown', refused.err)

    def _other_broker(self, directory: pathlib.Path) -> pathlib.Path:
        """A copy of nova_api in which a cell's broker is somewhere else."""
        config = configparser.ConfigParser(interpolation=None)
        config.read(os.fspath(self.sandbox.directory / 'recovery.conf'))
        nova = configparser.ConfigParser(interpolation=None, strict=False)
        nova.read(config['nova']['config_files'])
        url = nova['api_database']['connection']
        copy = directory / 'nova_api.db'
        path = url.removeprefix('sqlite:///').partition('?')[0]
        with (
            sqlite3.connect(path) as there,
            sqlite3.connect(copy) as here,
        ):
            there.backup(here)
            here.execute(
                "UPDATE cell_mappings SET transport_url = 'hub://localhost:1/'"
            )
        here.close()
        there.close()
        extra = directory / 'nova.conf'
        extra.write_text(f'[api_database]\nconnection = sqlite:///{copy}\n')
        config['nova']['config_files'] += f',{extra}'
        made = directory / 'recovery.conf'
        with made.open('w') as stream:
            config.write(stream)
        return made

    def _refused_while_migrating(self, server: facts.Server) -> None:
        row = self.insert_migration(server.uuid, 'live-migration', 'running')
        self.assertIn('migration-unfinished', self.dry_run(code=10))
        self.delete_migration(row)

    def _refused_while_evacuating(self, server: facts.Server) -> None:
        row = self.insert_migration(server.uuid, 'evacuation', 'accepted')
        self._set_task(server.uuid, 'rebuilding')
        self.assertIn('evacuation-in-flight', self.dry_run(code=10))
        self._set_task(server.uuid, None)
        self.delete_migration(row)

    def _refused_for_a_stale_evacuation(self, server: facts.Server) -> str:
        row = self.insert_migration(server.uuid, 'evacuation', 'done')
        self.assertIn('evacuation-destroys', self.dry_run(code=10))
        self.recovery('host', 'return', self.source, '--yes', code=10)
        return row

    def _refused_while_running(self, server: facts.Server) -> None:
        """Somebody started nova-compute too early (and lost nothing yet)."""
        self.cloud.execute(
            "UPDATE migrations SET status = 'failed' WHERE instance_uuid = "
            ':server',
            server=server.uuid,
        )
        self.sandbox.start_host(self.source)
        self.assertIn('compute-running', self.dry_run(code=10))
        self.cloud.power_off(self.source)
        self.cloud.execute(
            "UPDATE migrations SET status = 'done' WHERE instance_uuid = "
            ':server',
            server=server.uuid,
        )
        apis.wait(
            'the broker to notice',
            lambda: 'compute-running' not in self.dry_run(code=10) or None,
        )

    def _set_task(self, server: str, task: str | None) -> None:
        self.cloud.execute(
            'UPDATE instances SET task_state = :task WHERE uuid = :server',
            task=task,
            server=server,
        )

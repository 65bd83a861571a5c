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
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
from typing import Any
import uuid as uuids

from osc_recovery.execution import crash
from osc_recovery.model import facts
from osc_recovery.sandbox import api as apis
from osc_recovery.tests.functional import base

#: kinds of steps that a return consists of, in their order
RETURN_STEPS = (
    'return-rows',
    'return-purge',
    'return-await',
    'return-up',
    'return-enable',
    'return-verify',
    'return-release',
)
KILLED = -9
#: what the command says when it is the operator's turn
START = 'start nova-compute on'
WAIT = ('--wait', '240')


class ReturnCase(base.TestCase):
    """A host that dies and is repaired."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.cloud.busiest()
        self.target = self.cloud.others(self.source)[0]

    def start_when_told(self, *more: str) -> str:
        """Return the host and start nova-compute when told; its stderr."""
        process = self.started(
            'host', 'return', self.source, '--yes', *WAIT, *more
        )
        try:
            heard = self.wait_for_line(process, START)
            self.sandbox.start_host(self.source)
            _, rest = process.communicate(timeout=base.COMMAND_TIMEOUT)
        finally:
            process.kill()
        self.assertEqual(0, process.returncode, heard + rest)
        return heard + rest

    def wait_for_line(self, process: subprocess.Popen[str], text: str) -> str:
        assert process.stderr is not None
        heard = ''
        for line in process.stderr:
            heard += line
            if text in line:
                return heard
        self.fail(f'the process ended without {text!r}: {heard}')

    def dry_run(self, *more: str, code: int = 0) -> set[str]:
        """The codes of the findings of a plan, and how it ended."""
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / 'plan.json'
            self.recovery(
                *('host', 'return', self.source, '--dry-run'),
                *('--save', str(path), *more),
                code=code,
            )
            plan = json.loads(path.read_text())
        return {finding['code'] for finding in plan['findings']}

    def insert_migration(
        self, server: str, kind: str, status: str, dest: str | None = None
    ) -> str:
        """A row of migrations from the source; its uuid."""
        made = str(uuids.uuid4())
        self.cloud.execute(
            'INSERT INTO migrations (created_at, updated_at, deleted, uuid, '
            'instance_uuid, source_compute, source_node, dest_compute, '
            'dest_node, status, migration_type, hidden, cross_cell_move) '
            'VALUES (CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 0, :uuid, '
            ':server, :source, :source, :dest, :dest, :status, :kind, 0, 0)',
            uuid=made,
            server=server,
            source=self.source,
            dest=dest or self.target,
            status=status,
            kind=kind,
        )
        return made

    def delete_migration(self, uuid: str) -> None:
        self.cloud.execute('DELETE FROM migrations WHERE uuid = :u', u=uuid)

    def status_of(self, server: str, uuid: str) -> str:
        found = self.read_server(server).migrations
        return next(m.status for m in found if m.uuid == uuid)

    def a_server(self) -> facts.Server:
        """A running server with a volume, on the source."""
        return next(
            s
            for s in self.cloud.servers_on(self.source)
            if s.vm_state == 'active' and s.volume_mappings
        )

    def relocate(self, *servers: str, accept: tuple[str, ...] = ()) -> None:
        chosen = [word for s in servers for word in ('--server', s)]
        chosen += [word for a in accept for word in ('--accept', a)]
        for target in self.cloud.others(self.source):
            chosen += ['--target', target]
        self.recovery('host', 'relocate', self.source, '--yes', *chosen)

    def assert_in_service(self) -> None:
        """Up, enabled, unfenced, and nova's scheduler uses it."""
        service = self.cloud.service(self.source)
        self.assertEqual(
            ('up', 'enabled', False),
            (service['state'], service['status'], service['forced_down']),
        )
        shown = self.recovery('host', 'show', self.source, '-f', 'json').json()
        self.assertEqual({}, shown['fence'])
        provider = self.cloud.host(self.source).provider
        assert provider is not None
        self.assertNotIn('COMPUTE_STATUS_DISABLED', provider.traits)
        self.assertEqual([], self.cloud.tombstones(self.source))

    def assert_one_copy(self, uuid: str) -> None:
        """Nowhere but where it lives, and that is not the source.

        A stopped server has no guest until it is started.
        """
        host = self.read_server(uuid).host
        self.assertNotEqual(self.source, host)
        self.assertLessEqual(set(self.cloud.known_on(uuid)), {host})

    def shown(self) -> Any:
        """The newest run."""
        return self.recovery(
            'run', 'show', self.newest_run(), '-f', 'json'
        ).json()


class QueueTestCase(ReturnCase):
    """A call that was cast to the dead host."""

    def test_queued_start_is_thrown_away(self) -> None:
        """Without the purge the source would boot a second copy."""
        server = self.a_server()
        self._cast_start(server.uuid)
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
        purged = self._journaled('return-purge')['purged']
        self.assertIn(
            'start_instance',
            [call['method'] for q in purged for call in q['calls']],
        )
        self._boot_there()

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

    def _cast_start(self, uuid: str) -> None:
        """Stop a server, cut its host's power, and ask to start it."""
        path = f'/servers/{uuid}/action'
        self.cloud.api.compute.post(path, json={'os-stop': None})
        self.cloud.wait_for_status(uuid, 'SHUTOFF')
        self.cloud.power_off(self.source)
        self.cloud.start_server(uuid)
        apis.wait(
            'the call to wait',
            lambda: self.sandbox.waiting(self.source) or None,
        )

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


class RefusalTestCase(ReturnCase):
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
        self._allocate_twice(server)
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

    def _allocate_twice(self, server: facts.Server) -> None:
        """As a move leaves it that nobody cleaned up after."""
        placement = self.cloud.client().environment().clouds.placement
        now = placement.allocation(server.uuid)
        (resources,) = now.providers.values()
        provider = self.cloud.host(self.source).provider
        assert provider is not None
        now.providers[provider.uuid] = resources
        placement.put_allocation(now)


class ResumeTestCase(ReturnCase):
    """A return that is interrupted, killed and gone on with."""

    def test_killed_at_every_boundary(self) -> None:
        server = self.a_server()
        self.fence(self.source)
        row = self.insert_migration(server.uuid, 'evacuation', 'done')
        first, *others = [
            f'*:{kind}:{point}'
            for kind in RETURN_STEPS
            for point in (crash.BEFORE_ACT, crash.AFTER_ACT)
        ]
        self.recovery(
            *('host', 'return', self.source, '--yes', *WAIT),
            *('--accept', 'evacuation-destroys'),
            env={crash.VARIABLE: first},
            code=KILLED,
        )
        run = self.newest_run()
        for boundary in others:
            if boundary == f'*:return-await:{crash.AFTER_ACT}':
                self.sandbox.start_host(self.source)
            self.recovery(
                *('run', 'resume', run),
                env={crash.VARIABLE: boundary},
                code=KILLED,
            )
        self.recovery('run', 'resume', run)
        self.assertEqual('done', self.shown()['state'])
        self.assertEqual('completed', self.status_of(server.uuid, row))
        self.assert_in_service()
        self.assertEqual([self.source], self.cloud.known_on(server.uuid))

    def test_undone_before_the_purge(self) -> None:
        """The rows that were retired come back."""
        server = self.a_server()
        self.fence(self.source)
        row = self.insert_migration(server.uuid, 'evacuation', 'done')
        self.recovery(
            *('host', 'return', self.source, '--yes', *WAIT),
            *('--accept', 'evacuation-destroys'),
            env={crash.VARIABLE: f'*:return-rows:{crash.AFTER_ACT}'},
            code=KILLED,
        )
        self.assertEqual('completed', self.status_of(server.uuid, row))
        self.recovery('run', 'revert', self.newest_run(), '--yes')
        self.assertEqual('done', self.status_of(server.uuid, row))
        self.start_when_told('--accept', 'evacuation-destroys')

    def test_interrupted_while_it_waits(self) -> None:
        """Ctrl-C ends with 15, so does a wait that is over; others get 14."""
        self.fence(self.source)
        process = self.started('host', 'return', self.source, '--yes', *WAIT)
        try:
            heard = self.wait_for_line(process, START)
            process.send_signal(signal.SIGINT)
            _, rest = process.communicate(timeout=base.COMMAND_TIMEOUT)
        finally:
            process.kill()
        self.assertEqual(15, process.returncode, heard + rest)
        run = self.newest_run()
        self.assertIn(f'openstack recovery run resume {run}', rest)
        self.recovery('host', 'return', self.source, '--yes', code=14)
        self.assertIn('run-holds-host', self.dry_run(code=10))
        self.sandbox.start_host(self.source)
        self.recovery('run', 'resume', run)
        self.assert_in_service()

    def test_nobody_starts_it(self) -> None:
        """--wait 0 purges, says what to do, and pauses."""
        self.fence(self.source)
        paused = self.recovery(
            *('host', 'return', self.source, '--yes', '--wait', '0'),
            '--keep-disabled',
            code=15,
        )
        self.assertIn(START, paused.err)
        self.sandbox.start_host(self.source)
        self.recovery('run', 'resume', self.newest_run())
        service = self.cloud.service(self.source)
        self.assertEqual('disabled', service['status'])
        self.assertEqual('up', service['state'])

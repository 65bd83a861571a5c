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

"""MariaDB, RabbitMQ and two cells: what SQLite says nothing about.

The same services on the servers that production stands on.  The URLs are
those of users who may make databases, virtual hosts and users.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any, ClassVar
import unittest

import fixtures
import sqlalchemy
import testtools

from osc_recovery import exceptions
from osc_recovery.execution import crash
from osc_recovery.model import facts
from osc_recovery.planning.checks import exactness
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import backends
from osc_recovery.sandbox import controller
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import mariadb
from osc_recovery.sandbox import rabbit_admin
from osc_recovery.sandbox import state as states
from osc_recovery.tests.functional import base
from osc_recovery.tests.functional import contention

DATABASE = 'OSC_RECOVERY_TEST_DATABASE_URL'
TRANSPORT = 'OSC_RECOVERY_TEST_TRANSPORT_URL'
NAMED = 'OSC_RECOVERY_TEST_SANDBOX'

KILLED = -9
#: seconds that a statement of ours waits for a lock in these tests
LOCK_TIMEOUT = 4


def servers() -> backends.Backends:
    """The servers that the environment names; raises SkipTest."""
    missing = [v for v in (DATABASE, TRANSPORT) if not os.environ.get(v)]
    if missing:
        raise unittest.SkipTest(
            f'{" and ".join(missing)} not set: no server for the tests'
        )
    return backends.Backends(os.environ[DATABASE], os.environ[TRANSPORT])


class ServersCloud:
    """The one sandbox of these tests, made when it is first wanted."""

    _sandbox: controller.Sandbox | None = None

    @classmethod
    def get(cls) -> controller.Sandbox:
        """The sandbox; OSC_RECOVERY_TEST_SANDBOX may name one that fits."""
        if cls._sandbox is None:
            cls._sandbox = cls._named() or cls._make()
        return cls._sandbox

    @staticmethod
    def _named() -> controller.Sandbox | None:
        named = os.environ.get(NAMED)
        if not named:
            return None
        state = states.State.read(layouts.Layout(pathlib.Path(named)).state)
        if state is None or not state.backends.database:
            return None
        return controller.Sandbox.load(named)

    @staticmethod
    def _make() -> controller.Sandbox:
        return controller.Sandbox.create(
            pathlib.Path(tempfile.mkdtemp(prefix='recovery-servers-')),
            hosts=4,
            cells=2,
            backends=servers(),
        )

    @classmethod
    def drop(cls) -> None:
        """Delete what was made."""
        sandbox, cls._sandbox = cls._sandbox, None
        if sandbox is not None and str(sandbox.directory) != os.environ.get(
            NAMED
        ):
            controller.Sandbox.delete(sandbox.directory)


class ServersTestCase(base.TestCase):
    """Hosts host1, host2 and host3 in one cell, host4 in another."""

    admin: ClassVar[mariadb.Server]

    @classmethod
    def setUpClass(cls) -> None:
        """Make the sandbox."""
        super().setUpClass()
        sandbox = ServersCloud.get()
        cls.addClassCleanup(ServersCloud.drop)
        state = states.State.read(layouts.Layout(sandbox.directory).state)
        assert state is not None
        cls.admin = mariadb.Server(state.backends.database)

    def find_sandbox(self) -> controller.Sandbox:
        """Not the one that all other tests share."""
        return ServersCloud.get()

    def setUp(self) -> None:
        super().setUp()
        first = [h for h in self.sandbox.hosts if h != 'host4']
        counts = {host: len(self.sandbox.guests(host)) for host in first}
        self.source = max(first, key=lambda host: counts[host])
        self.targets = [host for host in first if host != self.source]

    def test_mixed_servers(self) -> None:
        """A host dies, all its servers move, it returns."""
        before = {s.uuid: s for s in self.cloud.servers_on(self.source)}
        disks = {uuid: self.cloud.disk(uuid) for uuid in before}
        self.fence(self.source)
        self._relocate(before, *self.targets)
        self._assert_moved(before)
        # What waits in the queue of a dead host waits in RabbitMQ.
        self.assertEqual((), self.sandbox.waiting(self.source))
        self.cloud.come_back(self.source)
        left = set(self.sandbox.guests(self.source)) & set(before)
        self.assertEqual(set(), left)
        self.assertEqual([], self.cloud.tombstones(self.source))
        self._assert_moved(before)
        after = {uuid: self.cloud.disk(uuid) for uuid in before}
        self.assertEqual(disks, after)

    def test_locks_deadlock_and_a_broken_connection(self) -> None:
        """Each stops or delays one server; nobody else notices."""
        target = self.targets[0]
        held, waits, dead, cut, free, *_ = self._running()
        chosen = {s.uuid: s for s in (held, waits, dead, cut, free)}
        self.fence(self.source)
        self._make_scratch()
        rows = {
            server.uuid: self._locked(server, target)
            for server in (held, waits, dead, cut)
        }
        rows[dead.uuid].gain_weight()
        before = self.read_server(held.uuid)
        process = self._started(chosen, target)
        self.addCleanup(process.kill)
        rows[waits.uuid].wait()
        rows[waits.uuid].release()
        rows[dead.uuid].wait()
        rows[dead.uuid].deadlock()
        rows[dead.uuid].release()
        first = rows[cut.uuid].wait()
        rows[cut.uuid].kill(first)
        # It tries again, with a connection of its own.
        rows[cut.uuid].wait(former=first)
        rows[cut.uuid].release()
        _, err = process.communicate(timeout=base.COMMAND_TIMEOUT)
        rows[held.uuid].release()
        self.assertEqual(11, process.returncode, err)
        self.assertIn('Lock wait timeout exceeded', err)
        now = self.read_server(held.uuid)
        self.assertEqual(exactness.published(before), exactness.published(now))
        del chosen[held.uuid]
        self._assert_moved(chosen)

    def test_resume(self) -> None:
        """Killed before and after the point of no return, started once."""
        early, late, *_ = self._running()
        servers = {s.uuid: s for s in (early, late)}
        starts = {uuid: self.cloud.starts(uuid) for uuid in servers}
        self.fence(self.source)
        boundary = f'{early.uuid}:move:{crash.AFTER_ACT}'
        self._relocate(
            servers,
            self.targets[0],
            code=KILLED,
            env={crash.VARIABLE: boundary},
        )
        run = self.newest_run()
        boundary = f'{late.uuid}:activate:{crash.AFTER_ACT}'
        self.recovery(
            *('run', 'resume', run),
            env={crash.VARIABLE: boundary},
            code=KILLED,
        )
        self.recovery('run', 'resume', run)
        self._assert_moved(servers)
        for uuid in servers:
            self.assertEqual(starts[uuid] + 1, self.cloud.starts(uuid))

    def test_what_waits_for_a_dead_host(self) -> None:
        """It is seen, goes on waiting, and is purged."""
        server = self._running()[0].uuid
        self.cloud.power_off(self.source)
        self.cloud.api.compute.post(
            f'/servers/{server}/action', json={'reboot': {'type': 'HARD'}}
        )
        waiting = ('reboot_instance',)
        self._await_waiting(waiting)
        self.assertEqual(waiting, self.sandbox.waiting(self.source))
        self.assertEqual(
            waiting, self.sandbox.waiting(self.source, purge=True)
        )
        self._await_waiting(())
        self.cloud.reset_state(server, 'active')

    def test_cells(self) -> None:
        """Both are listed; no server moves from one to the other."""
        listed = self.recovery('host', 'list', '-f', 'json').json()
        self.assertEqual(
            {
                'host1': 'cell1',
                'host2': 'cell1',
                'host3': 'cell1',
                'host4': 'cell2',
            },
            {row['Host']: row['Cell'] for row in listed},
        )
        self.assertEqual(
            {'host1', 'host2', 'host3', 'host4'} & self._hosts_with_servers(),
            self._listed(),
        )
        self.assertIn('host4', self._listed())
        plan = (*self._command({}, 'host4'), '--dry-run')
        refused = self.recovery(*plan, code=10)
        self.assertIn('target-other-cell', refused.err)

    def test_a_cell_is_away(self) -> None:
        """The other one is shown, with a warning, and can be worked on."""
        self._dead_port('cell2')
        listed = self.recovery('host', 'list', '-f', 'json')
        self.assertIn('cell cell2 at 127.0.0.1:9 cannot be', listed.err)
        self.assertEqual({'cell1'}, {row['Cell'] for row in listed.json()})
        self.assertNotIn('host4', self._listed())
        self.recovery('host', 'show', self.source)
        refused = self.recovery('host', 'show', 'host4', code=1)
        self.assertIn('cell cell2', refused.err)
        server = self._running()[0]
        self.recovery('server', 'show', server.uuid)
        self.fence(self.source)
        self._relocate([server.uuid], self.targets[0])
        self._assert_moved({server.uuid: server})

    def _relocate(
        self,
        servers: Any,
        *targets: str,
        code: int = 0,
        env: dict[str, str] | None = None,
    ) -> base.Output:
        return self.recovery(
            *self._command(servers, *targets), code=code, env=env
        )

    def _command(self, servers: Any, *targets: str) -> list[str]:
        chosen = [word for t in targets for word in ('--target', t)]
        chosen += [word for s in servers for word in ('--server', s)]
        return ['host', 'relocate', self.source, '--yes', *chosen]

    def _started(self, servers: Any, target: str) -> 'subprocess.Popen[str]':
        """A relocation that does not wait for locks as long as usual."""
        command = self._command(servers, target)
        return self.started(
            *command,
            *('--concurrency', str(len(servers))),
            env={'OSC_RECOVERY_CONFIG': self._impatient()},
        )

    def _impatient(self) -> str:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        layout = layouts.Layout(self.sandbox.directory)
        nova = directory / 'nova.conf'
        nova.write_text(
            '[database]\nconnection_parameters = init_command=SET SESSION '
            f'innodb_lock_wait_timeout%3D{LOCK_TIMEOUT}\n'
        )
        text = layout.recovery_conf.read_text()
        files = layout.etc / 'nova.conf'
        path = directory / 'recovery.conf'
        path.write_text(text.replace(str(files), f'{files},{nova}'))
        return str(path)

    def _locked(self, server: facts.Server, target: str) -> contention.Row:
        row = contention.Row(self.cloud, server, target, self.admin)
        self.addCleanup(
            self.cloud.execute,
            "UPDATE migrations SET status = 'completed' "
            "WHERE status = 'accepted' AND instance_uuid = :server",
            server=server.uuid,
        )
        self.addCleanup(row.release)
        return row

    def _make_scratch(self) -> None:
        self.cloud.execute(f'CREATE TABLE {contention.SCRATCH} (n INT)')
        self.addCleanup(self.cloud.execute, f'DROP TABLE {contention.SCRATCH}')

    def _dead_port(self, cell: str) -> None:
        """Say that a cell's database is where nobody listens."""
        api = self.cloud.client().environment().api_db.database
        cells = contention.Urls(api)
        self.addCleanup(cells.restore)
        cells.replace(cell, ':3306/', ':9/')

    def _running(self) -> list[facts.Server]:
        return [
            s
            for s in self.cloud.servers_on(self.source)
            if s.vm_state == 'active' and not s.group
        ]

    def _assert_moved(self, before: dict[str, facts.Server]) -> None:
        """Every server is as it was, whole, on one of the targets."""
        for uuid, server in before.items():
            host = self.read_server(uuid).host or ''
            self.assertIn(host, self.targets)
            self.assert_whole(
                server, host, running=server.vm_state == 'active'
            )

    def _await_waiting(self, expected: tuple[str, ...]) -> None:
        apis.wait(
            f'{expected} to wait for {self.source}',
            lambda: self.sandbox.waiting(self.source) == expected or None,
            60,
        )

    def _listed(self) -> set[str]:
        """The hosts of the servers that are listed."""
        listed = self.recovery('server', 'list', '--all', '-f', 'json')
        return {row['Host'] for row in listed.json()}

    def _hosts_with_servers(self) -> set[str]:
        return {h for h in self.sandbox.hosts if self.sandbox.guests(h)}


class DeletionTestCase(testtools.TestCase):
    """Nothing is left on the servers, however the creation ended."""

    def test_killed_creation(self) -> None:
        named = servers()
        directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'sandbox'
        )
        self.addCleanup(self._delete, directory)
        code = (
            'import sys; from osc_recovery.sandbox import controller; '
            'controller.Sandbox.create(sys.argv[1], hosts=2, cells=2)'
        )
        variables = {
            **os.environ,
            backends.DATABASE_VARIABLE: named.database,
            backends.TRANSPORT_VARIABLE: named.transport,
        }
        with subprocess.Popen(
            [sys.executable, '-c', code, str(directory)], env=variables
        ) as child:
            pid_file = directory / 'run' / 'keystone.pid'
            apis.wait('the services', lambda: pid_file.exists() or None)
            child.kill()
        state = states.State.read(directory / 'sandbox.json')
        assert state is not None
        server = mariadb.Server(named.database)
        admin = rabbit_admin.find(sqlalchemy.make_url(named.transport))
        account = state.account
        self.assertIn(f'{account.name}_nova_cell2', server.databases(account))
        self.assertEqual(2, len(admin.hosts(account)))
        controller.Sandbox.delete(directory)
        self.assertEqual([], server.databases(account))
        self.assertEqual([], admin.hosts(account))
        self.assertFalse(directory.exists())

    def _delete(self, directory: pathlib.Path) -> None:
        with contextlib.suppress(exceptions.NothingToDo):
            controller.Sandbox.delete(directory)

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

"""A host that dies, is repaired and returns, for tests."""

import json
import pathlib
import subprocess
import tempfile
from typing import Any
import uuid as uuids

from osc_recovery.model import facts
from osc_recovery.tests.functional import base

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

    def allocate_twice(self, server: facts.Server) -> None:
        """As a move leaves it that nobody cleaned up after."""
        placement = self.cloud.client().environment().clouds.placement
        now = placement.allocation(server.uuid)
        (resources,) = now.providers.values()
        provider = self.cloud.host(self.source).provider
        assert provider is not None
        now.providers[provider.uuid] = resources
        placement.put_allocation(now)

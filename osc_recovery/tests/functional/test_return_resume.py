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

"""host return: interrupted, killed and gone on with, and given up."""

import signal

import sqlalchemy as sa

from osc_recovery.execution import crash
from osc_recovery.sandbox import schedulable
from osc_recovery.sandbox.services import records
from osc_recovery.tests.functional import base
from osc_recovery.tests.functional import returning

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
#: those that only the end of a host has
REMOVAL_STEPS = (
    'remove-allocations',
    'remove-service',
    'remove-agents',
    'remove-verify',
)
KILLED = -9


class ResumeTestCase(returning.ReturnCase):
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
            *('host', 'return', self.source, '--yes', *returning.WAIT),
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
            *('host', 'return', self.source, '--yes', *returning.WAIT),
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
        process = self.started(
            'host', 'return', self.source, '--yes', *returning.WAIT
        )
        try:
            heard = self.wait_for_line(process, returning.START)
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
        self.assertIn(returning.START, paused.err)
        self.sandbox.start_host(self.source)
        self.recovery('run', 'resume', self.newest_run())
        service = self.cloud.service(self.source)
        self.assertEqual('disabled', service['status'])
        self.assertEqual('up', service['state'])


class RemovalTestCase(returning.ReturnCase):
    """A host that never returns."""

    def test_killed_at_every_boundary(self) -> None:
        server = self.a_server()
        self.fence(self.source)
        self.assertIn('host-not-empty', self.dry_run('--never', code=10))
        self.relocate()
        self.allocate_twice(server)
        provider = self.cloud.host(self.source).provider
        assert provider is not None
        self.addCleanup(self._build_anew)
        first, *others = [
            f'*:{kind}:{point}'
            for kind in REMOVAL_STEPS
            for point in (crash.BEFORE_ACT, crash.AFTER_ACT)
        ]
        self.recovery(
            *('host', 'return', self.source, '--never', '--yes'),
            env={crash.VARIABLE: first},
            code=KILLED,
        )
        run = self.newest_run()
        for boundary in others:
            self.recovery(
                *('run', 'resume', run),
                env={crash.VARIABLE: boundary},
                code=KILLED,
            )
        self.recovery('run', 'resume', run)
        self._assert_gone(provider.uuid)
        self.assert_one_copy_is_whole(server.uuid)

    def assert_one_copy_is_whole(self, uuid: str) -> None:
        now = self.read_server(uuid)
        assert now.allocation is not None
        self.assertEqual(1, len(now.allocation.providers))
        self.assertEqual([now.host], self.cloud.running_on(uuid))

    def _assert_gone(self, provider: str) -> None:
        """In nova, placement, neutron and the journal."""
        self.recovery('host', 'show', self.source, code=2)
        clouds = self.cloud.client().environment().clouds
        hosts = {service['host'] for service in clouds.compute.services()}
        self.assertNotIn(self.source, hosts)
        self.assertIsNone(clouds.placement.provider(uuid=provider))
        self.assertEqual({}, clouds.network.agent_ids(self.source))
        self.assertEqual([], self.cloud.tombstones(self.source))

    def _build_anew(self) -> None:
        """A new machine of that name, as an operator would add it."""
        records.write_guests(
            self.sandbox.directory / 'hosts' / self.source, {}
        )
        api = self.cloud.client().environment().api_db.database
        with api.writing() as connection:
            connection.execute(
                sa.text(
                    'INSERT INTO host_mappings (created_at, cell_id, host) '
                    'SELECT CURRENT_TIMESTAMP, id, :host FROM cell_mappings '
                    'WHERE uuid = :cell'
                ),
                {
                    'host': self.source,
                    'cell': self.cloud.cell().cell.uuid,
                },
            )
        self.sandbox.start_host(self.source)
        schedulable.wait_for(self.cloud.api, self.source)

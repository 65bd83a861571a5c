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

"""Services that are away, servers that change, configuration that is wrong."""

import pathlib

import fixtures

from osc_recovery.execution import crash
from osc_recovery.model import facts
from osc_recovery.planning.checks import exactness
from osc_recovery.tests.functional import base

#: how a shell reports a process that was killed
KILLED = -9
LIST = ('recovery', 'host', 'list')


class FailureTestCase(base.TestCase):
    """A relocation that meets trouble."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.cloud.busiest()
        self.target = self.cloud.others(self.source)[0]

    def test_changed_since_plan(self) -> None:
        """A server that changed is left out, the others go on."""
        changed, other = self._two()
        before = {s.uuid: s for s in self.cloud.servers_on(self.source)}
        self.fence(self.source)
        plan = str(pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'p'))
        chosen = [w for u in (changed, other) for w in ('--server', u)]
        self._relocate(*chosen, '--dry-run', '--save', plan)
        self.recovery('plan', 'show', plan)
        shown = self.recovery('plan', 'show', plan, '--commands')
        self.assertIn('UPDATE instances', shown.out)
        self.cloud.reset_state(changed, 'error')
        done = self.recovery(
            'plan', 'apply', plan, '--yes', '-f', 'json', code=11
        ).json()
        messages = {row['Server']: row['Message'] for row in done}
        self.assertIn('changed-since-plan', messages[changed])
        self.assertEqual(self.source, self.read_server(changed).host)
        self.assert_whole(before[other], self.target, running=True)
        self.cloud.reset_state(changed, 'active')

    def test_changed_frame(self) -> None:
        """A source that came back since: refused, nothing changed."""
        uuid, _ = self._two()
        self.fence(self.source)
        plan = str(pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'p'))
        self._relocate('--server', uuid, '--dry-run', '--save', plan)
        self.cloud.come_back(self.source)
        self.recovery('plan', 'apply', plan, '--yes', code=13)
        self.assertEqual(self.source, self.read_server(uuid).host)

    def test_alive_host_is_refused(self) -> None:
        """Whatever is stated: a host that reports is not dead."""
        refused = self.recovery(
            'host',
            'fence',
            self.source,
            '--statement',
            'it is dead',
            '--yes',
            code=10,
        )
        self.assertIn('host-alive', refused.err)
        self.assertFalse(self.cloud.service(self.source)['forced_down'])

    def test_guests_run_on_without_their_service(self) -> None:
        """nova-compute dead, the host alive: its agent still reports."""
        self.sandbox.stop_host(self.source, service_only=True)
        refused = self.recovery(
            'host',
            'fence',
            self.source,
            '--statement',
            'it is dead',
            '--yes',
            code=10,
        )
        self.assertIn('neutron', refused.err)
        self.assertTrue(self.sandbox.guests(self.source))

    def test_resume_needs_a_dead_host(self) -> None:
        """The host returned meanwhile: nothing more is moved from it."""
        first, second = self._two()
        self.fence(self.source)
        killed = {crash.VARIABLE: f'*:allocate:{crash.BEFORE_ACT}'}
        chosen = [w for u in (first, second) for w in ('--server', u)]
        self._relocate(*chosen, '--yes', code=KILLED, env=killed)
        run = self.newest_run()
        self.cloud.come_back(self.source)
        refused = self.recovery('run', 'resume', run, code=10)
        self.assertIn('host-alive', refused.err)
        self.recovery('run', 'revert', run, '--yes', code=None)
        for uuid in (first, second):
            self.assertEqual(self.source, self.read_server(uuid).host)
            self.assertFalse(self.read_server(uuid).locked)

    def test_relocate_needs_a_fence(self) -> None:
        """Refused, with the command that is missing."""
        self.cloud.power_off(self.source)
        refused = self._relocate('--yes', code=10)
        self.assertIn(
            f'openstack recovery host fence {self.source} --statement',
            refused.err,
        )

    def test_no_terminal_and_no_yes(self) -> None:
        """Nobody to ask: refused, nothing changed."""
        self.fence(self.source)
        uuid, _ = self._two()
        self._relocate('--server', uuid, code=2, stdin='')
        self.assertEqual(self.source, self.read_server(uuid).host)

    def test_cinder_is_away_in_the_middle(self) -> None:
        """Servers with volumes are undone or marked, the others go on."""
        with_volume, plain = self._kinds()
        before = {s.uuid: s for s in self.cloud.servers_on(self.source)}
        self.fence(self.source)
        chosen = [w for u in (with_volume, plain) for w in ('--server', u)]
        killed = {crash.VARIABLE: f'{with_volume}:attach:{crash.BEFORE_ACT}'}
        self._relocate(*chosen, '--yes', code=KILLED, env=killed)
        run = self.newest_run()
        self.sandbox.stop_service('cinder')
        try:
            self.recovery('run', 'resume', run, code=None)
        finally:
            self.sandbox.start_service('cinder')
        self.assert_whole(before[plain], self.target, running=True)
        self.recovery('run', 'revert', run, '--yes', code=None)
        self.assertEqual(
            exactness.published(before[with_volume]),
            exactness.published(self.read_server(with_volume)),
        )

    def test_placement_is_away(self) -> None:
        """Planning says which service is missing, and blocks."""
        self.fence(self.source)
        uuid, _ = self._two()
        self.sandbox.stop_service('placement')
        try:
            refused = self._relocate('--server', uuid, '--yes', code=10)
        finally:
            self.sandbox.start_service('placement')
        self.assertIn('placement', refused.err)
        self.assertEqual(self.source, self.read_server(uuid).host)

    def test_keystone_is_away(self) -> None:
        """What the databases and the journal know can still be read."""
        self.sandbox.stop_service('keystone')
        try:
            listed = self.recovery('server', 'list', '--all', '-f', 'json')
            self.assertTrue(listed.json())
            self.recovery('host', 'list')
            self.recovery('run', 'list')
        finally:
            self.sandbox.start_service('keystone')

    def _relocate(
        self,
        *more: str,
        code: int | None = 0,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
    ) -> base.Output:
        return self.recovery(
            'host',
            'relocate',
            self.source,
            '--target',
            self.target,
            *more,
            code=code,
            env=env,
            stdin=stdin,
        )

    def _running(self) -> list[facts.Server]:
        return [
            s
            for s in self.cloud.servers_on(self.source)
            if s.vm_state == 'active'
        ]

    def _two(self) -> tuple[str, str]:
        """Two running servers of the source."""
        first, second, *_ = self._running()
        return first.uuid, second.uuid

    def _kinds(self) -> tuple[str, str]:
        """A running server with a volume of its own, and one without."""
        running = self._running()
        alone = next(
            s
            for s in running
            if s.volume_mappings
            and not s.volume_backed
            and not any(v.multiattach for v in s.volumes)
        )
        plain = next(s for s in running if not s.volume_mappings)
        return alone.uuid, plain.uuid


class ConfigurationTestCase(base.TestCase):
    """Wrong configuration: one clear line, no traceback, no password."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def test_missing_file(self) -> None:
        """The file that was named is not there."""
        self._refused('--recovery-config', str(self.directory / 'none.conf'))

    def test_malformed_file(self) -> None:
        """Not the language of oslo.config."""
        self._refused('--recovery-config', self._file('what is this'))

    def test_wrong_value(self) -> None:
        """An option that needs a number."""
        path = self._file('[engine]\nconcurrency = many\n')
        self._refused('--recovery-config', path)

    def test_nova_conf_is_missing(self) -> None:
        """Our file names a nova.conf that is not there."""
        path = self._file('[nova]\nconfig_files = /nowhere/nova.conf\n')
        self._refused('--recovery-config', path)

    def test_database_is_away(self) -> None:
        """The password in its URL does not appear anywhere."""
        nova = self._file(
            '[api_database]\n'
            'connection = mysql+pymysql://nova:Sw0rdfish@127.0.0.1:9/api\n'
            '[database]\n'
            'connection = mysql+pymysql://nova:Sw0rdfish@127.0.0.1:9/cell\n',
            'nova.conf',
        )
        ours = self._file(f'[nova]\nconfig_files = {nova}\n')
        for more in ((), ('--debug',)):
            ended = self.openstack(
                '--recovery-config', ours, *more, *LIST, code=1
            )
            self.assertNotIn('Sw0rdfish', ended.out + ended.err)
            self.assertIn('127.0.0.1:9', ended.err)

    def _file(self, text: str, name: str = 'recovery.conf') -> str:
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def _refused(self, *options: str) -> None:
        ended = self.openstack(*options, *LIST, code=2)
        self.assertEqual('', ended.out)
        self.assertEqual(1, len(ended.err.strip().splitlines()), ended.err)

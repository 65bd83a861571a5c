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


"""Tests of our own configuration."""

import os
import subprocess
import sys
from unittest import mock

import fixtures
from oslo_config import cfg

from osc_recovery import conf
from osc_recovery.conf import opts
from osc_recovery.tests.unit.conf import base


class WhereTest(base.ConfTestCase):
    """Which file is read."""

    def concurrency(self, path: str | None = None) -> int:
        value: int = conf.load(path).engine.concurrency
        return value

    def test_no_file(self) -> None:
        with mock.patch.object(conf, 'SYSTEM_FILE', '/nonexistent'):
            self.assertEqual(8, self.concurrency())

    def test_precedence(self) -> None:
        text = '[engine]\nconcurrency = {}\n'
        system = self.write('system.conf', text.format(2))
        with mock.patch.object(conf, 'SYSTEM_FILE', system):
            self.assertEqual(2, self.concurrency())
            self.write('.config/osc-recovery/recovery.conf', text.format(3))
            self.assertEqual(3, self.concurrency())
            named = self.write('env.conf', text.format(4))
            self.useFixture(
                fixtures.EnvironmentVariable('OSC_RECOVERY_CONFIG', named)
            )
            self.assertEqual(4, self.concurrency())
            argument = self.write('argument.conf', text.format(5))
            self.assertEqual(5, self.concurrency(argument))
            self.write('argument.conf', text.format(6))
            self.assertEqual(6, self.concurrency('~/argument.conf'))

    def test_without_xdg_variables(self) -> None:
        for name in ('XDG_CONFIG_HOME', 'XDG_STATE_HOME'):
            self.useFixture(fixtures.EnvironmentVariable(name))
        self.write(
            '.config/osc-recovery/recovery.conf', '[engine]\nconcurrency=3\n'
        )
        self.assertEqual(3, self.concurrency())
        self.assertEqual(
            f'sqlite:///{self.home}/.local/state/osc-recovery/journal.db',
            conf.load().journal.connection,
        )

    def test_the_global_conf_is_left_alone(self) -> None:
        former = set(cfg.CONF)
        conf.load()
        self.assertEqual(former, set(cfg.CONF))

    def test_the_environment_gives_no_values(self) -> None:
        self.useFixture(
            fixtures.EnvironmentVariable('OS_ENGINE__CONCURRENCY', '99')
        )
        self.assertEqual(8, self.concurrency())


class ValuesTest(base.ConfTestCase):
    """Defaults and values."""

    def test_defaults(self) -> None:
        made = conf.load()
        self.assertEqual(
            (8, 4, 3, 300, 120, 1.0),
            (
                made.engine.concurrency,
                made.engine.per_target,
                made.engine.pause_after,
                made.engine.start_timeout,
                made.engine.step_timeout,
                made.engine.poll_interval,
            ),
        )
        self.assertEqual([], made.storage.shared_instances)
        self.assertIsNone(made.storage.connectors_dir)
        self.assertEqual(30, made.fencing.agent_report_interval)
        self.assertEqual([], made.nova.config_files)
        self.assertIn(
            str(self.home / '.local/state/osc-recovery/journal.db'),
            made.journal.connection,
        )

    def test_values(self) -> None:
        path = self.write(
            'recovery.conf',
            """
            [nova]
            config_files = /etc/nova/a.conf, /etc/nova/b.conf
            [storage]
            shared_instances = kvm*,compute[12]
            [journal]
            connection = postgresql://u:s3cr3t@h/j
            [engine]
            poll_interval = 0.2
            """,
        )
        made = conf.load(path)
        self.assertEqual(
            ['/etc/nova/a.conf', '/etc/nova/b.conf'], made.nova.config_files
        )
        self.assertEqual(
            ['kvm*', 'compute[12]'], made.storage.shared_instances
        )
        self.assertEqual('postgresql://u:s3cr3t@h/j', made.journal.connection)
        self.assertEqual(0.2, made.engine.poll_interval)


class RefusalsTest(base.ConfTestCase):
    """One clear line for everything that is wrong."""

    def test_a_named_file_that_is_missing(self) -> None:
        self.assertIn('/nonexistent', self.refused(conf.load, '/nonexistent'))
        self.useFixture(
            fixtures.EnvironmentVariable('OSC_RECOVERY_CONFIG', '/nowhere')
        )
        self.assertIn('/nowhere', self.refused(conf.load))

    def test_a_directory(self) -> None:
        self.assertIn(str(self.home), self.refused(conf.load, str(self.home)))

    def test_a_file_that_may_not_be_read(self) -> None:
        path = self.write('recovery.conf', '')
        real = open

        def refuse(file: object, *args: object, **kwargs: object) -> object:
            # Permissions do not stop root, who may run the tests.
            if file == path:
                raise PermissionError(13, 'denied', path)
            return real(file, *args, **kwargs)  # type: ignore[call-overload]

        with mock.patch('builtins.open', refuse):
            message = self.refused(conf.load, path)
        self.assertIn('permission', message)
        self.assertIn(path, message)

    def test_malformed_files(self) -> None:
        for text, line in (
            ('[journal]\nconnection mysql s3cr3t\n', 'line 2'),
            ('[journal\nconnection = s3cr3t\n', 'line 1'),
            ('  = s3cr3t\n', 'line 1'),
            ('= s3cr3t', 'line 1'),
            ('s3cr3t', 'line 1'),
        ):
            with self.subTest(text):
                path = self.write('recovery.conf', text)
                message = self.refused(conf.load, path)
                self.assertIn(path, message)
                self.assertIn(line, message)

    def test_a_binary_file(self) -> None:
        path = self.home / 'recovery.conf'
        path.write_bytes(b'\xff\xfe\x00s3cr3t\n')
        self.assertIn(str(path), self.refused(conf.load, str(path)))

    def test_wrong_values(self) -> None:
        for group, option, value in (
            ('engine', 'concurrency', 's3cr3t'),
            ('engine', 'concurrency', '0'),
            ('engine', 'concurrency', '129'),
            ('engine', 'poll_interval', '0'),
            ('engine', 'start_timeout', '-1'),
            ('fencing', 'agent_report_interval', ''),
            ('engine', 'concurrency', ''),
            ('journal', 'connection', 'mysql://u:$s3cr3t@h/d'),
        ):
            with self.subTest(option, value=value):
                path = self.write(
                    'recovery.conf', f'[{group}]\n{option} = {value}\n'
                )
                message = self.refused(conf.load, path)
                self.assertIn(f'{path}: [{group}] {option}', message)

    def test_what_is_needed_is_said(self) -> None:
        path = self.write('recovery.conf', '[engine]\nconcurrency = x\n')
        self.assertIn('Integer(min=1, max=128)', self.refused(conf.load, path))


class OptionsTest(base.ConfTestCase):
    """What the sample is generated from."""

    def test_every_option_has_help(self) -> None:
        groups = opts.list_opts()
        self.assertEqual(
            [
                'nova',
                'cinder',
                'storage',
                'fencing',
                'journal',
                'engine',
                'evacuate',
                'fence_agent:<name>',
            ],
            [group.name for group, _ in groups],
        )
        for group, options in groups:
            for option in options:
                with self.subTest(f'{group.name}.{option.name}'):
                    self.assertTrue(option.help)

    def test_whatever_holds_a_password_is_secret(self) -> None:
        secret = {
            option.name
            for _, options in opts.list_opts()
            for option in options
            if option.secret
        }
        self.assertEqual({'connection', 'password', 'secret_option'}, secret)

    def test_the_sample_is_generated(self) -> None:
        made = subprocess.run(
            [
                sys.executable,
                '-m',
                'oslo_config.generator',
                '--namespace',
                'osc_recovery',
            ],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, 'PYTHONWARNINGS': 'ignore'},
        ).stdout
        for line in (
            '[engine]',
            '#concurrency = 8',
            '[fence_agent:<name>]',
            '#option = ip={host}-bmc.example.org',
            '#config_files = /etc/nova/nova.conf',
            '#connection = sqlite:///$XDG_STATE_HOME/osc-recovery/journal.db',
        ):
            self.assertIn(line, made)
        self.assertNotIn(str(self.home), made)

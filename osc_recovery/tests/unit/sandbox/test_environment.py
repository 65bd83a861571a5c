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

"""The cache: a killed installation is never taken for a complete one."""

import pathlib
import sys
from unittest import mock

import fixtures

from osc_recovery import exceptions
from osc_recovery.sandbox import environment
from osc_recovery.sandbox import events
from osc_recovery.sandbox import library
from osc_recovery.sandbox import processes
from osc_recovery.sandbox import template
from osc_recovery.tests.unit import base

# Stands in for pip in an environment that a fake virtualenv makes.
PIP = """#!/bin/sh
echo "marker $OSC_RECOVERY_SANDBOX_PROCESS, path $PYTHONPATH,"
echo "constraint $PIP_CONSTRAINT,"
for n in 1 2 3 4 5 6 7 8 9 10 11; do echo "Collecting package$n"; done
echo "Installing collected packages: nova"
echo "$@"
exit {code}
"""


class EnvironmentTestCase(base.TestCase):
    """Installing, with everything that takes time left out."""

    def setUp(self) -> None:
        super().setUp()
        self.cache = self.home / 'cache'
        self.code = 0
        self.made: list[pathlib.Path] = []
        self.seen: list[events.Event] = []
        self.useFixture(
            fixtures.MonkeyPatch('virtualenv.cli_run', self.virtualenv)
        )

    def virtualenv(self, arguments: list[str], **_: object) -> None:
        path = pathlib.Path(arguments[-1])
        python = path / 'bin' / 'python'
        python.parent.mkdir(parents=True)
        python.write_text(PIP.format(code=self.code))
        python.chmod(0o755)
        self.made.append(path)

    def ensure(self) -> environment.Environment:
        return environment.ensure(self.cache, 'mark', self.seen.append)

    def test_made_once(self) -> None:
        first, second = self.ensure(), self.ensure()
        self.assertEqual(first.path, second.path)
        self.assertEqual(1, len(self.made))
        self.assertFalse(self.made[0].exists())
        self.assertTrue(first.python.exists())
        log = (first.path / 'install.log').read_text()
        self.assertIn('marker mark, path ,\n', log)
        self.assertIn('openstack-placement', log)

    def test_the_constraints_of_the_caller_do_not_count(self) -> None:
        for name in ('PIP_CONSTRAINT', 'PYTHONPATH'):
            self.useFixture(fixtures.EnvironmentVariable(name, 'x'))
        made = self.ensure()
        log = (made.path / 'install.log').read_text()
        self.assertIn('path ,\nconstraint ,\n', log)

    def test_waiting_for_somebody_else_is_said(self) -> None:
        path = self.cache / 'x'
        with environment.cache_lock(path, self.seen.append):
            self.assertEqual([], self.seen)
            # Another lock of this process would wait for ever.
            with mock.patch('fcntl.flock', autospec=True) as flock:
                flock.side_effect = [BlockingIOError, None]
                with environment.cache_lock(path, self.seen.append):
                    pass
        (event,) = self.seen
        self.assertIn('Waiting', event.text)

    def test_progress(self) -> None:
        self.ensure()
        texts = [event.text for event in self.seen]
        self.assertIn('Fetching packages', texts)
        self.assertEqual('Installing', texts[-1])
        counted = [event for event in self.seen if event.total]
        for event in counted:
            self.assertLessEqual(event.done or 0, event.total or 0)

    def test_a_failed_installation_is_none(self) -> None:
        self.code = 1
        found = self.assertRaises(exceptions.RecoveryError, self.ensure)
        self.assertIn('Installing collected packages', str(found))
        self.code = 0
        made = self.ensure()
        self.assertEqual(2, len(self.made))
        # What the failed one left is gone.
        left = {path.name for path in self.cache.iterdir()}
        self.assertEqual({made.path.name, f'{made.path.name}.lock'}, left)

    def test_the_key_follows_what_is_installed(self) -> None:
        key = environment.key()
        self.assertEqual(key, environment.key())
        for name, value in (
            ('constraints', lambda: 'nova==1'),
            ('PACKAGES', ('nova',)),
        ):
            with fixtures.MonkeyPatch(
                f'osc_recovery.sandbox.environment.{name}', value
            ):
                self.assertNotEqual(key, environment.key())
        with fixtures.MonkeyPatch('sys.base_prefix', '/other'):
            self.assertNotEqual(key, environment.key())
        self.assertEqual(key, environment.key())

    def test_constraints_pin_every_package(self) -> None:
        pinned = {
            line.split('==')[0].lower()
            for line in environment.constraints().splitlines()
        }
        missing = set(environment.PACKAGES) - pinned
        self.assertEqual(set(), missing)


class LibraryTestCase(base.TestCase):
    """What the sandbox's own Python finds."""

    def test_copied_under_another_name(self) -> None:
        library.install(self.home / 'lib')
        package = self.home / 'lib' / 'recovery_sandbox'
        self.assertTrue((package / 'hub.py').exists())
        (points,) = self.home.glob('lib/*.dist-info/entry_points.txt')
        target = points.read_text().rpartition('= ')[2].strip()
        module, _, name = target.partition(':')
        path = package / f'{module.partition(".")[2]}.py'
        self.assertIn(f'class {name}(', path.read_text())

    def test_nothing_of_the_caller_gets_through(self) -> None:
        for name in ('OS_CLOUD', 'http_proxy', 'PYTHONHOME', 'SECRET'):
            self.useFixture(fixtures.EnvironmentVariable(name, 'x'))
        found = library.variables(self.home, 'mark')
        self.assertNotIn('x', found.values())
        self.assertEqual('mark', found[processes.MARKER])
        # A sandbox leaves nothing in the home directory of the user.
        for name in ('HOME', 'TMPDIR', 'XDG_CACHE_HOME'):
            self.assertTrue(found[name].startswith(str(self.home)))

    def test_command(self) -> None:
        found = library.command(pathlib.Path(sys.executable), 'hub', 5)
        self.assertEqual(
            [sys.executable, '-m', 'recovery_sandbox.hub', '5'], found
        )


class TemplateTestCase(base.TestCase):
    """The databases, with the synchronisations left out."""

    def setUp(self) -> None:
        super().setUp()
        self.cache = self.home / 'cache'
        self.ran: list[list[str]] = []
        self.works = True
        self.environment = environment.Environment(pathlib.Path('/env'))
        self.useFixture(
            fixtures.MonkeyPatch(
                'osc_recovery.sandbox.processes.run', self.run_command
            )
        )

    def run_command(
        self,
        command: list[str],
        variables: dict[str, str],
        log: pathlib.Path,
        directory: pathlib.Path,
    ) -> bool:
        self.ran.append(command)
        for name in ('nova_cell', 'nova_api', 'cinder'):
            (directory / 'db' / f'{name}.db').touch()
        log.write_text('no such column')
        return self.works

    def ensure(self) -> pathlib.Path:
        return template.ensure(
            self.cache, self.environment, 'mark', events.ignore
        )

    def test_made_once_and_copied(self) -> None:
        made = self.ensure()
        count = len(self.ran)
        self.assertEqual(made, self.ensure())
        self.assertEqual(count, len(self.ran))
        db = self.home / 'db'
        template.provision(made, db, {'nova_cell0', 'nova_cell1'})
        self.assertEqual(
            {'nova_cell0', 'nova_cell1', 'nova_api', 'cinder'},
            {path.stem for path in db.iterdir()},
        )

    def test_a_failure_names_the_project(self) -> None:
        self.works = False
        found = self.assertRaises(exceptions.RecoveryError, self.ensure)
        self.assertIn('tables could not be made', str(found))
        self.assertIn('no such column', str(found))
        self.works = True
        self.ensure()
        self.assertEqual([], list(self.cache.glob('*incomplete*')))

    def test_the_key_follows_the_environment(self) -> None:
        key = template.key()
        with fixtures.MonkeyPatch('sys.base_prefix', '/other'):
            self.assertNotEqual(key, template.key())

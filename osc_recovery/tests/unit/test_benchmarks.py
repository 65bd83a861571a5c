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

"""What is promised of the plug-in's import, measured by its benchmark."""

import pathlib
import subprocess
import sys

from osc_recovery.tests.unit import base

BENCHMARKS = pathlib.Path(__file__).resolve().parents[3] / 'benchmarks'


def run(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    """A benchmark's output and exit code."""
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / name), *args],
        capture_output=True,
        text=True,
        timeout=240,
    )


class PluginImportTest(base.TestCase):
    """The plug-in loads nothing that OpenStackClient has not loaded."""

    # Two interpreters import all of OpenStackClient.
    timeout = 300

    def test_nothing_beyond_itself(self) -> None:
        done = run('plugin_import.py')
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_something_heavy_is_named(self) -> None:
        done = run('plugin_import.py', '--module', 'osc_recovery.db.tables')
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertIn('    sqlalchemy\n', done.stdout)

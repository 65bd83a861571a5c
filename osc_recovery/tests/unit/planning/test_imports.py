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

"""Planning is cheap to import and pure: the standard library and the model."""

import subprocess
import sys

from osc_recovery.tests.unit import base

_PROGRAM = """
import sys
before = set(sys.modules)
from osc_recovery.planning import commands, fence, host_removal, relocate
ours = ('osc_recovery',)
for name in sorted(set(sys.modules) - before):
    root = name.split('.')[0]
    if root not in sys.stdlib_module_names and root not in ours:
        print(name)
    if name.startswith('osc_recovery.') and name.split('.')[1] not in (
        'planning', 'model', 'exceptions'
    ):
        print(name)
"""


class TestImports(base.TestCase):
    def test_nothing_heavy(self) -> None:
        done = subprocess.run(
            [sys.executable, '-c', _PROGRAM],
            capture_output=True,
            text=True,
            check=True,
        )

        self.assertEqual('', done.stdout)

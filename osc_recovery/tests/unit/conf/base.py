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


"""Configuration files in the home directory of a test."""

import logging
import textwrap
import traceback
from typing import Any

import fixtures

from osc_recovery import exceptions
from osc_recovery.tests.unit import base

#: part of every value that must never be seen
SECRET = 's3cr3t'


class ConfTestCase(base.TestCase):
    """Writes files, and looks at what an error says."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))

    def write(self, name: str, text: str) -> str:
        """A file below the home directory; its path."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return str(path)

    def refused(self, call: Any, *args: Any) -> str:
        """The one line of a ConfigError, which holds no secret anywhere."""
        error = self.assertRaises(exceptions.ConfigError, call, *args)
        said = ''.join(traceback.format_exception(error)) + self.log.output
        self.assertNotIn(SECRET, said)
        self.assertEqual(1, len(str(error).splitlines()))
        return str(error)

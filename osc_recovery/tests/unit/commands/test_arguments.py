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

"""Passwords on the command line are refused, and not repeated."""

import argparse
from typing import Any
from unittest import mock

from osc_recovery.commands import arguments
from osc_recovery.commands import run
from osc_recovery import exceptions
from osc_recovery.tests.unit import base

REFUSED = (
    'mysql+pymysql://u:s3cret@db/journal',
    'postgresql://:s3cret@db',
    'see https://root:s3cret@bmc1 about it',
    'mysql://u:s3c@ret@db:3306/j',
)
ALLOWED = (
    '/etc/osc-recovery/recovery.conf',
    'sqlite:////var/lib/journal.db',
    'mysql+pymysql://u@db/journal',
    'https://bmc1:443/power',
    'ops@example.org: off at 12:30',
    'postgresql://db:5432/j mail a@b',
    '',
)


class ArgumentsTestCase(base.TestCase):
    """Every argument of a command, whatever its name."""

    def test_refused(self) -> None:
        for value in REFUSED:
            for given in (value, ['first', value], [['a'], [value]]):
                with self.subTest(str(given)):
                    error = self.assertRaises(
                        exceptions.UsageError,
                        arguments.refuse_passwords,
                        argparse.Namespace(some_option=given),
                    )
                    self.assertIn('"some-option"', str(error))
                    self.assertNotIn('s3c', str(error))

    def test_allowed(self) -> None:
        given: tuple[Any, ...] = (*ALLOWED, None, 7, True, list(ALLOWED))
        for value in given:
            with self.subTest(str(value)):
                arguments.refuse_passwords(argparse.Namespace(option=value))

    def test_a_command_refuses(self) -> None:
        """Its own arguments, and the file that names the journal."""
        for config, name in ((REFUSED[0], 'r-1'), (None, REFUSED[0])):
            app = mock.Mock()
            app.options.recovery_config = config
            command = run.AbandonRun(app, argparse.Namespace())
            code = command.run(
                argparse.Namespace(run=name, process_gone=False)
            )
            self.assertEqual(exceptions.ExitCode.USAGE, code)
            app.client_manager.recovery.runner.assert_not_called()

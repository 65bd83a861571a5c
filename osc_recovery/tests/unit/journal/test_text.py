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


"""Errors become one line without secrets."""

from osc_recovery import exceptions
from osc_recovery.journal import text
from osc_recovery.tests.unit import base


class TextTestCase(base.TestCase):
    """What is kept and what is masked."""

    TABLE = (
        ('plain', 'plain'),
        ('two\nlines\r\n and\ttabs ', 'two lines and tabs'),
        ('nul\0', 'nul'),
        ('', ''),
        ('mysql://u:pw@db/nova', 'mysql://u:***@db/nova'),
        (
            'at mysql+pymysql://u:p@w:/x@db:1/n?c=1',
            'at mysql+pymysql://u:***@db:1/n?c=1',
        ),
        ('rabbit://:pw@mq:5672//', 'rabbit://:***@mq:5672//'),
        ('http://ctl:8774/v2.1 and more', 'http://ctl:8774/v2.1 and more'),
        ('http://ctl:1/x mail a@b', 'http://ctl:1/x mail a@b'),
        ("{'auth_password': 'chap'}", "{'auth_password': '***'}"),
        ('password=secret', 'password=***'),
    )

    def test_one_line(self) -> None:
        for given, wanted in self.TABLE:
            with self.subTest(given):
                self.assertEqual(wanted, text.one_line(given))

    def test_length(self) -> None:
        line = text.one_line('x' * 5000)
        self.assertEqual(1000, len(line))
        self.assertTrue(line.endswith('...'))

    def test_errors(self) -> None:
        table = (
            (exceptions.StepFailed('a\nb'), 'a b'),
            (exceptions.Held(), 'Another run holds the host.'),
            (KeyError('x'), "KeyError: 'x'"),
            (ValueError('a\n[parameters: secret]'), 'ValueError: a'),
            (ValueError(), 'ValueError'),
        )
        for error, wanted in table:
            with self.subTest(wanted):
                self.assertEqual(wanted, text.of_error(error))

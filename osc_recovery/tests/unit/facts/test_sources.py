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

"""Tests of asking sources and of naming those that do not answer."""

from osc_recovery import exceptions
from osc_recovery.facts import sources
from osc_recovery.tests.unit import base


class AskTest(base.TestCase):
    """sources.ask turns our errors into answers, and no other."""

    def broken(self, error: Exception) -> None:
        """Raise it."""
        raise error

    def test_an_answer(self) -> None:
        answer = sources.ask(int, '7')
        self.assertEqual((7, ''), (answer.value, answer.reason))
        self.assertEqual(7, answer.known(8))

    def test_errors_of_ours(self) -> None:
        for error in (
            exceptions.ServiceUnavailable('x'),
            exceptions.StepFailed('x'),
            exceptions.ConfigError('x'),
        ):
            with self.subTest(error=error):
                answer = sources.ask(self.broken, error)
                self.assertIs(error, answer.error)
                self.assertEqual('x', answer.reason)

    def test_a_bug_is_a_bug(self) -> None:
        self.assertRaises(KeyError, sources.ask, self.broken, KeyError('x'))

    def test_a_default(self) -> None:
        answer: sources.Answer[tuple[int, ...]] = sources.Answer(reason='x')
        self.assertEqual((), answer.known(()))


class ReasonsTest(base.TestCase):
    """One line for each reason."""

    def test_lines(self) -> None:
        for unknown, lines in (
            ((), ()),
            (('ports: gone',), ('ports not read: gone',)),
            (
                ('ports: no token', 'api: no token', 'ports: no token'),
                ('ports, api not read: no token',),
            ),
            (
                ('ports: a: b', 'api: c'),
                ('ports not read: a: b', 'api not read: c'),
            ),
        ):
            with self.subTest(unknown=unknown):
                self.assertEqual(lines, sources.reasons(unknown))

    def test_they_fit_what_is_missing(self) -> None:
        unknown = sources.missing(('a', 'b'), 'no: answer')
        self.assertEqual(
            ('a, b not read: no: answer',), sources.reasons(unknown)
        )

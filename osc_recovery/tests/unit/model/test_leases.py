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

"""The words in services.disabled_reason."""

from osc_recovery.model import leases
from osc_recovery.tests.unit import base

RUN = 'r-20261122-4f7c'
SINCE = '2026-11-22T16:00:00.123Z'


class LeaseTestCase(base.TestCase):
    """Written, and read by somebody else."""

    def test_round_trip(self) -> None:
        for who in (
            'alice@desk1',
            'alice b@desk1/4026532999',
            'at work since@x',
        ):
            with self.subTest(who):
                found = leases.parse(leases.text(RUN, who, SINCE))
                self.assertEqual(leases.HostLease(RUN, who, SINCE), found)

    def test_other_reasons(self) -> None:
        for reason in (
            None,
            '',
            'rack 12 is on fire',
            'osc-recovery',
            leases.closed(RUN, 'alice'),
            'osc-recovery r-1 at work since now',
            f'see {leases.text(RUN, "alice", SINCE)}',
            f'{leases.text(RUN, "alice", SINCE)}, ticket 7',
        ):
            with self.subTest(str(reason)):
                self.assertIsNone(leases.parse(reason))

    def test_what_the_column_holds(self) -> None:
        """255 characters, and not every one there is."""
        for who, said in (
            ('x' * 400, 'x'),
            ('\u4e16\U0001f480', '??'),
            ('a\nb', 'a?b'),
            ('', '?'),
        ):
            with self.subTest(who[:9]):
                text = leases.text(RUN, who, SINCE)
                self.assertLessEqual(len(text), 255)
                self.assertTrue(text.isascii() and text.isprintable())
                found = leases.parse(text)
                assert found is not None
                self.assertTrue(found.who.startswith(said), found.who)
                self.assertEqual(SINCE, found.since)
                self.assertLessEqual(len(leases.closed(RUN, who)), 255)

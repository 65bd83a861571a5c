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

"""Every kind of step is killed in the functional tests."""

from osc_recovery.planning import commands
from osc_recovery.tests.functional import test_crash
from osc_recovery.tests.functional import test_evacuate
from osc_recovery.tests.functional import test_repair_crash
from osc_recovery.tests.functional import test_return_resume
from osc_recovery.tests.unit import base


class KillCasesTestCase(base.TestCase):
    """A new kind of step without a kill case fails here."""

    def test_every_kind_has_a_kill_case(self) -> None:
        killed = {
            *test_crash.BEFORE_RETURN,
            *test_crash.AFTER_RETURN,
            *test_crash.FENCE_STEPS,
            *test_repair_crash.KINDS,
            *(kind for kind, _, _ in test_evacuate.DEATHS),
            *test_return_resume.RETURN_STEPS,
            *test_return_resume.REMOVAL_STEPS,
        }
        self.assertEqual(set(commands.KINDS), killed)

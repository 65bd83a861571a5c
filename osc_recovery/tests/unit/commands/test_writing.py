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

"""How a run that has come to an end becomes an exit code."""

from unittest import mock

from osc_recovery.commands import run
from osc_recovery import exceptions
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.scenarios import runner
from osc_recovery.tests.unit.commands import test_reading
from osc_recovery.tests.unit.planning import test_repair


class EndTest(test_reading.CommandTestCase):
    def test_every_end_has_its_code(self) -> None:
        reader = mock.create_autospec(runner.Runner, instance=True)
        self.client.runner.return_value = reader
        self.client.describe_result.return_value = ''
        plan: plans.Plan = test_repair.planned(test_repair.WHOLE)
        reader.plan_of.return_value = plan
        for state, code in (
            (results.RunState.DONE, exceptions.ExitCode.DONE),
            (results.RunState.REVERTED, exceptions.ExitCode.DONE),
            (results.RunState.PARTLY, exceptions.ExitCode.PARTLY_DONE),
            (results.RunState.FAILED, exceptions.ExitCode.FAILED),
            (results.RunState.PAUSED, exceptions.ExitCode.INTERRUPTED),
            (results.RunState.UNVERIFIED, exceptions.ExitCode.UNVERIFIED),
        ):
            reader.revert.return_value = results.RunResult('r-1', state, ())
            self.output(run.RevertRun, 'r-1', '--yes', code=int(code))

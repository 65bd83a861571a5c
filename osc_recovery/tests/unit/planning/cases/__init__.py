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

"""For every finding, facts that bring it about: one case or more a code."""

from osc_recovery.tests.unit.planning.cases import frame
from osc_recovery.tests.unit.planning.cases import hardware
from osc_recovery.tests.unit.planning.cases import holdings
from osc_recovery.tests.unit.planning.cases import making
from osc_recovery.tests.unit.planning.cases import near
from osc_recovery.tests.unit.planning.cases import states
from osc_recovery.tests.unit.planning.cases import storage
from osc_recovery.tests.unit.planning.cases import targets

Case = making.Case
FRAME = frame.FRAME
TARGETS = targets.TARGETS
SERVER = (
    *hardware.HARDWARE,
    *states.STATES,
    *holdings.HOLDINGS,
    *holdings.NETWORK,
    *storage.STORAGE,
    *TARGETS,
)
CASES = (*FRAME, *SERVER)
NEAR = near.NEAR

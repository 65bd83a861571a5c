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


"""A run whose journal is on a database server survives SIGKILL, too."""

from collections import Counter
import functools
from typing import ClassVar

import testscenarios

from osc_recovery.execution import crash
from osc_recovery.execution import limits
from osc_recovery.model import results
from osc_recovery.tests.unit.execution import fakes
from osc_recovery.tests.unit.execution import harness
from osc_recovery.tests.unit.journal import servers

load_tests = testscenarios.load_tests_apply_scenarios

#: one of each sort: around an act, in the middle of one, and after the last
BOUNDARIES = (
    ('set', crash.AFTER_INTENT),
    ('make', crash.AFTER_REMEMBER),
    ('activate', crash.BEFORE_ACT),
    ('send', crash.AFTER_ACT),
    ('verify', crash.AFTER_OUTCOME),
)


SERVERS = [s for s in servers.SCENARIOS if s[0] != servers.SQLITE]


class CrashCase(servers.ServerTestCase):
    """A plan, and rigs with journals on a server."""

    def setUp(self) -> None:
        super().setUp()
        self.plan = fakes.plan(fakes.server_plan('a'), fakes.server_plan('b'))

    def rig(self, name: str) -> tuple[harness.Rig, fakes.World]:
        directory = self.home / name
        directory.mkdir()
        registry = functools.partial(fakes.registry, directory / 'world')
        rig = harness.Rig(
            directory, self.plan, registry, limits.Limits(), self.made()
        )
        return rig, fakes.World(directory / 'world')


class ResumeTestCase(CrashCase):
    """Killed at a boundary, and gone on with by another process."""

    scenarios: ClassVar[servers.Scenarios] = testscenarios.multiply_scenarios(
        SERVERS,
        [
            (f'{kind}-{point}', {'kind': kind, 'point': point})
            for kind, point in BOUNDARIES
        ],
    )
    kind: str
    point: str

    def test_resumed(self) -> None:
        clean, world = self.rig('clean')
        clean.record()
        wanted = world.condition()
        rig, world = self.rig('killed')
        boundary = harness.Boundary('uuid-a', self.kind, self.point)
        self.assertTrue(rig.start(boundary).was_killed)
        ended = rig.resume()
        assert ended.result is not None, ended.error
        self.assertEqual(results.RunState.DONE, ended.result.state)
        self.assertEqual(wanted, world.condition())
        for act in ('made', 'sent'):
            counts = set(Counter(world.ledger(act)).values())
            self.assertEqual({1}, counts, act)
        with rig.journal() as journal:
            self.assertIsNone(journal.lease('dead1'))


class RevertTestCase(CrashCase):
    """Killed on the way forward, and on the way back."""

    scenarios: ClassVar[servers.Scenarios] = SERVERS

    def test_reverted(self) -> None:
        rig, _ = self.rig('revert')
        boundary = harness.Boundary('uuid-a', 'make', crash.AFTER_ACT)
        self.assertTrue(rig.start(boundary).was_killed)
        undo = harness.Boundary('uuid-a', 'set', crash.AFTER_UNDO)
        self.assertTrue(rig.revert(undo).was_killed)
        ended = rig.revert()
        assert ended.result is not None, ended.error
        states = {s.name: s.state for s in ended.result.servers}
        self.assertEqual(results.ServerState.UNDONE, states['a'])

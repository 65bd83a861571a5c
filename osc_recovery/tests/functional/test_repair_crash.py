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

"""SIGKILL before and after every kind of step that a repair has."""

from osc_recovery.execution import crash
from osc_recovery.tests.functional import test_consistency
from osc_recovery.tests.functional import test_crash

IN_PLACE = ('reallocate', 'set-row', 'settle-port', 'release-lock', 'audit')
VOLUMES = ('stop', 'reattach')
DROPPED = ('drop-attachment',)
STATES = ('reset-state',)
KINDS = (*IN_PLACE, *VOLUMES, *DROPPED, *STATES)


class RepairCrashTestCase(test_consistency.ConsistencyTestCase):
    """Each boundary on the same server, which is spoilt again each time."""

    def test_in_place(self) -> None:
        for boundary in test_crash.boundaries(IN_PLACE):
            self._spoil_in_place()
            self._killed(boundary, 'lock-foreign')
            self.recovery('run', 'resume', self.newest_run())
            self.assert_mended()

    def test_volumes(self) -> None:
        """One start whatever was killed."""
        for boundary in test_crash.boundaries(VOLUMES):
            starts = self.cloud.starts(self.uuid)
            self.spoil.reset_volume()
            self._killed(boundary, 'guest-restarts')
            self.recovery('run', 'resume', self.newest_run())
            self.assert_mended()
            self.assertEqual(starts + 1, self.cloud.starts(self.uuid))

    def test_dropped(self) -> None:
        for boundary in test_crash.boundaries(DROPPED):
            volume = self.spoil.forget_mapping()
            self._killed(boundary, 'guest-restarts')
            self.recovery('run', 'resume', self.newest_run())
            self.assert_mended()
            self.cloud.attach_volume(self.uuid, volume)
            self.cloud.wait_for_volume(volume, 'in-use')

    def test_states(self) -> None:
        for boundary in test_crash.boundaries(STATES):
            for state in ('error', 'active'):
                self.recovery(
                    *('server', 'set', self.uuid, '--vm-state', state),
                    '--yes',
                    env=boundary.environ('*'),
                    code=test_crash.KILLED,
                )
                self.recovery('run', 'resume', self.newest_run())
                now = self.read_server(self.uuid)
                self.assertEqual(state, now.vm_state)

    def test_reverted(self) -> None:
        """What was wrong is wrong again, and can be mended after all."""
        self._spoil_in_place()
        found = self.audit()
        boundary = test_crash.Boundary('set-row', crash.AFTER_ACT)
        self._killed(boundary, 'lock-foreign')
        self.assertNotEqual(found, self.audit())
        self.recovery('run', 'revert', self.newest_run(), '--yes')
        self.assertEqual(found, self.audit())
        self.repair('lock-foreign')
        self.assert_mended()
        self.spoil.reset_volume()
        for point in (crash.BEFORE_UNDO, crash.AFTER_UNDO):
            self._killed(
                test_crash.Boundary('reattach', crash.AFTER_ACT),
                'guest-restarts',
            )
            boundary = test_crash.Boundary('stop', point)
            run = self.newest_run()
            revert = ('run', 'revert', run, '--yes')
            self.recovery(
                *revert, env=boundary.environ('*'), code=test_crash.KILLED
            )
            self.recovery(*revert)
            self.assertEqual('active', self.read_server(self.uuid).vm_state)
            self.assertEqual({'mapping-unattached'}, self.audit())
        self.repair('guest-restarts')
        self.assert_mended()

    def _spoil_in_place(self) -> None:
        self.spoil.column('availability_zone', 'elsewhere')
        self.spoil.allocate(self.host, self.other)
        self.spoil.own_elsewhere()
        self.spoil.lock()

    def _killed(self, boundary: test_crash.Boundary, accept: str) -> None:
        self.recovery(
            *('consistency', 'repair', '--server', self.uuid),
            *('--accept', accept, '--yes'),
            env=boundary.environ('*'),
            code=test_crash.KILLED,
        )

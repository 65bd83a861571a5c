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

"""consistency audit, consistency repair and server set as they are typed."""

import contextlib
import io
from typing import Any
from unittest import mock

from osc_recovery.commands import consistency
from osc_recovery.commands import server_set
from osc_recovery.planning import audit
from osc_recovery.planning import server_set as planning
from osc_recovery.scenarios import consistency as scenario
from osc_recovery.scenarios import server_set as states
from osc_recovery.tests.unit.commands import test_reading
from osc_recovery.tests.unit.planning.cases import making
from osc_recovery.tests.unit.planning import scenes
from osc_recovery.tests.unit.planning import test_repair
from osc_recovery.tests.unit.planning import test_server_set


class AuditTest(test_reading.CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reader = mock.create_autospec(scenario.Consistency, instance=True)
        self.client.consistency.return_value = self.reader
        self.reader.audit.return_value = ()

    def test_all_agree(self) -> None:
        self.assertEqual([], self.json(consistency.AuditConsistency))
        self.reader.audit.assert_called_with((), ())

    def test_something_disagrees(self) -> None:
        server = making.change(scenes.WHOLE, zone='az9')
        self.reader.audit.return_value = audit.check(scenes.scene(server))
        text = self.output(
            consistency.AuditConsistency, '--server', 'web', code=16
        )
        self.assertIn('zone-differs', text)
        self.assertIn(server.uuid, text)
        self.reader.audit.assert_called_with((), ('web',))

    def test_hosts_or_servers(self) -> None:
        self.output(consistency.AuditConsistency, '--host', 'a', '--host', 'b')
        self.reader.audit.assert_called_with(('a', 'b'), ())
        for kind, words in (
            (consistency.AuditConsistency, ('--host', 'a', '--server', 'b')),
            (consistency.RepairConsistency, ('--host', 'a', '--server', 'b')),
            (consistency.RepairConsistency, ()),
        ):
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertRaises(SystemExit, self.output, kind, *words)

    def test_dry_run(self) -> None:
        """Blocked ends with 10, ready with 0; nothing runs."""
        for server, code in (
            (making.change(scenes.WHOLE, zone='az9'), 0),
            (making.change(scenes.WHOLE, task_state='rebooting'), 10),
            (scenes.WHOLE, 12),
        ):
            plan: Any = test_repair.planned(server)
            self.reader.plan.return_value = plan
            self.client.describe_plan.return_value = ''
            self.output(
                consistency.RepairConsistency,
                *('--server', 'web', '--accept', 'guest-restarts'),
                '--dry-run',
                code=code,
            )
            self.reader.plan.assert_called_with(
                host='',
                servers=('web',),
                accept=frozenset({'guest-restarts'}),
            )


class SetTest(test_reading.CommandTestCase):
    def test_arguments(self) -> None:
        reader = mock.create_autospec(states.ServerStates, instance=True)
        self.client.server_states.return_value = reader
        self.client.describe_plan.return_value = ''
        wish = planning.Wish('web', vm_state='error')
        reader.plan.return_value = planning.plan(
            test_server_set.ACTIVE, test_server_set.UP, wish, 'now'
        )
        self.output(
            server_set.SetServer,
            *('web', '--vm-state', 'error', '--task-state', 'none'),
            '--dry-run',
        )
        reader.plan.assert_called_with(
            'web',
            vm_state='error',
            power_state=None,
            clear_task=True,
            accept=frozenset(),
        )
        for words in (
            ('web', '--vm-state', 'deleted'),
            ('web', '--task-state', 'deleting'),
            ('web', '--power-state', '5'),
        ):
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertRaises(
                    SystemExit, self.output, server_set.SetServer, *words
                )

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

"""A cell with a host that is dead, and operators with journals."""

import pathlib
from typing import Any
from unittest import mock

from osc_recovery.db import leases as db
from osc_recovery.db import nova_api
from osc_recovery.journal import store
from osc_recovery.model import leases
from osc_recovery.model import plans
from osc_recovery.model import runs
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import lease
from osc_recovery.tests.unit.db import base
from osc_recovery.tests.unit.journal import fixtures

HOST = 'kvm1'
ALICE = runs.Process('desk1', 4711, 99, 'alice')
BOB = runs.Process('desk2', 4712, 98, 'bob')
FENCED = leases.closed('r-20261122-0001', 'carol')
THEIRS = leases.text('r-20261122-0002', 'dave@desk9', '2026-11-22T10:00:00Z')


class LeaseTestCase(base.DatabaseTestCase):
    """A cell with a host that is dead, and operators' journals."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Unsynced())
        rows = base.rows('cloud')
        self.cell_db = self.cell(rows['nova_cell1'])
        self.api = nova_api.NovaApi(
            self.database('nova-api-34-2026.2', rows['nova_api'])
        )
        self.put(FENCED)
        self.alice = self.operator('alice')

    def operator(self, name: str) -> Any:
        """An environment with a journal of its own."""
        env = mock.create_autospec(environment.Environment, instance=True)
        env.cells = {base.CELL.uuid: self.cell_db}
        env.api_db = self.api
        env.journal = store.Journal(
            fixtures.make(pathlib.Path(self.directory) / f'{name}.db')
        )
        self.addCleanup(env.journal.dispose)
        return env

    def put(self, reason: str | None, *, disabled: bool = True) -> None:
        """What anybody may write."""
        with self.cell_db.writing() as connection:
            connection.exec_driver_sql(
                'UPDATE services SET disabled = ?, disabled_reason = ? '
                'WHERE host = ?',
                (int(disabled), reason, HOST),
            )

    def reason(self) -> str | None:
        found = db.read(self.cell_db, HOST)
        assert found is not None
        return found.text

    def plan(
        self, scenario: str = 'relocate', **parameters: Any
    ) -> plans.Plan:
        return plans.Plan(
            scenario=scenario,
            host=HOST,
            cell=base.CELL.uuid,
            created_at='now',
            parameters=parameters,
            frame={},
            fingerprint='',
            findings=(),
            servers=(),
        )

    def begun(
        self, env: Any, who: runs.Process = ALICE, **parameters: Any
    ) -> tuple[runs.RunRecord, lease.Holding]:
        """A run in a journal, and what it holds; nothing is taken yet."""
        plan = self.plan(**parameters)
        run = env.journal.create_run('relocate', HOST, {}, who)
        return run, lease.Holding(env, run, plan)

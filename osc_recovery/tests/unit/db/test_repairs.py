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

"""Changing columns of a server's row, and bringing them back."""

import json
from typing import Any

from osc_recovery.db import repairs
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.tests.unit.db import base

SERVER = '46c8505b-ec83-4a29-9084-2d702cb3f180'
TOMBSTONE = '11111111-2222-4333-8444-555555555555'
LEFT = {
    'source': {'host': 'kvm9', 'node': 'kvm9'},
    'target': {'host': 'kvm1', 'node': 'kvm1', 'compute_id': 7},
    'instance_type_id': 1,
    'user_id': 'u',
    'project_id': 'p',
}


class RepairsTestCase(base.DatabaseTestCase):
    """A server on kvm1 with an evacuation from kvm2."""

    schema = base.NEWEST

    def setUp(self) -> None:
        super().setUp()
        self.rows = base.rows('image-backed')['nova_cell1']
        self.cell_ = self.cell(self.rows, schema=self.schema)
        self.params: dict[str, Any] = {
            'cell': base.CELL.uuid,
            'expected': {
                'host': 'kvm1',
                'node': 'kvm1',
                'vm_state': 'active',
                'task_state': None,
            },
            'values': {'node': 'kvm1.example.org', 'availability_zone': 'x'},
            'retire': 'kvm2',
            'tombstone': LEFT,
        }
        self.was = self.everything()

    def everything(self) -> Any:
        """All rows that a change may touch."""
        return [
            self.query(self.cell_.database, f'SELECT * FROM {table}')
            for table in ('instances', 'migrations')
        ]

    def before(self) -> dict[str, Any]:
        image = repairs.before_image(self.cell_, SERVER, self.params)
        copy: dict[str, Any] = json.loads(json.dumps(image))
        return copy

    def change(self, before: dict[str, Any]) -> None:
        repairs.change(self.cell_, SERVER, self.params, before, TOMBSTONE)

    def back(self, before: dict[str, Any]) -> None:
        repairs.change_back(self.cell_, SERVER, self.params, before, TOMBSTONE)

    def observe(self, before: dict[str, Any]) -> steps.Observation:
        return repairs.observe(
            self.cell_, SERVER, self.params, before, TOMBSTONE
        )

    def test_there_and_back(self) -> None:
        """Twice each: what is done is left."""
        before = self.before()
        self.assertEqual(steps.Observation.SAFE, self.observe(before))
        self.change(before)
        now = self.everything()
        self.assertEqual(steps.Observation.DONE, self.observe(before))
        self.change(before)
        self.assertEqual(now, self.everything())
        (row,) = now[0]
        self.assertEqual(
            ('kvm1', 'kvm1.example.org', 'x', 'active'),
            tuple(
                row[name]
                for name in ('host', 'node', 'availability_zone', 'vm_state')
            ),
        )
        (left,) = [m for m in now[1] if m['uuid'] == TOMBSTONE]
        self.assertEqual(
            ('kvm9', 'kvm1', 'done'),
            (left['source_compute'], left['dest_compute'], left['status']),
        )
        retired = [r['id'] for r in before['retired']]
        self.assertNotEqual([], retired)
        for row in now[1]:
            if row['id'] in retired:
                self.assertEqual('completed', row['status'])
        self.back(before)
        self.assertEqual(self.was, self.everything())
        self.back(before)
        self.assertEqual(self.was, self.everything())

    def test_another_since_the_plan(self) -> None:
        for column, value in (
            ('host', 'kvm3'),
            ('node', 'kvm3'),
            ('vm_state', 'error'),
            ('task_state', 'powering-on'),
        ):
            before = self.before()
            self.execute(f"UPDATE instances SET {column} = '{value}'")
            now = self.everything()
            self.assertEqual(steps.Observation.ASK, self.observe(before))
            for work in (
                lambda: self.before(),
                lambda: self.change(before),
                lambda: self.back(before),
            ):
                error = self.assertRaises(exceptions.RowMismatch, work)
                self.assertIn(f'its {column} is {value}', str(error))
            self.assertEqual(now, self.everything())
            self.cell_ = self.cell(self.rows, schema=self.schema)

    def test_other_evacuations(self) -> None:
        before = self.before()
        before['retired'] = []
        error = self.assertRaises(exceptions.RowMismatch, self.change, before)
        self.assertIn('evacuations', str(error))
        self.assertEqual(self.was, self.everything())

    def test_the_host_has_returned(self) -> None:
        """nova has acted upon our tombstone: nothing is taken back."""
        before = self.before()
        self.change(before)
        self.execute(
            "UPDATE migrations SET status = 'completed' WHERE uuid = "
            f"'{TOMBSTONE}'"
        )
        now = self.everything()
        self.assertRaises(exceptions.RowMismatch, self.back, before)
        self.assertEqual(now, self.everything())

    def test_deleted_meanwhile(self) -> None:
        before = self.before()
        self.execute('UPDATE instances SET deleted = id')
        self.assertEqual(steps.Observation.ASK, self.observe(before))
        self.assertRaises(exceptions.RowMismatch, self.change, before)

    def execute(self, statement: str) -> None:
        self.query(self.cell_.database, statement)


class OldestTestCase(RepairsTestCase):
    """A schema without instances.compute_id."""

    schema = 'nova-main-17-queens'

    def setUp(self) -> None:
        super().setUp()
        self.params['expected']['compute_id'] = None
        self.params['values']['compute_id'] = 4

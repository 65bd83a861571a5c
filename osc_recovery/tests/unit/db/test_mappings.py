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


"""Tests of the changes in a block device mapping."""

import hashlib
import json
from typing import Any

from osc_recovery.db import mappings
from osc_recovery import exceptions
from osc_recovery.tests.unit.db import base

OLD = 'd9c4e516-3755-4ccd-84c7-438a200536d0'
NEW = '11111111-2222-4333-8444-555555555555'
MAPPING = 97
INFO = {'driver_volume_type': 'iscsi', 'data': {'auth_password': 's3cr3t'}}


class MappingsTest(base.DatabaseTestCase):
    """A volume-backed server's root mapping."""

    def setUp(self) -> None:
        super().setUp()
        rows = base.rows('volume-backed')['nova_cell1']
        self.cell_ = self.cell(rows)
        self.text = rows['block_device_mapping'][0]['connection_info']

    def row(self) -> dict[str, Any]:
        (row,) = self.query(
            self.cell_.database,
            'SELECT * FROM block_device_mapping WHERE id = :id',
            id=MAPPING,
        )
        return row

    def change(self, **values: Any) -> None:
        for name, value in values.items():
            self.query(
                self.cell_.database,
                f'UPDATE block_device_mapping SET {name} = :value '
                'WHERE id = :id',
                id=MAPPING,
                value=value,
            )

    def test_a_row(self) -> None:
        self.assertEqual(
            {
                'attachment_id': OLD,
                'connection_digest': hashlib.sha256(
                    self.text.encode()
                ).hexdigest(),
                'device_name': '/dev/vda',
                'deleted': False,
            },
            mappings.mapping_row(self.cell_, MAPPING),
        )

    def test_a_deleted_row(self) -> None:
        self.change(deleted=MAPPING, connection_info=None)
        row = mappings.mapping_row(self.cell_, MAPPING)
        self.assertTrue(row['deleted'])
        self.assertIsNone(row['connection_digest'])

    def test_no_row(self) -> None:
        self.assertRaises(
            exceptions.RowMismatch, mappings.mapping_row, self.cell_, 1
        )

    def test_another_attachment(self) -> None:
        mappings.repoint_mapping(self.cell_, MAPPING, OLD, NEW)
        row = self.row()
        self.assertEqual(NEW, row['attachment_id'])
        self.assertIsNone(row['connection_info'])
        self.assertGreater(row['updated_at'], '2026-11-22 15:38:07')

    def test_twice_keeps_what_came_after(self) -> None:
        mappings.repoint_mapping(self.cell_, MAPPING, OLD, NEW)
        mappings.set_connection(self.cell_, MAPPING, NEW, INFO)
        mappings.repoint_mapping(self.cell_, MAPPING, OLD, NEW)
        self.assertEqual(INFO, json.loads(self.row()['connection_info']))

    def test_only_this_row_is_changed(self) -> None:
        mappings.repoint_mapping(self.cell_, MAPPING, OLD, NEW)
        self.assertEqual(
            [(97,)],
            [
                (row['id'],)
                for row in self.query(
                    self.cell_.database,
                    'SELECT id FROM block_device_mapping '
                    'WHERE attachment_id = :new',
                    new=NEW,
                )
            ],
        )

    def test_refusals(self) -> None:
        for changes, mapping in (
            ({'attachment_id': 'third'}, MAPPING),
            ({'attachment_id': None}, MAPPING),
            ({'attachment_id': OLD, 'deleted': MAPPING}, MAPPING),
            ({'deleted': 0}, 1),
        ):
            with self.subTest(changes):
                self.change(**changes)
                former = self.row()
                self.assertRaises(
                    exceptions.RowMismatch,
                    mappings.repoint_mapping,
                    self.cell_,
                    mapping,
                    OLD,
                    NEW,
                )
                error = self.assertRaises(
                    exceptions.RowMismatch,
                    mappings.set_connection,
                    self.cell_,
                    mapping,
                    NEW,
                    INFO,
                )
                self.assertNotIn('s3cr3t', str(error))
                self.assertEqual(former, self.row())

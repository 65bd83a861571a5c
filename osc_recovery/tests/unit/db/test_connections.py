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

"""What nova and cinder have for one attachment."""

import json
from typing import Any

from osc_recovery.db import cinder
from osc_recovery.db import connections
from osc_recovery.tests.unit import base as unit_base
from osc_recovery.tests.unit.db import base

FLAT = {
    'driver_volume_type': 'iscsi',
    'target_lun': 1,
    'auth_password': 'chap-5ecret',
    'qos_specs': None,
    'attachment_id': 'a',
}
NESTED: dict[str, Any] = {
    'driver_volume_type': 'iscsi',
    'data': {
        'target_lun': 1,
        'auth_password': 'chap-5ecret',
        'qos_specs': None,
        'device_path': '/dev/sdb',
    },
    'serial': 'v',
}


UNKEPT = {'attachment_id'}


def with_data(**changes: Any) -> str:
    """nova's text with other data."""
    return json.dumps({**NESTED, 'data': {**NESTED['data'], **changes}})


class ComparedTestCase(unit_base.TestCase):
    def test_compared(self) -> None:
        cases: tuple[tuple[str | None, str | None, tuple[str, ...]], ...] = (
            (json.dumps(NESTED), json.dumps(FLAT), ()),
            (json.dumps(NESTED), json.dumps(NESTED), ()),
            (with_data(more=1), json.dumps(FLAT), ()),
            (with_data(target_lun=2), json.dumps(FLAT), ('target_lun',)),
            (
                with_data(auth_password='x', target_lun=2),
                json.dumps(FLAT),
                ('auth_password', 'target_lun'),
            ),
            (
                json.dumps({**NESTED, 'driver_volume_type': 'rbd'}),
                json.dumps(FLAT),
                ('driver_volume_type',),
            ),
            ('no json', json.dumps(FLAT), tuple(sorted({*FLAT} - UNKEPT))),
            (None, json.dumps(FLAT), ()),
            (json.dumps(NESTED), None, ()),
            (json.dumps(NESTED), '{}', ()),
        )
        for stored, made, keys in cases:
            self.assertEqual(keys, connections.compared(stored, made))

    def test_no_value_comes_out(self) -> None:
        found = connections.compared(
            with_data(auth_password='other'), json.dumps(FLAT)
        )
        self.assertEqual(('auth_password',), found)


class DifferingTestCase(base.DatabaseTestCase):
    """Recorded rows of nova and cinder, one of them changed."""

    def test_recorded_rows_agree(self) -> None:
        recorded = base.rows('volume-backed')
        cell = self.cell(recorded['nova_cell1'])
        volumes = cinder.Cinder(
            self.database(
                'cinder-29-2026.2', recorded['cinder'], name='cinder'
            )
        )
        named = [
            row['attachment_id']
            for row in recorded['nova_cell1']['block_device_mapping']
            if row['attachment_id']
        ]
        self.assertNotEqual([], named)
        self.assertEqual({}, connections.differing(cell, volumes, named))
        self.query(
            volumes.database,
            "UPDATE volume_attachment SET connection_info = "
            "json_set(connection_info, '$.target_lun', 99) WHERE id = :id",
            id=named[0],
        )
        self.assertEqual(
            {named[0]: ('target_lun',)},
            connections.differing(cell, volumes, [*named, 'unknown']),
        )

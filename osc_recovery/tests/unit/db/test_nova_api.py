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


"""Tests of what is read from nova's API database."""

import json
from typing import Any

from osc_recovery.db import nova_api
from osc_recovery import exceptions
from osc_recovery.tests.unit.db import base

SERVER = '46c8505b-ec83-4a29-9084-2d702cb3f180'
CELL1 = '883c6d82-075c-41cd-aee3-0732e8e64474'
CELL2 = 'bb484bcb-e91b-4c2c-a2de-1ed3761ce30b'


class NovaApiTest(base.DatabaseTestCase):
    """NovaApi over recorded rows."""

    def setUp(self) -> None:
        super().setUp()
        self.cloud = base.rows('cloud')['nova_api']
        self.server = base.rows('image-backed')['nova_api']

    def api(
        self, *rows: base.Rows, schema: str = 'nova-api-34-2026.2'
    ) -> nova_api.NovaApi:
        return nova_api.NovaApi(self.database(schema, *rows, name='nova_api'))

    def test_host_cells(self) -> None:
        found = self.api(self.cloud).host_cells()
        self.assertEqual(6, len(found))
        self.assertEqual(CELL1, found['kvm1'])
        self.assertEqual(CELL2, found['compute4'])

    def test_server_cells(self) -> None:
        api = self.api(self.cloud, self.server)
        self.assertEqual(
            {SERVER: CELL1}, api.server_cells([SERVER, base.uuid(1)])
        )

    def test_a_server_that_was_never_scheduled(self) -> None:
        self.server['instance_mappings'][0]['cell_id'] = None
        api = self.api(self.cloud, self.server)
        self.assertEqual({}, api.server_cells([SERVER]))

    def test_pinned_zones(self) -> None:
        (row,) = self.server['request_specs']
        self.assertEqual(
            {SERVER: None}, self.api(self.server).pinned_zones([SERVER])
        )
        spec = json.loads(row['spec'])
        spec['nova_object.data']['availability_zone'] = 'az1'
        row['spec'] = json.dumps(spec)
        self.assertEqual(
            {SERVER: 'az1'}, self.api(self.server).pinned_zones([SERVER])
        )

    def test_a_spec_that_nobody_understands(self) -> None:
        self.server['request_specs'][0]['spec'] = '{"s3cr3t'
        error = self.assertRaises(
            exceptions.RecoveryError,
            self.api(self.server).pinned_zones,
            [SERVER],
        )
        self.assertIn('request_specs', str(error))
        self.assertNotIn('s3cr3t', str(error))

    def groups(self, **changes: Any) -> base.Rows:
        policy = {'id': 1, 'group_id': 1, 'policy': 'anti-affinity'}
        return {
            'instance_groups': [
                {'id': 1, 'uuid': base.uuid(101)},
                {'id': 2, 'uuid': base.uuid(102)},
            ],
            'instance_group_policy': [
                policy | changes,
                {'id': 2, 'group_id': 1, 'policy': 'second'},
            ],
            'instance_group_member': [
                {'id': n, 'group_id': g, 'instance_uuid': base.uuid(n)}
                for n, g in ((1, 1), (2, 1), (3, 2))
            ],
        }

    def test_groups(self) -> None:
        api = self.api(self.groups(rules='{"max_server_per_host": "3"}'))
        found = api.groups([base.uuid(1), base.uuid(3), base.uuid(9)])
        self.assertEqual(
            {
                base.uuid(1): nova_api.GroupRow(
                    base.uuid(101),
                    'anti-affinity',
                    3,
                    (base.uuid(1), base.uuid(2)),
                ),
                base.uuid(3): nova_api.GroupRow(
                    base.uuid(102), '', None, (base.uuid(3),)
                ),
            },
            found,
        )

    def test_groups_without_rules(self) -> None:
        for schema, rules in (
            ('nova-api-17-queens', '{"max_server_per_host": 3}'),
            ('nova-api-34-2026.2', None),
            ('nova-api-34-2026.2', '{}'),
        ):
            with self.subTest(schema=schema, rules=rules):
                api = self.api(self.groups(rules=rules), schema=schema)
                found = api.groups([base.uuid(1)])[base.uuid(1)]
                self.assertIsNone(found.max_per_host)

    def test_zones(self) -> None:
        rows: base.Rows = {
            'aggregate_hosts': [
                {'id': 1, 'aggregate_id': 1, 'host': 'kvm1'},
                {'id': 2, 'aggregate_id': 2, 'host': 'kvm1'},
                {'id': 3, 'aggregate_id': 3, 'host': 'kvm2'},
                {'id': 4, 'aggregate_id': 4, 'host': 'kvm1'},
            ],
            'aggregate_metadata': [
                {'id': n, 'aggregate_id': n, 'key': key, 'value': value}
                for n, key, value in (
                    (1, 'ssd', 'true'),
                    (2, 'availability_zone', 'az1'),
                    (3, 'pool', 'x'),
                    (4, 'availability_zone', 'az9'),
                )
            ],
        }
        self.assertEqual({'kvm1': 'az1'}, self.api(rows).zones())

    def test_statements_do_not_grow(self) -> None:
        def cost(number: int) -> int:
            api = self.api(self.groups())
            api.check()
            uuids = [base.uuid(n) for n in range(number)]
            with self.counted(api.database) as sent:
                api.groups(uuids)
                api.pinned_zones(uuids)
                api.server_cells(uuids)
                api.host_cells()
                api.zones()
            return len(sent)

        self.assertEqual(cost(10), cost(100))

    def test_a_schema_that_is_none(self) -> None:
        api = self.api(schema='cinder-29-2026.2')
        for read in (api.host_cells, api.zones):
            error = self.assertRaises(exceptions.UsageError, read)
            self.assertIn('database nova_api has no table', str(error))

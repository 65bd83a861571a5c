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


"""Tests of what is read from cinder's database."""

import datetime
import json
from typing import Any
from unittest import mock

from osc_recovery.db import cinder
from osc_recovery.db import times
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.tests.unit.db import base

SERVER = 'cff3e96f-1c64-4e04-b999-1664f5e5f69d'
ROOT = '27b8cf88-3596-4d6f-9496-b33f48744c1a'
ATTACHMENT = 'd9c4e516-3755-4ccd-84c7-438a200536d0'


class CinderTest(base.DatabaseTestCase):
    """Cinder over recorded rows."""

    def setUp(self) -> None:
        super().setUp()
        self.rows = base.rows('volume-backed')['cinder']
        self.live = [
            row for row in self.rows['volume_attachment'] if not row['deleted']
        ]

    def cinder(
        self, *rows: base.Rows, schema: str = 'cinder-29-2026.2'
    ) -> cinder.Cinder:
        return cinder.Cinder(
            self.database(schema, *(rows or (self.rows,)), name='cinder')
        )

    def test_attachments(self) -> None:
        found = self.cinder().attachments([SERVER, base.uuid(1)])
        self.assertEqual([SERVER], list(found))
        first, second = found[SERVER]
        self.assertEqual(ATTACHMENT, first.id)
        self.assertEqual('/dev/vdb', second.mountpoint)
        self.assertEqual(
            (ROOT, SERVER, 'kvm1', 'attached', True),
            (
                first.volume_id,
                first.server,
                first.attached_host,
                first.status,
                first.has_connection,
            ),
        )
        assert first.connector
        self.assertEqual('kvm1', first.connector['host'])

    def test_deleted_attachments_are_not_read(self) -> None:
        (deleted,) = [
            r for r in self.rows['volume_attachment'] if r['deleted']
        ]
        found = self.cinder()
        self.assertIsNone(found.attachment(deleted['id']))
        self.assertEqual({}, found.attachments([deleted['instance_uuid']]))

    def test_a_blank_attachment(self) -> None:
        for text in (None, '', '{}'):
            with self.subTest(text):
                self.live[0].update(
                    connection_info=text, connector=None, attached_host=None
                )
                found = self.cinder().attachment(ATTACHMENT)
                assert found
                self.assertFalse(found.has_connection)
                self.assertIsNone(found.connector)

    def test_connection_info_stays_inside(self) -> None:
        self.live[0]['connection_info'] = '{"auth_password": "s3cr3t"}'
        found = self.cinder().attachment(ATTACHMENT)
        self.assertNotIn('s3cr3t', repr(found))

    def test_volumes(self) -> None:
        found = self.cinder().volumes([ROOT, base.uuid(1)])
        self.assertEqual(
            {
                ROOT: facts.Volume(
                    id=ROOT,
                    name='sm-k-bfv-root',
                    status='in-use',
                    attach_status='attached',
                    multiattach=False,
                    encrypted=False,
                    service_host='cinder1@nfs#nfs',
                    size_gb=1,
                )
            },
            found,
        )
        for row in self.rows['volumes']:
            row['deleted'] = 1
        self.assertEqual({}, self.cinder().volumes([ROOT]))

    def test_an_encrypted_volume(self) -> None:
        for row in self.rows['volumes']:
            row['encryption_key_id'] = base.uuid(1)
        self.assertTrue(self.cinder().volumes([ROOT])[ROOT].encrypted)

    def connector(self, number: int, **changes: Any) -> None:
        """Change an attachment and its connector."""
        connector = json.loads(self.live[number]['connector'])
        connector.update(changes.pop('connector', {}))
        self.live[number]['connector'] = json.dumps(connector)
        self.live[number].update(changes)

    def test_the_newest_connector(self) -> None:
        self.connector(0, connector={'initiator': 'old'})
        self.connector(1, connector={'initiator': 'new'})
        found = self.cinder().connector('kvm1')
        assert found
        self.assertEqual('new', found['initiator'])
        self.assertNotIn('mountpoint', found)
        self.connector(0, updated_at='2027-01-01 00:00:00')
        found = self.cinder().connector('kvm1')
        assert found
        self.assertEqual('old', found['initiator'])

    def test_a_connector_of_another_host(self) -> None:
        for number in (0, 1):
            self.connector(number, connector={'host': 'kvm2'})
        self.assertIsNone(self.cinder().connector('kvm1'))
        self.assertIsNone(self.cinder().connector('kvm2'))
        self.assertIsNone(self.cinder().connector('nobody'))

    def test_a_connector_that_nobody_understands(self) -> None:
        self.live[0]['connector'] = '{"s3cr3t'
        error = self.assertRaises(
            exceptions.RecoveryError, self.cinder().attachment, ATTACHMENT
        )
        self.assertIn(ATTACHMENT, str(error))
        self.assertNotIn('s3cr3t', str(error))

    def test_services(self) -> None:
        beat = datetime.datetime(2026, 11, 22, 15, 40)
        rows: base.Rows = {
            'services': [
                {
                    'id': number,
                    'host': host,
                    'binary': 'cinder-volume',
                    'updated_at': when,
                    'report_count': 1,
                    'deleted': deleted,
                }
                for number, host, when, deleted in (
                    (1, 'c1@nfs', '2026-11-22 15:39:30', 0),
                    (2, 'c2@nfs', '2026-11-22 15:38:59', 0),
                    (3, 'c3@nfs', None, 0),
                    (4, 'c4@nfs', '2026-11-22 15:39:30', 1),
                )
            ]
        }
        with mock.patch.object(times, 'now', autospec=True, return_value=beat):
            found = self.cinder(rows).services()
        self.assertEqual(
            [
                ('cinder-volume@c1@nfs', 'c1@nfs', True),
                ('cinder-volume@c2@nfs', 'c2@nfs', False),
                ('cinder-volume@c3@nfs', 'c3@nfs', False),
            ],
            [(agent.name, agent.host, agent.alive) for agent in found],
        )
        self.assertEqual('2026-11-22T15:39:30+00:00', found[0].heartbeat)

    def test_old_schemas(self) -> None:
        found = self.cinder(self.rows, schema='cinder-12-queens')
        self.assertEqual(2, len(found.attachments([SERVER])[SERVER]))
        error = self.assertRaises(
            exceptions.UsageError,
            self.cinder(schema='cinder-11-pike').services,
        )
        self.assertIn('volume_attachment.connector', str(error))

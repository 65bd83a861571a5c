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

"""cinder's adapter against recorded replies."""

from osc_recovery.cloud import errors
from osc_recovery.model import facts
from osc_recovery.tests.unit.cloud import base

_ALL = f'{base.CINDER}/attachments'
_ID = 'a8b318c5-53c7-48b8-b742-325ba02850dc'
_ONE = f'{_ALL}/{_ID}'


class TestVolume(base.CloudTestCase):
    """Each method: what is sent, what comes back."""

    def test_create(self) -> None:
        self.mock.post(_ALL, json={'attachment': self.reply('attachment')})
        self.assertEqual(_ID, self.clouds.volume.create_attachment('v', 's'))
        sent = self.mock.last_request
        self.assertEqual(
            {
                'attachment': {
                    'volume_uuid': 'v',
                    'instance_uuid': 's',
                    'connector': None,
                }
            },
            sent.json(),
        )
        self.assertEqual('volume 3.44', sent.headers['OpenStack-API-Version'])

    def test_delete(self) -> None:
        self.mock.delete(_ONE, json={'attachments': []})
        self.clouds.volume.delete_attachment(_ID)
        self.assertEqual([f'DELETE {_ONE}'], self.calls())

    def test_delete_gone(self) -> None:
        self.mock.delete(_ONE, status_code=404)
        self.clouds.volume.delete_attachment(_ID)

    def test_delete_guarded(self) -> None:
        message = 'Detach volume from instance s using the Compute API'
        self.mock.delete(
            _ONE,
            status_code=409,
            json={'conflictingRequest': {'code': 409, 'message': message}},
        )
        error = self.assertRaises(
            errors.Refused, self.clouds.volume.delete_attachment, _ID
        )
        self.assertEqual(
            f'cinder refused to delete attachment {_ID} (409: {message})',
            str(error),
        )

    def test_update(self) -> None:
        attachment = self.reply('attachment')
        self.mock.put(_ONE, json={'attachment': attachment})
        connector = {'host': 'compute3', 'mountpoint': '/dev/sda'}
        self.assertEqual(
            attachment['connection_info'],
            self.clouds.volume.update_attachment(_ID, connector),
        )
        self.assertEqual(
            {'attachment': {'connector': connector}},
            self.mock.last_request.json(),
        )

    def test_complete(self) -> None:
        self.mock.post(_ONE + '/action', status_code=204)
        self.clouds.volume.complete_attachment(_ID)
        self.assertEqual({'os-complete': None}, self.mock.last_request.json())

    def test_show(self) -> None:
        self.mock.get(_ONE, json={'attachment': self.reply('attachment')})
        self.assertEqual(
            self.reply('attachment'), self.clouds.volume.show_attachment(_ID)
        )

    def test_show_gone(self) -> None:
        self.mock.get(_ONE, status_code=404)
        self.assertIsNone(self.clouds.volume.show_attachment(_ID))

    def test_attachments_of(self) -> None:
        rows = [{'id': _ID, 'status': 'attached'}]
        self.mock.get(_ALL, json={'attachments': rows})
        self.assertEqual(
            rows, self.clouds.volume.attachments_of('v', base.SERVER)
        )
        self.assertEqual(
            {
                'all_tenants': ['1'],
                'volume_id': ['v'],
                'instance_id': [base.SERVER],
            },
            self.mock.last_request.qs,
        )

    def test_services(self) -> None:
        self.mock.get(
            base.CINDER + '/os-services',
            json={'services': self.reply('volume_services')},
        )
        self.assertEqual(
            facts.Agent(
                name='cinder-volume@cinder1@fake',
                host='cinder1@fake',
                heartbeat='2026-11-22T15:57:08.000000',
                alive=True,
            ),
            self.clouds.volume.services()[0],
        )

    def test_volumes(self) -> None:
        row = self.reply('volume')
        self.mock.get(
            f'{base.CINDER}/volumes/{row["id"]}', json={'volume': row}
        )
        self.mock.get(f'{base.CINDER}/volumes/gone', status_code=404)
        self.assertEqual(
            {
                row['id']: facts.Volume(
                    id=row['id'],
                    name='sm-f-bfv-root',
                    status='in-use',
                    attach_status='attached',
                    multiattach=False,
                    encrypted=False,
                    service_host='cinder1@fake#fake',
                    size_gb=1,
                )
            },
            self.clouds.volume.volumes([row['id'], 'gone']),
        )

    def test_volumes_refused(self) -> None:
        self.mock.get(f'{base.CINDER}/volumes/v', status_code=403)
        self.assertRaises(errors.Refused, self.clouds.volume.volumes, ['v'])

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

"""A cloud that requests-mock plays, with replies recorded from a real one."""

import json
import pathlib
from typing import Any

from keystoneauth1 import fixture as ksa_fixture
from keystoneauth1.identity import v3
from keystoneauth1 import session as ksa_session
import requests_mock

from osc_recovery.cloud import session
from osc_recovery.tests.unit import base

REPLIES = json.loads(
    (pathlib.Path(__file__).parent / 'data' / 'replies.json').read_text()
)
KEYSTONE = 'http://keystone.example'
NOVA = 'http://nova.example/v2.1'
CINDER = 'http://cinder.example/v3'
NEUTRON = 'http://neutron.example'
PLACEMENT = 'http://placement.example'
SERVER = '1c6adc6a-2777-4dfa-8e6f-8c0aeac961ce'
DATE = 'Sun, 22 Nov 2026 16:00:00 GMT'

_CATALOG = {
    'compute': NOVA,
    'volumev3': CINDER,
    'network': NEUTRON,
    'placement': PLACEMENT,
}


class CloudTestCase(base.TestCase):
    """``self.clouds`` is the code under test, ``self.mock`` the cloud."""

    #: whether nova.conf holds credentials with the role service
    service_role = True

    def setUp(self) -> None:
        super().setUp()
        self.mock: Any = requests_mock.Mocker()
        self.mock.start()
        self.addCleanup(self.mock.stop)
        self.overrides: dict[str, str] = {}
        self.clouds = session.Clouds(
            self._session('operator'),
            'RegionOne',
            'internal',
            self.overrides.get,
            self._session('nova') if self.service_role else None,
        )

    def reply(self, name: str) -> Any:
        """A fresh copy of a recorded reply."""
        return json.loads(json.dumps(REPLIES[name]))

    def error(self, name: str) -> dict[str, Any]:
        """A recorded error, as requests-mock takes it."""
        found = self.reply('errors')[name]
        return {'status_code': found['status'], 'json': found['json']}

    def calls(self, but: str = KEYSTONE) -> list[str]:
        """What was sent, in order, without keystone's."""
        return [
            f'{sent.method} {sent.url}'
            for sent in self.mock.request_history
            if not sent.url.startswith(but)
        ]

    def _session(self, user: str) -> ksa_session.Session:
        token = ksa_fixture.V3Token(user_name=user)
        token.set_project_scope()
        for kind, url in _CATALOG.items():
            service = token.add_service(kind)
            service.add_endpoint('internal', url, region='RegionOne')
            service.add_endpoint('public', f'{url}/public', region='RegionOne')
            service.add_endpoint(
                'internal', f'{url}/elsewhere', region='RegionTwo'
            )
        url = f'{KEYSTONE}/{user}/v3'
        self.mock.post(
            f'{url}/auth/tokens',
            json=token,
            headers={'X-Subject-Token': f'token-of-{user}'},
        )
        return ksa_session.Session(
            auth=v3.Password(
                auth_url=url,
                username=user,
                password='not-a-secret',
                user_domain_id='default',
                project_name='admin',
                project_domain_id='default',
            )
        )

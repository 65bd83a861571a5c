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

"""nova's adapter against recorded replies."""

from collections.abc import Callable
import datetime

from osc_recovery.cloud import errors
from osc_recovery.model import facts
from osc_recovery.tests.unit.cloud import base

_ACTION = f'{base.NOVA}/servers/{base.SERVER}/action'
_ONE = f'{base.NOVA}/servers/{base.SERVER}'


class TestCompute(base.CloudTestCase):
    """Each method: what is sent, what comes back."""

    def sent(self) -> object:
        return self.mock.last_request.json()

    def test_microversion(self) -> None:
        self.mock.get(base.NOVA + '/os-services', json={'services': []})
        self.clouds.compute.services()
        headers = self.mock.last_request.headers
        self.assertEqual('compute 2.73', headers['OpenStack-API-Version'])

    def test_services(self) -> None:
        self.mock.get(
            base.NOVA + '/os-services?binary=nova-compute',
            json={
                'services': [
                    *self.reply('services'),
                    {'binary': 'nova-compute', 'host': 'd', 'status': 'UNKNO'},
                ]
            },
        )
        up, down, unknown = self.clouds.compute.services()
        self.assertEqual(
            {
                'id': '17e7ac53-9828-412e-a7e6-a606eca28642',
                'host': 'compute1',
                'status': 'disabled',
                'state': 'down',
                'forced_down': True,
                'disabled_reason': 'power loss',
                'updated_at': '2026-11-22T15:57:09.000000',
            },
            down,
        )
        self.assertFalse(up['forced_down'])
        self.assertIsNone(unknown['id'])

    def test_server(self) -> None:
        self.mock.get(_ONE, json={'server': self.reply('server')})
        self.assertEqual(
            facts.ApiView(
                status='SHUTOFF',
                host='compute3',
                node='compute3',
                vm_state='stopped',
                task_state=None,
                power_state=4,
                locked=True,
                locked_reason='relocation run 7f3a',
            ),
            self.clouds.compute.server(base.SERVER),
        )

    def test_evacuate(self) -> None:
        """The body, the version that says how it ends, the request's id."""
        for host, version, body in (
            (None, '2.94', {}),
            ('compute3', '2.95', {'host': 'compute3'}),
        ):
            self.mock.post(
                _ACTION, headers={'x-openstack-request-id': 'req-1'}
            )
            compute = self.clouds.compute
            request = compute.evacuate(base.SERVER, host, version)
            self.assertEqual('req-1', request)
            self.assertEqual({'evacuate': body}, self.sent())
            headers = self.mock.last_request.headers
            self.assertEqual(
                f'compute {version}', headers['OpenStack-API-Version']
            )

    def test_evacuate_fails(self) -> None:
        for status, error in (
            (400, errors.Refused),
            (409, errors.Refused),
            (503, errors.CloudUnavailable),
        ):
            self.mock.post(_ACTION, status_code=status)
            self.assertRaises(
                error,
                self.clouds.compute.evacuate,
                base.SERVER,
                None,
                '2.94',
            )

    def test_server_of_a_cell_that_is_down(self) -> None:
        self.mock.get(
            _ONE, json={'server': {'id': base.SERVER, 'status': 'UNKNOWN'}}
        )
        view = self.clouds.compute.server(base.SERVER)
        self.assertEqual('UNKNOWN', view.status if view else '')

    def test_server_gone(self) -> None:
        body = {'itemNotFound': {'code': 404, 'message': 'gone'}}
        self.mock.get(_ONE, status_code=404, json=body)
        self.assertIsNone(self.clouds.compute.server(base.SERVER))
        self.assertEqual({}, self.clouds.compute.servers(uuids=[base.SERVER]))
        self.assertEqual([], self.clouds.compute.resolve(base.SERVER))

    def test_server_refused(self) -> None:
        self.mock.get(_ONE, status_code=403)
        for ask in (self.clouds.compute.server, self.clouds.compute.resolve):
            self.assertRaises(errors.Refused, ask, base.SERVER)

    def test_servers_of_a_host(self) -> None:
        first, second = self.reply('server'), self.reply('server')
        second['id'] = 'b'
        self.mock.get(
            base.NOVA + '/servers/detail',
            [
                {
                    'json': {
                        'servers': [first],
                        'servers_links': [{'rel': 'next', 'href': 'x'}],
                    }
                },
                {'json': {'servers': [second]}},
            ],
        )
        found = self.clouds.compute.servers(host='compute3')
        self.assertEqual({base.SERVER, 'b'}, set(found))
        self.assertEqual(
            [
                'all_tenants=1&host=compute3',
                f'all_tenants=1&host=compute3&marker={base.SERVER}',
            ],
            [call.split('?')[1] for call in self.calls()],
        )

    def test_resolve(self) -> None:
        self.mock.get(_ONE, json={'server': self.reply('server')})
        self.assertEqual(
            [(base.SERVER, 'sm-f-bfv')],
            self.clouds.compute.resolve(base.SERVER.upper()),
        )

    def test_resolve_name(self) -> None:
        self.mock.get(
            base.NOVA + '/servers',
            json={
                'servers': [
                    {'id': 'a', 'name': 'web.1'},
                    {'id': 'b', 'name': 'WEB.1'},
                ]
            },
        )
        self.assertEqual(
            [('a', 'web.1')], self.clouds.compute.resolve('web.1')
        )
        self.assertEqual(['^web\\.1$'], self.mock.last_request.qs['name'])

    def test_lock(self) -> None:
        self.mock.post(_ACTION, status_code=202)
        self.clouds.compute.lock(base.SERVER, 'osc-recovery r1')
        self.assertEqual(
            {'lock': {'locked_reason': 'osc-recovery r1'}}, self.sent()
        )
        self.clouds.compute.unlock(base.SERVER)
        self.assertEqual({'unlock': None}, self.sent())

    def test_start(self) -> None:
        self.mock.post(
            _ACTION,
            status_code=202,
            headers={'X-OpenStack-Request-ID': 'req-1'},
        )
        self.assertEqual('req-1', self.clouds.compute.start(base.SERVER))
        self.assertEqual({'os-start': None}, self.sent())

    def test_start_refused(self) -> None:
        message = "Cannot 'start' instance while it is in vm_state active"
        self.mock.post(
            _ACTION,
            status_code=409,
            json={'conflictingRequest': {'code': 409, 'message': message}},
        )
        error = self.assertRaises(
            errors.Refused, self.clouds.compute.start, base.SERVER
        )
        self.assertEqual(409, error.status)
        self.assertEqual(
            f'nova refused to start server {base.SERVER} (409: {message})',
            str(error),
        )

    def test_service_changes(self) -> None:
        self.mock.put(base.NOVA + '/os-services/u', json={'service': {}})
        nova = self.clouds.compute
        reason = {'status': 'disabled', 'disabled_reason': 'why'}
        cases: tuple[tuple[Callable[[], None], object], ...] = (
            (lambda: nova.force_down('u', True), {'forced_down': True}),
            (lambda: nova.force_down('u', False), {'forced_down': False}),
            (lambda: nova.disable('u', 'why'), reason),
            (lambda: nova.enable('u'), {'status': 'enabled'}),
        )
        for change, body in cases:
            change()
            self.assertEqual(body, self.sent())

    def test_delete_service(self) -> None:
        url = f'{base.NOVA}/os-services/u'
        for status in (204, 404):
            self.mock.delete(url, status_code=status, json={})
            self.clouds.compute.delete_service('u')
        self.mock.delete(url, status_code=409, json={})
        error = self.assertRaises(
            errors.Refused, self.clouds.compute.delete_service, 'u'
        )
        self.assertEqual(409, error.status)

    def test_now(self) -> None:
        self.mock.get(
            base.NOVA + '/os-services',
            json={'services': []},
            headers={'Date': base.DATE},
        )
        began = datetime.datetime(2026, 11, 22, 16, tzinfo=datetime.UTC)
        for _ in range(2):
            passed = self.clouds.compute.now() - began
            self.assertTrue(0 <= passed.total_seconds() < 5)
        self.assertEqual(1, len(self.calls()))

    def test_date_without_a_zone(self) -> None:
        self.mock.get(
            base.NOVA + '/os-services',
            json={'services': []},
            headers={'Date': base.DATE.replace('GMT', '-0000')},
        )
        self.assertEqual(datetime.UTC, self.clouds.compute.now().tzinfo)

    def test_no_date(self) -> None:
        for headers in ({}, {'Date': 'yesterday'}):
            self.mock.get(
                base.NOVA + '/os-services',
                json={'services': []},
                headers=headers,
            )
            self.assertRaises(errors.CloudUnavailable, self.clouds.compute.now)

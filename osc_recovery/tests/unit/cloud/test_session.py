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

"""Endpoints, time limits, counts and what is logged."""

import io
import logging

import requests

from osc_recovery.cloud import errors
from osc_recovery.cloud import wire
from osc_recovery import exceptions
from osc_recovery.tests.unit.cloud import base

_SECRET = 'chap-5ecret'


class TestEndpoints(base.CloudTestCase):
    """Region, interface and override are the operator's."""

    def test_region_and_interface(self) -> None:
        self.mock.get(base.NOVA + '/os-services', json={'services': []})
        self.mock.get(base.CINDER + '/os-services', json={'services': []})
        self.mock.get(base.NEUTRON + '/v2.0/agents', json={'agents': []})
        self.mock.get(
            base.PLACEMENT + '/resource_providers',
            json={'resource_providers': []},
        )
        self.clouds.compute.services()
        self.clouds.volume.services()
        self.clouds.network.agents('h')
        self.clouds.placement.provider(name='h')
        self.assertEqual(4, len(self.calls()))

    def test_override(self) -> None:
        cases = {
            'compute': 'http://o.example/v2.1/os-services',
            'volume': 'http://o.example/v3/os-services',
            'network': 'http://o.example/v2.0/agents',
            'placement': 'http://o.example/resource_providers',
        }
        for service, url in cases.items():
            self.mock.get(
                url,
                json={'services': [], 'agents': [], 'resource_providers': []},
            )
            suffix = {'compute': '/v2.1', 'volume': '/v3'}.get(service, '')
            self.overrides[service] = 'http://o.example' + suffix
        self.clouds.compute.services()
        self.clouds.volume.services()
        self.clouds.network.agents('h')
        self.clouds.placement.provider(name='h')
        self.assertEqual(
            list(cases.values()),
            [call.split()[1].split('?')[0] for call in self.calls()],
        )

    def test_network_endpoint_with_version(self) -> None:
        self.overrides['network'] = 'http://o.example/v2.0/'
        self.mock.get('http://o.example/v2.0/agents', json={'agents': []})
        self.assertEqual((), self.clouds.network.agents('h'))

    def test_no_endpoint(self) -> None:
        self.clouds._region_name = 'RegionThree'
        for ask in (
            self.clouds.compute.services,
            self.clouds.volume.services,
            lambda: self.clouds.network.agents('h'),
            lambda: self.clouds.placement.provider(name='h'),
        ):
            error = self.assertRaises(errors.CloudUnavailable, ask)
            self.assertIn('check that the service works', str(error))


class TestEveryRequest(base.CloudTestCase):
    """What holds whatever the service."""

    def test_time_limit(self) -> None:
        self.mock.get(base.NOVA + '/os-services', json={'services': []})
        self.mock.get(base.CINDER + '/os-services', json={'services': []})
        self.mock.get(base.NEUTRON + '/v2.0/agents', json={'agents': []})
        self.clouds.compute.services()
        self.clouds.volume.services()
        self.clouds.network.agents('h')
        url = base.NEUTRON + '/v2.0/ports/p/bindings/h'
        self.mock.delete(url, status_code=204)
        self.clouds.network.delete_binding('p', 'h')
        # Two of them fetch a token, with the operator's and nova's user.
        self.assertEqual(6, len(self.mock.request_history))
        for sent in self.mock.request_history:
            self.assertEqual(wire.TIMEOUT, sent.timeout)

    def test_operators_time_limit(self) -> None:
        self.assertEqual(wire.TIMEOUT, self.clouds.compute.time_limit)
        self.clouds._session.timeout = 5.0
        self.assertEqual(5.0, self.clouds.compute.time_limit)
        self.mock.get(base.NOVA + '/os-services', json={'services': []})
        self.clouds.compute.services()
        for sent in self.mock.request_history:
            self.assertEqual(5.0, sent.timeout)

    def test_counts(self) -> None:
        self.mock.get(base.NOVA + '/os-services', json={'services': []})
        self.mock.post(
            f'{base.NOVA}/servers/{base.SERVER}/action', status_code=202
        )
        self.clouds.compute.services()
        self.clouds.compute.services()
        self.clouds.compute.unlock(base.SERVER)
        self.assertEqual(
            {('compute', 'GET'): 2, ('compute', 'POST'): 1},
            self.clouds.requests,
        )

    def test_nothing_cached_in_the_home(self) -> None:
        """novaclient's list() would write ~/.novaclient."""
        self.mock.get(base.NOVA + '/os-services', json={'services': []})
        self.mock.get(
            base.NOVA + '/servers/detail',
            json={'servers': [self.reply('server')]},
        )
        self.mock.get(
            base.CINDER + '/attachments',
            json={'attachments': [self.reply('attachment')]},
        )
        self.clouds.compute.services()
        self.clouds.compute.servers(host='h')
        self.clouds.volume.attachments_of('v', 's')
        self.assertEqual([], list(self.home.iterdir()))

    def test_no_answer(self) -> None:
        cases = [
            (requests.ConnectTimeout, 'timed out'),
            (
                requests.ConnectionError(
                    'HTTPConnectionPool(host=1): Max retries exceeded with '
                    "url: / (Caused by NewConnectionError('x: [Errno 111] "
                    "Connection refused'))"
                ),
                '(Connection refused); check that',
            ),
            (requests.ConnectionError('x' * 999), 'no connection to http://'),
            (requests.exceptions.InvalidHeader('odd'), 'Unexpected exception'),
        ]
        for failure, text in cases:
            self.mock.get(base.NOVA + '/os-services', exc=failure)
            self.mock.get(base.CINDER + '/os-services', exc=failure)
            self.mock.get(base.NEUTRON + '/v2.0/agents', exc=failure)
            self.mock.get(base.PLACEMENT + '/allocations/c', exc=failure)
            for ask, cause in (
                (self.clouds.compute.services, 'compute-unavailable'),
                (self.clouds.volume.services, 'volume-unavailable'),
                (
                    lambda: self.clouds.network.agents('h'),
                    'network-unavailable',
                ),
                (
                    lambda: self.clouds.placement.allocation('c'),
                    'placement-unavailable',
                ),
            ):
                error = self.assertRaises(errors.CloudUnavailable, ask)
                self.assertEqual(cause, error.cause)
                self.assertIn(text, str(error))
                self.assertNotIn('\n', str(error))

    def test_reasons(self) -> None:
        """What services make of an error, and what proxies do."""
        error = {'type': 'T', 'message': 'why'}
        cases: tuple[tuple[object, str, str], ...] = (
            ({'NeutronError': error}, 'T', 'why'),
            ({'NeutronError': 'why'}, '', 'No'),
            ({'errors': [{'code': 'c', 'detail': 'why'}]}, 'c', 'why'),
            ({'errors': []}, '', 'No'),
            ({}, '', 'No'),
            (['why'], '', 'No'),
            ('why', '', 'No'),
        )
        for body, code, text in cases:
            self.mock.get(
                base.NEUTRON, status_code=400, reason='No', json=body
            )
            answer = requests.get(base.NEUTRON, timeout=1)
            self.assertEqual(code, errors.code(answer))
            self.assertEqual(text, errors.reason(answer))
        self.mock.get(base.NEUTRON, status_code=502, reason='No', text='<h1>')
        answer = requests.get(base.NEUTRON, timeout=1)
        self.assertEqual(
            ('', 'No'), (errors.code(answer), errors.reason(answer))
        )

    def test_long_reason(self) -> None:
        error = errors.refused('network', 'do it', 400, 'word ' * 1000)
        self.assertLess(len(str(error)), 400)

    def test_unavailable_is_both(self) -> None:
        """Readers catch ServiceUnavailable, the engine StepFailed."""
        error = errors.unavailable('placement', 'do it', 'it answered 503')
        self.assertIsInstance(error, exceptions.ServiceUnavailable)
        self.assertIsInstance(error, exceptions.StepFailed)
        self.assertEqual(
            'placement could not do it: it answered 503; check that the '
            'service works, then try again',
            str(error),
        )

    def test_statuses(self) -> None:
        for status, kind in (
            (400, errors.Refused),
            (403, errors.Refused),
            (404, errors.Refused),
            (409, errors.Refused),
            (401, errors.CloudUnavailable),
            (429, errors.CloudUnavailable),
            (500, errors.CloudUnavailable),
            (503, errors.CloudUnavailable),
        ):
            for url in (
                base.NOVA + '/os-services',
                base.CINDER + '/os-services',
                base.NEUTRON + '/v2.0/agents',
                base.PLACEMENT + '/allocations/c',
            ):
                self.mock.get(url, status_code=status, text='no\nbody')
            for ask in (
                self.clouds.compute.services,
                self.clouds.volume.services,
                lambda: self.clouds.network.agents('h'),
                lambda: self.clouds.placement.allocation('c'),
            ):
                error = self.assertRaises(exceptions.StepFailed, ask)
                self.assertIsInstance(error, kind)
                self.assertIn(str(status), str(error))
                self.assertNotIn('\n', str(error))


class TestLogging(base.CloudTestCase):
    """Under --debug every call is seen, and no secret."""

    def setUp(self) -> None:
        super().setUp()
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        self.addCleanup(root.setLevel, level)
        self.addCleanup(root.removeHandler, handler)

    def test_attachments(self) -> None:
        attachment = self.reply('attachment')
        attachment['connection_info']['auth_password'] = _SECRET
        url = f'{base.CINDER}/attachments'
        one = f'{url}/{attachment["id"]}'
        self.mock.post(url, json={'attachment': attachment})
        self.mock.put(one, json={'attachment': attachment})
        self.mock.get(one, json={'attachment': attachment})
        volume = self.clouds.volume
        volume.create_attachment('v', 's')
        got = volume.update_attachment(attachment['id'], {'host': 'h'})
        self.assertEqual(_SECRET, got['auth_password'])
        shown = volume.show_attachment(attachment['id']) or {}
        self.assertEqual(_SECRET, shown['connection_info']['auth_password'])
        text = self.stream.getvalue()
        self.assertNotIn(_SECRET, text)
        for method in ('POST', 'PUT', 'GET'):
            self.assertIn(f'volume: {method} /attachments', text)

    def test_failing_attachment(self) -> None:
        self.mock.put(
            f'{base.CINDER}/attachments/a',
            status_code=500,
            json={'attachment': {'auth_password': _SECRET}},
        )
        error = self.assertRaises(
            errors.CloudUnavailable,
            self.clouds.volume.update_attachment,
            'a',
            {'host': 'h', 'auth_password': _SECRET},
        )
        self.assertNotIn(_SECRET, str(error))
        self.assertNotIn(_SECRET, self.stream.getvalue())

    def test_user_data(self) -> None:
        server = {**self.reply('server'), 'user_data': _SECRET}
        self.mock.get(
            f'{base.NOVA}/servers/{base.SERVER}', json={'server': server}
        )
        self.clouds.compute.server(base.SERVER)
        self.assertNotIn(_SECRET, self.stream.getvalue())

    def test_tokens(self) -> None:
        self.mock.get(base.NOVA + '/os-services', json={'services': []})
        self.clouds.compute.services()
        self.assertNotIn('token-of-operator', self.stream.getvalue())
        self.assertNotIn('not-a-secret', self.stream.getvalue())

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

"""Transport URLs, as oslo.messaging reads them."""

from osc_recovery.cloud import transport_url
from osc_recovery import exceptions
from osc_recovery.tests.unit import base

Place = transport_url.Place


class ParseTestCase(base.TestCase):
    """The examples are those of oslo_messaging.transport.TransportURL."""

    def test_urls(self) -> None:
        for url, places, host, shown in (
            (
                'rabbit://u:p@h:1/v',
                (Place('h', 1, 'u', 'p'),),
                'v',
                'rabbit://h:1/v',
            ),
            (
                'rabbit://u:p@h1:1,u2:p2@h2//nova',
                (Place('h1', 1, 'u', 'p'), Place('h2', None, 'u2', 'p2')),
                '/nova',
                'rabbit://h1:1,h2//nova',
            ),
            (
                'rabbit://a%40b:p%2Fw@[::1]:5671/%2F',
                (Place('::1', 5671, 'a@b', 'p/w'),),
                '/',
                'rabbit://[::1]:5671//',
            ),
            (
                'rabbit://u:p@q@h',
                (Place('h', None, 'u', 'p@q'),),
                '',
                'rabbit://h/',
            ),
            (
                'rabbit://h1,h2/',
                (Place('h1', None), Place('h2', None)),
                '',
                'rabbit://h1,h2/',
            ),
            ('rabbit://', (), '', 'rabbit:///'),
        ):
            with self.subTest(url=url):
                found = transport_url.parse(url, 'cell c')
                self.assertEqual(places, found.places)
                self.assertEqual(host, found.virtual_host)
                self.assertEqual(shown, str(found))
                self.assertNotIn('p2', repr(found).replace('h2', ''))

    def test_query(self) -> None:
        found = transport_url.parse('rabbit://h/?ssl=1&ssl_ca_file=/a', 'x')
        self.assertEqual({'ssl': '1', 'ssl_ca_file': '/a'}, found.query)

    def test_no_urls(self) -> None:
        for url in (
            'nonsense',
            '',
            '{scheme}://u:s3cr3t@h/',
            'rabbit://u:s3cr3t@{hostname}/',
            'rabbit://u:s3cr3t@h:port/',
            'rabbit://[::1',
        ):
            with self.subTest(url=url):
                error = self.assertRaises(
                    exceptions.ConfigError, transport_url.parse, url, 'cell c'
                )
                self.assertIn('the transport_url of cell c', str(error))
                self.assertNotIn('s3cr3t', str(error))

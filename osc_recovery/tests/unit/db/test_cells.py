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


"""Tests of the cells and of the templates in their URLs."""

import dataclasses
import traceback

from osc_recovery.conf import messaging
from osc_recovery.conf import nova as conf_nova
from osc_recovery.db import cells
from osc_recovery import exceptions
from osc_recovery.tests.unit.db import base

DEFAULT = 'mysql+pymysql://nova:pa%25ss@db.example.org:3306/nova?charset=utf8'


def settings(
    database: str = DEFAULT, extra: str = ''
) -> conf_nova.NovaSettings:
    """What was read from nova.conf."""
    return conf_nova.NovaSettings(
        api_database='',
        database=database,
        connection_parameters=extra,
        report_interval=10,
        default_zone='nova',
        instance_name_template='instance-%08x',
        service_down_time=60,
    )


class FormatTest(base.DatabaseTestCase):
    """cells.format_url, by the rules of nova's CellMapping._format_url."""

    def test_templates(self) -> None:
        for template, default, expected in (
            (
                '{scheme}://{username}:{password}@{hostname}:{port}/{path}'
                '?{query}',
                DEFAULT,
                DEFAULT,
            ),
            (
                '{scheme}://{username}:{password}@{hostname}/cell1?{query}',
                DEFAULT,
                'mysql+pymysql://nova:pa%25ss@db.example.org/cell1'
                '?charset=utf8',
            ),
            (
                'mysql://cell:x@DB2/{path}#{fragment}',
                'mysql://u:p@h/nova#frag',
                'mysql://cell:x@DB2/nova#frag',
            ),
            (
                'rabbit://{username2}:{password2}@{hostname2}:{port2}/',
                'rabbit://u1:p1@h1:1,u2:p2@h2:2/v',
                'rabbit://u2:p2@h2:2/',
            ),
            # nova lower-cases the host
            ('x://{hostname}', 'mysql://u:p@DB/nova', 'x://db'),
        ):
            with self.subTest(template):
                self.assertEqual(expected, cells.format_url(template, default))


class ReadTest(base.DatabaseTestCase):
    """cells.read_cells."""

    def setUp(self) -> None:
        super().setUp()
        self.rows = base.rows('cloud')['nova_api']
        del self.rows['host_mappings']

    def read(
        self,
        nova: conf_nova.NovaSettings | None = None,
        schema: str = 'nova-api-34-2026.2',
    ) -> list[tuple[str, str, bool]]:
        api = self.database(schema, self.rows, name='nova_api')
        return [
            (cell.name, url.render_as_string(False), cell.disabled)
            for cell, url in cells.read_cells(api, nova or settings())
        ]

    def url(self, text: str) -> None:
        self.rows['cell_mappings'] = [
            {
                'id': 1,
                'uuid': base.CELL.uuid,
                'name': 'cell1',
                'transport_url': 'rabbit://',
                'database_connection': text,
                'disabled': 1,
            }
        ]

    def test_recorded_cells(self) -> None:
        self.assertEqual(
            ['cell1', 'cell2', 'cell0'], [name for name, _, _ in self.read()]
        )
        api = self.database('nova-api-34-2026.2', self.rows)
        found = cells.read_cells(api, settings())
        self.assertEqual(
            [False, False, True], [cell.is_cell0 for cell, _ in found]
        )
        self.assertNotIn('secret', repr(found) + str(found[0][1]))

    def test_templates_are_filled(self) -> None:
        self.url('{scheme}://{username}:{password}@{hostname}/cell1')
        self.assertEqual(
            [
                (
                    'cell1',
                    'mysql+pymysql://nova:pa%25ss@db.example.org/cell1',
                    True,
                )
            ],
            self.read(),
        )

    def test_an_old_release_disables_no_cell(self) -> None:
        self.url('mysql://u:p@h/d')
        for schema, expected in (
            ('nova-api-17-queens', False),
            ('nova-api-34-2026.2', True),
        ):
            self.assertEqual(expected, self.read(schema=schema)[0][2])

    def test_connection_parameters(self) -> None:
        self.url('mysql://u:p@h/d?charset=utf8')
        (found,) = self.read(settings(extra='ssl_ca=/etc/ca.pem'))
        self.assertIn('charset=utf8', found[1])
        self.assertIn('ssl_ca=%2Fetc%2Fca.pem', found[1])

    def test_urls_that_cannot_be_used(self) -> None:
        for url, database in (
            ('{nonsense}://s3cr3t', DEFAULT),
            ('{scheme}://{username1}:s3cr3t@h/d', DEFAULT),
            ('{0}://s3cr3t', DEFAULT),
            ('{scheme://s3cr3t', DEFAULT),
            ('{scheme}://u:s3cr3t@h:{port}/d', ''),
            ('{scheme}://u:s3cr3t@h:{port}/d', 'mysql://u:s3cr3t@h:x/d'),
            ('s3cr3t', DEFAULT),
            ('', DEFAULT),
        ):
            with self.subTest(url):
                self.url(url)
                error = self.assertRaises(
                    exceptions.ConfigError, self.read, settings(database)
                )
                self.assertIn('cell cell1', str(error))
                self.assertNotIn(
                    's3cr3t', ''.join(traceback.format_exception(error))
                )


class TransportTest(base.DatabaseTestCase):
    """cells.transport_url."""

    def read(self, url: str | None, default: str = '') -> str:
        rows = base.rows('cloud')['nova_api']
        del rows['host_mappings']
        rows['cell_mappings'][0].update(uuid=base.CELL.uuid, transport_url=url)
        nova = dataclasses.replace(
            settings(), messaging=messaging.Messaging(default)
        )
        self.assertNotIn('s3cr3t', repr(nova))
        api = self.database('nova-api-34-2026.2', rows)
        return cells.transport_url(api, nova, base.CELL)

    def test_read(self) -> None:
        for url, default, expected in (
            ('rabbit://u:p@h/v', '', 'rabbit://u:p@h/v'),
            (
                '{scheme}://{username2}:{password2}@{hostname2}/cell1?{query}',
                'rabbit://a:b@h1:1,u:p@h2:2/?ssl=1',
                'rabbit://u:p@h2/cell1?ssl=1',
            ),
            ('none:///', '', 'none:///'),
        ):
            with self.subTest(url=url):
                self.assertEqual(expected, self.read(url, default))

    def test_nothing_there(self) -> None:
        for url, default in (
            ('', ''),
            (None, ''),
            ('{scheme}://{hostname3}/', 'rabbit://u:s3cr3t@h/'),
            ('{nonsense}', 'rabbit://u:s3cr3t@h/'),
        ):
            with self.subTest(url=url):
                error = self.assertRaises(
                    exceptions.ConfigError, self.read, url, default
                )
                self.assertIn('transport_url', str(error))
                self.assertNotIn('s3cr3t', str(error))

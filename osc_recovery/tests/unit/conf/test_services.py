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


"""Tests of what is read from nova.conf and cinder.conf."""

from typing import Any
from unittest import mock

import fixtures
from keystoneauth1.identity import generic

from osc_recovery import conf
from osc_recovery.conf import cinder as conf_cinder
from osc_recovery.conf import messaging
from osc_recovery.conf import nova as conf_nova
from osc_recovery.conf import opts
from osc_recovery.tests.unit.conf import base

API = 'mysql+pymysql://nova:s3cr3t@db/nova_api?charset=utf8'
MAIN = 'mysql+pymysql://nova:s3cr3t@db/nova'
NOVA = f"""
[api_database]
connection = {API}
[database]
connection = {MAIN}
"""
AUTH = """
[{}]
auth_type = password
auth_url = http://keystone.example.org/v3
username = {}
password = s3cr3t
project_name = service
user_domain_name = Default
project_domain_name = Default
"""


class ServicesTestCase(base.ConfTestCase):
    """No file of this machine is found."""

    def setUp(self) -> None:
        super().setUp()
        for name in ('NOVA_CONFIG_FILES', 'CINDER_CONFIG_FILES'):
            self.useFixture(
                fixtures.MockPatchObject(opts, name, ('/nonexistent',))
            )

    def ours(self, service: str, **values: str) -> Any:
        lines = ''.join(f'{k} = {v}\n' for k, v in values.items())
        return conf.load(self.write('recovery.conf', f'[{service}]\n{lines}'))

    def nova(self, text: str) -> conf_nova.NovaSettings:
        path = self.write('nova.conf', text)
        return conf_nova.load_nova(self.ours('nova', config_files=path))


class NovaTest(ServicesTestCase):
    """conf.nova.load_nova."""

    def test_defaults(self) -> None:
        settings = self.nova(NOVA)
        self.assertEqual(API, settings.api_database)
        self.assertEqual(MAIN, settings.database)
        self.assertEqual(
            (10, 60, 'nova', 'instance-%08x', ''),
            (
                settings.report_interval,
                settings.service_down_time,
                settings.default_zone,
                settings.instance_name_template,
                settings.connection_parameters,
            ),
        )
        self.assertIsNone(settings.service_auth())

    def test_values(self) -> None:
        settings = self.nova(
            '[DEFAULT]\n'
            'report_interval = 5\n'
            'service_down_time = 33\n'
            'default_availability_zone = az1\n'
            'instance_name_template = vm-%(uuid)s\n' + NOVA
        )
        self.assertEqual(
            (5, 33, 'az1', 'vm-%(uuid)s'),
            (
                settings.report_interval,
                settings.service_down_time,
                settings.default_zone,
                settings.instance_name_template,
            ),
        )

    def test_messaging(self) -> None:
        """Today's names of the options, and those of Queens."""
        plain = self.nova(NOVA).messaging
        self.assertEqual(messaging.Messaging(), plain)
        for options in (
            'ssl = true\nssl_ca_file = /ca\nssl_cert_file = /c\n'
            'ssl_key_file = /k\n',
            'rabbit_use_ssl = true\nkombu_ssl_ca_certs = /ca\n'
            'kombu_ssl_certfile = /c\nkombu_ssl_keyfile = /k\n',
        ):
            found = self.nova(
                f'[DEFAULT]\ntransport_url = rabbit://u:{base.SECRET}@h/\n'
                f'[oslo_messaging_rabbit]\n{options}'
                f'ssl_enforce_hostname_verification = false\n{NOVA}'
            ).messaging
            self.assertEqual(
                messaging.Tls(True, '/ca', '/c', '/k', False), found.tls
            )
            self.assertEqual(
                f'rabbit://u:{base.SECRET}@h/', found.transport_url
            )
            self.assertNotIn(base.SECRET, repr(found))

    def test_a_wrong_switch(self) -> None:
        said = self.refused(
            self.nova,
            f'[oslo_messaging_rabbit]\nssl = {base.SECRET}\n{NOVA}',
        )
        self.assertIn('[oslo_messaging_rabbit] ssl has a wrong', said)

    def test_secrets_are_not_printed(self) -> None:
        self.assertNotIn(base.SECRET, repr(self.nova(NOVA)))

    def test_without_a_database_of_its_own(self) -> None:
        settings = self.nova(f'[api_database]\nconnection = {API}\n')
        self.assertEqual('', settings.database)

    def test_references(self) -> None:
        settings = self.nova(
            """
            [DEFAULT]
            my_ip = 192.0.2.1
            db_password = pa$$ss
            [custom]
            user = nova
            name = nova_api
            [api_database]
            name = wins
            connection = mysql://${custom.user}:$db_password@$my_ip/$name
            [database]
            connection = mysql://a\\$b@h/d
            """
        )
        self.assertEqual(
            'mysql://nova:pa$ss@192.0.2.1/wins', settings.api_database
        )
        self.assertEqual('mysql://a$b@h/d', settings.database)

    def test_connection_parameters(self) -> None:
        settings = self.nova(
            f"""
            [api_database]
            connection = {API}
            connection_parameters = ssl_ca=/a
            [database]
            connection = {MAIN}
            connection_parameters = ssl_ca=/b&x=1
            """
        )
        self.assertIn('charset=utf8', settings.api_database)
        self.assertIn('ssl_ca=%2Fa', settings.api_database)
        self.assertEqual(MAIN, settings.database)
        self.assertEqual('ssl_ca=/b&x=1', settings.connection_parameters)

    def test_several_files_and_directories(self) -> None:
        first = self.write('a.conf', NOVA)
        second = self.write('b.conf', '[DEFAULT]\nreport_interval = 7\n')
        self.write('d/1.conf', '[DEFAULT]\nreport_interval = 8\n')
        self.write('d/2.conf', '[DEFAULT]\nreport_interval = 9\n')
        self.write('d/3.txt', '[DEFAULT]\nreport_interval = 99\n')
        for values, expected in (
            ({'config_files': f'{first},{second}'}, 7),
            ({'config_files': f'{second},{first}'}, 7),
            ({'config_files': first, 'config_dirs': f'{self.home}/d'}, 9),
            ({'config_files': '~/a.conf', 'config_dirs': '~/d'}, 9),
        ):
            with self.subTest(values):
                ours = self.ours('nova', **values)
                self.assertEqual(
                    expected, conf_nova.load_nova(ours).report_interval
                )

    def test_the_first_place_that_exists(self) -> None:
        path = self.write('kolla/nova.conf', NOVA)
        with mock.patch.object(
            opts, 'NOVA_CONFIG_FILES', ('/nonexistent', path, '/etc/passwd')
        ):
            settings = conf_nova.load_nova(conf.load())
        self.assertEqual(API, settings.api_database)

    def test_the_environment_is_not_novas(self) -> None:
        self.useFixture(
            fixtures.EnvironmentVariable(
                'OS_API_DATABASE__CONNECTION', 'mysql://x'
            )
        )
        self.assertEqual(API, self.nova(NOVA).api_database)

    def test_refusals(self) -> None:
        for text, expected in (
            ('', '[api_database] connection is not set'),
            ('[api_database]\nconnection =\n', 'is not set'),
            ('[api_database]\nconnection = s3cr3t\n', 'no'),
            ('[api_database]\nconnection = mysql://a:b@h:s3cr3t/\n', 'no'),
            ('[api_database]\nconnection = mysql://u:$s3cr3t@h/\n', '"$$"'),
            ('[api_database]\nconnection s3cr3t\n', 'line 2'),
            ('[api_database]\nconnection = s3cr3t$connection\n', 'wrong'),
            (NOVA + '[DEFAULT]\nreport_interval = s3cr3t\n', 'a number'),
            (NOVA + '[DEFAULT]\nservice_down_time = s3cr3t\n', 'a number'),
        ):
            with self.subTest(text):
                message = self.refused(self.nova, text)
                self.assertIn(str(self.home / 'nova.conf'), message)
                self.assertIn(expected, message)

    def test_nothing_is_found(self) -> None:
        message = self.refused(conf_nova.load_nova, conf.load())
        self.assertIn('[nova] config_files', message)

    def test_named_places_that_are_missing(self) -> None:
        for values, expected in (
            ({'config_files': '/missing.conf'}, '/missing.conf'),
            ({'config_dirs': '/missing.d'}, '/missing.d'),
        ):
            with self.subTest(values):
                ours = self.ours('nova', **values)
                self.assertIn(
                    expected, self.refused(conf_nova.load_nova, ours)
                )


class ServiceAuthTest(ServicesTestCase):
    """NovaSettings.service_auth: keystoneauth's own loading."""

    def username(self, text: str) -> str | None:
        made = self.nova(NOVA + text).service_auth()
        if made is None:
            return None
        self.assertIsInstance(made.auth, generic.Password)
        plugin: Any = made.auth
        name: str = plugin._username
        return name

    def test_sections(self) -> None:
        service = AUTH.format('service_user', 'nova')
        neutron = AUTH.format('neutron', 'neutron')
        for text, expected in (
            (service, 'nova'),
            (neutron, 'neutron'),
            (service + neutron, 'nova'),
            ('[service_user]\nsend_service_user_token = true\n', None),
            ('[service_user]\nusername = nova\n' + neutron, 'neutron'),
            (
                '[service_user]\nauth_section = keystone_authtoken\n'
                + AUTH.format('keystone_authtoken', 'shared'),
                'shared',
            ),
        ):
            with self.subTest(text):
                self.assertEqual(expected, self.username(text))

    def test_the_session_verifies_as_nova_does(self) -> None:
        text = AUTH.format('service_user', 'nova') + 'cafile = /etc/ca.pem\n'
        made = self.nova(NOVA + text).service_auth()
        assert made
        self.assertEqual('/etc/ca.pem', made.verify)

    def test_credentials_that_cannot_be_used(self) -> None:
        for text in (
            '[service_user]\nauth_type = nonsense\npassword = s3cr3t\n',
            '[service_user]\nauth_type = password\npassword = s3cr3t\n',
            AUTH.format('service_user', 'nova') + 'timeout = s3cr3t\n',
        ):
            with self.subTest(text):
                settings = self.nova(NOVA + text)
                message = self.refused(settings.service_auth)
                self.assertIn('[service_user]', message)


class CinderTest(ServicesTestCase):
    """conf.cinder.load_cinder."""

    def cinder(self, text: str) -> conf_cinder.CinderSettings:
        path = self.write('cinder.conf', text)
        return conf_cinder.load_cinder(self.ours('cinder', config_files=path))

    def test_values(self) -> None:
        settings = self.cinder(
            """
            [DEFAULT]
            service_down_time = 77
            [database]
            connection = mysql://cinder:s3cr3t@db/cinder
            connection_parameters = ssl_ca=/a
            """
        )
        self.assertEqual(
            'mysql://cinder:s3cr3t@db/cinder?ssl_ca=%2Fa', settings.database
        )
        self.assertEqual(77, settings.service_down_time)
        self.assertNotIn(base.SECRET, repr(settings))

    def test_refusals(self) -> None:
        for text in ('', '[database]\nconnection = s3cr3t\n'):
            with self.subTest(text):
                message = self.refused(self.cinder, text)
                self.assertIn('[database] connection', message)

    def test_nothing_is_found(self) -> None:
        message = self.refused(conf_cinder.load_cinder, conf.load())
        self.assertIn('[cinder] config_files', message)

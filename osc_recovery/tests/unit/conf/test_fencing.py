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
"""The sections of fence agents."""

import fixtures
from oslo_config import cfg

from osc_recovery import conf
from osc_recovery.conf import fencing
from osc_recovery import exceptions
from osc_recovery.tests.unit.conf import base

IPMI = """
    [fencing]
    agents = ipmi
    [fence_agent:ipmi]
    hosts = kvm*
    program = fence_ipmilan
    """


class AgentOfTest(base.ConfTestCase):
    """Which agent a host has, and with which options."""

    def of(self, text: str, host: str = 'kvm1') -> fencing.AgentSettings:
        """The settings of a host that has some."""
        found = fencing.agent_of(self.loaded(text), host)
        assert found is not None
        return found

    def loaded(self, text: str) -> cfg.ConfigOpts:
        """Our configuration, from this text."""
        return conf.load(self.write('recovery.conf', text))

    def refusal(self, text: str, host: str = 'kvm1') -> str:
        """What is said of a wrong section."""
        return self.refused(fencing.agent_of, self.loaded(text), host)

    def test_none_is_configured(self) -> None:
        for text in ('', '[fencing]\nagents =\n', IPMI):
            self.assertIsNone(fencing.agent_of(self.loaded(text), 'rack9'))

    def test_defaults(self) -> None:
        found = self.of(IPMI)
        self.assertEqual(
            fencing.AgentSettings('ipmi', 'fence_ipmilan', {}, {}, 60, 120),
            found,
        )

    def test_options(self) -> None:
        for name, lines, host, expected in (
            ('plain', 'option = lanplus=1', 'kvm1', {'lanplus': '1'}),
            ('equals', 'option = a=b=c', 'kvm1', {'a': 'b=c'}),
            ('commas', 'option = plug=1,2', 'kvm1', {'plug': '1,2'}),
            ('blanks', 'option =  A-b = x y ', 'kvm1', {'a_b': 'x y'}),
            ('empty', 'option = a=', 'kvm1', {'a': ''}),
            ('host', 'option = ip={host}-bmc', 'kvm1.x', {'ip': 'kvm1.x-bmc'}),
            ('short', 'option = ip={short}-bmc', 'kvm1.x', {'ip': 'kvm1-bmc'}),
            (
                'of one host',
                'option = ip=a\noption = x=1\nhost_option = kvm2 ip=b',
                'kvm2',
                {'ip': 'b', 'x': '1'},
            ),
            (
                'of another host',
                'option = ip=a\nhost_option = kvm2 ip=b',
                'kvm1',
                {'ip': 'a'},
            ),
            (
                'of a pattern, the last one',
                'host_option = kvm* ip=a\nhost_option = kvm1 ip=b',
                'kvm1',
                {'ip': 'b'},
            ),
            (
                'a script',
                'option = password_script=/x',
                'kvm1',
                {'password_script': '/x'},
            ),
        ):
            with self.subTest(name):
                text = IPMI + lines.replace('\n', '\n    ')
                self.assertEqual(expected, self.of(text, host).options)

    def test_the_first_agent_is_used(self) -> None:
        text = """
            [fencing]
            agents = one, two
            [fence_agent:two]
            hosts = *
            program = fence_two
            [fence_agent:one]
            hosts = kvm1, kvm2
            program = fence_one
            """
        self.assertEqual('one', self.of(text, 'kvm2').name)
        self.assertEqual('two', self.of(text, 'kvm3').name)

    def test_passwords(self) -> None:
        path = self.write('password', ' s3cr3t"=# \n# a comment\n')
        own = self.write('password-kvm1', 's3cr3t-1')
        self.useFixture(fixtures.EnvironmentVariable('BMC', 's3cr3t-e'))
        for line, expected in (
            (f'password_file = {path}', ' s3cr3t"=# '),
            (f'password_file = {path}-{{host}}', 's3cr3t-1'),
            ('password_env = BMC', 's3cr3t-e'),
            ('password = s3cr3t-$$1', 's3cr3t-$1'),
        ):
            with self.subTest(line):
                found = self.of(f'{IPMI}{line}\n')
                self.assertEqual({'password': expected}, found.secrets)
                self.assertEqual({}, found.options)
                self.assertNotIn(base.SECRET, repr(found))
        self.assertTrue(own)

    def test_other_secrets(self) -> None:
        found = self.of(f'{IPMI}secret_option = hexadecimal-kg=s3cr3t\n')
        self.assertEqual({'hexadecimal_kg': 's3cr3t'}, found.secrets)
        self.assertNotIn(base.SECRET, repr(found))

    def test_wrong_options(self) -> None:
        reserved = 'must not hold'
        secret = 'holds a secret'
        for option, value, expected in (
            ('option', 's3cr3t', 'needs the form <key>=<value>'),
            ('option', '=s3cr3t', 'needs the form <key>=<value>'),
            ('option', 'a b=s3cr3t', 'needs the form <key>=<value>'),
            ('option', 'a=$s3cr3t', 'refers with "$"'),
            ('option', 'password=s3cr3t', secret),
            ('option', 'passwd=s3cr3t', secret),
            ('option', 'Snmp-Priv-Passwd=s3cr3t', secret),
            ('option', 'hexadecimal_kg=s3cr3t', secret),
            ('option', 'community=s3cr3t', secret),
            ('option', 'api_key=s3cr3t', secret),
            ('option', 'action=reboot', reserved),
            ('option', 'Action=reboot', reserved),
            ('option', 'verbose=1', reserved),
            ('option', 'debug-file=/tmp/x', reserved),
            ('host_option', 'ip=s3cr3t', '<pattern> <key>=<value>'),
            ('host_option', 'kvm1 s3cr3t', '<key>=<value>'),
            ('host_option', 'kvm1 password=s3cr3t', secret),
            ('host_option', 'kvm1 action=reboot', reserved),
            ('secret_option', 's3cr3t', 'needs the form <key>=<value>'),
            ('secret_option', 'action=s3cr3t', reserved),
            ('timeout', '0', 'has a wrong value'),
            ('off_timeout', 's3cr3t', 'has a wrong value'),
            ('password', '$s3cr3t', 'refers with "$"'),
            ('password_env', 'S3CR3T', 'which the environment lacks'),
            ('password_file', '/nowhere/at/all', 'No such file'),
        ):
            with self.subTest(option, value=value):
                said = self.refusal(f'{IPMI}{option} = {value}\n')
                self.assertIn(f'[fence_agent:ipmi] {option}', said)
                self.assertIn(expected, said)

    def test_wrong_passwords(self) -> None:
        for name, text, expected in (
            ('empty', '', 'empty password'),
            ('only a line break', '\ns3cr3t', 'empty password'),
            ('a control character', 's3cr3t\x0bs', 'line break'),
        ):
            with self.subTest(name):
                path = self.write('password', text)
                said = self.refusal(f'{IPMI}password_file = {path}\n')
                self.assertIn(expected, said)

    def test_a_binary_password_file(self) -> None:
        path = self.home / 'password'
        path.write_bytes(b'\xff\xfe')
        said = self.refusal(f'{IPMI}password_file = {path}\n')
        self.assertIn('it is not UTF-8', said)

    def test_two_passwords(self) -> None:
        said = self.refusal(
            f'{IPMI}password = s3cr3t\n    password_file = /x\n'
        )
        self.assertIn('choose one', said)

    def test_what_is_missing(self) -> None:
        for name, text, expected in (
            ('section', '[fencing]\nagents = x\n', '[fence_agent:x] hosts'),
            (
                'program',
                '[fencing]\nagents = x\n[fence_agent:x]\nhosts = *\n',
                '[fence_agent:x] program is not set',
            ),
            (
                'system',
                IPMI.replace('ipmilan', 'redfish'),
                'has no systems_uri',
            ),
            (
                'system of a path',
                IPMI.replace('fence_ipmilan', '/usr/sbin/fence_redfish'),
                'has no systems_uri',
            ),
        ):
            with self.subTest(name):
                self.assertIn(expected, self.refusal(text))

    def test_redfish_with_a_system(self) -> None:
        for line in (
            'option = systems_uri=/redfish/v1/Systems/1',
            'option = systems-uri=/redfish/v1/Systems/1',
            'host_option = kvm1 systems_uri=/redfish/v1/Systems/1',
        ):
            text = IPMI.replace('ipmilan', 'redfish') + line
            self.assertEqual(
                {'systems_uri': '/redfish/v1/Systems/1'}, self.of(text).options
            )

    def test_a_broken_section_is_no_matter_to_other_commands(self) -> None:
        made = self.loaded('[fencing]\nagents = x\n')
        self.assertEqual(['x'], made.fencing.agents)
        self.assertRaises(
            exceptions.ConfigError, fencing.agent_of, made, 'kvm1'
        )

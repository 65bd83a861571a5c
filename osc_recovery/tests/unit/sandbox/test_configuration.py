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

"""The files that a sandbox is made of."""

import json
import pathlib
import subprocess

from oslo_config import cfg

from osc_recovery import exceptions
from osc_recovery.sandbox import bootstrap
from osc_recovery.sandbox import client_files
from osc_recovery.sandbox import configuration
from osc_recovery.sandbox import environment
from osc_recovery.sandbox import ini
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states
from osc_recovery.sandbox import topology
from osc_recovery.tests.unit import base

NAMES = ('keystone', 'placement', 'glance', 'neutron', 'cinder', 'nova')
PORTS = {name: 10000 + n for n, name in enumerate((*NAMES, 'hub-cell1'))}


class Case(base.TestCase):
    """A sandbox of two hosts that nobody starts."""

    def setUp(self) -> None:
        super().setUp()
        self.layout = layouts.Layout(self.home / 'sandbox')
        self.layout.make()
        self.state = states.State(shape=shapes.Shape(2, 3), ports=PORTS)
        self.environment = environment.Environment(pathlib.Path('/env'))
        self.configuration = configuration.Configuration(
            self.layout, self.state, self.environment
        )

    def read(self, path: pathlib.Path, group: str, option: str) -> str:
        """An option as the service reads it."""
        conf = cfg.ConfigOpts()
        conf.register_opt(cfg.StrOpt(option), group=group)
        conf([], default_config_files=[str(path)])
        return str(conf[group][option])


class ServicesTestCase(Case):
    """The services' configuration files."""

    def setUp(self) -> None:
        super().setUp()
        self.configuration.write()
        self.etc = self.layout.etc

    def test_nova(self) -> None:
        path = self.etc / 'nova.conf'
        db = self.layout.db
        for group, option, expected in (
            ('database', 'connection', f'{db}/nova_cell1.db?timeout=60'),
            ('api_database', 'connection', f'{db}/nova_api.db?timeout=60'),
            ('DEFAULT', 'transport_url', 'hub://127.0.0.1:10006/'),
            ('DEFAULT', 'report_interval', '2'),
            ('DEFAULT', 'service_down_time', '20'),
            ('service_user', 'username', 'nova'),
            ('neutron', 'password', self.state.service_password),
            ('neutron', 'auth_url', 'http://127.0.0.1:10000/v3'),
        ):
            found = self.read(path, group, option)
            self.assertEqual(expected, found.removeprefix('sqlite:///'))

    def test_a_compute_service_has_no_database(self) -> None:
        text = (self.etc / 'compute-cell1.conf').read_text()
        self.assertNotIn('[database]', text)
        self.assertNotIn('[api_database]', text)
        self.assertNotIn('sqlite', text)

    def test_hosts_differ(self) -> None:
        for number, host in enumerate(('host1', 'host2'), start=1):
            path = self.etc / f'{host}.conf'
            for option, expected in (
                ('host', host),
                ('my_ip', f'127.0.1.{number}'),
                ('state_path', str(self.layout.hosts / host)),
            ):
                self.assertEqual(expected, self.read(path, 'DEFAULT', option))

    def test_nobody_else_reads_the_passwords(self) -> None:
        files = list(self.etc.glob('*.conf'))
        self.assertEqual(9, len(files))
        for path in files:
            self.assertEqual(0o600, path.stat().st_mode & 0o777)


class ClientFilesTestCase(Case):
    """What points a client at the sandbox."""

    def setUp(self) -> None:
        super().setUp()
        client_files.write(self.layout, self.state)

    def source(self, **variables: str) -> dict[str, str]:
        """The environment after sourcing the openrc."""
        finished = subprocess.run(
            ['/bin/sh', '-ec', f'. {self.layout.openrc}; env -0'],
            env={'PATH': '/usr/bin:/bin', **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = finished.stdout.rstrip('\0').split('\0')
        return dict(line.split('=', 1) for line in lines)

    def test_openrc(self) -> None:
        found = self.source()
        self.assertEqual('recovery-sandbox', found['OS_CLOUD'])
        self.assertEqual(
            str(self.layout.clouds_yaml), found['OS_CLIENT_CONFIG_FILE']
        )
        self.assertEqual(
            str(self.layout.recovery_conf), found['OSC_RECOVERY_CONFIG']
        )
        self.assertEqual('127.0.0.1', found['no_proxy'])

    def test_openrc_unsets_what_would_conflict(self) -> None:
        found = self.source(
            OS_AUTH_URL='http://real', OS_PASSWORD='x', no_proxy='a,b'
        )
        self.assertEqual(
            {'OS_CLOUD', 'OS_CLIENT_CONFIG_FILE'},
            {name for name in found if name.startswith('OS_')},
        )
        self.assertEqual('127.0.0.1,a,b', found['no_proxy'])
        self.assertEqual('127.0.0.1,a,b', found['NO_PROXY'])

    def test_clouds_yaml_is_for_its_owner(self) -> None:
        path = self.layout.clouds_yaml
        self.assertEqual(0o600, path.stat().st_mode & 0o777)
        self.assertIn(self.state.admin_password, path.read_text())

    def test_recovery_conf(self) -> None:
        path = self.layout.recovery_conf
        for group, option, expected in (
            ('nova', 'config_files', f'{self.layout.etc}/nova.conf'),
            ('cinder', 'config_files', f'{self.layout.etc}/cinder.conf'),
            ('storage', 'shared_instances', '*'),
            ('storage', 'connectors_dir', str(self.layout.connectors)),
            ('fencing', 'agent_report_interval', '2'),
            ('fencing', 'max_share', '1'),
        ):
            self.assertEqual(expected, self.read(path, group, option))
        journal = self.read(path, 'journal', 'connection')
        self.assertIn(str(self.layout.directory), journal)

    def test_connectors_differ_by_host(self) -> None:
        one, two = (
            json.loads((self.layout.connectors / f'{host}.json').read_text())
            for host in ('host1', 'host2')
        )
        self.assertEqual(one.keys(), two.keys())
        for key in ('host', 'ip', 'initiator', 'nqn', 'system uuid'):
            self.assertNotEqual(one[key], two[key])
        self.assertEqual('host1', one['host'])


class PlansTestCase(Case):
    """What is written into the databases, and which processes start."""

    def test_identity(self) -> None:
        plan = bootstrap.identity_plan(self.state, pathlib.Path('/k.conf'))
        found = {s['type']: s['url'] for s in plan['services']}
        self.assertEqual('http://127.0.0.1:10005/v2.1', found['compute'])
        self.assertEqual('http://127.0.0.1:10004/v3', found['volumev3'])
        self.assertEqual(found['volumev3'], found['block-storage'])
        self.assertNotIn('identity', found)

    def test_cells(self) -> None:
        cell0, cell1 = bootstrap.cells_plan(
            self.state.shape, self.configuration
        )
        self.assertEqual(shapes.CELL0_UUID, cell0['uuid'])
        self.assertEqual('none:///', cell0['transport'])
        self.assertEqual(('host1', 'host2'), cell1['hosts'])
        self.assertEqual('hub://127.0.0.1:10006/', cell1['transport'])
        self.assertNotEqual(cell0['database'], cell1['database'])

    def test_keys(self) -> None:
        keys = self.layout.var / 'fernet'
        bootstrap.make_keys(keys)
        self.assertEqual(0o700, keys.stat().st_mode & 0o777)
        one, two = ((keys / name).read_bytes() for name in '01')
        self.assertNotEqual(one, two)
        self.assertEqual(44, len(one))

    def test_processes(self) -> None:
        services = topology.Topology(
            self.layout, self.state.shape, self.environment
        ).all()
        self.assertEqual(
            [
                'hub-cell1',
                *NAMES,
                'conductor',
                'scheduler',
                'compute-host1',
                'compute-host2',
            ],
            [service.name for service in services],
        )
        listening = {s.name for s in services if s.listens}
        self.assertEqual(set(PORTS), listening)
        for service in services:
            # Each can be waited for in one way or another.
            self.assertTrue(
                service.http or service.queue or service.name == 'hub-cell1'
            )


class CellsTestCase(Case):
    """A second cell has everything of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.state.shape = shapes.Shape(3, 1, 2)
        self.state.ports = {**PORTS, 'hub-cell2': 10007}
        self.configuration.write()

    def test_files(self) -> None:
        db, etc = self.layout.db, self.layout.etc
        for name, group, option, expected in (
            ('nova', 'database', 'connection', 'nova_cell1'),
            ('nova', 'DEFAULT', 'transport_url', ':10006/'),
            ('nova-cell2', 'database', 'connection', 'nova_cell2'),
            ('nova-cell2', 'DEFAULT', 'transport_url', ':10007/'),
            ('compute-cell2', 'DEFAULT', 'transport_url', ':10007/'),
        ):
            if option == 'connection':
                expected = f'sqlite:///{db}/{expected}.db?timeout=60'
            else:
                expected = f'hub://127.0.0.1{expected}'
            found = self.read(etc / f'{name}.conf', group, option)
            self.assertEqual(expected, found)

    def test_addresses_differ_between_cells(self) -> None:
        found = {
            self.read(self.layout.etc / f'host{n}.conf', 'DEFAULT', 'my_ip')
            for n in (1, 2, 3)
        }
        self.assertEqual(3, len(found))

    def test_processes(self) -> None:
        for with_hubs in (True, False):
            found = {
                service.name: service
                for service in topology.Topology(
                    self.layout,
                    self.state.shape,
                    self.environment,
                    with_hubs,
                ).all()
            }
            self.assertEqual(with_hubs, 'hub-cell2' in found)
            conductor = found['conductor-cell2']
            self.assertEqual('hub-cell2', conductor.hub)
            self.assertIn(
                self.layout.etc / 'nova-cell2.conf', conductor.arguments
            )
            self.assertEqual('hub-cell1', found['conductor'].hub)
            self.assertEqual('hub-cell2', found['compute-host3'].hub)

    def test_mappings(self) -> None:
        _, cell1, cell2 = bootstrap.cells_plan(
            self.state.shape, self.configuration
        )
        self.assertEqual(('host1', 'host2'), cell1['hosts'])
        self.assertEqual(('host3',), cell2['hosts'])
        for name in ('uuid', 'database', 'transport'):
            self.assertNotEqual(cell1[name], cell2[name])


class IniTestCase(base.TestCase):
    """Text that oslo.config reads."""

    def test_render(self) -> None:
        sections: ini.Sections = {
            'DEFAULT': {'host': 'a', 'number': -1},
            'b': {'yes': True, 'no': False, 'path': pathlib.Path('/x')},
        }
        self.assertEqual(
            '[DEFAULT]\nhost = a\nnumber = -1\n\n'
            '[b]\nyes = true\nno = false\npath = /x\n',
            ini.render(sections),
        )


class LayoutTestCase(base.TestCase):
    """Where a sandbox is."""

    def test_unusable_names(self) -> None:
        for name in ('a,b', 'a?b', 'a%b', '$a', 'a\nb', 'a"b'):
            self.assertRaises(
                exceptions.UsageError, layouts.Layout, self.home / name
            )

    def test_defaults(self) -> None:
        state = self.home / '.local/state/osc-recovery/sandbox'
        self.assertEqual(state / 'default', layouts.default_directory())
        self.assertEqual(state / 'a', layouts.default_directory('a'))
        cache = self.home / '.cache/osc-recovery/sandbox'
        self.assertEqual(cache, layouts.cache_directory())

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

"""The servers that a sandbox may use in place of its own files and hub."""

import json
import pathlib

import fixtures
from sqlalchemy import exc as sa_exc

from osc_recovery import exceptions
from osc_recovery.sandbox import backends
from osc_recovery.sandbox import brokers
from osc_recovery.sandbox import controller
from osc_recovery.sandbox import databases
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import mariadb
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states
from osc_recovery.tests.unit import base

ADMIN = 'Sw0rdfish'
DATABASE = f'mysql+pymysql://root:{ADMIN}@127.0.0.1:9/'
TRANSPORT = f'rabbit://guest:{ADMIN}@127.0.0.1:9/'
ACCOUNT = backends.Account('recovery_0a', 'pw')


class BackendsTestCase(base.TestCase):
    """URLs from the environment."""

    def test_refused(self) -> None:
        for url in (
            'postgresql://root@127.0.0.1/',
            'sqlite:///x.db',
            'mysql+mysqldb://root@127.0.0.1/',
            'mysql+pymysql:///nova',
            'root@127.0.0.1',
            'mysql+pymysql://root@127.0.0.1:port/',
        ):
            found = self.assertRaises(
                exceptions.UsageError, backends.Backends, database=url
            )
            self.assertIn(backends.DATABASE_VARIABLE, str(found))
        for url in ('kafka://127.0.0.1/', 'hub://127.0.0.1:1/', 'rabbit:///'):
            found = self.assertRaises(
                exceptions.UsageError, backends.Backends, transport=url
            )
            self.assertIn(backends.TRANSPORT_VARIABLE, str(found))

    def test_from_the_environment(self) -> None:
        self.assertEqual(
            backends.Backends(), backends.Backends.from_environment()
        )
        for name, value in (
            (backends.DATABASE_VARIABLE, DATABASE),
            (backends.TRANSPORT_VARIABLE, TRANSPORT),
        ):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        self.assertEqual(
            backends.Backends(DATABASE, TRANSPORT),
            backends.Backends.from_environment(),
        )

    def test_passwords_are_not_shown(self) -> None:
        state = states.State(
            shape=shapes.Shape(),
            backends=backends.Backends(DATABASE, TRANSPORT),
        )
        for thing in (state, state.account):
            self.assertNotIn(ADMIN, repr(thing))
            self.assertNotIn(state.backend_password, repr(thing))

    def test_remembered(self) -> None:
        path = self.home / 'sandbox.json'
        state = states.State(
            shape=shapes.Shape(4, 1, 2),
            backends=backends.Backends(DATABASE, TRANSPORT),
        )
        state.write(path)
        self.assertEqual(state, states.State.read(path))

    def test_the_file_of_an_older_sandbox(self) -> None:
        path = self.home / 'sandbox.json'
        states.State(shape=shapes.Shape(2, 3)).write(path)
        found = json.loads(path.read_text())
        for name in ('backends', 'token', 'backend_password'):
            del found[name]
        del found['shape']['cell_count']
        path.write_text(json.dumps(found))
        state = states.State.read(path)
        assert state is not None
        self.assertEqual(shapes.Shape(2, 3), state.shape)
        self.assertEqual(backends.Backends(), state.backends)


class ChoiceTestCase(base.TestCase):
    """Which databases and which broker a state means."""

    def setUp(self) -> None:
        super().setUp()
        self.layout = layouts.Layout(self.home / 'sandbox')
        self.state = states.State(shape=shapes.Shape(2, 1, 2))
        self.cell = self.state.shape.cells[1]

    def test_without_servers(self) -> None:
        found = databases.of(self.layout, self.state)
        self.assertTrue(found.url('cinder').startswith('sqlite:///'))
        self.state.ports = {'hub-cell2': 5}
        broker = brokers.of(self.state)
        self.assertTrue(broker.processes)
        self.assertEqual('hub://127.0.0.1:5/', broker.url(self.cell))

    def test_with_servers(self) -> None:
        self.state.backends = backends.Backends(DATABASE, TRANSPORT)
        name = self.state.account.name
        password = self.state.backend_password
        url = databases.of(self.layout, self.state).url('cinder')
        self.assertEqual(
            f'mysql+pymysql://{name}:{password}@127.0.0.1:9/{name}_cinder'
            '?charset=utf8mb4',
            url,
        )
        broker = brokers.of(self.state)
        self.assertFalse(broker.processes)
        self.assertEqual(
            f'rabbit://{name}:{password}@127.0.0.1:9/{name}_hub-cell2',
            broker.url(self.cell),
        )

    def test_two_sandboxes_share_nothing(self) -> None:
        other = states.State(shape=shapes.Shape())
        self.assertNotEqual(self.state.account, other.account)
        self.assertNotEqual(
            self.state.account.password, other.account.password
        )


class DatabaseServerTestCase(base.TestCase):
    """What is said to a database server."""

    def setUp(self) -> None:
        super().setUp()
        self.connect = self.useFixture(
            fixtures.MockPatch('sqlalchemy.engine.Engine.connect')
        ).mock
        self.driver = self.connect.return_value.__enter__.return_value
        self.server = mariadb.Server(DATABASE)

    def statements(self) -> list[str]:
        """Every statement so far."""
        calls = self.driver.exec_driver_sql.mock_calls
        return [call.args[0] for call in calls if call.args]

    def test_away(self) -> None:
        self.connect.side_effect = sa_exc.OperationalError(
            'x', {}, Exception("Can't connect\nmore")
        )
        for method in (self.server.add_account, self.server.drop):
            found = self.assertRaises(
                exceptions.RecoveryError, method, ACCOUNT
            )
            self.assertIn("127.0.0.1:9 cannot be used: Can't", str(found))
            self.assertNotIn(ADMIN, str(found))
            self.assertNotIn('\n', str(found))

    def test_the_user_may_touch_its_own_databases_alone(self) -> None:
        self.server.add_account(ACCOUNT)
        self.assertIn('`recovery\\_0a\\_%`.*', self.statements()[1])

    def test_only_its_own_is_dropped(self) -> None:
        names = ('mysql', 'recovery_0a_cinder', 'recovery_0ab_cinder')
        self.driver.exec_driver_sql.return_value.scalars.return_value = names
        self.server.drop(ACCOUNT)
        dropped = [s for s in self.statements() if s.startswith('DROP')]
        self.assertEqual(
            [
                "DROP USER IF EXISTS 'recovery_0a'@'%'",
                'DROP DATABASE `recovery_0a_cinder`',
            ],
            dropped,
        )


class DeletionTestCase(base.TestCase):
    """Everything on the servers goes before the file that names it."""

    def test_a_server_that_is_away(self) -> None:
        directory = pathlib.Path(self.home, 'sandbox')
        directory.mkdir()
        state = states.State(
            shape=shapes.Shape(), backends=backends.Backends(DATABASE)
        )
        state.write(directory / 'sandbox.json')
        self.useFixture(
            fixtures.MockPatchObject(
                mariadb.Server,
                'drop',
                autospec=True,
                side_effect=exceptions.RecoveryError('away'),
            )
        )
        self.assertRaises(
            exceptions.RecoveryError, controller.Sandbox.delete, directory
        )
        self.assertEqual(state, states.State.read(directory / 'sandbox.json'))

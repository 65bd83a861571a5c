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

"""The base of every unit test: no network, no real cloud, a home of its own.

A unit test that opens a socket or a database other than SQLite fails, even
if the code under test swallows the error that it gets.
"""

import os
import pathlib
import socket
import traceback
import typing as ty

import fixtures
from sqlalchemy.engine import default
import testtools
import urllib3  # noqa: F401  # tries IPv6 with a socket while it is imported

_CLEARED_PREFIXES = ('OS_', 'OSC_RECOVERY_', 'XDG_')
_XDG_DIRECTORIES = {
    'XDG_CACHE_HOME': '.cache',
    'XDG_CONFIG_HOME': '.config',
    'XDG_DATA_HOME': '.local/share',
    'XDG_RUNTIME_DIR': 'run',
    'XDG_STATE_HOME': '.local/state',
}


class PoisonError(AssertionError):
    """A unit test reached for the network or for a real database."""


class Poison(fixtures.Fixture):
    """Refuse sockets and databases other than SQLite, and tell who asked.

    Socket pairs stay allowed: event loops wake themselves with them, and they
    lead nowhere. SQLAlchemy's connect is guarded beside the socket class,
    because some database drivers open their sockets in C.
    """

    def _setUp(self) -> None:
        self.attempts: list[str] = []
        self._make_socket = socket.socket.__init__
        self._connect = default.DefaultDialect.connect
        for name, guard in (
            ('socket.socket.__init__', self._guard_socket()),
            ('socket.getaddrinfo', self._refuse_lookup),
            (
                'sqlalchemy.engine.default.DefaultDialect.connect',
                self._guard_connect(),
            ),
        ):
            self.useFixture(fixtures.MonkeyPatch(name, guard))

    def _guard_socket(self) -> ty.Callable[..., None]:
        def init(
            instance: socket.socket,
            family: int = -1,
            type: int = -1,
            proto: int = -1,
            fileno: int | None = None,
        ) -> None:
            if fileno is None:
                self._refuse('a socket')
            self._make_socket(instance, family, type, proto, fileno)

        return init

    def _guard_connect(self) -> ty.Callable[..., ty.Any]:
        def connect(
            dialect: default.DefaultDialect, *args: ty.Any, **kwargs: ty.Any
        ) -> ty.Any:
            if dialect.name != 'sqlite':
                self._refuse(f'a {dialect.name} database')
            return self._connect(dialect, *args, **kwargs)

        return connect

    def _refuse_lookup(self, *args: ty.Any, **kwargs: ty.Any) -> ty.NoReturn:
        self._refuse('a name look-up')

    def _refuse(self, what: str) -> ty.NoReturn:
        stack = ''.join(traceback.format_stack(limit=40)[:-2])
        self.attempts.append(f'{what}, from:\n{stack}')
        raise PoisonError(f'A unit test must not open {what}.')


class TestCase(testtools.TestCase):
    """A unit test in an environment of its own.

    ``self.home`` is the user's home directory while the test runs; the XDG
    directories are below it. ``timeout`` is in seconds, far above what a unit
    test takes on a busy machine. ``network`` is for tests on the database
    servers of this machine, which are skipped where there are none.
    """

    timeout = 60
    network = False

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Timeout(self.timeout, gentle=True))
        # Before the poison, so that it is read after the test's own cleanup.
        poison = Poison()
        if not self.network:
            self.addCleanup(self._report_attempts, poison)
            self.useFixture(poison)
        self.home = pathlib.Path(self.useFixture(fixtures.TempHomeDir()).path)
        self._isolate_environment()

    def _isolate_environment(self) -> None:
        for name in list(os.environ):
            if name.startswith(_CLEARED_PREFIXES):
                self.useFixture(fixtures.EnvironmentVariable(name))
        for name, directory in _XDG_DIRECTORIES.items():
            path = str(self.home / directory)
            self.useFixture(fixtures.EnvironmentVariable(name, path))

    def _report_attempts(self, poison: Poison) -> None:
        if poison.attempts:
            self.fail('The test opened ' + '\nand '.join(poison.attempts))

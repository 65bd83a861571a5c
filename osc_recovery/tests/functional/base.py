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

"""The base of functional tests: one sandbox for all of them.

Every test drives ``openstack recovery ...`` as a process of its own and
looks at the databases and services afterwards.  Each class leaves the
cloud as it found it: every host up, enabled and unfenced.
"""

import atexit
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import Any, ClassVar

import testtools

from osc_recovery.facts import servers
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.planning.checks import whole
from osc_recovery.sandbox import backends
from osc_recovery.sandbox import controller
from osc_recovery.tests.functional import cloud as clouds

#: seconds for a command of ours that has to relocate servers
COMMAND_TIMEOUT = 420
TRACEBACK = 'Traceback (most recent call last)'


@dataclasses.dataclass(frozen=True)
class Output:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class SharedCloud:
    """The one sandbox of a test process, made when it is first wanted."""

    _sandbox: controller.Sandbox | None = None

    @classmethod
    def get(cls) -> controller.Sandbox:
        """The sandbox; OSC_RECOVERY_TEST_SANDBOX names one that is there."""
        if cls._sandbox is None:
            named = os.environ.get('OSC_RECOVERY_TEST_SANDBOX')
            if named:
                cls._sandbox = controller.Sandbox.load(named)
            else:
                cls._sandbox = cls._make()
        return cls._sandbox

    @staticmethod
    def _make() -> controller.Sandbox:
        parent = tempfile.mkdtemp(prefix='recovery-functional-')
        directory = pathlib.Path(parent) / 'sandbox'

        def remove() -> None:
            controller.Sandbox.delete(directory)
            shutil.rmtree(parent, ignore_errors=True)

        atexit.register(remove)
        # On files, whatever servers the environment names for sandboxes.
        return controller.Sandbox.create(
            directory, backends=backends.Backends()
        )


class TestCase(testtools.TestCase):
    """A test on the shared sandbox."""

    def find_sandbox(self) -> controller.Sandbox:
        """The sandbox that this test works on."""
        return SharedCloud.get()

    def setUp(self) -> None:
        super().setUp()
        self.sandbox = self.find_sandbox()
        self.cloud = clouds.Cloud(self.sandbox)
        self.addCleanup(self.assert_no_violations)
        self.cloud.restore()

    def assert_no_violations(self) -> None:
        """Nothing happened that real hardware would not forgive."""
        found = self.sandbox.violations()
        self.sandbox.clear_violations()
        self.assertEqual([], found)

    def recovery(
        self,
        *args: str,
        code: int | None = 0,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
    ) -> Output:
        """Run ``openstack recovery ...`` and check how it ended.

        No output may hold a password or a traceback.
        """
        return self.openstack(
            'recovery', *args, code=code, env=env, stdin=stdin
        )

    def openstack(
        self,
        *args: str,
        code: int | None = 0,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
    ) -> Output:
        """Run ``openstack ...`` with the sandbox's credentials."""
        done = subprocess.run(
            [sys.executable, '-m', 'openstackclient.shell', *args],
            env={**self.environ(), **(env or {})},
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            input=stdin,
        )
        output = Output(done.returncode, done.stdout, done.stderr)
        shown = f'{" ".join(args)}\n{output.out}\n{output.err}'
        if code is not None:
            self.assertEqual(code, output.code, shown)
        unwanted = self.cloud.passwords()
        if '--debug' not in args:
            unwanted = (*unwanted, TRACEBACK)
        for text in unwanted:
            self.assertNotIn(text, output.out + output.err)
        return output

    def started(
        self, *args: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start ``openstack recovery ...`` without waiting for it."""
        return subprocess.Popen(
            [sys.executable, '-m', 'openstackclient.shell', 'recovery', *args],
            env={**self.environ(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environ(self) -> dict[str, str]:
        """The environment that sourcing the openrc makes."""
        return self.cloud.environ()

    def newest_run(self) -> str:
        """The id of the run that was started last."""
        listed = self.recovery('run', 'list', '-f', 'json').json()
        return str(listed[0]['ID'])

    def fence(self, host: str) -> None:
        """Cut a host's power, wait until nova sees it, and fence it."""
        self.cloud.power_off(host)
        self.recovery(
            'host', 'fence', host, '--statement', 'test: no power', '--yes'
        )

    def read_server(self, uuid: str) -> facts.Server:
        """A server as every service describes it now."""
        (server,) = servers.gather(self.cloud.sources(), uuids=[uuid])
        return server

    def assert_whole(
        self, before: facts.Server, host: str, *, running: bool
    ) -> facts.Server:
        """The server of ``before`` is on ``host``, as it was, and whole."""
        now = self.read_server(before.uuid)
        expected = whole.settled(
            whole.relocated(
                before,
                self.cloud.host(before.host or ''),
                self.cloud.host(host),
                running=running,
            )
        )
        self.assert_checks(now, expected)
        self.assertEqual(
            [host] if running else [], self.cloud.running_on(before.uuid)
        )
        self.assert_exports(now, host)
        return now

    def assert_checks(
        self, server: facts.Server, expected: whole.Expectation
    ) -> None:
        """Every check of the one checker is ok."""
        checks = whole.check(server, expected)
        wrong = [c for c in checks if c.verdict is not results.Verdict.OK]
        self.assertEqual([], wrong, server.name)

    def assert_exports(self, server: facts.Server, host: str) -> None:
        """The array shows the server's volumes to its own host."""
        exports = {(e.volume, e.host) for e in self.sandbox.exports()}
        for mapping in server.volume_mappings:
            self.assertIn((mapping.volume_id, host), exports)
            volume = server.volume(mapping.volume_id or '')
            if volume is not None and not volume.multiattach:
                shown = [h for v, h in exports if v == mapping.volume_id]
                self.assertEqual([host], shown)


class OwnServersTestCase(TestCase):
    """Tests with servers that are made once for the class."""

    _servers: ClassVar[list[str]] = []

    @classmethod
    def tearDownClass(cls) -> None:
        """Delete the servers that were made for these tests."""
        cloud = clouds.Cloud(SharedCloud.get())
        cloud.restore()
        for uuid in cls._servers:
            cloud.delete_server(uuid)
        cls._servers = []
        super().tearDownClass()

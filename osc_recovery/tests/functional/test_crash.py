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

"""SIGKILL at every boundary of the journal, on the real services.

One server per boundary, one after the other in one run: each process is
killed when its own server comes to its own boundary, and the next process
goes on.  The unit tests kill the same boundaries against fakes.
"""

import dataclasses
import signal
import subprocess
from typing import Any

from osc_recovery.execution import crash
from osc_recovery.model import facts
from osc_recovery.planning.checks import exactness
from osc_recovery.scenarios import verify
from osc_recovery.tests.functional import base

#: how a shell reports a process that was killed
KILLED = -9

BEFORE_RETURN = ('lock', 'allocate', 'bind', 'move', 'attach')
AFTER_RETURN = ('activate', 'start', 'verify', 'unlock')
FENCE_STEPS = ('fence-down', 'fence-disable')
POINTS = (crash.BEFORE_ACT, crash.AFTER_ACT)


@dataclasses.dataclass(frozen=True)
class Boundary:
    """Where a process dies."""

    kind: str
    point: str

    def environ(self, uuid: str) -> dict[str, str]:
        """What makes a process die there when it works on a server."""
        return {crash.VARIABLE: f'{uuid}:{self.kind}:{self.point}'}


def boundaries(kinds: tuple[str, ...]) -> list[Boundary]:
    """Every boundary of these kinds of steps."""
    found = [Boundary(kind, point) for kind in kinds for point in POINTS]
    if 'attach' in kinds:
        found.append(Boundary('attach', crash.BEFORE_REMEMBER))
        found.append(Boundary('attach', crash.AFTER_REMEMBER))
    return found


class CrashTestCase(base.OwnServersTestCase):
    """Runs that are killed."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.cloud.busiest()
        self.target = self.cloud.others(self.source)[0]

    def test_resume_from_every_boundary(self) -> None:
        """Same end state as a clean run, each server started once."""
        kinds = (*BEFORE_RETURN, *AFTER_RETURN)
        fleet = self._fleet(boundaries(kinds))
        before = self._read(fleet)
        starts = {uuid: self.cloud.starts(uuid) for uuid in fleet}
        self.fence(self.source)
        run = self._killed_run(fleet)
        self._killed_resumes(run, fleet)
        self.recovery('run', 'resume', run)
        self._assert_kinds_killed(run, kinds)
        for uuid, server in before.items():
            self.assert_whole(server, self.target, running=True)
            self.assertEqual(starts[uuid] + 1, self.cloud.starts(uuid))

    def test_revert_from_every_boundary_before_the_return(self) -> None:
        """The published fields equal the before-image."""
        fleet = self._fleet(boundaries(BEFORE_RETURN))
        before = self._read(fleet)
        self.fence(self.source)
        for uuid, boundary in fleet.items():
            self._relocate([uuid], boundary.environ(uuid), code=KILLED)
            run = self.newest_run()
            self._revert(run, {})
            now = self.read_server(uuid)
            self.assertEqual(
                exactness.published(before[uuid]),
                exactness.published(now),
                str(boundary),
            )
            self.assertEqual('reverted', self._shown(run)['state'])
        self.cloud.come_back(self.source)
        for uuid in fleet:
            self.assertEqual([], self._copies(uuid))

    def test_interrupted_while_another_wants_the_host(self) -> None:
        """Ctrl-C ends with 15, a second run with 14; resume finishes."""
        servers = self.cloud.servers_on(self.source)
        self.fence(self.source)
        process = self.started('host', 'relocate', self.source, '--yes')
        try:
            self._wait_for_line(process, ' done (2/')
            held = self.recovery(
                'host', 'relocate', self.source, '--yes', code=14
            )
            self.assertIn('openstack recovery run show', held.err)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=base.COMMAND_TIMEOUT)
        finally:
            process.kill()
        run = self.newest_run()
        self.assertEqual(15, process.returncode, err)
        self.assertIn(f'openstack recovery run resume {run}', err)
        self.recovery('run', 'resume', run)
        for server in servers:
            host = self.read_server(server.uuid).host or ''
            running = server.vm_state == 'active'
            self.assert_whole(server, host, running=running)

    def test_fence_is_killed(self) -> None:
        """A fence that died between its two steps is gone on with."""
        self.cloud.power_off(self.source)
        for kind in FENCE_STEPS:
            self.recovery(
                'host',
                'fence',
                self.source,
                '--statement',
                'test: no power',
                '--yes',
                env=Boundary(kind, crash.AFTER_ACT).environ('*'),
                code=KILLED,
            )
            self.recovery('run', 'resume', self.newest_run())
            service = self.cloud.service(self.source)
            self.assertTrue(service['forced_down'])
            self.assertEqual('disabled', service['status'])
            self.cloud.come_back(self.source)
            self.cloud.power_off(self.source)

    def _wait_for_line(
        self, process: subprocess.Popen[str], text: str
    ) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            if text in line:
                return
        self.fail(f'the process ended without {text!r}')

    def test_revert_is_killed_too(self) -> None:
        """An undo that died is gone on with, from every boundary of it."""
        points = [
            Boundary(kind, point)
            for kind in reversed(BEFORE_RETURN)
            for point in (crash.BEFORE_UNDO, crash.AFTER_UNDO)
        ]
        fleet = self._fleet(points)
        before = self._read(fleet)
        self.fence(self.source)
        # the first that gets so far stops all the others before they do
        begun = Boundary('attach', crash.AFTER_ACT).environ('*')
        self._relocate(list(fleet), begun, code=KILLED)
        run = self.newest_run()
        for point in points:
            self._revert(run, point.environ('*'), code=KILLED)
        self._revert(run, {})
        self.assertEqual('reverted', self._shown(run)['state'])
        for uuid, server in before.items():
            self.assertEqual(
                exactness.published(server),
                exactness.published(self.read_server(uuid)),
            )

    def _revert(
        self, run: str, env: dict[str, str], code: int | None = None
    ) -> None:
        self.recovery('run', 'revert', run, '--yes', env=env, code=code)

    def _fleet(self, points: list[Boundary]) -> dict[str, Boundary]:
        """A server with a volume for every boundary, all on one host.

        They are made once for all tests; ``source`` is where they are.
        """
        if not self._servers:
            number = len(boundaries((*BEFORE_RETURN, *AFTER_RETURN)))
            names = [f'crash-{index:02}' for index in range(number)]
            made = self.cloud.make_servers(names, self.source)
            type(self)._servers = made
        hosts = {uuid: self.read_server(uuid).host for uuid in self._servers}
        self.source = hosts[self._servers[0]] or ''
        self.target = self.cloud.others(self.source)[0]
        chosen = [u for u in self._servers if hosts[u] == self.source]
        self.assertGreaterEqual(len(chosen), len(points))
        return dict(zip(chosen, points, strict=False))

    def _read(self, fleet: dict[str, Boundary]) -> dict[str, facts.Server]:
        return {
            s.uuid: s
            for s in self.cloud.servers_on(self.source)
            if s.uuid in fleet
        }

    def _relocate(
        self,
        servers: list[str],
        env: dict[str, str],
        *more: str,
        code: int | None = 0,
    ) -> None:
        chosen = [word for s in servers for word in ('--server', s)]
        self.recovery(
            'host',
            'relocate',
            self.source,
            '--target',
            self.target,
            '--yes',
            *chosen,
            *more,
            env=env,
            code=code,
        )

    def _killed_run(self, fleet: dict[str, Boundary]) -> str:
        uuid, boundary = next(iter(fleet.items()))
        self._relocate(
            list(fleet),
            boundary.environ(uuid),
            '--concurrency',
            '1',
            code=KILLED,
        )
        return self.newest_run()

    def _killed_resumes(self, run: str, fleet: dict[str, Boundary]) -> None:
        for uuid, boundary in list(fleet.items())[1:]:
            self.recovery(
                'run', 'resume', run, env=boundary.environ(uuid), code=KILLED
            )

    def _shown(self, run: str) -> Any:
        return self.recovery('run', 'show', run, '-f', 'json').json()

    def _copies(self, uuid: str) -> list[str]:
        return [
            host
            for host in self.cloud.known_on(uuid)
            if host != self.read_server(uuid).host
        ]

    def _assert_kinds_killed(self, run: str, kinds: tuple[str, ...]) -> None:
        """A kind of step that has no boundary here fails the test."""
        servers = self._shown(run)['servers']
        seen = {step['kind'] for s in servers for step in s['steps']}
        self.assertEqual(set(kinds), seen)
        self.assertIn(verify.VerifyStep.kind, seen)

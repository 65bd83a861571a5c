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

"""What the benchmarks share: a disposable cloud, timed commands, tables."""

import argparse
from collections.abc import Collection, Iterable, Iterator
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

from osc_recovery import exceptions
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import controller
from osc_recovery.sandbox import events
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import state as states
from osc_recovery.tests.functional import cloud as clouds

#: two hosts that die and two that take their servers
HOSTS = 4
STATEMENT = 'benchmark: no power'


@dataclasses.dataclass(frozen=True)
class Timed:
    """A command that was run as a process of its own; times in seconds."""

    code: int
    out: str
    err: str
    wall: float
    cpu: float
    started_at: datetime.datetime

    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


class Lab:
    """A sandbox whose hosts can be filled, lost and brought back."""

    def __init__(self, sandbox: controller.Sandbox) -> None:
        if len(sandbox.hosts) < HOSTS:
            raise exceptions.UsageError(
                f'A sandbox of {HOSTS} hosts is needed, {sandbox.directory} '
                f'has {len(sandbox.hosts)}.'
            )
        self.sandbox = sandbox
        self.cloud = clouds.Cloud(sandbox)

    def openstack(self, *args: str, code: int | None = 0) -> Timed:
        """Run ``openstack ...``; another exit code than ``code`` raises."""
        argv = [sys.executable, '-m', 'openstackclient.shell', *args]
        started_at = datetime.datetime.now(datetime.UTC)
        used, started = _children(), time.perf_counter()
        done = subprocess.run(
            argv,
            env=self.cloud.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        wall = time.perf_counter() - started
        if code not in (None, done.returncode):
            raise exceptions.RecoveryError(
                f'openstack {" ".join(args)} ended with {done.returncode}: '
                f'{done.stdout}{done.stderr}'
            )
        return Timed(
            done.returncode,
            done.stdout,
            done.stderr,
            wall,
            _children() - used,
            started_at,
        )

    def restore(self) -> None:
        """Every host is up and every server runs that should."""
        self.cloud.restore()
        self.sandbox.clear_violations()

    def filled(self, count: int, avoid: Collection[str] = ()) -> str:
        """A host with ``count`` running servers, each of them alike.

        They are image-backed and have one port and one volume.  The host
        that has nearly as many is filled up, or emptied.
        """
        there = {
            host: [server.uuid for server in self.cloud.servers_on(host)]
            for host in self.sandbox.hosts
            if host not in avoid
        }
        host = min(there, key=lambda name: abs(len(there[name]) - count))
        say(f'filling {host}: {len(there[host])} servers, {count} wanted')
        for uuid in there[host][count:]:
            self.cloud.delete_server(uuid)
        missing = count - len(there[host])
        names = [f'bench-{secrets.token_hex(3)}' for _ in range(missing)]
        if names:
            self.cloud.make_servers(names, host)
        self._check(host, count)
        return host

    def two_filled(self, count: int) -> tuple[str, str]:
        """A host with ``count`` servers and another with twice as many."""
        # The larger one first: it finds more of what is there already.
        larger = self.filled(2 * count)
        return self.filled(count, [larger]), larger

    def _check(self, host: str, count: int) -> None:
        found = self.cloud.servers_on(host)
        alike = [
            server
            for server in found
            if server.vm_state == 'active'
            and len(server.ports) == 1
            and len(server.volume_mappings) == 1
        ]
        if len(found) != count or len(alike) != count:
            raise exceptions.RecoveryError(
                f'{host} has {len(found)} servers, {len(alike)} of them run '
                f'with one port and one volume; {count} are needed. Use a '
                'sandbox that was made by a benchmark.'
            )

    def others(self, hosts: Collection[str]) -> list[str]:
        """The hosts that stay."""
        return [name for name in self.sandbox.hosts if name not in hosts]

    def lose(self, hosts: Iterable[str]) -> None:
        """Cut the power of hosts, and wait until nova misses them."""
        for host in hosts:
            self.cloud.power_off(host)
        for host in hosts:
            apis.wait(f'{host} to be missed', lambda: self._missed(host))

    def _missed(self, host: str) -> bool | None:
        return self.cloud.service(host)['state'] == 'down' or None

    def fence(self, host: str) -> Timed:
        """Fence a host that has no power."""
        return self.openstack(
            *('recovery', 'host', 'fence', host),
            *('--statement', STATEMENT, '--yes'),
        )

    def relocate(self, host: str, targets: Iterable[str]) -> Timed:
        """Relocate the servers of a host; anything but 0 raises."""
        named = [word for target in targets for word in ('--target', target)]
        return self.openstack(
            'recovery', 'host', 'relocate', host, *named, '--yes'
        )

    def ports(self) -> dict[int, str]:
        """The services by the ports that they listen on."""
        state = states.State.read(layouts.Layout(self.sandbox.directory).state)
        return (
            {port: name for name, port in state.ports.items()} if state else {}
        )

    def newest_run(self) -> dict[str, Any]:
        """The report of the run that was started last."""
        listed = self.openstack('recovery', 'run', 'list', '-f', 'json')
        run = listed.json()[0]['ID']
        shown = self.openstack('recovery', 'run', 'show', run, '-f', 'json')
        report: dict[str, Any] = shown.json()
        return report


def add_options(parser: argparse.ArgumentParser, servers: int) -> None:
    """What every benchmark in a sandbox can be told."""
    parser.add_argument(
        '--directory',
        help='sandbox to use and to keep, made when it is not there '
        '(default: one that is deleted afterwards)',
    )
    parser.add_argument(
        '--servers',
        type=int,
        default=servers,
        help=f'servers of a host (default: {servers})',
    )


@contextlib.contextmanager
def lab(directory: str | None) -> Iterator[Lab]:
    """A sandbox with every host up: the one named, or one of its own."""
    # Also for what is done in this process: no proxy leads to the sandbox.
    os.environ['no_proxy'] = os.environ['NO_PROXY'] = '127.0.0.1'
    parent = None
    if directory is None:
        parent = tempfile.mkdtemp(prefix='recovery-benchmark-')
    place = pathlib.Path(directory or f'{parent}/sandbox')
    try:
        made = Lab(_sandbox(place))
        made.restore()
        yield made
        if directory is not None:
            made.restore()
    finally:
        if parent is not None:
            with contextlib.suppress(exceptions.RecoveryError):
                controller.Sandbox.delete(place)
            shutil.rmtree(parent, ignore_errors=True)


def _sandbox(place: pathlib.Path) -> controller.Sandbox:
    if place.exists() and any(place.iterdir()):
        return controller.Sandbox.load(place)
    last = ['']

    def tell(event: events.Event) -> None:
        if event.text != last[0]:
            last[0] = event.text
            say(event.text)

    return controller.Sandbox.create(
        place, hosts=HOSTS, servers=1, progress=tell
    )


def _children() -> float:
    """User and system time of every child that has ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def say(text: str) -> None:
    """Progress, apart from the result."""
    sys.stderr.write(f'{time.strftime("%H:%M:%S")} {text}\n')
    sys.stderr.flush()


def conditions() -> str:
    """Where this was measured, for the numbers to be worth something."""
    load = ', '.join(f'{value:.1f}' for value in os.getloadavg())
    return (
        f'{time.strftime("%Y-%m-%d %H:%M")}, {os.cpu_count()} CPUs '
        f'({platform.machine()}), load average {load}, '
        f'Python {platform.python_version()}'
    )


def table(rows: Iterable[Iterable[object]]) -> None:
    """Print rows in columns, the first one to the left."""
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        cells = [first.ljust(widths[0])] + [
            cell.rjust(width)
            for cell, width in zip(others, widths[1:], strict=True)
        ]
        sys.stdout.write('  '.join(cells).rstrip() + '\n')
    sys.stdout.flush()


def verdict(holds: bool, claim: str) -> int:
    """Say whether the claim holds; the exit code."""
    sys.stdout.write(f'{"ok" if holds else "FAILED"}: {claim}\n')
    sys.stdout.write(f'{conditions()}\n')
    return 0 if holds else 1

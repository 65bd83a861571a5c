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

"""sandbox create, show, delete, host stop and start: a disposable cloud."""

import argparse
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from osc_lib.cli import format_columns
from rich import console as rich_console
from rich import progress as rich_progress

from osc_recovery import client
from osc_recovery.commands import base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Shown = tuple[tuple[str, ...], tuple[Any, ...]]


class Event(Protocol):
    """What the sandbox tells while it works."""

    @property
    def text(self) -> str:
        """What has begun or gone on."""

    @property
    def done(self) -> int | None:
        """How far this is, where that is known."""

    @property
    def total(self) -> int | None:
        """When it is done, where that is known."""


class Lines:
    """One line per event, with the seconds since the start."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._last = ''

    def __call__(self, event: Event) -> None:
        """Write the event unless it says what the last one said."""
        text = event.text
        if event.total is not None:
            text += f' ({event.done}/{event.total})'
        if text == self._last:
            return
        self._last = text
        seconds = time.monotonic() - self._started
        self._stream.write(f'{seconds:7.1f}s  {text}\n')
        self._stream.flush()


class Bar:
    """A bar that goes through the stages one after the other."""

    def __init__(self, progress: rich_progress.Progress) -> None:
        self._progress = progress
        self._task = progress.add_task('', total=None)

    def __call__(self, event: Event) -> None:
        """Draw the event."""
        self._progress.update(
            self._task,
            description=event.text,
            completed=event.done or 0,
            total=event.total,
        )


@contextlib.contextmanager
def drawn(
    stream: TextIO | None = None,
) -> 'Iterator[Callable[[Event], None]]':
    """A progress callback; standard output belongs to the result."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream)
        return
    with rich_progress.Progress(
        rich_progress.SpinnerColumn(),
        rich_progress.TextColumn('{task.description}'),
        rich_progress.BarColumn(bar_width=24),
        rich_progress.TimeElapsedColumn(),
        console=rich_console.Console(file=stream),
        transient=True,
    ) as progress:
        yield Bar(progress)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Say which sandbox: by directory, by name, or the usual one."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--directory',
        metavar='<directory>',
        help='Directory of the sandbox (default: '
        'OSC_RECOVERY_SANDBOX_DIR, else by name)',
    )
    group.add_argument(
        '--name',
        metavar='<name>',
        help='Name of the sandbox, whose directory is in the state '
        'directory of the user (default: default)',
    )


def shown(sandbox: Any) -> Shown:
    """A sandbox in columns."""
    found = sandbox.describe()
    columns = {
        'directory': found.directory,
        'openrc': found.openrc,
        'clouds_yaml': found.clouds_yaml,
        'recovery_conf': found.recovery_conf,
        'hosts': format_columns.ListColumn(list(found.hosts)),
        'hosts_off': format_columns.ListColumn(list(found.hosts_off)),
        'servers': found.servers,
        'processes': found.processes,
        'not_running': format_columns.ListColumn(list(found.not_running)),
        'memory_mib': found.memory_mib,
        'violations': found.violations,
    }
    return tuple(columns), tuple(columns.values())


class CreateSandbox(base.ShowOne):
    """Create a disposable cloud: real services on simulated hardware

    The services are installed from the package index into an environment
    of their own and run as the current user, on the loopback interface.
    OSC_RECOVERY_SANDBOX_DATABASE_URL may name a MariaDB or MySQL server and
    OSC_RECOVERY_SANDBOX_TRANSPORT_URL a RabbitMQ server to use in place of
    SQLite and of a message hub.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the place and the shape."""
        parser = super().get_parser(prog_name)
        add_place(parser)
        parser.add_argument(
            '--hosts',
            metavar='<hosts>',
            type=int,
            default=3,
            help='Number of compute hosts (default: 3)',
        )
        parser.add_argument(
            '--servers',
            metavar='<servers>',
            type=int,
            default=10,
            help='Number of servers on the first host (default: 10); every '
            'other host gets one or two',
        )
        parser.add_argument(
            '--cells',
            metavar='<cells>',
            type=int,
            default=1,
            help='Number of cells (default: 1); each but the first has one '
            'host, a database, a message hub and a conductor of its own',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Shown:
        """Make it, or find the same one."""
        with drawn() as progress:
            made = client.sandboxes().create(
                parsed_args.directory,
                name=parsed_args.name,
                hosts=parsed_args.hosts,
                servers=parsed_args.servers,
                cells=parsed_args.cells,
                progress=progress,
            )
        return shown(made)


class ShowSandbox(base.ShowOne):
    """Show a sandbox: where it is and how it is"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the place."""
        parser = super().get_parser(prog_name)
        add_place(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Shown:
        """Look at it."""
        return shown(
            client.sandboxes().load(
                parsed_args.directory, name=parsed_args.name
            )
        )


class DeleteSandbox(base.Command):
    """Delete a sandbox: every process and every file of it"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the place."""
        parser = super().get_parser(prog_name)
        add_place(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Delete it."""
        client.sandboxes().delete(parsed_args.directory, name=parsed_args.name)


class StopSandboxHost(base.Command):
    """Stop a host of a sandbox as a power cut does"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host and what stops."""
        parser = super().get_parser(prog_name)
        add_place(parser)
        parser.add_argument(
            '--service-only',
            action='store_true',
            help='Kill nova-compute alone; the guests run on and the '
            'network agent reports on',
        )
        parser.add_argument('host', metavar='<host>', help='Host to stop')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Stop it."""
        sandbox = client.sandboxes().load(
            parsed_args.directory, name=parsed_args.name
        )
        sandbox.stop_host(
            parsed_args.host, service_only=parsed_args.service_only
        )


class StartSandboxHost(base.Command):
    """Start a host of a sandbox: power, network agent and nova-compute"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host."""
        parser = super().get_parser(prog_name)
        add_place(parser)
        parser.add_argument('host', metavar='<host>', help='Host to start')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Start it."""
        sandbox = client.sandboxes().load(
            parsed_args.directory, name=parsed_args.name
        )
        sandbox.start_host(parsed_args.host)

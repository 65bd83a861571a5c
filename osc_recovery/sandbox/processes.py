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

"""Starts, finds and kills the sandbox's processes, and no others.

Each process is the leader of a session of its own. A pid file holds its
start time beside the pid, so that a recycled pid is never taken for it, and
its environment holds a marker by which it is found without a pid file.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import json
import os
import pathlib
import select
import signal
import subprocess

from osc_recovery import exceptions

MARKER = 'OSC_RECOVERY_SANDBOX_PROCESS'

PROC = pathlib.Path('/proc')


@dataclasses.dataclass(frozen=True)
class Process:
    """A process by pid and by start time in clock ticks since boot."""

    pid: int
    start_time: int

    @classmethod
    def of(cls, pid: int) -> 'Process | None':
        """The process that has this pid now; None without one."""
        fields = _stat(pid)
        # A zombie (Z) is dead: only its parent has not looked yet.
        if fields is None or fields[0] in 'ZX':
            return None
        # Field 22 of proc(5), where field 3 is the first after the name.
        return cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return Process.of(self.pid) == self

    @property
    def memory(self) -> int:
        """Resident memory in bytes, shared pages counted proportionally."""
        with contextlib.suppress(OSError):
            rollup = (PROC / str(self.pid) / 'smaps_rollup').read_text()
            for line in rollup.splitlines():
                if line.startswith('Pss:'):
                    return int(line.split()[1]) * 1024
        return 0

    def kill(self, timeout: float = 20) -> None:
        """Send SIGKILL and wait until the process is gone.

        :param timeout: seconds to wait
        :raises RecoveryError: it does not go
        """
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # The handle names one process for good: looked at after it was
            # opened, it cannot be a stranger with a recycled pid.
            if self.alive:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                _wait(handle, self.pid, timeout)
        finally:
            os.close(handle)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)


def _wait(handle: int, pid: int, timeout: float) -> None:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    if not poll.poll(timeout * 1000):
        raise exceptions.RecoveryError(
            f'Process {pid} of the sandbox does not die.'
        )


def _stat(pid: int) -> list[str] | None:
    try:
        text = (PROC / str(pid) / 'stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may hold blanks and parentheses.
    return text.rpartition(')')[2].split()


def spawn(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    log: pathlib.Path,
    run: pathlib.Path,
    descriptors: Sequence[int] = (),
) -> Process:
    """Start a process in its own session and write its pid file.

    :raises RecoveryError: it cannot be started or died at once
    """
    with log.open('ab') as output:
        try:
            child = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                env=dict(environment),
                cwd=run.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=descriptors,
            )
        except OSError as exc:
            raise exceptions.RecoveryError(
                f'{name} cannot be started: {exc}'
            ) from exc
    # The child is meant to outlive us; Popen would warn about that.
    child.returncode = 0
    process = Process.of(child.pid)
    if process is None:
        raise exceptions.RecoveryError(died(name, log))
    write_pid(run / f'{name}.pid', process)
    return process


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: pathlib.Path,
    directory: pathlib.Path,
) -> bool:
    """Run a short-lived process to its end; returns whether it succeeded."""
    with log.open('ab') as output:
        finished = subprocess.run(  # noqa: S603 - our own command line
            command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return finished.returncode == 0


def write_pid(path: pathlib.Path, process: Process) -> None:
    """Write a pid file at once, so that nobody reads half of it."""
    temporary = path.with_suffix('.new')
    temporary.write_text(json.dumps(dataclasses.asdict(process)))
    temporary.replace(path)


def read_pid(path: pathlib.Path) -> Process | None:
    """The process of a pid file, if it still runs."""
    try:
        process = Process(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    return process if process.alive else None


def recorded(run: pathlib.Path) -> Iterator[Process]:
    """Every process that has a pid file in the directory and still runs."""
    for path in run.glob('*.pid'):
        process = read_pid(path)
        if process is not None:
            yield process


def marked(directory: pathlib.Path) -> Iterator[Process]:
    """Every process that was started for the sandbox in the directory."""
    wanted = f'{MARKER}={directory}'.encode()
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        process = Process.of(int(entry.name))
        with contextlib.suppress(OSError):
            variables = (entry / 'environ').read_bytes().split(b'\0')
            if process is not None and wanted in variables:
                yield process


def died(name: str, log: pathlib.Path) -> str:
    """A sentence that names the service, with the end of its log."""
    return f'{name} did not start or died. The end of {log}:\n{tail(log)}'


def tail(log: pathlib.Path, lines: int = 15) -> str:
    """The last lines of a log file."""
    try:
        with log.open('rb') as source:
            source.seek(max(0, log.stat().st_size - 16384))
            text = source.read().decode(errors='replace')
    except OSError:
        return '(no log)'
    return '\n'.join(text.splitlines()[-lines:])

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

"""Runs a fence agent: everything on standard input, never longer than told.

Options are key=value lines on standard input, the password among them: a
command line can be read by every user of the machine.
"""

from collections.abc import Mapping
import dataclasses
import os
import shutil
import signal
import subprocess
import threading
import time
from typing import cast, IO

from osc_recovery.fencing import base

#: where the packages put the agents, and what a user's PATH often lacks
_SBIN = ('/usr/sbin', '/sbin', '/usr/local/sbin')
#: what an agent may see of our environment: no credentials
_KEPT = ('HOME', 'PATH', 'TMPDIR', 'TZ')
#: bytes that are kept of an answer
MOST = 64 * 1024
#: seconds between asking a process to end and ending it
_GRACE = 2.0


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a program ended, and what it printed: may hold secrets."""

    code: int
    out: str = dataclasses.field(repr=False)
    err: str = dataclasses.field(repr=False)


def find(program: str) -> str:
    """The path of a program; raises AgentFailed when there is none."""
    places = [os.environ.get('PATH', os.defpath), *_SBIN]
    found = shutil.which(program, path=os.pathsep.join(places))
    if found is None:
        raise base.AgentFailed(
            f'{program} is not installed here (package fence-agents), or '
            'cannot be executed.'
        )
    return found


def run(program: str, options: Mapping[str, str], timeout: float) -> Ended:
    """Run a program to its end; raises AgentFailed after ``timeout`` s.

    It has a process group of its own, so that it is not interrupted in
    the middle by Ctrl-C, and ends together with what it has started.
    """
    path = find(program)
    try:
        with _lines(options) as stream:
            process = subprocess.Popen(  # noqa: S603 - no shell
                [path],
                stdin=stream,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environ(),
                start_new_session=True,
            )
    except OSError as exc:
        raise base.AgentFailed(
            f'{program} could not be started: {exc.strerror}.'
        ) from None
    out, err = _Reader(process.stdout), _Reader(process.stderr)
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise base.AgentFailed(
            f'{program} did not answer within {timeout:g} s and was killed. '
            'What it was told to do may still happen.'
        ) from None
    finally:
        _end(process)
        out.close()
        err.close()
    return Ended(code, out.text, err.text)


def _environ() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, 'LC_ALL': 'C.UTF-8', 'PYTHONWARNINGS': 'ignore'}


def _lines(options: Mapping[str, str]) -> IO[bytes]:
    """The options as a stream that is in memory only.

    Not a pipe: nobody waits for a program that does not read.
    """
    stream = os.fdopen(os.memfd_create('options'), 'w+b')
    for key, value in options.items():
        stream.write(f'{key}={_value(value)}\n'.encode())
    stream.seek(0)
    return stream


def _value(value: str) -> str:
    """A value as fencing.py (_parse_input_stdin) reads it back.

    It takes blanks off both ends of a line, and one pair of quotes off a
    value.
    """
    if value != value.strip() or (value[:1] == value[-1:] == '"'):
        return f'"{value}"'
    return value


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: an agent's helper must not outlive it.

    Until the leader is waited for, its number is nobody else's.
    """
    if process.returncode is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    limit = time.monotonic() + _GRACE
    while time.monotonic() < limit and not _over(process):
        time.sleep(_GRACE / 40)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _over(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it stays to be waited for."""
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, how) is not None


class _Reader:
    """Reads a stream to its end and keeps its beginning.

    A grandchild that has left the group can keep the stream open for
    ever, so nobody waits for its end for long.
    """

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._stream = cast(IO[bytes], stream)
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """What was kept."""
        return bytes(self._kept).decode(errors='replace')

    def close(self) -> None:
        """Stop reading."""
        self._thread.join(_GRACE)
        if not self._thread.is_alive():
            self._stream.close()

    def _read(self) -> None:
        while chunk := os.read(self._stream.fileno(), 65536):
            self._kept += chunk[: MOST - len(self._kept)]

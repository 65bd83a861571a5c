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

"""Which process works on a run, and whether it still lives.

A process id alone says little: it is only valid on one machine, inside one
process namespace, until it is given to the next process.  Linux tells all
of that in /proc (see proc(5)).
"""

import getpass
import os
import pathlib
import socket

from osc_recovery.model import runs

#: the process namespace of a machine itself (PROC_PID_INIT_INO of Linux)
_INITIAL_NAMESPACE = 'pid:[4026531836]'
_PROC = pathlib.Path('/proc')
#: positions in /proc/<pid>/stat after the command's closing parenthesis
_STATE, _START_TIME = 0, 19
_GONE = ('Z', 'X', 'x')


def current() -> runs.Process:
    """This process, and the operator in whose name it works."""
    pid = os.getpid()
    stat = _stat(pid)
    return runs.Process(
        machine=_machine(),
        pid=pid,
        started=int(stat[_START_TIME]) if stat else 0,
        operator=_operator(),
    )


def alive(process: runs.Process) -> bool | None:
    """Whether a process still lives.

    None when that cannot be told from here: it ran on another machine or
    in another container, or the system hides it.
    """
    if process.machine != _machine():
        return None
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It exists and belongs to somebody else.
        pass
    stat = _stat(process.pid)
    if not stat:
        return None
    if stat[_STATE] in _GONE:
        return False
    return int(stat[_START_TIME]) == process.started


def _machine() -> str:
    """The host name, and the process namespace where it is not the host's.

    Two containers on the host's network share its name, not its process
    ids.
    """
    name = socket.gethostname()
    try:
        namespace = os.readlink(_PROC / 'self' / 'ns' / 'pid')
    except OSError:
        return name
    if namespace == _INITIAL_NAMESPACE:
        return name
    return f'{name}/{namespace.strip("pid:[]")}'


def _stat(pid: int) -> list[str]:
    try:
        text = (_PROC / str(pid) / 'stat').read_text(errors='replace')
    except OSError:
        return []
    # The command's name may hold blanks and parentheses.
    return text.rpartition(')')[2].split()


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # No such user, as in a container that runs under a bare number.
        return str(os.getuid())

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

"""Goes on in two processes, as a service with two workers does."""

from collections.abc import Callable
import ctypes
import functools
import os
import signal

#: prctl(2): the signal that a process gets when its parent dies
PR_SET_PDEATHSIG = 1


def split() -> Callable[[], None] | None:
    """Split in two, before anything is opened that must not be shared.

    The first process gets a function that lets the other go on, once what
    must not happen twice at a time has happened; the other one gets None,
    then.  It dies with the first, however that ends: who kills a service
    need not know of it.
    """
    first = os.getpid()
    waiting, letting = os.pipe()
    if os.fork():
        os.close(waiting)
        return functools.partial(os.close, letting)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(letting)
    os.read(waiting, 1)
    os.close(waiting)
    if os.getppid() != first:
        os._exit(0)
    return None

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

"""Listening sockets, opened by the controller and inherited by a service.

The kernel chooses a free port and nobody can take it between the choice and
the service's start. Whoever connects early waits instead of being refused.
"""

import socket

from osc_recovery import exceptions


def listen(port: int = 0) -> socket.socket:
    """A socket that listens on the loopback interface.

    :param port: the port, or 0 for a free one
    :raises RecoveryError: the port is taken
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(('127.0.0.1', port))
    except OSError as exc:
        made.close()
        raise exceptions.RecoveryError(
            f'Port {port} of 127.0.0.1 cannot be used: {exc.strerror}.'
        ) from exc
    made.listen(128)
    return made


def port_of(listener: socket.socket) -> int:
    """The port that the socket listens on."""
    port: int = listener.getsockname()[1]
    return port

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

"""Asks a message hub what waits in a queue."""

import dataclasses
import json
import socket
from typing import Any

from osc_recovery import exceptions
from osc_recovery.sandbox.services.hub import Queue


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A queue: how many consume it, and the RPC methods that wait in it.

    ``bodies`` are the messages themselves, as oslo.messaging packs them.
    """

    consumers: int
    methods: tuple[str, ...]
    bodies: tuple[Any, ...] = ()


def inspect(
    port: int, queue: Queue, purge: bool = False, host: str = '127.0.0.1'
) -> Waiting:
    """Look into a queue, and empty it when asked to.

    :raises RecoveryError: the hub does not answer
    """
    operation = 'purge' if purge else 'waiting'
    request = json.dumps({'op': operation, **queue._asdict()})
    try:
        with socket.create_connection((host, port), 10) as connection:
            connection.sendall(request.encode() + b'\n')
            with connection.makefile('rb') as answers:
                answer = json.loads(answers.readline())
    except (OSError, ValueError) as exc:
        raise exceptions.RecoveryError(
            f'The message hub at port {port} does not answer: {exc}'
        ) from exc
    return Waiting(
        answer['consumers'],
        tuple(answer['methods']),
        tuple(answer['bodies']),
    )

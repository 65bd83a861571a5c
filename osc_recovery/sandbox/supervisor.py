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

"""Starts and stops the services of one sandbox, and waits for them."""

from collections.abc import Callable, Mapping
import contextlib
import http.client
import pathlib
import socket
import threading
import time

from osc_recovery import exceptions
from osc_recovery.sandbox import brokers
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import library
from osc_recovery.sandbox import listeners
from osc_recovery.sandbox import processes
from osc_recovery.sandbox import topology

START_TIMEOUT = 300.0
"""Seconds that a service may take to answer for the first time."""


class Supervisor:
    """The processes of the sandbox in a directory."""

    def __init__(
        self,
        layout: layouts.Layout,
        environment: environments.Environment,
        broker: brokers.Broker,
    ) -> None:
        self._layout = layout
        self._broker = broker
        self._environment = environment
        self._variables = library.variables(
            layout.directory, str(layout.directory)
        )

    def log_of(self, name: str) -> pathlib.Path:
        """The log of a service, with whatever it says before it logs."""
        return self._layout.log / f'{name}.log'

    def run(self, name: str, module: str, *arguments: object) -> None:
        """Run a short-lived module of services/ to its end.

        :raises RecoveryError: it failed
        """
        log = self.log_of(name)
        command = library.command(self._environment.python, module, *arguments)
        directory = self._layout.directory
        if not processes.run(command, self._variables, log, directory):
            raise exceptions.RecoveryError(processes.died(name, log))

    def start(
        self, service: topology.Service, listener: socket.socket | None = None
    ) -> processes.Process:
        """Start a service, which inherits the socket if it listens."""
        arguments = service.arguments
        descriptors = []
        if listener is not None:
            descriptors = [listener.fileno()]
            arguments = (listener.fileno(), *arguments)
        return processes.spawn(
            service.name,
            library.command(
                self._environment.python, service.module, *arguments
            ),
            {**self._variables, **service.variables},
            self.log_of(service.name),
            self._layout.run,
            descriptors,
        )

    def restart(self, service: topology.Service, port: int | None) -> None:
        """Start a service again, on the port that it had."""
        if self.find(service.name) is not None:
            raise exceptions.UsageError(f'{service.name} is running already.')
        if port is None:
            self.start(service)
            return
        with contextlib.closing(listeners.listen(port)) as listener:
            self.start(service, listener)

    def find(self, name: str) -> processes.Process | None:
        """The process of that service, if it runs."""
        return processes.read_pid(self._layout.run / f'{name}.pid')

    def kill(self, name: str) -> bool:
        """Kill a service; returns whether it was running."""
        process = self.find(name)
        if process is not None:
            process.kill()
        (self._layout.run / f'{name}.pid').unlink(missing_ok=True)
        return process is not None

    def wait_for(
        self, service: topology.Service, ports: Mapping[str, int]
    ) -> None:
        """Wait until the service does its work.

        An API answers a request. Another service takes messages from its
        queue: nova begins to when it has initialised itself and, on a
        host, reported its resources.

        :param ports: where the services listen, by name
        :raises RecoveryError: it died or took too long
        """
        queue = service.queue
        if service.http:
            port = ports[service.name]
            self._wait(service.name, lambda: _answers(port))
        elif queue is not None:
            self._wait(
                service.name,
                lambda: self._broker.inspect(service.hub, queue).consumers > 0,
            )
        else:
            self.check(service.name)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        pause = threading.Event()
        while not ready():
            self.check(name)
            if time.monotonic() > deadline:
                raise exceptions.RecoveryError(
                    processes.died(name, self.log_of(name))
                )
            pause.wait(0.2)

    def check(self, name: str) -> None:
        """Raise RecoveryError when the service does not run."""
        if self.find(name) is None:
            raise exceptions.RecoveryError(
                processes.died(name, self.log_of(name))
            )


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=5)
    try:
        connection.request('GET', '/')
        connection.getresponse()
        return True
    except (OSError, http.client.HTTPException):
        # Not yet: the request has waited in the socket's backlog.
        return False
    finally:
        connection.close()

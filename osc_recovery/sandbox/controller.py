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

"""Makes, finds, describes, breaks and deletes sandboxes."""

import dataclasses
import os
import pathlib
from typing import Any

from osc_recovery import exceptions
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import backends as backend_servers
from osc_recovery.sandbox import bootstrap
from osc_recovery.sandbox import brokers
from osc_recovery.sandbox import creation
from osc_recovery.sandbox import databases
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import events
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import place
from osc_recovery.sandbox import processes
from osc_recovery.sandbox.services import power
from osc_recovery.sandbox.services import records
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states
from osc_recovery.sandbox import supervisor as supervisors
from osc_recovery.sandbox import topology as topologies

DELETE = "'openstack recovery sandbox delete'"


@dataclasses.dataclass(frozen=True)
class Description:
    """A sandbox as an operator sees it."""

    directory: str
    openrc: str
    clouds_yaml: str
    recovery_conf: str
    hosts: tuple[str, ...]
    hosts_off: tuple[str, ...]
    servers: int
    processes: int
    not_running: tuple[str, ...]
    memory_mib: int
    violations: int


class Sandbox:
    """A complete sandbox in a directory."""

    def __init__(self, layout: layouts.Layout, state: states.State) -> None:
        self._layout = layout
        self._state = state
        environment = environments.Environment(pathlib.Path(state.environment))
        self._broker = brokers.of(state)
        self._supervisor = supervisors.Supervisor(
            layout, environment, self._broker
        )
        self._topology = topologies.Topology(
            layout, state.shape, environment, self._broker.processes
        )

    @classmethod
    def create(
        cls,
        directory: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        hosts: int = 3,
        servers: int = 10,
        cells: int = 1,
        backends: backend_servers.Backends | None = None,
        progress: events.Progress = events.ignore,
    ) -> 'Sandbox':
        """Make a sandbox, or find the same one in that directory.

        Without a directory the sandbox has its place in the user's state
        directory, under its name.

        :param hosts: how many compute hosts
        :param servers: how many servers the first host starts with
        :param cells: how many cells; each but the first has one host
        :param backends: a database server and a broker to use; without,
            those that the environment names
        :raises UsageError: something else is there
        :raises RecoveryError: a service failed; its processes are gone, its
            logs are kept until the sandbox is deleted
        """
        layout = place.find(directory, name)
        state = states.State(
            shape=shapes.Shape(hosts, servers, cells),
            creator=processes.Process.of(os.getpid()),
            backends=backends or backend_servers.Backends.from_environment(),
        )
        if not place.claim(layout, state):
            return cls._reuse(layout, state, progress)
        try:
            creation.Creation(layout, state, progress).run()
        except BaseException:
            place.kill_all(layout)
            state.creator = None
            state.write(layout.state)
            raise
        return cls(layout, state)

    @classmethod
    def _reuse(
        cls,
        layout: layouts.Layout,
        wanted: states.State,
        progress: events.Progress,
    ) -> 'Sandbox':
        found = cls.load(layout.directory)
        if found._state.shape != wanted.shape:
            raise exceptions.UsageError(
                f'A sandbox of another shape ({found._state.shape}) is in '
                f'{layout.directory}. Delete it with {DELETE} or choose '
                'another directory.'
            )
        if found._state.backends != wanted.backends:
            raise exceptions.UsageError(
                f'The sandbox in {layout.directory} uses another database '
                'server or broker than the one that the environment names '
                f'now. Delete it with {DELETE} or choose another directory.'
            )
        missing = found.describe().not_running
        if missing:
            raise exceptions.UsageError(
                f'The sandbox in {layout.directory} is not whole: '
                f'{", ".join(missing)} not running. Delete it with {DELETE}.'
            )
        text = f'Using the sandbox in {layout.directory}'
        progress(events.Event('reuse', text))
        return found

    @classmethod
    def load(
        cls,
        directory: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
    ) -> 'Sandbox':
        """Find a sandbox.

        :raises UsageError: there is none, or it is incomplete
        """
        layout = place.find(directory, name)
        state = states.State.read(layout.state)
        if state is None:
            raise exceptions.UsageError(
                f'There is no sandbox in {layout.directory}. Make one with '
                "'openstack recovery sandbox create'."
            )
        if state.being_made:
            raise exceptions.UsageError(place.being_made(layout, state))
        if state.status != states.READY:
            raise exceptions.UsageError(
                f'The sandbox in {layout.directory} is incomplete: its '
                f'creation failed or was killed. Delete it with {DELETE}.'
            )
        return cls(layout, state)

    @classmethod
    def delete(
        cls,
        directory: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        """Kill every process and remove every file, complete or not.

        Its databases, virtual hosts and users on servers go as well.

        :raises NothingToDo: there is no sandbox
        :raises UsageError: the directory holds something else
        :raises RecoveryError: a server is away; can be repeated
        """
        layout = place.find(directory, name)
        state = states.State.read(layout.state)
        if state is not None and state.being_made:
            raise exceptions.UsageError(place.being_made(layout, state))
        # Processes first: they may be all that is left.
        killed = place.kill_all(layout)
        if state is None:
            if killed:
                return
            raise exceptions.NothingToDo(
                f'There is no sandbox in {layout.directory}.'
            )
        databases.of(layout, state).remove()
        brokers.of(state).remove()
        place.remove(layout)

    @property
    def directory(self) -> pathlib.Path:
        """Where everything is."""
        return self._layout.directory

    @property
    def openrc(self) -> pathlib.Path:
        """What a shell sources."""
        return self._layout.openrc

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the compute hosts."""
        return self._state.shape.host_names

    def api(self, project: str = bootstrap.MEMBER) -> apis.Api:
        """The services' APIs, as an administrator within a project."""
        return apis.Api(self._state, project)

    def describe(self) -> Description:
        """What there is and how it is."""
        services = [service.name for service in self._topology.all()]
        running = {name: self._supervisor.find(name) for name in services}
        alive = [process for process in running.values() if process]
        live = power.live_hosts(self._layout.hosts)
        guests = {uuid for host in self.hosts for uuid in self.guests(host)}
        return Description(
            directory=str(self._layout.directory),
            openrc=str(self._layout.openrc),
            clouds_yaml=str(self._layout.clouds_yaml),
            recovery_conf=str(self._layout.recovery_conf),
            hosts=self.hosts,
            hosts_off=tuple(host for host in self.hosts if host not in live),
            servers=len(guests),
            processes=len(alive),
            not_running=tuple(n for n, found in running.items() if not found),
            memory_mib=sum(process.memory for process in alive) // 2**20,
            violations=len(self.violations()),
        )

    def guests(self, host: str) -> dict[str, str]:
        """The guests of a host's hypervisor: server uuid and state.

        The states are running, paused, suspended and shutdown.
        """
        found = records.read_guests(self._host(host))
        return {uuid: guest.state for uuid, guest in found.items()}

    def violations(self) -> list[dict[str, Any]]:
        """What real hardware would have let happen in silence."""
        return records.read_violations(self._layout.directory)

    def clear_violations(self) -> None:
        """Forget them: for a story that shows one on purpose."""
        path = self._layout.directory / records.VIOLATIONS
        path.unlink(missing_ok=True)

    def exports(self) -> set[records.Export]:
        """Which volume the storage array shows to which host."""
        return records.Exports(self._layout.directory).read()

    def stop_host(self, host: str, *, service_only: bool = False) -> None:
        """Cut the power of a host, or kill its nova-compute alone.

        Without power its guests are off and its network agent is silent.
        With ``service_only`` the guests run on.

        :raises NothingToDo: it is so already
        """
        path = self._host(host)
        was_on = power.is_on(path)
        if not service_only:
            power.cut(path)
        killed = self._supervisor.kill(topologies.compute_name(host))
        if not service_only:
            records.shut_down_guests(path)
        if not killed and (service_only or not was_on):
            raise exceptions.NothingToDo(f'{host} is stopped already.')

    def start_host(self, host: str) -> None:
        """Give a host its power back and start its nova-compute.

        Returns when nova-compute has initialised itself. The guests stay
        off until nova starts them.

        :raises NothingToDo: it runs already
        :raises RecoveryError: nova-compute did not start
        """
        path = self._host(host)
        service = self._topology.compute(host)
        if self._supervisor.find(service.name) is not None:
            raise exceptions.NothingToDo(f'{host} runs already.')
        power.restore(path)
        self._supervisor.restart(service, None)
        self._supervisor.wait_for(service, self._state.ports)

    def stop_service(self, name: str) -> None:
        """Kill a service of the control plane, such as placement."""
        if not self._supervisor.kill(self._service(name).name):
            raise exceptions.NothingToDo(f'{name} is stopped already.')

    def start_service(self, name: str) -> None:
        """Start a service again, where it was, and wait until it works."""
        service = self._service(name)
        self._supervisor.restart(service, self._state.ports.get(name))
        self._supervisor.wait_for(service, self._state.ports)

    def waiting(self, host: str, *, purge: bool = False) -> tuple[str, ...]:
        """The RPC methods that wait for a host's nova-compute.

        With ``purge`` they are thrown away.
        """
        service = self._topology.compute(host)
        queue = topologies.compute_queue(host)
        return self._broker.inspect(service.hub, queue, purge).methods

    def _host(self, host: str) -> pathlib.Path:
        if host not in self.hosts:
            raise exceptions.UsageError(
                f'The sandbox has no host {host}; it has '
                f'{", ".join(self.hosts)}.'
            )
        return self._layout.hosts / host

    def _service(self, name: str) -> topologies.Service:
        services = {s.name: s for s in self._topology.all()}
        if name not in services:
            raise exceptions.UsageError(
                f'The sandbox has no service {name}; it has '
                f'{", ".join(services)}.'
            )
        return services[name]

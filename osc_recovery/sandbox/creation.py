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

"""The steps that make a sandbox in an empty directory."""

import contextlib
import socket

from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import bootstrap
from osc_recovery.sandbox import brokers
from osc_recovery.sandbox import client_files
from osc_recovery.sandbox import configuration as configurations
from osc_recovery.sandbox import databases
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import events
from osc_recovery.sandbox import fleet
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import library
from osc_recovery.sandbox import listeners
from osc_recovery.sandbox import seed
from osc_recovery.sandbox import state as states
from osc_recovery.sandbox import supervisor as supervisors
from osc_recovery.sandbox import topology as topologies

Sockets = dict[str, socket.socket]


class Creation:
    """One attempt; whoever makes it cleans up after a failure."""

    def __init__(
        self,
        layout: layouts.Layout,
        state: states.State,
        progress: events.Progress,
    ) -> None:
        self._layout = layout
        self._state = state
        self._progress = events.one_at_a_time(progress)

    def run(self) -> None:
        """Make everything and call the sandbox ready.

        :raises RecoveryError: something failed, with the end of its log
        """
        cache = layouts.cache_directory()
        marker = str(self._layout.directory)
        environment = environments.ensure(cache, marker, self._progress)
        shape = self._state.shape
        databases.of(self._layout, self._state).make(
            cache, environment, shape, self._progress
        )
        broker = brokers.of(self._state)
        broker.make(shape)
        self._state.environment = str(environment.path)
        supervisor = supervisors.Supervisor(self._layout, environment, broker)
        topology = topologies.Topology(
            self._layout, shape, environment, broker.processes
        )
        with contextlib.ExitStack() as stack:
            sockets = self._open_sockets(stack, topology)
            self._prepare(environment, supervisor)
            control = [*topology.hubs(), *topology.control()]
            for service in control:
                self._say('services', f'Starting {service.name}')
                supervisor.start(service, sockets.get(service.name))
        self._await(supervisor, control)
        self._warm_up()
        # A nova-compute reports its resources when it starts, and when it
        # cannot it tries again much later.
        computes = topology.computes()
        for service in computes:
            self._say('services', f'Starting {service.name}')
            supervisor.start(service)
        self._await(supervisor, computes)
        self._seed()
        self._state.status = states.READY
        self._state.creator = None
        self._state.write(self._layout.state)

    def _say(self, stage: str, text: str) -> None:
        self._progress(events.Event(stage, text))

    def _open_sockets(
        self, stack: contextlib.ExitStack, topology: topologies.Topology
    ) -> Sockets:
        sockets = {
            service.name: stack.enter_context(
                contextlib.closing(listeners.listen())
            )
            for service in topology.all()
            if service.listens
        }
        self._state.ports = {
            name: listeners.port_of(opened) for name, opened in sockets.items()
        }
        self._state.write(self._layout.state)
        return sockets

    def _prepare(
        self,
        environment: environments.Environment,
        supervisor: supervisors.Supervisor,
    ) -> None:
        self._say('configuration', 'Writing the configuration')
        self._layout.make()
        for host in self._state.shape.host_names:
            (self._layout.hosts / host).mkdir()
        library.install(self._layout.lib)
        configuration = configurations.Configuration(
            self._layout, self._state, environment
        )
        configuration.write()
        client_files.write(self._layout, self._state)
        self._say('configuration', 'Writing users, endpoints and cells')
        bootstrap.run(self._layout, self._state, configuration, supervisor)

    def _await(
        self,
        supervisor: supervisors.Supervisor,
        services: list[topologies.Service],
    ) -> None:
        for number, service in enumerate(services, start=1):
            text = f'{service.name} is up'
            supervisor.wait_for(service, self._state.ports)
            event = events.Event('services', text, number, len(services))
            self._progress(event)

    def _warm_up(self) -> None:
        """Let keystone and placement read their policies for one caller.

        oslo.policy refuses what others ask while it reads them
        (oslo_policy.policy.Enforcer.load_rules), and every nova-compute asks
        as soon as it is there.
        """
        api = apis.Api(self._state, bootstrap.MEMBER)
        api.placement.get('/resource_providers')

    def _seed(self) -> None:
        servers = fleet.servers(self._state.shape)
        api = apis.Api(self._state, bootstrap.MEMBER)
        seed.Seeder(api, servers, self._progress).run()

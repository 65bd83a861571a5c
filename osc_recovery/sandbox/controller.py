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

"""Makes, describes, changes and deletes a sandbox."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import socket
from typing import Any

from osc_recovery import exceptions
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import bootstrap
from osc_recovery.sandbox import client_files
from osc_recovery.sandbox import configuration as configurations
from osc_recovery.sandbox import databases
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import events
from osc_recovery.sandbox import fleet
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import library
from osc_recovery.sandbox import listeners
from osc_recovery.sandbox import processes
from osc_recovery.sandbox import seed
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states
from osc_recovery.sandbox import supervisor as supervisors
from osc_recovery.sandbox import template
from osc_recovery.sandbox import topology as topologies
from osc_recovery.sandbox.services import power
from osc_recovery.sandbox.services import records


class Creation:
    """One attempt to make a sandbox in an empty directory."""

    def __init__(
        self,
        layout: layouts.Layout,
        state: states.State,
        progress: events.Progress,
    ) -> None:
        self._layout = layout
        self._state = state
        self._progress = progress

    def run(self) -> None:
        marker = str(self._layout.directory)
        cache = layouts.cache_directory()
        environment = environments.ensure(cache, marker, self._progress)
        source = template.ensure(cache, environment, marker, self._progress)
        self._state.environment = str(environment.path)
        supervisor = supervisors.Supervisor(self._layout, environment)
        topology = topologies.Topology(
            self._layout, self._state.shape, environment
        )
        with contextlib.ExitStack() as stack:
            sockets = {
                service.name: stack.enter_context(
                    contextlib.closing(listeners.listen())
                )
                for service in topology.all()
                if service.listens
            }
            self._state.ports = {
                name: listeners.port_of(sock) for name, sock in sockets.items()
            }
            self._state.write(self._layout.state)
            self._prepare(source, environment, supervisor)
            self._start(supervisor, topology, sockets)
        self._fill()

    def _prepare(self, source, environment, supervisor) -> None:
        self._progress(events.Event('configuration', 'Writing configuration'))
        self._layout.make()
        databases.SqliteDatabases(self._layout.db).provision(
            source, self._state.shape
        )
        library.install(self._layout.lib)
        for host in self._state.shape.host_names:
            (self._layout.hosts / host).mkdir()
        configuration = configurations.Configuration(
            self._layout, self._state, environment
        )
        configuration.write()
        client_files.write(self._layout, self._state)
        self._progress(events.Event('configuration', 'Writing users and cells'))
        bootstrap.run(self._layout, self._state, configuration, supervisor)

    def _start(self, supervisor, topology, sockets) -> None:
        first = [*topology.hubs(), *topology.control()]
        for service in first:
            self._progress(events.Event('services', f'Starting {service.name}'))
            supervisor.start(service, sockets.pop(service.name, None))
        for service in topology.computes():
            supervisor.start(service)
        for service in first:
            if service.http:
                supervisor.wait_for_http(
                    service.name, self._state.ports[service.name]
                )
                self._progress(events.Event('services', f'{service.name} answers'))

    def _fill(self) -> None:
        api = apis.Api(self._state, bootstrap.MEMBER)
        def look():
            found = api.compute.get('/os-services', params={'binary': 'nova-compute'}).json()['services']
            up = [s for s in found if s['state'] == 'up']
            hyper = api.compute.get('/os-hypervisors').json()['hypervisors'] if len(up) == self._state.shape.hosts else []
            return True if len(hyper) == self._state.shape.hosts else None
        apis.wait('computes', look)
        self._progress(events.Event('services', 'computes are up'))
        seed.Seeder(api, fleet.servers(self._state.shape), self._progress).run()
        self._state.status = states.READY
        self._state.write(self._layout.state)

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

"""Which processes a sandbox consists of, and in which order they start."""

from collections.abc import Mapping
import dataclasses

from osc_recovery.sandbox import configuration
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox.services.hub import Queue
from osc_recovery.sandbox import shape as shapes

EXCHANGE = 'nova'


@dataclasses.dataclass(frozen=True)
class Service:
    """One process.

    ``module`` and ``arguments`` name a module of services/. A service that
    ``listens`` inherits its socket; one with a ``queue`` takes messages.
    """

    name: str
    module: str
    arguments: tuple[object, ...] = ()
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    listens: bool = False
    http: bool = False
    queue: Queue | None = None
    hub: str = ''


def compute_name(host: str) -> str:
    """The name of a host's nova-compute process."""
    return f'compute-{host}'


def compute_queue(host: str) -> Queue:
    """The queue that a host's nova-compute takes its messages from."""
    return Queue(EXCHANGE, 'compute', host)


class Topology:
    """The processes of one sandbox."""

    def __init__(
        self,
        layout: layouts.Layout,
        shape: shapes.Shape,
        environment: environments.Environment,
        with_hubs: bool = True,
    ) -> None:
        self._layout = layout
        self._shape = shape
        self._with_hubs = with_hubs
        self._environment = environment

    def hubs(self) -> list[Service]:
        """A message hub per cell, unless a broker takes their place."""
        if not self._with_hubs:
            return []
        return [
            Service(cell.hub, 'hub', listens=True)
            for cell in self._shape.cells
        ]

    def control(self) -> list[Service]:
        """Everything that a control plane runs."""
        return [
            self._wsgi('keystone', 'keystone.wsgi.api', self._keystone()),
            self._wsgi('placement', 'placement.wsgi.api', self._placement()),
            self._wsgi('glance', 'glance.wsgi.api', self._glance()),
            self._neutron(),
            self._cinder(),
            self._wsgi('nova', 'nova.wsgi.osapi_compute', self._nova()),
            *(self._conductor(cell) for cell in self._shape.cells),
            self._nova_service('scheduler'),
        ]

    def computes(self) -> list[Service]:
        """A nova-compute per host."""
        return [self.compute(host) for host in self._shape.host_names]

    def compute(self, host: str) -> Service:
        """The nova-compute of one host."""
        etc = self._layout.etc
        (cell,) = (c for c in self._shape.cells if host in c.hosts)
        return Service(
            compute_name(host),
            'nova',
            (
                'compute',
                '--config-file',
                etc / f'compute-{cell.name}.conf',
                '--config-file',
                etc / f'{host}.conf',
            ),
            queue=compute_queue(host),
            hub=cell.hub,
        )

    def all(self) -> list[Service]:
        """Every process, in the order in which they are started."""
        return [*self.hubs(), *self.control(), *self.computes()]

    def _wsgi(
        self, name: str, module: str, variables: Mapping[str, str]
    ) -> Service:
        return Service(name, 'wsgi', (module,), variables, True, True)

    def _keystone(self) -> Mapping[str, str]:
        conf = self._layout.etc / 'keystone.conf'
        return {'OS_KEYSTONE_CONFIG_FILES': str(conf)}

    def _placement(self) -> Mapping[str, str]:
        return {'OS_PLACEMENT_CONFIG_DIR': str(self._layout.etc)}

    def _glance(self) -> Mapping[str, str]:
        return {'OS_GLANCE_CONFIG_DIR': str(self._layout.etc)}

    def _nova(self) -> Mapping[str, str]:
        files = (
            self._environment.data('nova/api-paste.ini'),
            self._layout.etc / 'nova.conf',
        )
        return {'OS_NOVA_CONFIG_FILES': ';'.join(str(f) for f in files)}

    def _neutron(self) -> Service:
        variables = {
            'OS_NEUTRON_CONFIG_DIR': str(self._layout.etc),
            'OS_NEUTRON_CONFIG_FILES': 'neutron.conf',
        }
        arguments = (self._layout.hosts,)
        return Service('neutron', 'neutron', arguments, variables, True, True)

    def _cinder(self) -> Service:
        arguments = ('--config-file', self._layout.etc / 'cinder.conf')
        return Service('cinder', 'cinder', arguments, {}, True, True)

    def _conductor(self, cell: shapes.Cell) -> Service:
        """A cell's conductor; the first one also works for nova's API."""
        first = self._nova_service('conductor')
        if cell == self._shape.cells[0]:
            return first
        path = configuration.conductor_conf(
            self._layout.etc, self._shape, cell
        )
        return dataclasses.replace(
            first,
            name=f'{first.name}-{cell.name}',
            arguments=('conductor', '--config-file', path),
            hub=cell.hub,
        )

    def _nova_service(self, name: str) -> Service:
        return Service(
            name,
            'nova',
            (name, '--config-file', self._layout.etc / 'nova.conf'),
            queue=Queue(EXCHANGE, name, None),
            hub=self._shape.cells[0].hub,
        )

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

"""The services that have an address, and what the catalogue says of them."""

import dataclasses

REGION = 'RegionOne'


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A service of the catalogue."""

    name: str
    kinds: tuple[str, ...]
    path: str = ''


IDENTITY = Endpoint('keystone', ('identity',), '/v3')
PLACEMENT = Endpoint('placement', ('placement',))
IMAGE = Endpoint('glance', ('image',))
NETWORK = Endpoint('neutron', ('network',))
# python-cinderclient asks for volumev3, the SDK for block-storage.
VOLUME = Endpoint('cinder', ('block-storage', 'volumev3'), '/v3')
COMPUTE = Endpoint('nova', ('compute',), '/v2.1')

ALL = (IDENTITY, PLACEMENT, IMAGE, NETWORK, VOLUME, COMPUTE)


def url(endpoint: Endpoint, ports: dict[str, int]) -> str:
    """The address of a service."""
    return f'http://127.0.0.1:{ports[endpoint.name]}{endpoint.path}'

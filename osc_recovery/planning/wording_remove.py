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

"""The calls of a host's removal as text."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from osc_recovery.planning import text

Params = dict[str, Any]
Lines = Iterator[str]

_SERVICES = 'nova GET /os-services?binary=nova-compute'


def _allocations(host: str, params: Params) -> Lines:
    for server in params['servers']:
        path = f'/allocations/{server}'
        yield f'placement GET {path}'
        kept = {'allocations': f'<as read, without {params["provider"]}>'}
        yield f'placement PUT {path} {text.json(kept)}'


def _service(host: str, params: Params) -> Lines:
    yield _SERVICES
    yield f'nova DELETE /os-services/{params["service"]}'
    if params['provider']:
        path = f'/resource_providers/{params["provider"]}'
        yield f'placement DELETE {path} (if nova has left it)'


def _agents(host: str, params: Params) -> Lines:
    yield f'neutron GET /v2.0/agents?host={host}'
    yield 'neutron DELETE /v2.0/agents/<each that has not reported since>'


def _verify(host: str, params: Params) -> Lines:
    yield _SERVICES
    if params['provider']:
        yield f'placement GET /resource_providers?uuid={params["provider"]}'
    yield f'neutron GET /v2.0/agents?host={host}'


WORDING: Mapping[str, Callable[[str, Params], Lines]] = {
    'remove-allocations': _allocations,
    'remove-service': _service,
    'remove-agents': _agents,
    'remove-verify': _verify,
}

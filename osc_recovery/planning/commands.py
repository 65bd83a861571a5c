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

"""Every API call and SQL statement that a plan will send, as text.

What is only known when it is sent stands in angle brackets; secrets are
never shown.  The order is that of a run in which nothing goes wrong.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from osc_recovery.model import plans
from osc_recovery.planning import attachment_commands
from osc_recovery.planning import mending_commands
from osc_recovery.planning import statements
from osc_recovery.planning import text
from osc_recovery.planning import wording_remove
from osc_recovery.planning import wording_return

Params = dict[str, Any]
Lines = Iterator[str]


class Command(NamedTuple):
    """One call or statement of one step of one server."""

    server: str
    step: str
    command: str


def describe(plan: plans.Plan) -> tuple[Command, ...]:
    """What the plan will send, server by server, in order.

    Servers that are left out send nothing.  Raises KeyError for a kind of
    step that has no wording.
    """
    return tuple(
        Command(server.name, spec.kind, line)
        for server in plan.servers
        if not server.blocked
        for spec in server.steps
        for line in _WORDING[spec.kind](server.uuid, spec.params)
    )


def _lock(uuid: str, params: Params) -> Lines:
    body = {'lock': {'locked_reason': 'osc-recovery <run>'}}
    yield f'nova POST /servers/{uuid}/action {text.json(body)}'


def _unlock(uuid: str, params: Params) -> Lines:
    yield f'nova POST /servers/{uuid}/action {text.json({"unlock": None})}'


def _allocate(uuid: str, params: Params) -> Lines:
    yield f'placement GET /allocations/{uuid}'
    wanted = {params['target_provider']: {'resources': params['resources']}}
    body = {'allocations': wanted, 'consumer_generation': '<as read>'}
    yield f'placement PUT /allocations/{uuid} {text.json(body)}'


def _bind(uuid: str, params: Params) -> Lines:
    path = f'/v2.0/ports/{params["port"]}/bindings'
    yield f'neutron GET {path}'
    body = {'host': params['target'], 'vnic_type': params['vnic_type']}
    yield f'neutron POST {path} {text.json({"binding": body})}'


def _attach(uuid: str, params: Params) -> Lines:
    old = params['attachment']
    yield from attachment_commands.blank(uuid, params)
    yield f'cinder DELETE /attachments/{old}'
    yield from attachment_commands.connect(params)


def _activate(uuid: str, params: Params) -> Lines:
    port = f'/v2.0/ports/{params["port"]}'
    owner = params['device_owner']
    owned = {'device_owner': owner} if owner else {}
    if not params['staged']:
        body = {'binding:host_id': params['target'], **owned}
        yield f'neutron PUT {port} {text.json({"port": body})}'
        return
    yield f'neutron PUT {port}/bindings/{params["target"]}/activate'
    yield f'neutron DELETE {port}/bindings/{params["source"]}'
    if owned:
        yield f'neutron PUT {port} {text.json({"port": owned})}'


def _start(uuid: str, params: Params) -> Lines:
    yield statements.actions(uuid)
    yield f'nova POST /servers/{uuid}/action {text.json({"os-start": None})}'
    yield f'{statements.action_events(uuid)} (until it has ended)'


def _verify(uuid: str, params: Params) -> Lines:
    yield from statements.server_read(uuid)
    yield f'nova GET /servers/{uuid}'
    yield f'placement GET /allocations/{uuid}'
    yield f'neutron GET /v2.0/ports?device_id={uuid}'
    for port in params['ports']:
        yield f'neutron GET /v2.0/ports/{port}/bindings'


def _evacuate(uuid: str, params: Params) -> Lines:
    yield statements.evacuations(uuid)
    yield statements.actions(uuid)
    target = params['target']
    body = {'evacuate': {'host': target} if target else {}}
    yield (
        f'nova POST /servers/{uuid}/action {text.json(body)} (microversion '
        f'{params["microversion"]})'
    )
    yield f'{statements.evacuations(uuid)} (until it has ended)'


def _verify_evacuation(uuid: str, params: Params) -> Lines:
    yield from _verify(uuid, params['expected'])


def _fence_down(host: str, params: Params) -> Lines:
    yield 'nova GET /os-services?binary=nova-compute'
    body = text.json({'forced_down': True})
    yield f'nova PUT /os-services/{params["service"]} {body}'


def _fence_disable(host: str, params: Params) -> Lines:
    yield 'nova GET /os-services?binary=nova-compute'
    reason = f'osc-recovery <run> {params["operator"]}'
    body = text.json({'status': 'disabled', 'disabled_reason': reason})
    yield f'nova PUT /os-services/{params["service"]} {body}'


_WORDING: dict[str, Callable[[str, Params], Lines]] = {
    'lock': _lock,
    'allocate': _allocate,
    'bind': _bind,
    'move': statements.move,
    'attach': _attach,
    'activate': _activate,
    'start': _start,
    'verify': _verify,
    'unlock': _unlock,
    'evacuate': _evacuate,
    'verify-evacuation': _verify_evacuation,
    'fence-down': _fence_down,
    'fence-disable': _fence_disable,
    **mending_commands.WORDING,
    **wording_return.WORDING,
    **wording_remove.WORDING,
}
KINDS = frozenset(_WORDING)

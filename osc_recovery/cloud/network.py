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

"""neutron's API: ports, their bindings and the agents of a host.

Reading takes the operator's credentials.  Creating, deleting and
activating a binding takes the role ``service``, which an admin does not
have (neutron/conf/policies/port_bindings.py): those calls go out with the
credentials that nova itself uses.
"""

from collections.abc import Iterable
from typing import Any
import urllib.parse

import requests

from osc_recovery.cloud import errors
from osc_recovery.cloud import wire
from osc_recovery import exceptions
from osc_recovery.model import facts

Json = dict[str, Any]

#: vif_types with which a port does not work (nova/network/model.py)
BAD_VIF_TYPES = ('binding_failed', 'unbound')
#: server uuids in one query: the URL stays below 4 KiB
_CHUNK = 50


class Network:
    """neutron's API.

    Every method raises CloudUnavailable when neutron does not work and
    Refused (a StepFailed) when it says no.
    """

    def __init__(
        self, connection: wire.Wire, service: wire.Wire | None = None
    ) -> None:
        self._wire = connection
        self._service = service
        self._role_missing = False

    @property
    def can_stage(self) -> bool:
        """Whether bindings can be prepared before they are activated.

        False without credentials for the role ``service``, and as soon as
        neutron has answered that they lack the role.
        """
        return self._service is not None and not self._role_missing

    def ports(
        self, server_uuids: Iterable[str], with_bindings: bool = False
    ) -> dict[str, tuple[facts.Port, ...]]:
        """The ports of servers; () for a server that has none.

        One call per 50 servers, or more where neutron answers in pages;
        ``with_bindings`` costs another call a port.
        """
        wanted = list(dict.fromkeys(server_uuids))
        found: dict[str, list[facts.Port]] = {uuid: [] for uuid in wanted}
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            query = urllib.parse.urlencode([('device_id', u) for u in chunk])
            for row in self._pages(f'ports?{query}', 'ports'):
                bindings = self.bindings(row['id']) if with_bindings else ()
                found[row['device_id']].append(_port(row, bindings))
        return {uuid: tuple(ports) for uuid, ports in found.items()}

    def servers_bound(self, host: str) -> frozenset[str]:
        """The servers that have a port whose active binding is on a host."""
        query = urllib.parse.urlencode({'binding:host_id': host})
        return frozenset(
            row['device_id']
            for row in self._pages(f'ports?{query}', 'ports')
            if str(row.get('device_owner', '')).startswith('compute:')
        )

    def agents(self, host: str) -> tuple[facts.Agent, ...]:
        """The agents that have ever reported from a host."""
        query = urllib.parse.urlencode({'host': host})
        rows = self._pages(f'agents?{query}', 'agents')
        return tuple(
            facts.Agent(
                name=row.get('binary') or row.get('agent_type') or '',
                host=row['host'],
                heartbeat=row.get('heartbeat_timestamp'),
                alive=bool(row.get('alive')),
            )
            for row in rows
        )

    def agent_ids(self, host: str) -> dict[str, tuple[str, str | None]]:
        """The agents of a host by their id: their name and last report."""
        query = urllib.parse.urlencode({'host': host})
        return {
            row['id']: (
                row.get('binary') or row.get('agent_type') or '',
                row.get('heartbeat_timestamp'),
            )
            for row in self._pages(f'agents?{query}', 'agents')
        }

    def delete_agent(self, agent: str) -> None:
        """Delete an agent by its id; gone is fine."""
        self._call(
            'DELETE', f'agents/{agent}', f'delete agent {agent}', allow=(404,)
        )

    def bindings(self, port: str) -> tuple[facts.PortBinding, ...]:
        """The bindings of a port, the active one and the others."""
        body = self._call(
            'GET', f'ports/{port}/bindings', f'list bindings of port {port}'
        ).json()
        return tuple(_binding(row) for row in body['bindings'])

    def binding(self, port: str, host: str) -> facts.PortBinding | None:
        """The binding of a port to a host; None when there is none."""
        return next((b for b in self.bindings(port) if b.host == host), None)

    def create_binding(self, port: str, host: str, vnic_type: str) -> str:
        """Bind a port to another host as well, inactive: the vif_type.

        A binding that exists is taken as it is.  Raises StepFailed with
        the cause 'binding-failed' when no mechanism driver can bind on that
        host: its agent is dead or missing.
        """
        what = f'bind port {port} to host {host}'
        response = self._privileged(
            'POST',
            f'ports/{port}/bindings',
            what,
            allow=(409, 500),
            json={'binding': {'host': host, 'vnic_type': vnic_type}},
        )
        if response.status_code == 500:
            raise _creation_error(response, what, host)
        if response.status_code == 409:
            existing = self.binding(port, host)
            if existing is None:
                raise errors.refused(
                    'network', what, 409, errors.reason(response)
                )
            return existing.vif_type
        return str(response.json()['binding']['vif_type'])

    def activate_binding(self, port: str, host: str) -> str:
        """Make a prepared binding the active one: the vif_type.

        The former one loses its vif_type for good.  Raises Refused with
        status 404 when nothing was prepared; active already is fine.
        """
        response = self._privileged(
            'PUT',
            f'ports/{port}/bindings/{host}/activate',
            f'activate the binding of port {port} to host {host}',
            allow=(409,),
        )
        if response.status_code == 409:
            return self._already_active(response, port, host)
        body = response.json()
        return str(body.get('binding', body)['vif_type'])

    def delete_binding(self, port: str, host: str) -> None:
        """Delete a binding of a port to a host; gone is fine."""
        self._privileged(
            'DELETE',
            f'ports/{port}/bindings/{host}',
            f'delete the binding of port {port} to host {host}',
            allow=(404,),
        )

    def set_host(
        self, port: str, host: str, device_owner: str | None = None
    ) -> str:
        """Move the only binding of a port to a host: the vif_type.

        This needs no more than an admin, and cannot be taken back: with
        the former host's agent dead the way back answers 200 with
        vif_type binding_failed.
        """
        return str(
            self._set_port(
                port,
                f'bind port {port} to host {host}',
                {'binding:host_id': host},
                device_owner,
            )['binding:vif_type']
        )

    def set_owner(self, port: str, device_owner: str) -> None:
        """Set a port's device_owner, 'compute:<availability zone>'."""
        what = f'set the owner of port {port} to {device_owner}'
        self._set_port(port, what, {}, device_owner)

    def _set_port(
        self, port: str, what: str, body: Json, device_owner: str | None
    ) -> Json:
        if device_owner:
            body = {**body, 'device_owner': device_owner}
        answer = self._call('PUT', f'ports/{port}', what, json={'port': body})
        result: Json = answer.json()['port']
        return result

    def _already_active(
        self, response: requests.Response, port: str, host: str
    ) -> str:
        what = f'activate the binding of port {port} to host {host}'
        if errors.code(response) != 'PortBindingAlreadyActive':
            raise errors.refused('network', what, 409, errors.reason(response))
        binding = self.binding(port, host)
        return binding.vif_type if binding else BAD_VIF_TYPES[-1]

    def _pages(self, path: str, key: str) -> list[Json]:
        rows: list[Json] = []
        while True:
            body = self._call('GET', path, f'list {key}').json()
            rows += body[key]
            links = body.get(f'{key}_links', ())
            if not any(link['rel'] == 'next' for link in links):
                return rows
            joint = path.split('&marker=')[0]
            path = f'{joint}&marker={rows[-1]["id"]}'

    def _privileged(
        self,
        method: str,
        path: str,
        what: str,
        allow: tuple[int, ...] = (),
        **kwargs: Any,
    ) -> requests.Response:
        if self._service is None:
            raise exceptions.StepFailed(
                f'neutron could not {what}: no credentials with the role '
                f'service were found; name the nova.conf that holds '
                f'[service_user] or [neutron] in [nova] config_files',
                cause='service-role-missing',
            )
        url = self._prefix(self._service) + path
        response = self._service.call(
            method, url, what, allow=(*allow, 403), **kwargs
        )
        if response.status_code == 403:
            self._role_missing = True
            raise exceptions.StepFailed(
                f'neutron refused to {what}: the user in nova.conf '
                f'([service_user] or [neutron]) lacks the role service; '
                f'grant it with "openstack role add", then plan again',
                cause='service-role-missing',
            )
        return response

    def _call(
        self, method: str, path: str, what: str, **kwargs: Any
    ) -> requests.Response:
        url = self._prefix(self._wire) + path
        return self._wire.call(method, url, what, **kwargs)

    def _prefix(self, connection: wire.Wire) -> str:
        """'/v2.0/', unless the endpoint ends with it already."""
        with errors.translated('network', 'be found', errors.NoClientError):
            endpoint = connection.get_endpoint() or ''
        return '/' if endpoint.rstrip('/').endswith('/v2.0') else '/v2.0/'


def _creation_error(
    response: requests.Response, what: str, host: str
) -> exceptions.StepFailed:
    if errors.code(response) != 'PortBindingError':
        return errors.unavailable(
            'network', what, f'it answered 500 {errors.reason(response)}'
        )
    return exceptions.StepFailed(
        f'neutron could not {what}: no mechanism driver binds there; look '
        f'for a dead agent with "openstack network agent list --host {host}"',
        cause='binding-failed',
    )


def _binding(row: Json) -> facts.PortBinding:
    return facts.PortBinding(
        host=row['host'],
        status=row['status'],
        vif_type=row['vif_type'],
        vnic_type=row['vnic_type'],
    )


def _port(row: Json, bindings: tuple[facts.PortBinding, ...]) -> facts.Port:
    return facts.Port(
        id=row['id'],
        device_owner=row.get('device_owner') or '',
        host=row.get('binding:host_id') or '',
        vif_type=row.get('binding:vif_type') or '',
        vnic_type=row.get('binding:vnic_type') or 'normal',
        status=row.get('status') or '',
        profile=row.get('binding:profile') or {},
        has_resource_request=bool(row.get('resource_request')),
        bindings=bindings,
    )

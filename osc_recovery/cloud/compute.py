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

"""nova's API, by way of python-novaclient."""

import datetime
import re
from typing import Any
import uuid as uuid_module

from novaclient import client as nova_client
from novaclient import exceptions as nova_exceptions

from osc_recovery.cloud import errors
from osc_recovery.cloud import wire
from osc_recovery.model import facts

#: The lowest that has all that is used here: services by uuid and forced
#: down (2.53), the reason of a lock (2.73).  A higher one would add nothing
#: but the need for a newer nova (2.73 is Train's).
MICROVERSION = '2.73'

Json = dict[str, Any]


class Compute:
    """nova's API with the operator's credentials.

    Every method raises CloudUnavailable when nova does not work and Refused
    (a StepFailed) when it says no.
    """

    def __init__(self, connection: wire.Wire) -> None:
        self._wire = connection
        self._nova = nova_client.Client(
            MICROVERSION,
            session=connection,
            service_type='compute',
            endpoint_type=connection.interface,
            region_name=connection.region_name,
        )

    def services(self) -> list[Json]:
        """The nova-compute services of all cells.

        Keys: id (a uuid), host, status, state, forced_down,
        disabled_reason, updated_at; None where a cell is down.
        """
        found = self._get(
            '/os-services?binary=nova-compute', 'list its services'
        )
        keys = (
            'id',
            'host',
            'status',
            'state',
            'forced_down',
            'disabled_reason',
            'updated_at',
        )
        return [
            {key: row.get(key) for key in keys} for row in found['services']
        ]

    def servers(
        self, host: str | None = None, uuids: Any = None
    ) -> dict[str, facts.ApiView]:
        """What nova says of the servers of a host, or of some servers.

        A host's servers cost one call a page, ``uuids`` one call each; a
        server that nova does not know is left out.
        """
        if uuids is not None:
            views = ((uuid, self.server(uuid)) for uuid in uuids)
            return {uuid: view for uuid, view in views if view is not None}
        rows = self._pages(
            '/servers/detail', {'all_tenants': '1', 'host': host or ''}
        )
        return {row['id']: _view(row) for row in rows}

    def server(self, uuid: str) -> facts.ApiView | None:
        """What nova says of one server; None when it does not know it."""
        try:
            found = self._get(f'/servers/{uuid}', f'show server {uuid}')
        except errors.Refused as exc:
            if exc.status == 404:
                return None
            raise
        return _view(found['server'])

    def resolve(self, name_or_id: str) -> list[tuple[str, str]]:
        """The uuid and name of every server with this uuid or name."""
        try:
            uuid = str(uuid_module.UUID(name_or_id))
        except ValueError:
            rows = self._pages(
                '/servers',
                {
                    'all_tenants': '1',
                    'name': f'^{re.escape(name_or_id)}$',
                },
            )
            return [
                (row['id'], row['name'])
                for row in rows
                if row['name'] == name_or_id
            ]
        try:
            row = self._get(f'/servers/{uuid}', f'show server {uuid}')
        except errors.Refused as exc:
            if exc.status == 404:
                return []
            raise
        return [(uuid, str(row['server'].get('name', '')))]

    def lock(self, uuid: str, reason: str) -> None:
        """Lock a server, so that its owner cannot act on it."""
        with self._translated(f'lock server {uuid}'):
            self._nova.servers.lock(uuid, reason=reason)

    def unlock(self, uuid: str) -> None:
        """Unlock a server, whoever locked it."""
        with self._translated(f'unlock server {uuid}'):
            self._nova.servers.unlock(uuid)

    def start(self, uuid: str) -> str:
        """Start a stopped server and return the request's id.

        The request is done later, by the server's host: its instance
        action carries the id that is returned ('' when nova gave none).
        """
        with self._translated(f'start server {uuid}'):
            ids = self._nova.servers.start(uuid).request_ids
        return str(ids[0]) if ids else ''

    def stop(self, uuid: str) -> str:
        """Stop an active server and return the request's id, as start."""
        with self._translated(f'stop server {uuid}'):
            ids = self._nova.servers.stop(uuid).request_ids
        return str(ids[0]) if ids else ''

    def reset_state(self, uuid: str, state: str) -> None:
        """Call a server 'active' or 'error', without any task."""
        with self._translated(f'reset the state of server {uuid}'):
            self._nova.servers.reset_state(uuid, state)

    def version(self) -> tuple[int, int]:
        """The highest microversion that this nova speaks."""
        with self._translated('tell its version'):
            found = self._wire.get_endpoint_data()
        highest = found.max_microversion if found else None
        return (int(highest[0]), int(highest[1])) if highest else (2, 1)

    def evacuate(self, uuid: str, host: str | None, microversion: str) -> str:
        """Evacuate a server and return the request's id.

        Without a host nova's scheduler chooses one; with a host it has to
        agree (2.29 and later; ``force`` is never sent).  The microversion
        decides whether the guest runs afterwards: up to 2.94 as before,
        from 2.95 on it is stopped (nova/api/openstack/compute/evacuate.py).
        """
        body: Json = {'evacuate': {'host': host} if host else {}}
        response = self._wire.call(
            'POST',
            f'/servers/{uuid}/action',
            f'evacuate server {uuid}',
            json=body,
            microversion=microversion,
        )
        return str(response.headers.get('x-openstack-request-id', ''))

    def force_down(self, service: str, forced_down: bool) -> None:
        """Force a service (by uuid) down, or lift that."""
        verb = 'force down' if forced_down else 'un-force'
        with self._translated(f'{verb} service {service}'):
            self._nova.services.force_down(service, forced_down)

    def disable(self, service: str, reason: str) -> None:
        """Disable a service (by uuid) with a reason."""
        with self._translated(f'disable service {service}'):
            self._nova.services.disable_log_reason(service, reason)

    def enable(self, service: str) -> None:
        """Enable a service (by uuid)."""
        with self._translated(f'enable service {service}'):
            self._nova.services.enable(service)

    def delete_service(self, service: str) -> None:
        """Delete a service (by uuid), its nodes and its mapping to a cell.

        Gone is fine.  nova refuses (409) while a server or a migration
        needs the host.
        """
        try:
            with self._translated(f'delete service {service}'):
                self._nova.services.delete(service)
        except errors.Refused as exc:
            if exc.status != 404:
                raise

    def now(self) -> datetime.datetime:
        """nova's clock, in UTC and to a second.

        It comes from the Date of nova's latest answer; without one nova is
        asked for its versions.  Raises CloudUnavailable when its answers
        carry no date.
        """
        now = self._wire.now()
        if now is None:
            self._get('/os-services?binary=nova-compute', 'tell the time')
            now = self._wire.now()
        if now is None:
            raise errors.unavailable(
                'compute', 'tell the time', 'its answers have no Date header'
            )
        return now

    @property
    def time_limit(self) -> float:
        """Seconds after which a request to nova is given up."""
        return self._wire.session.timeout or wire.TIMEOUT

    def _translated(self, what: str) -> Any:
        return errors.translated(
            'compute', what, nova_exceptions.ClientException
        )

    def _get(self, path: str, what: str, **query: str) -> Json:
        # Not novaclient's list(): it writes a completion cache into the
        # user's home directory and copies every record.
        with self._translated(what):
            _, body = self._nova.client.get(path, params=query or None)
        result: Json = body
        return result

    def _pages(self, path: str, query: dict[str, str]) -> list[Json]:
        query = {key: value for key, value in query.items() if value}
        rows: list[Json] = []
        while True:
            body = self._get(path, 'list servers', **query)
            rows += body['servers']
            links = body.get('servers_links', ())
            if not any(link['rel'] == 'next' for link in links):
                return rows
            query['marker'] = rows[-1]['id']


def _view(row: Json) -> facts.ApiView:
    # A server of a cell that is down has only a few of these (2.69).
    return facts.ApiView(
        status=str(row.get('status', 'UNKNOWN')),
        host=row.get('OS-EXT-SRV-ATTR:host'),
        node=row.get('OS-EXT-SRV-ATTR:hypervisor_hostname'),
        vm_state=row.get('OS-EXT-STS:vm_state'),
        task_state=row.get('OS-EXT-STS:task_state'),
        power_state=row.get('OS-EXT-STS:power_state'),
        locked=row.get('locked'),
        locked_reason=row.get('locked_reason'),
    )

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

"""cinder's API, by way of python-cinderclient.

An attachment's connection_info can hold CHAP passwords: it is returned to
whoever must store it where nova keeps it, and goes nowhere else.
"""

from collections.abc import Iterable
from typing import Any

from cinderclient import client as cinder_client
from cinderclient import exceptions as cinder_exceptions

from osc_recovery.cloud import errors
from osc_recovery.cloud import wire
from osc_recovery.model import facts

#: cinderclient's own default; keystoneauth finds a catalog's other names
SERVICE_TYPE = 'volumev3'

#: The lowest that can complete an attachment, and the one that nova itself
#: uses for all of these calls (nova/volume/cinder.py).
MICROVERSION = '3.44'

Json = dict[str, Any]


class Volume:
    """cinder's API with the operator's credentials.

    Every method raises CloudUnavailable when cinder does not work and
    Refused (a StepFailed) when it says no.
    """

    def __init__(self, connection: wire.Wire) -> None:
        self._cinder = cinder_client.Client(
            MICROVERSION,
            session=connection,
            interface=connection.interface,
            region_name=connection.region_name,
        )

    def create_attachment(self, volume: str, server: str) -> str:
        """Reserve a volume for a server: a blank attachment's id."""
        with self._translated(f'attach volume {volume} to server {server}'):
            made = self._cinder.attachments.create(volume, None, server)
        return str(made['id'])

    def delete_attachment(self, attachment: str) -> None:
        """Delete an attachment, its export included; gone is fine.

        cinder refuses with 409 while nova's mapping names the attachment
        (the answer to CVE-2023-2088).
        """
        with self._translated(f'delete attachment {attachment}'):
            try:
                self._cinder.attachments.delete(attachment)
            except cinder_exceptions.NotFound:
                return

    def update_attachment(self, attachment: str, connector: Json) -> Json:
        """Export to a host: cinder's flat connection_info.

        The connector should hold the device as ``mountpoint``, or cinder
        records 'na'.
        """
        with self._translated(f'connect attachment {attachment}'):
            updated = self._cinder.attachments.update(attachment, connector)
        return dict(updated.connection_info)

    def complete_attachment(self, attachment: str) -> None:
        """Turn an attachment into attached and its volume into in-use."""
        with self._translated(f'complete attachment {attachment}'):
            self._cinder.attachments.complete(attachment)

    def show_attachment(self, attachment: str) -> Json | None:
        """An attachment with its flat connection_info; None: not there."""
        with self._translated(f'show attachment {attachment}'):
            try:
                shown = self._cinder.attachments.show(attachment)
            except cinder_exceptions.NotFound:
                return None
        found: Json = shown.to_dict()
        return found

    def attachments_of(self, volume: str, server: str) -> list[Json]:
        """The live attachments of a volume to a server.

        Keys: id, status ('reserved' is a blank one), instance, volume_id.
        """
        what = f'list the attachments of volume {volume}'
        body = self._get(
            '/attachments',
            what,
            all_tenants='1',
            volume_id=volume,
            instance_id=server,
        )
        rows: list[Json] = body['attachments']
        return rows

    def services(self) -> tuple[facts.Agent, ...]:
        """cinder's services: binary@host, and host or host@backend."""
        body = self._get('/os-services', 'list its services')
        return tuple(
            facts.Agent(
                name=f'{row["binary"]}@{row["host"]}',
                host=row['host'],
                heartbeat=row.get('updated_at'),
                alive=row.get('state') == 'up',
            )
            for row in body['services']
        )

    def volumes(self, ids: Iterable[str]) -> dict[str, facts.Volume]:
        """The volumes with these ids, one call each; unknown left out."""
        found = {}
        for volume_id in ids:
            try:
                body = self._get(
                    f'/volumes/{volume_id}', f'show volume {volume_id}'
                )
            except errors.Refused as exc:
                if exc.status == 404:
                    continue
                raise
            found[volume_id] = _volume(body['volume'])
        return found

    def _get(self, path: str, what: str, **query: str) -> Json:
        with self._translated(what):
            _, body = self._cinder.client.get(path, params=query or None)
        result: Json = body
        return result

    def _translated(self, what: str) -> Any:
        return errors.translated(
            'volume', what, cinder_exceptions.ClientException
        )


def _volume(row: Json) -> facts.Volume:
    # The API has no attach_status; cinder derives it from attachments.
    return facts.Volume(
        id=row['id'],
        name=row.get('name'),
        status=row['status'],
        attach_status='attached' if row.get('attachments') else 'detached',
        multiattach=bool(row.get('multiattach')),
        encrypted=bool(row.get('encrypted')),
        service_host=row.get('os-vol-host-attr:host'),
        migration_status=row.get('migration_status'),
        size_gb=int(row.get('size') or 0),
    )

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


"""Reads cinder's database: attachments, volumes, services, connectors."""

from collections.abc import Collection
import datetime
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import chunks
from osc_recovery.db import engine
from osc_recovery.db import jsontext
from osc_recovery.db import schema
from osc_recovery.db import tables
from osc_recovery.db import times
from osc_recovery.model import facts

Row = sa.RowMapping | chunks.Row

#: seconds; cinder's default of service_down_time
SERVICE_DOWN_TIME = 60


class Cinder(schema.Checked):
    """Cinder's database; rows that cinder has deleted are never read.

    Of connection_info only its presence leaves this class.
    """

    tables = tables.CINDER

    def __init__(
        self,
        database: engine.Database,
        service_down_time: int = SERVICE_DOWN_TIME,
    ) -> None:
        super().__init__(database)
        self._down_time = datetime.timedelta(seconds=service_down_time)

    def attachments(
        self, server_uuids: Collection[str]
    ) -> dict[str, tuple[facts.Attachment, ...]]:
        """The attachments of servers, by server, in order of creation."""
        table = tables.volume_attachment
        query = self._live(table).order_by(table.c.created_at, table.c.id)
        found: dict[str, list[facts.Attachment]] = {}
        with self.reading() as connection:
            for row in chunks.rows(
                connection, query, table.c.instance_uuid, server_uuids
            ):
                found.setdefault(row['instance_uuid'], []).append(
                    _attachment(row)
                )
        return {server: tuple(items) for server, items in found.items()}

    def attachment(self, attachment_id: str) -> facts.Attachment | None:
        """One attachment, or None."""
        table = tables.volume_attachment
        query = self._live(table).where(table.c.id == attachment_id)
        with self.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _attachment(row)

    def volumes(self, ids: Collection[str]) -> dict[str, facts.Volume]:
        """Volumes by their ids."""
        table = tables.volumes
        with self.reading() as connection:
            return {
                row['id']: _volume(row)
                for row in chunks.rows(
                    connection, self._live(table), table.c.id, ids
                )
            }

    def servers_attached(self, host: str) -> frozenset[str]:
        """The servers whose volumes are attached at a host."""
        table = tables.volume_attachment
        query = (
            sa.select(table.c.instance_uuid)
            .where(table.c.deleted.is_(False))
            .where(table.c.attached_host == host)
            .where(table.c.instance_uuid.is_not(None))
        )
        with self.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def connector(self, host: str) -> dict[str, Any] | None:
        """The host's connector, as its newest attachment has it.

        Without the mountpoint, which is a volume's.  None when no live
        attachment was made for the host: its connector is unknown here.
        """
        table = tables.volume_attachment
        query = (
            self._live(table)
            .where(table.c.attached_host == host)
            .where(table.c.connector.is_not(None))
            .order_by(
                sa.func.coalesce(table.c.updated_at, table.c.created_at).desc()
            )
        )
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            connector = _connector(row)
            if connector and connector.get('host') == host:
                connector.pop('mountpoint', None)
                return connector
        return None

    def services(self) -> tuple[facts.Agent, ...]:
        """Every cinder service; its host is ``<host>@<backend>``."""
        table = tables.cinder_services
        query = self._live(table).order_by(table.c.binary, table.c.host)
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(self._agent(row) for row in rows)

    def _agent(self, row: Row) -> facts.Agent:
        beat: datetime.datetime | None = row['updated_at']
        return facts.Agent(
            name=f'{row["binary"]}@{row["host"]}',
            host=row['host'] or '',
            heartbeat=times.to_text(beat),
            alive=beat is not None and times.now() - beat <= self._down_time,
        )

    def _live(self, table: sa.Table) -> sa.Select[Any]:
        """Without deleted rows; cinder's ``deleted`` is a boolean."""
        return sa.select(*self.schema.present(table)).where(
            table.c.deleted == sa.false()
        )


def _attachment(row: Row) -> facts.Attachment:
    return facts.Attachment(
        id=row['id'],
        volume_id=row['volume_id'],
        server=row['instance_uuid'],
        attached_host=row['attached_host'],
        mountpoint=row['mountpoint'],
        status=row['attach_status'] or '',
        connector=_connector(row),
        has_connection=(row['connection_info'] or '{}').strip() != '{}',
    )


def _connector(row: Row) -> dict[str, Any] | None:
    connector = jsontext.parse(
        row['connector'], f'the connector of attachment {row["id"]}'
    )
    return connector if isinstance(connector, dict) else None


def _volume(row: Row) -> facts.Volume:
    return facts.Volume(
        id=row['id'],
        name=row['display_name'],
        status=row['status'] or '',
        attach_status=row['attach_status'],
        multiattach=bool(row['multiattach']),
        encrypted=row['encryption_key_id'] is not None,
        service_host=row['host'],
        migration_status=row['migration_status'],
        size_gb=row['size'] or 0,
    )

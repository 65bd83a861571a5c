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


"""Reads a cell database of nova: services, nodes, servers, actions."""

from collections.abc import Collection
import dataclasses
import functools
from typing import Any, TypeVar

import sqlalchemy as sa

from osc_recovery.db import chunks
from osc_recovery.db import engine
from osc_recovery.db import jsontext
from osc_recovery.db import schema
from osc_recovery.db import servers as db_servers
from osc_recovery.db import tables
from osc_recovery.db import times
from osc_recovery import exceptions
from osc_recovery.model import facts

T = TypeVar('T')


@dataclasses.dataclass(frozen=True)
class ActionResult:
    """An instance action and its events, each with its result.

    A result is None while the event goes on.
    """

    action: str
    message: str | None
    events: tuple[tuple[str, str | None], ...]


@dataclasses.dataclass(frozen=True)
class ServerLock:
    """Whether a server is locked, and the reason that was given (2.73)."""

    locked: bool
    reason: str | None


class NovaCell(schema.Checked):
    """One cell's database; rows that nova has deleted are never read."""

    tables = tables.CELL

    def __init__(
        self,
        database: engine.Database,
        cell: facts.Cell,
        instance_name_template: str = 'instance-%08x',
    ) -> None:
        super().__init__(database)
        self.cell = cell
        self._template = instance_name_template

    @functools.cached_property
    def console_tokens(self) -> sa.Table | None:
        """console_auth_tokens with every column that this release has.

        Reflected on a connection of its own: SQLAlchemy leaves one that it
        reflected with without oslo.db's translation of errors
        (skip_user_error_events), and a deadlock would not be retried.
        """
        table = tables.console_auth_tokens
        if not self.schema.has(table):
            return None
        with self.reading() as connection:
            return sa.Table(
                table.name, sa.MetaData(), autoload_with=connection
            )

    def services(self) -> tuple[facts.ComputeService, ...]:
        """Every nova-compute service, by host."""
        table = tables.services
        query = _live(sa.select(*self.schema.present(table)), table)
        query = query.where(table.c.binary == 'nova-compute')
        with self.reading() as connection:
            rows = connection.execute(query.order_by(table.c.host)).mappings()
            return tuple(_service(row) for row in rows)

    def compute_nodes(self) -> tuple[facts.ComputeNode, ...]:
        """Every compute node; a host of some drivers has several."""
        table = tables.compute_nodes
        query = _live(sa.select(*self.schema.present(table)), table)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(table.c.id)).mappings()
            return tuple(_node(row) for row in rows)

    @engine.retrying
    def heartbeats(self, host: str) -> tuple[str | None, int]:
        """When the host's nova-compute was last seen, and its reports.

        The count grows with every report whatever the state says
        (nova/servicegroup/drivers/db.py:_report_state).  (None, 0) when
        there is no such service.
        """
        found = [s for s in self.services() if s.host == host]
        if not found:
            return None, 0
        return (
            max(
                (s.last_seen_up for s in found if s.last_seen_up), default=None
            ),
            sum(s.report_count for s in found),
        )

    def servers(
        self,
        hosts: Collection[str] | None = None,
        uuids: Collection[str] | None = None,
        name: str | None = None,
    ) -> tuple[facts.Server, ...]:
        """The servers that fulfil every condition that is given."""
        table = tables.instances
        query = _live(sa.select(*self.schema.present(table)), table)
        if name is not None:
            query = query.where(table.c.display_name == name)
        query = query.order_by(table.c.id)
        with self.reading() as connection:
            rows = [
                row
                for row in self._select(connection, query, hosts, uuids)
                # MariaDB compares without regard to case
                if name is None or row['display_name'] == name
            ]
            reader = db_servers.Reader(
                connection, self.schema, self.cell, self._template
            )
            return reader.read(rows)

    def hosts_of(self, uuids: Collection[str]) -> dict[str, str | None]:
        """The host of every server among these that lives in this cell."""
        table = tables.instances
        query = _live(sa.select(table.c.uuid, table.c.host), table)
        with self.reading() as connection:
            rows = chunks.rows(connection, query, table.c.uuid, uuids)
            return {row['uuid']: row['host'] for row in rows}

    def migrations_among(self, uuids: Collection[str]) -> frozenset[str]:
        """Which of these uuids are those of migrations of this cell.

        A resize or a cold migration keeps the source's resources as a
        consumer with the migration's uuid (nova/conductor/tasks/migrate.py).
        """
        table = tables.migrations
        query = _live(sa.select(table.c.uuid), table)
        with self.reading() as connection:
            rows = chunks.rows(connection, query, table.c.uuid, uuids)
            return frozenset(row['uuid'] for row in rows)

    @engine.retrying
    def states(
        self, uuids: Collection[str]
    ) -> dict[str, tuple[str | None, str, str | None, int | None]]:
        """Host, vm_state, task_state and power_state of servers."""
        c = tables.instances.c
        query = _live(
            sa.select(c.uuid, c.host, c.vm_state, c.task_state, c.power_state),
            tables.instances,
        )
        with self.reading() as connection:
            return {
                row['uuid']: (
                    row['host'],
                    row['vm_state'] or '',
                    row['task_state'],
                    row['power_state'],
                )
                for row in chunks.rows(connection, query, c.uuid, uuids)
            }

    @engine.retrying
    def lock_of(self, uuid: str) -> ServerLock | None:
        """A server's lock; None when this cell has no such server.

        nova keeps the reason apart (nova/objects/instance.py, lock).
        """
        table, kept = tables.instances, tables.instance_system_metadata
        reason = sa.and_(
            kept.c.instance_uuid == table.c.uuid,
            kept.c.key == 'locked_reason',
            kept.c.deleted == 0,
        )
        query = _live(sa.select(table.c.locked, kept.c.value), table)
        query = query.join_from(table, kept, reason, isouter=True)
        with self.reading() as connection:
            row = connection.execute(query.where(table.c.uuid == uuid)).first()
        return ServerLock(bool(row.locked), row.value) if row else None

    def server_counts(self) -> dict[str, int]:
        """How many servers each host has."""
        table = tables.instances
        query = (
            _live(sa.select(table.c.host, sa.func.count()), table)
            .where(table.c.host.is_not(None))
            .group_by(table.c.host)
        )
        with self.reading() as connection:
            return {host: count for host, count in connection.execute(query)}

    def find_ec2(self, number: int) -> list[tuple[str, str]]:
        """Servers that an EC2 id's number may mean, and the table that says.

        The id is that of instance_id_mappings; ``instances.id``, which the
        guide uses, coincides with it only by luck, and counts only for a
        caller that finds no mapping in any cell.
        """
        found = []
        with self.reading() as connection:
            for table in (tables.instance_id_mappings, tables.instances):
                query = _live(sa.select(table.c.uuid), table)
                rows = connection.execute(query.where(table.c.id == number))
                found += [(row.uuid, table.name) for row in rows]
        return found

    @engine.retrying
    def action_request_ids(self, uuid: str) -> tuple[tuple[str, str], ...]:
        """The request id and name of every action of a server, in order."""
        table = tables.instance_actions
        query = (
            _live(sa.select(table.c.request_id, table.c.action), table)
            .where(table.c.instance_uuid == uuid)
            .order_by(table.c.id)
        )
        with self.reading() as connection:
            return tuple(
                (row.request_id or '', row.action or '')
                for row in connection.execute(query)
            )

    @engine.retrying
    def action_results(
        self, uuid: str, request_id: str
    ) -> ActionResult | None:
        """An action of a server and its events; None if there is none."""
        action = tables.instance_actions
        event = tables.instance_actions_events
        query = (
            _live(
                sa.select(
                    action.c.action,
                    action.c.message,
                    event.c.event,
                    event.c.result,
                ),
                action,
            )
            .join_from(
                action,
                event,
                sa.and_(
                    event.c.action_id == action.c.id, event.c.deleted == 0
                ),
                isouter=True,
            )
            .where(action.c.instance_uuid == uuid)
            .where(action.c.request_id == request_id)
            .order_by(event.c.id)
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        return ActionResult(
            action=rows[0].action or '',
            message=rows[0].message,
            events=tuple((row.event, row.result) for row in rows if row.event),
        )

    def _select(
        self,
        connection: sa.Connection,
        query: sa.Select[Any],
        hosts: Collection[str] | None,
        uuids: Collection[str] | None,
    ) -> list[chunks.Row]:
        table = tables.instances
        if uuids is None and hosts is None:
            return [dict(row) for row in connection.execute(query).mappings()]
        if uuids is None:
            return list(
                chunks.rows(connection, query, table.c.host, hosts or ())
            )
        rows = chunks.rows(connection, query, table.c.uuid, uuids)
        return [row for row in rows if hosts is None or row['host'] in hosts]


def _live(query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
    """Without the rows that nova has deleted (``deleted`` is their id)."""
    return query.where(table.c.deleted == 0)


def _service(row: sa.RowMapping) -> facts.ComputeService:
    return facts.ComputeService(
        uuid=row['uuid'] or '',
        host=row['host'] or '',
        disabled=bool(row['disabled']),
        disabled_reason=row['disabled_reason'],
        forced_down=bool(row['forced_down']),
        last_seen_up=times.to_text(row['last_seen_up']),
        report_count=row['report_count'] or 0,
        version=row['version'],
    )


def _node(row: sa.RowMapping) -> facts.ComputeNode:
    return facts.ComputeNode(
        id=row['id'],
        uuid=row['uuid'] or '',
        host=row['host'] or '',
        node=row['hypervisor_hostname'] or '',
        hypervisor_type=row['hypervisor_type'] or '',
        cpu_arch=_architecture(row['cpu_info']),
    )


def _architecture(text: str | None) -> str | None:
    """From compute_nodes.cpu_info; drivers write JSON there, or anything."""
    try:
        info = jsontext.parse(text, 'compute_nodes.cpu_info')
    except exceptions.RecoveryError:
        return None
    return info.get('arch') if isinstance(info, dict) else None

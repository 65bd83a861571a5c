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


"""Reads nova's API database: mappings, groups, zones, request specs."""

from collections.abc import Collection
import dataclasses

import sqlalchemy as sa

from osc_recovery.db import chunks
from osc_recovery.db import jsontext
from osc_recovery.db import schema
from osc_recovery.db import tables


@dataclasses.dataclass(frozen=True)
class GroupRow:
    """A server group; members may be deleted servers."""

    uuid: str
    policy: str
    max_per_host: int | None
    members: tuple[str, ...]


class NovaApi(schema.Checked):
    """Reads nova's API database; every method is one to three statements."""

    tables = tables.API

    def host_cells(self) -> dict[str, str]:
        """The cell's uuid of every mapped host."""
        hosts, cells = tables.host_mappings, tables.cell_mappings
        query = sa.select(hosts.c.host, cells.c.uuid).join_from(
            hosts, cells, hosts.c.cell_id == cells.c.id
        )
        with self.reading() as connection:
            return {row.host: row.uuid for row in connection.execute(query)}

    def server_cells(self, uuids: Collection[str]) -> dict[str, str]:
        """The cell's uuid of every mapped server among these."""
        servers, cells = tables.instance_mappings, tables.cell_mappings
        query = sa.select(servers.c.instance_uuid, cells.c.uuid).join_from(
            servers, cells, servers.c.cell_id == cells.c.id
        )
        with self.reading() as connection:
            found = chunks.rows(
                connection, query, servers.c.instance_uuid, uuids
            )
            return {row['instance_uuid']: row['uuid'] for row in found}

    def being_built(self, uuids: Collection[str]) -> frozenset[str]:
        """Which of these servers are mapped to no cell yet.

        The scheduler allocates before it chooses the cell
        (nova/conductor/manager.py, schedule_and_build_instances).
        """
        servers = tables.instance_mappings
        query = sa.select(servers.c.instance_uuid).where(
            servers.c.cell_id.is_(None)
        )
        with self.reading() as connection:
            found = chunks.rows(
                connection, query, servers.c.instance_uuid, uuids
            )
            return frozenset(row['instance_uuid'] for row in found)

    def pinned_zones(self, uuids: Collection[str]) -> dict[str, str | None]:
        """The zone that a server was asked to be in, if any.

        The scheduler honours it whatever zone the server is in now
        (nova/objects/request_spec.py).
        """
        specs = tables.request_specs
        query = sa.select(specs.c.instance_uuid, specs.c.spec)
        with self.reading() as connection:
            found = chunks.rows(
                connection, query, specs.c.instance_uuid, uuids
            )
            return {
                row['instance_uuid']: _pinned_zone(row['spec'])
                for row in found
            }

    def groups(self, uuids: Collection[str]) -> dict[str, GroupRow]:
        """The group of every server among these that is in one."""
        member = tables.instance_group_member
        query = sa.select(member.c.instance_uuid, member.c.group_id)
        with self.reading() as connection:
            group_of = {
                row['instance_uuid']: row['group_id']
                for row in chunks.rows(
                    connection, query, member.c.instance_uuid, uuids
                )
            }
            members = self._members(connection, group_of.values())
            groups = self._groups(connection, members)
        return {
            uuid: groups[group]
            for uuid, group in group_of.items()
            if group in groups
        }

    def zones(self) -> dict[str, str]:
        """The availability zone of every host that an aggregate puts in one.

        As nova/availability_zones.py:get_host_availability_zone; other
        hosts are in nova.conf's default zone.
        """
        hosts, metadata = tables.aggregate_hosts, tables.aggregate_metadata
        query = (
            sa.select(hosts.c.host, metadata.c.value)
            .join_from(
                hosts,
                metadata,
                hosts.c.aggregate_id == metadata.c.aggregate_id,
            )
            .where(metadata.c.key == 'availability_zone')
            .order_by(hosts.c.aggregate_id.desc())
        )
        with self.reading() as connection:
            return {row.host: row.value for row in connection.execute(query)}

    def _members(
        self, connection: sa.Connection, groups: Collection[int]
    ) -> dict[int, tuple[str, ...]]:
        member = tables.instance_group_member
        query = sa.select(member.c.group_id, member.c.instance_uuid)
        found: dict[int, list[str]] = {}
        for row in chunks.rows(
            connection, query.order_by(member.c.id), member.c.group_id, groups
        ):
            found.setdefault(row['group_id'], []).append(row['instance_uuid'])
        return {group: tuple(uuids) for group, uuids in found.items()}

    def _groups(
        self,
        connection: sa.Connection,
        members: dict[int, tuple[str, ...]],
    ) -> dict[int, GroupRow]:
        group, policy = tables.instance_groups, tables.instance_group_policy
        columns = [c for c in self.schema.present(policy) if c.name != 'id']
        # A group has one policy; with more, nova uses the first. Rows in
        # descending order, so that the first one is stored last.
        query = (
            sa.select(group.c.id, group.c.uuid, *columns)
            .join_from(
                group, policy, policy.c.group_id == group.c.id, isouter=True
            )
            .order_by(policy.c.id.desc())
        )
        return {
            row['id']: GroupRow(
                uuid=row['uuid'],
                policy=row['policy'] or '',
                max_per_host=_max_per_host(row.get('rules')),
                members=members[row['id']],
            )
            for row in chunks.rows(connection, query, group.c.id, members)
        }


def _pinned_zone(text: str | None) -> str | None:
    spec = jsontext.fields(jsontext.parse(text, 'request_specs.spec'))
    zone: str | None = spec.get('availability_zone')
    return zone


def _max_per_host(text: str | None) -> int | None:
    """The rule of the policy anti-affinity (microversion 2.64)."""
    rules = jsontext.parse(text, 'instance_group_policy.rules') or {}
    limit = rules.get('max_server_per_host')
    return None if limit is None else int(limit)

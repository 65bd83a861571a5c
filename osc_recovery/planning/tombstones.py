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

"""Sorts the evacuation rows of a host by what nova will do with them.

nova/compute/manager.py, _destroy_evacuated_instances: at its start
nova-compute destroys its guest of every server that has such a row, without
a look at where the server lives; then it completes one row a server, if the
row's node is its own and the server exists.  A row that stays ``done``
forbids to un-force the host (nova/api/openstack/compute/services.py,
_check_for_evacuations).
"""

import dataclasses
from typing import Any

from osc_recovery.model import host_return as model

Row = dict[str, Any]

RETIRED = 'completed'
#: an evacuation with one of these may be under way
OPEN = frozenset({'accepted', 'pre-migrating'})


@dataclasses.dataclass(frozen=True)
class Sorted:
    """The rows, each in one place.

    ``in_flight``: somebody works on the server.  ``destroying``: the
    server lives on the host and would be destroyed.  ``useless``: nova
    would never complete it, because its server is gone or has a newer one.
    ``misplaced``: nova would complete it if it named the host's node.
    ``good``: nova will clean up and complete it.
    """

    in_flight: tuple[model.Migration, ...] = ()
    destroying: tuple[model.Migration, ...] = ()
    useless: tuple[model.Migration, ...] = ()
    misplaced: tuple[model.Migration, ...] = ()
    good: tuple[model.Migration, ...] = ()


def sort(facts: model.ReturnFacts) -> Sorted:
    """Look at every row that makes the host destroy a guest."""
    node = facts.host.node.node if facts.host.node else None
    newest = {row.server: row.id for row in facts.evacuations}
    places: dict[str, list[model.Migration]] = {
        field.name: [] for field in dataclasses.fields(Sorted)
    }
    for row in facts.evacuations:
        places[_place(row, facts.host.name, node, newest)].append(row)
    return Sorted(**{name: tuple(rows) for name, rows in places.items()})


def changes(rows: Sorted, host: str, node: str | None) -> list[Row]:
    """What has to be changed before nova-compute may start."""
    made = [
        _change(row, host, status=RETIRED, node=row.source_node)
        for row in (*rows.destroying, *rows.useless)
    ]
    made += [
        _change(row, host, status=row.status, node=node)
        for row in rows.misplaced
    ]
    return sorted(made, key=lambda row: int(row['id']))


def ended(read: model.ReturnFacts) -> list[Row]:
    """Every row over: the host of that name is not the same any more."""
    return [
        _change(row, read.host.name, status=RETIRED, node=row.source_node)
        for row in read.evacuations
    ]


def burial(moved: model.Moved, host: str, node: str | None) -> Row:
    """The tombstone of a server that went without one."""
    home = moved.home
    return {
        'server': home.uuid,
        'source': {'host': host, 'node': node},
        'target': {
            'host': home.host,
            'node': home.node,
            'compute_id': home.compute_id,
        },
        'instance_type_id': home.instance_type_id,
        'user_id': home.user_id,
        'project_id': home.project_id,
    }


def _place(
    row: model.Migration, host: str, node: str | None, newest: dict[str, int]
) -> str:
    home = row.home
    if home is None:
        return 'useless'
    if row.status in OPEN and home.task_state is not None:
        return 'in_flight'
    if home.host == host:
        return 'destroying'
    if newest[row.server] != row.id:
        return 'useless'
    return 'good' if row.source_node == node else 'misplaced'


def _change(
    row: model.Migration, host: str, *, status: str, node: str | None
) -> Row:
    return {
        'id': row.id,
        'server': row.server,
        'resident': row.home is not None and row.home.host == host,
        'status': status,
        'source_node': node,
    }

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

"""Finds the server that an operator means, by whatever name it has.

The guide's ``i-%08x`` counts instances.id; nova made EC2 ids out of
instance_id_mappings.id (nova/objects/ec2.py), which is another number in
any cell that is not brand new.  Both tables are per cell, so that one
number may stand for several servers: that is refused.
"""

from collections.abc import Collection
from collections.abc import Iterator
import re
import uuid as uuid_module

from osc_recovery import exceptions
from osc_recovery.facts import servers
from osc_recovery.facts import sources
from osc_recovery.model import facts

_EC2 = re.compile(r'i-([0-9a-fA-F]{1,16})')
_TRAILING_HEX = re.compile(r'[0-9a-fA-F]+$')
#: where find_ec2 of a cell found a number
MAPPED = 'instance_id_mappings'
COUNTED = 'instances'


def resolve(origin: sources.Sources, name: str) -> facts.Server:
    """The one server with this uuid, name, instance name or EC2 id.

    What the cell's database says of it.  Raises UsageError when there is
    none, or when several are meant, naming each with uuid, name and cell;
    ServiceUnavailable when a cell that may hold another cannot be read.
    """
    found = _by_uuid(origin, name)
    if found is None:
        found = _by_any_name(origin, name)
    distinct = {server.uuid: server for server in found}
    if not distinct:
        raise exceptions.UsageError(
            f'No cell has a server with the ID, name, instance name or EC2 '
            f'ID {name}. "openstack recovery server list --all" names them.'
        )
    if len(distinct) > 1:
        raise exceptions.UsageError(_ambiguous(name, distinct.values()))
    return next(iter(distinct.values()))


def _by_uuid(origin: sources.Sources, name: str) -> servers.Servers | None:
    try:
        uuid = str(uuid_module.UUID(name))
    except ValueError:
        return None
    return servers.from_cells(origin, uuids=[uuid])


def _by_any_name(origin: sources.Sources, name: str) -> servers.Servers:
    try:
        return (
            *_by_ec2_id(origin, name),
            *_by_instance_name(origin, name),
            *_by_name(origin, name),
        )
    except exceptions.ServiceUnavailable as exc:
        raise exceptions.ServiceUnavailable(
            f'{exc}. Without it nobody knows whether {name} means one server '
            'alone: name a server of another cell by its ID.'
        ) from exc


def _by_ec2_id(origin: sources.Sources, name: str) -> Iterator[facts.Server]:
    match = _EC2.fullmatch(name)
    if match is None:
        return
    rows = _numbered(origin, int(match[1], 16))
    mapped = [uuid for uuid, table in rows if table == MAPPED]
    counted = [uuid for uuid, table in rows if table == COUNTED]
    # the guide's reading only where the real table has no such row at all
    yield from _read(origin, mapped or counted)


def _by_instance_name(
    origin: sources.Sources, name: str
) -> Iterator[facts.Server]:
    """instance-0000000a, by nova's instance_name_template."""
    match = _TRAILING_HEX.search(name)
    if match is None or _EC2.fullmatch(name):
        return
    rows = _numbered(origin, int(match[0][-8:], 16))
    counted = [uuid for uuid, table in rows if table == COUNTED]
    for server in _read(origin, counted):
        if server.instance_name == name:
            yield server


def _by_name(origin: sources.Sources, name: str) -> Iterator[facts.Server]:
    for cell in origin.cells.values():
        yield from cell.servers(name=name)


def _numbered(origin: sources.Sources, number: int) -> list[tuple[str, str]]:
    return [
        row for cell in origin.cells.values() for row in cell.find_ec2(number)
    ]


def _read(origin: sources.Sources, uuids: Collection[str]) -> servers.Servers:
    return servers.from_cells(origin, uuids=uuids) if uuids else ()


def _ambiguous(name: str, found: Collection[facts.Server]) -> str:
    each = '; '.join(
        f'{server.uuid} ({server.name}, cell '
        f'{server.cell.name or server.cell.uuid})'
        for server in found
    )
    return f'{name} means {len(found)} servers, name one by its ID: {each}.'

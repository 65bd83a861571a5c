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

"""How large a sandbox is: hosts, cells and servers."""

import dataclasses
import uuid

from osc_recovery import exceptions

CELL0_UUID = '00000000-0000-0000-0000-000000000000'
_NAMESPACE = uuid.UUID('5f0a0d7c-6c5f-4a53-8c0c-0b7a5f1f0c11')


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell with a database, a message hub and hosts of its own."""

    name: str
    hosts: tuple[str, ...]

    @property
    def uuid(self) -> str:
        """The same for every sandbox, so that output can be compared."""
        return str(uuid.uuid5(_NAMESPACE, self.name))

    @property
    def database(self) -> str:
        """The name of the cell's database."""
        return f'nova_{self.name}'

    @property
    def hub(self) -> str:
        """The name of the cell's message hub."""
        return f'hub-{self.name}'


@dataclasses.dataclass(frozen=True)
class Shape:
    """What was asked for when the sandbox was made."""

    hosts: int = 3
    servers: int = 10
    cell_count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.hosts <= 20:
            raise exceptions.UsageError(
                f'A sandbox has 1 to 20 hosts, not {self.hosts}.'
            )
        if not 0 <= self.servers <= 500:
            raise exceptions.UsageError(
                'A sandbox starts with 0 to 500 servers on its first host, '
                f'not {self.servers}.'
            )
        if not 1 <= self.cell_count <= self.hosts:
            raise exceptions.UsageError(
                f'A sandbox of {self.hosts} hosts has 1 to {self.hosts} '
                f'cells, not {self.cell_count}: each has a host of its own.'
            )

    def __str__(self) -> str:
        text = f'{self.hosts} hosts, {self.servers} servers'
        if self.cell_count > 1:
            text += f', {self.cell_count} cells'
        return text

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells; the first one's hub also serves nova's API.

        Every other cell has one host, the last ones.
        """
        rest = self.hosts - self.cell_count + 1
        names = self.host_names
        first = Cell('cell1', names[:rest])
        others = enumerate(names[rest:], start=2)
        return first, *(Cell(f'cell{n}', (host,)) for n, host in others)

    @property
    def databases(self) -> tuple[str, ...]:
        """The names of the databases with a cell's tables."""
        return 'nova_cell0', *(cell.database for cell in self.cells)

    @property
    def host_names(self) -> tuple[str, ...]:
        """host1, host2, ..."""
        return tuple(f'host{n}' for n in range(1, self.hosts + 1))

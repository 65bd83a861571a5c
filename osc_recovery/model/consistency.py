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

"""What an audit reads, and what it says of one subject."""

import dataclasses

from osc_recovery.model import facts
from osc_recovery.model import findings

Resources = dict[str, int]


@dataclasses.dataclass(frozen=True)
class Scene:
    """Hosts and servers as every service has them, to lay side by side.

    ``hosts`` are all compute hosts by name, ``looked_at`` those whose own
    affairs are audited.  ``consumers`` is what placement has allocated from
    their providers, by host and consumer; ``placed`` the hosts of those
    consumers that are servers, ``excused`` those that are migrations, are
    being built, or may be in a cell that was not read.  ``runs`` are the
    states of the journal's runs by their ids, ``going_on`` those that can
    still change a server; None: the journal did not answer.
    ``without_compute_id`` are cells whose schema has no such column.
    """

    hosts: dict[str, facts.Host]
    servers: tuple[facts.Server, ...]
    looked_at: tuple[str, ...] = ()
    consumers: dict[str, dict[str, Resources]] = dataclasses.field(
        default_factory=dict
    )
    placed: dict[str, str | None] = dataclasses.field(default_factory=dict)
    excused: frozenset[str] = frozenset()
    runs: dict[str, str] | None = None
    going_on: frozenset[str] = frozenset()
    stage_bindings: bool = True
    without_compute_id: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()

    def host_of(self, provider: str) -> str | None:
        """The host whose provider has this uuid."""
        return next(
            (
                host.name
                for host in self.hosts.values()
                if host.provider is not None and host.provider.uuid == provider
            ),
            None,
        )


@dataclasses.dataclass(frozen=True)
class Defect:
    """A place where the services disagree, and what says so.

    ``where`` is the thing it is about, such as ``port <id>``.
    """

    finding: findings.Finding
    where: str = ''

    @property
    def code(self) -> str:
        """The finding's code."""
        return self.finding.code


@dataclasses.dataclass(frozen=True)
class Subject:
    """A server, a host or a consumer of placement, with its defects.

    ``uuid`` is empty for a host.
    """

    uuid: str
    name: str
    host: str
    defects: tuple[Defect, ...]

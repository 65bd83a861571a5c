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

"""Which servers a sandbox starts with: names, kinds and hosts."""

import dataclasses
import enum
from osc_recovery.sandbox import shape as shapes


class Kind(enum.Enum):
    """What makes a server of the sandbox different from another."""

    VOLUME = 'image-backed with a data volume'
    ROOT_VOLUME = 'booted from a volume'
    STOPPED = 'stopped, image-backed with a data volume'
    APART = 'in an anti-affinity group'
    SHARING = 'sharing a multiattach volume'
    PLAIN = 'image-backed'


@dataclasses.dataclass(frozen=True)
class Server:
    """A server to be made on a host."""

    name: str
    kind: Kind
    host: str


# The first servers show every kind; the rest go round.
FIRST = (
    ('web', Kind.VOLUME),
    ('db', Kind.ROOT_VOLUME),
    ('batch', Kind.STOPPED),
    ('quorum', Kind.APART),
    ('shared', Kind.SHARING),
    ('shared', Kind.SHARING),
)
NEXT = (
    ('app', Kind.PLAIN),
    ('web', Kind.VOLUME),
    ('db', Kind.ROOT_VOLUME),
)


def servers(shape: shapes.Shape) -> list[Server]:
    """The servers of a sandbox of this shape, in the order of creation.

    The first host gets ``shape.servers``. Every other host gets one server
    with a volume, so that cinder knows the connector of each host, and the
    second one the other member of the anti-affinity group.
    """
    first, *others = shape.host_names
    counts: dict[str, int] = {}
    planned = []

    def add(base: str, kind: Kind, host: str) -> None:
        counts[base] = counts.get(base, 0) + 1
        planned.append(Server(f'{base}-{counts[base]}', kind, host))

    for index in range(shape.servers):
        if index < len(FIRST):
            add(*FIRST[index], first)
        else:
            add(*NEXT[(index - len(FIRST)) % len(NEXT)], first)
    for host in others:
        add('edge', Kind.VOLUME, host)
    if others and 'quorum' in counts:
        add('quorum', Kind.APART, others[0])
    return planned

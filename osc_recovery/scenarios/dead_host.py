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

"""What is read of a dead host before its servers go elsewhere."""

import dataclasses

from osc_recovery import exceptions
from osc_recovery.facts import cloud
from osc_recovery.journal import clock
from osc_recovery.model import facts
from osc_recovery.planning import choice
from osc_recovery.scenarios import environment


def read(
    env: environment.Environment,
    host: str,
    wish: choice.Choice,
    targets: tuple[str, ...],
) -> tuple[facts.CloudFacts, choice.Choice]:
    """The host, its servers and the targets; the wish with servers by uuid.

    Without targets every host of the cell is read.  Raises UsageError for a
    host, target or server that is not there.
    """
    found = cloud.gather(
        env.sources(),
        host,
        targets=targets,
        schema=env.schema(host),
        read_at=clock.now(),
    )
    servers = _chosen(wish.servers, found.servers, host)
    return found, dataclasses.replace(wish, servers=servers)


def _chosen(
    wanted: tuple[str, ...], there: tuple[facts.Server, ...], host: str
) -> tuple[str, ...]:
    """The uuids of the servers that were named.

    Raises UsageError for a name that no server or more than one has.
    """
    return tuple(_one(name, there, host) for name in wanted)


def _one(name: str, there: tuple[facts.Server, ...], host: str) -> str:
    found = [s for s in there if name in (s.uuid, s.name)]
    if not found:
        raise exceptions.UsageError(
            f'Host {host} has no server {name}: see "openstack recovery '
            f'server list --host {host}".'
        )
    if len(found) > 1:
        uuids = ', '.join(s.uuid for s in found)
        raise exceptions.UsageError(
            f'More than one server of host {host} is named {name}: name it '
            f'by its ID ({uuids}).'
        )
    return found[0].uuid

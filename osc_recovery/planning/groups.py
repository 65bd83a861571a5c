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

"""Server groups: where their members are while they are being moved."""

from collections.abc import Iterable

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue


class Groups:
    """The hosts of all members, those moved by this plan included.

    The rules are nova's (_validate_instance_group_policy in
    nova/compute/manager.py): anti-affinity allows max_server_per_host
    members on one host, or one; affinity allows one host.
    """

    def __init__(self, moving: Iterable[facts.Server]) -> None:
        self._hosts: dict[str, dict[str, str | None]] = {}
        moving = tuple(moving)
        for server in moving:
            if server.group is not None:
                self._hosts[server.group.uuid] = dict(
                    server.group.member_hosts
                )
        for server in moving:
            if server.group is not None:
                self._hosts[server.group.uuid][server.uuid] = None

    def refusals(
        self, server: facts.Server, host: str
    ) -> tuple[findings.Finding, ...]:
        """Why the policy of its group keeps a server from a host."""
        group = server.group
        if group is None:
            return ()
        wrong = ''
        there = self._members_on(server, host)
        if group.policy == 'anti-affinity':
            most = group.max_per_host or 1
            if there >= most:
                wrong = f'{there} members are on {host}, {most} allowed'
        elif group.policy == 'affinity':
            others = self._other_hosts(server) - {host}
            if others:
                wrong = f'members are on {", ".join(sorted(others))}'
        if not wrong:
            return ()
        return (
            catalogue.finding(
                'group-policy',
                f'{host}: server group {group.uuid} has policy '
                f'{group.policy}: {wrong}',
                'Name a --target that the policy allows: openstack server '
                f'group show {group.uuid}',
            ),
        )

    def liking(self, server: facts.Server, host: str) -> int:
        """The soft policies as a number; less is better."""
        group = server.group
        if group is None or not group.policy.startswith('soft-'):
            return 0
        there = self._members_on(server, host)
        return there if group.policy == 'soft-anti-affinity' else -there

    def place(self, server: facts.Server, host: str) -> None:
        """Note where a member goes."""
        if server.group is not None:
            self._hosts[server.group.uuid][server.uuid] = host

    def _members_on(self, server: facts.Server, host: str) -> int:
        return sum(h == host for h in self._others(server))

    def _other_hosts(self, server: facts.Server) -> set[str]:
        return {host for host in self._others(server) if host is not None}

    def _others(self, server: facts.Server) -> list[str | None]:
        group = server.group
        if group is None:
            return []
        hosts = self._hosts.get(group.uuid, group.member_hosts)
        return [h for uuid, h in hosts.items() if uuid != server.uuid]

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

"""host list, host show: compute hosts as the databases and services see."""

import argparse
from collections.abc import Iterable
from typing import Any

from osc_lib.cli import format_columns

from osc_recovery.commands import base
from osc_recovery.commands import formats
from osc_recovery.commands import writing
from osc_recovery.model import facts


Row = dict[str, Any]

#: resource classes that are shown as free capacity
RESOURCES = ('VCPU', 'MEMORY_MB', 'DISK_GB')


class ListHost(base.Lister):
    """List compute hosts: their state, their servers and their fence

    Read from nova's databases and the journal alone, so that it works while
    keystone is down. A host counts as up by nova's own rule: not forced
    down, and heard of within service_down_time.
    """

    auth_required = False

    def take_action(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Read the databases."""
        listing = self.recovery.hosts().listing()
        formats.warn(listing.warnings)
        return (
            (
                'Host',
                'Cell',
                'Zone',
                'State',
                'Status',
                'Forced Down',
                'Servers',
                'Fence',
                'Last Seen Up',
            ),
            [_row(host) for host in listing.hosts],
        )


class ShowHost(base.ShowOne):
    """Show a compute host, its servers, and where they could go

    Of a dead host the last line is the next command, ready to paste.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host."""
        parser = super().get_parser(prog_name)
        parser.add_argument('host', metavar='<host>', help='Compute host')
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Read the databases, and the services when keystone answers."""
        shown = self.recovery.hosts().show(parsed_args.host)
        formats.warn(shown.warnings)
        columns = {
            **_of_host(shown.host),
            'servers': formats.Rows(
                _servers((item.server, item.method) for item in shown.servers)
            ),
            'server_count': len(shown.servers),
            'targets': formats.Rows(_targets(shown.targets)),
            'next_command': shown.next_command,
        }
        return tuple(columns), tuple(columns.values())


def state(host: facts.Host) -> str:
    """Nova's word: up or down."""
    return 'up' if host.up else 'down'


def fence(host: facts.Host) -> str:
    """Whether a fence is recorded, and whether it still holds."""
    if host.fence is None:
        return ''
    return (
        'stale' if host.fence_stale else formats.when(host.fence.recorded_at)
    )


def _row(host: facts.Host) -> tuple[Any, ...]:
    service = host.service
    return (
        host.name,
        host.cell.name or host.cell.uuid,
        host.zone,
        state(host),
        'disabled' if service.disabled else 'enabled',
        service.forced_down,
        host.server_count,
        fence(host),
        formats.when(service.last_seen_up),
    )


def _of_host(host: facts.Host) -> dict[str, Any]:
    service, node = host.service, host.node
    return {
        'host': host.name,
        'cell': host.cell.name or host.cell.uuid,
        'cell_id': host.cell.uuid,
        'zone': host.zone,
        'node': node.node if node else None,
        'hypervisor_type': node.hypervisor_type if node else None,
        'service_id': service.uuid,
        'state': state(host),
        'status': 'disabled' if service.disabled else 'enabled',
        'disabled_reason': service.disabled_reason,
        'forced_down': service.forced_down,
        'last_seen_up': formats.when(service.last_seen_up),
        'fence': formats.Fields(_fence(host)),
        'resource_provider': host.provider.uuid if host.provider else None,
        'capacity': formats.Rows(_capacity(host)),
        'agents': formats.Rows(_agents(host.agents)),
        'volume_services': formats.Rows(_agents(host.volume_services)),
        'connector': format_columns.DictColumn(_connector(host)),
        'connector_source': host.connector_source or None,
        'instances_shared': host.instances_shared,
    }


def _fence(host: facts.Host) -> dict[str, Any]:
    if host.fence is None:
        return {}
    return {
        'method': host.fence.method,
        'statement': host.fence.statement,
        'operator': host.fence.operator,
        'recorded_at': formats.when(host.fence.recorded_at),
        'run': host.fence.run_id,
        'stale': host.fence_stale,
    }


def _connector(host: facts.Host) -> dict[str, Any]:
    """What tells where a volume would go; the rest is of no use here."""
    shown = ('host', 'ip', 'initiator', 'nqn', 'wwpns')
    connector = host.connector or {}
    return {key: connector[key] for key in shown if connector.get(key)}


def _capacity(host: facts.Host) -> list[Row]:
    if host.provider is None:
        return []
    return [
        {
            'resource': name,
            'capacity': total,
            'used': host.provider.used.get(name, 0),
        }
        for name, total in sorted(host.provider.capacity.items())
    ]


def _agents(agents: Iterable[facts.Agent]) -> list[Row]:
    return [
        {
            'name': agent.name,
            'host': agent.host,
            'alive': agent.alive,
            'heartbeat': formats.when(agent.heartbeat),
        }
        for agent in agents
    ]


def _servers(servers: Iterable[tuple[facts.Server, str]]) -> list[Row]:
    return [
        {
            'id': server.uuid,
            'name': server.name,
            'vm_state': server.vm_state,
            'task_state': server.task_state,
            'method': method,
        }
        for server, method in servers
    ]


def _targets(hosts: Iterable[facts.Host]) -> list[Row]:
    """Hosts in service, with what is free there."""
    return [
        {
            'host': host.name,
            'zone': host.zone,
            'servers': host.server_count,
            **{
                f'free {name}': host.provider.free(name)
                for name in RESOURCES
                if host.provider is not None and name in host.provider.capacity
            },
        }
        for host in hosts
    ]

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

"""server list, server show: servers as the databases and services see."""

import argparse
from typing import Any

from osc_recovery.commands import arguments
from osc_recovery.commands import base
from osc_recovery.commands import formats
from osc_recovery.commands import writing
from osc_recovery.model import facts
from osc_recovery.model import findings

#: as nova/compute/power_state.py numbers it
POWER_STATES = {
    0: 'NOSTATE',
    1: 'Running',
    3: 'Paused',
    4: 'Shutdown',
    6: 'Crashed',
    7: 'Suspended',
}


class ListServer(base.Lister):
    """List servers and how they would be recovered

    Read from the databases alone, so that it works while keystone is down.
    The method is a first answer: a plan asks every service.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the choice between one host and all."""
        parser = super().get_parser(prog_name)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            '--host', metavar='<host>', help='Servers of this compute host'
        )
        which.add_argument(
            '--all', action='store_true', help='Servers of every cell'
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Read the databases."""
        listing = self.recovery.servers().listing(parsed_args.host)
        formats.warn(listing.warnings)
        return (
            (
                'ID',
                'Name',
                'Instance Name',
                'EC2 ID',
                'VM State',
                'Task State',
                'Power State',
                'Host',
                'Volumes',
                'Method',
            ),
            [_row(item.server, item.method) for item in listing.servers],
        )


class ShowServer(base.ShowOne):
    """Show a server as every service and database has it

    Where nova's API and its database disagree the line is marked with an
    exclamation mark.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the server."""
        parser = super().get_parser(prog_name)
        arguments.add_server(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Read the databases, and the services when keystone answers."""
        shown = self.recovery.servers().show(parsed_args.server)
        formats.warn(shown.warnings)
        columns = {
            **_of_server(shown.server),
            'database_and_api': formats.Rows(
                [
                    {
                        'field': item.field,
                        'database': item.database,
                        'api': item.api,
                        'differs': '!' if item.differs else '',
                    }
                    for item in shown.compared
                ]
            ),
            'attachments': formats.Rows(_attachments(shown.server)),
            'ports': formats.Rows(_ports(shown.server)),
            'allocations': formats.Rows(_allocations(shown.server)),
            'method': shown.method,
            'findings': formats.Rows(_findings(shown.findings)),
            'candidates': formats.Names(shown.candidates),
        }
        return tuple(columns), tuple(columns.values())


def power_state(number: int | None) -> str:
    """The name of a power state, as OpenStackClient shows it."""
    if number is None:
        return ''
    return POWER_STATES.get(number, str(number))


def _row(server: facts.Server, method: str) -> tuple[Any, ...]:
    return (
        server.uuid,
        server.name,
        server.instance_name,
        server.ec2_id or '',
        server.vm_state,
        server.task_state or '',
        power_state(server.power_state),
        server.host or '',
        len(server.volume_mappings),
        method,
    )


def _of_server(server: facts.Server) -> dict[str, Any]:
    return {
        'id': server.uuid,
        'name': server.name,
        'instance_name': server.instance_name,
        'ec2_id': server.ec2_id,
        'project_id': server.project_id,
        'user_id': server.user_id,
        'cell': server.cell.name or server.cell.uuid,
        'host': server.host,
        'node': server.node,
        'zone': server.zone,
        'pinned_zone': server.pinned_zone,
        'vm_state': server.vm_state,
        'task_state': server.task_state,
        'power_state': power_state(server.power_state),
        'api_status': server.api.status if server.api else None,
        'locked_by': server.locked_by,
        'flavor': server.flavor.name,
        'volume_backed': server.volume_backed,
        'server_group': formats.Fields(_group(server)),
    }


def _group(server: facts.Server) -> dict[str, Any]:
    if server.group is None:
        return {}
    return {'id': server.group.uuid, 'policy': server.group.policy}


def _attachments(server: facts.Server) -> list[dict[str, Any]]:
    """Nova's mappings with cinder's side of each."""
    rows = []
    for mapping in server.volume_mappings:
        attachment = server.attachment(mapping)
        volume = server.volume(mapping.volume_id or '')
        rows.append(
            {
                'device': mapping.device_name,
                'volume': mapping.volume_id,
                'volume_status': volume.status if volume else None,
                'attachment': mapping.attachment_id,
                'status': attachment.status if attachment else None,
                'host': attachment.attached_host if attachment else None,
            }
        )
    return rows


def _ports(server: facts.Server) -> list[dict[str, Any]]:
    return [
        {
            'port': port.id,
            'host': port.host,
            'vif_type': port.vif_type,
            'vnic_type': port.vnic_type,
            'status': port.status,
            'bindings': ', '.join(
                f'{binding.host} {binding.status}' for binding in port.bindings
            ),
        }
        for port in server.ports
    ]


def _allocations(server: facts.Server) -> list[dict[str, Any]]:
    if server.allocation is None:
        return []
    return [
        {
            'resource_provider': provider,
            'resources': ', '.join(
                f'{name} {amount}' for name, amount in resources.items()
            ),
        }
        for provider, resources in server.allocation.providers.items()
    ]


def _findings(found: tuple[findings.Finding, ...]) -> list[dict[str, Any]]:
    return [
        {
            'code': finding.code,
            'weight': finding.severity.value,
            'fact': finding.fact,
            'remedy': finding.remedy,
        }
        for finding in found
    ]

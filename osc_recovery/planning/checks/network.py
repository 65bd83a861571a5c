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

"""Ports that cannot be bound to another host by a plain binding."""

from collections.abc import Callable, Iterator

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue

Findings = Iterator[findings.Finding]


def port_resource_request(server: facts.Server) -> Findings:
    """Its bandwidth is allocated from a provider of the dead host."""
    for port in server.ports:
        if port.has_resource_request:
            yield catalogue.finding(
                'port-resource-request',
                f'port {port.id} has a resource_request',
                f'Only nova can allocate it: openstack server evacuate '
                f'{server.uuid}',
            )


def port_vnic_type(server: facts.Server) -> Findings:
    """Other types need a device of the target (SR-IOV, vDPA, remote)."""
    for port in server.ports:
        if port.vnic_type != 'normal':
            yield catalogue.finding(
                'port-vnic-type',
                f'port {port.id} has binding:vnic_type {port.vnic_type}',
                f'Only nova can claim a device for it: openstack server '
                f'evacuate {server.uuid}',
            )


def port_elsewhere(server: facts.Server) -> Findings:
    """A port that is not at its server's host: someone else moves it."""
    for port in server.ports:
        if port.host != server.host:
            yield catalogue.finding(
                'port-elsewhere',
                f'port {port.id} is bound to {port.host or "no host"}, the '
                f'server is on {server.host}',
                'Find out who moved it: openstack port show '
                f'{port.id} -c binding_host_id -c updated_at',
            )


CHECKS: tuple[Callable[[facts.Server], Findings], ...] = (
    port_resource_request,
    port_vnic_type,
    port_elsewhere,
)

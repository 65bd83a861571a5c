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

"""Whether a host can take servers, and whether it can take this one."""

from collections.abc import Callable, Iterator
import re

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue
from osc_recovery.planning.checks import storage

Findings = Iterator[findings.Finding]

#: trait:X and, for granular requests, trait_GROUP:X or traitN:X.
_TRAIT = re.compile(r'^trait[A-Za-z0-9_-]*:(?P<trait>[A-Z0-9_]+)$')
#: Fields of a host that a target may lack, or that some servers need.
_NOT_FOR_ALL = ('agents', 'connector', 'fence', 'volume_services')
_L2_AGENTS = {
    'open vswitch agent': 'Open vSwitch agent',
    'neutron-openvswitch-agent': 'Open vSwitch agent',
    'linux bridge agent': 'Linux bridge agent',
    'neutron-linuxbridge-agent': 'Linux bridge agent',
    'macvtap agent': 'Macvtap agent',
    'neutron-macvtap-agent': 'Macvtap agent',
    'ovn controller agent': 'OVN Controller agent',
    'ovn controller gateway agent': 'OVN Controller agent',
    'ovn-controller': 'OVN Controller agent',
}


def is_source(source: facts.Host, target: facts.Host) -> Findings:
    """A move to where it is."""
    if target.name == source.name:
        yield catalogue.finding(
            'target-is-source',
            f'{target.name} is the failed host itself',
            'Name another --target.',
        )


def other_cell(source: facts.Host, target: facts.Host) -> Findings:
    """nova-compute reads its own cell's database only."""
    if target.cell.uuid != source.cell.uuid:
        yield catalogue.finding(
            'target-other-cell',
            f'{target.name} is in cell {target.cell.name}, {source.name} in '
            f'{source.cell.name}',
            f'Name a --target of cell {source.cell.name}.',
        )


def down(source: facts.Host, target: facts.Host) -> Findings:
    """nova does not call it up, and nobody saw it report."""
    if target.service.forced_down:
        return
    if not target.up and not target.alive_evidence:
        yield catalogue.finding(
            'target-down',
            f'nova-compute on {target.name} is down; last seen up: '
            f'{target.service.last_seen_up}',
            'Start nova-compute there, or name another --target.',
        )


def forced_down(source: facts.Host, target: facts.Host) -> Findings:
    """Somebody says that it is down."""
    if target.service.forced_down:
        yield catalogue.finding(
            'target-forced-down',
            f'nova-compute on {target.name} is forced down',
            'Find out why; then: openstack compute service set --up '
            f'{target.name} nova-compute',
        )


def disabled(source: facts.Host, target: facts.Host) -> Findings:
    """Somebody does not want servers there."""
    if target.service.disabled:
        yield catalogue.finding(
            'target-disabled',
            f'nova-compute on {target.name} is disabled: '
            f'{target.service.disabled_reason or "no reason given"}',
            'openstack compute service set --enable '
            f'{target.name} nova-compute, or name another --target.',
        )


def node_missing(source: facts.Host, target: facts.Host) -> Findings:
    """A row needs the node's name and id."""
    if target.node is None:
        yield catalogue.finding(
            'target-node-missing',
            f'compute_nodes has no row for {target.name}',
            'Start nova-compute there and wait for its first report.',
        )


def provider_missing(source: facts.Host, target: facts.Host) -> Findings:
    """Nothing can be allocated there."""
    known = not any(w.startswith('provider') for w in target.unknown)
    if target.provider is None and known:
        yield catalogue.finding(
            'target-provider-missing',
            f'placement has no resource provider for {target.name}',
            'Start nova-compute there and wait for its first report.',
        )


def facts_unknown(source: facts.Host, target: facts.Host) -> Findings:
    """What could not be read about the target, and every server needs."""
    for what in target.unknown:
        if what.startswith(_NOT_FOR_ALL):
            continue
        yield catalogue.finding(
            'facts-unknown',
            f'{target.name}: could not be read: {what}',
            'Bring that service back, or name another --target.',
        )


def hypervisor(source: facts.Host, target: facts.Host) -> Findings:
    """A disk of one hypervisor does not run on another."""
    if source.node is None or target.node is None:
        return
    here, there = source.node.hypervisor_type, target.node.hypervisor_type
    if here != there:
        yield catalogue.finding(
            'target-hypervisor',
            f'{source.name} runs {here}, {target.name} runs {there}',
            f'Name a --target that runs {here}.',
        )


def architecture(source: facts.Host, target: facts.Host) -> Findings:
    """An image of one CPU architecture does not run on another."""
    if source.node is None or target.node is None:
        return
    here, there = source.node.cpu_arch, target.node.cpu_arch
    if here and there and here != there:
        yield catalogue.finding(
            'target-architecture',
            f'{source.name} is {here}, {target.name} is {there}',
            f'Name a --target with {here} CPUs.',
        )


def zone_pinned(
    server: facts.Server, cloud: facts.CloudFacts, target: facts.Host
) -> Findings:
    """request_specs pins the zone that its owner asked for."""
    if server.pinned_zone not in (None, target.zone):
        yield catalogue.finding(
            'zone-pinned',
            f'it is pinned to zone {server.pinned_zone}, {target.name} is '
            f'in {target.zone}',
            f'Name a --target of zone {server.pinned_zone}.',
        )


def traits(
    server: facts.Server, cloud: facts.CloudFacts, target: facts.Host
) -> Findings:
    """Traits that flavor or image require or forbid."""
    have = set(target.provider.traits) if target.provider else set()
    wrong = [
        f'{trait} is {rule} and {"missing" if rule == "required" else "there"}'
        for trait, rule in sorted(required_traits(server).items())
        if (trait in have) != (rule == 'required')
    ]
    if target.provider is not None and wrong:
        yield catalogue.finding(
            'target-traits',
            f'{target.name}: {", ".join(wrong)}',
            'Name a --target with these traits.',
        )


def required_traits(server: facts.Server) -> dict[str, str]:
    """required or forbidden, by trait, from flavor and image."""
    asked = {**server.flavor.extra_specs, **server.image_properties}
    return {
        match['trait']: rule
        for key, rule in asked.items()
        if (match := _TRAIT.match(key)) and rule in ('required', 'forbidden')
    }


def connector_unknown(
    server: facts.Server, cloud: facts.CloudFacts, target: facts.Host
) -> Findings:
    """cinder exports a volume to a connector, not to a name."""
    if not server.volume_mappings:
        return
    host = (target.connector or {}).get('host')
    if host == target.name:
        return
    yield catalogue.finding(
        'connector-unknown',
        f'no connector of {target.name} is known'
        if target.connector is None
        else f'the connector of {target.name} ({target.connector_source}) '
        f'names host {host}',
        f'Run "nova-manage volume_attachment get_connector" on '
        f'{target.name} and save what it prints as <connectors_dir>/'
        f'{target.name}.json ([storage] connectors_dir).',
    )


def shared_storage(
    server: facts.Server, cloud: facts.CloudFacts, target: facts.Host
) -> Findings:
    """The target must see the files of the source."""
    parts = storage.local_parts(server)
    if parts and not target.instances_shared:
        yield catalogue.finding(
            'target-storage',
            f'{target.name} is not stated to share the instances directory '
            f'that holds its {", ".join(parts)}',
            'If it does, name it in [storage] shared_instances.',
        )


def binding_left(
    server: facts.Server, cloud: facts.CloudFacts, target: facts.Host
) -> Findings:
    """A leftover binding: neutron refuses a second one with 409 or 500.

    One for the target is taken over where bindings can be staged; any
    other would be left beside the new one.
    """
    expected = {cloud.source.name}
    if cloud.stage_bindings:
        expected.add(target.name)
    for port in server.ports:
        for binding in port.bindings:
            if binding.host not in expected:
                yield catalogue.finding(
                    'port-binding-left',
                    f'port {port.id} has a binding for {binding.host}: '
                    f'{binding.status}, {binding.vif_type}',
                    'Left by another move. With the role "service": DELETE '
                    f'/v2.0/ports/{port.id}/bindings/{binding.host}',
                )


def l2_agents(host: facts.Host) -> dict[str, facts.Agent]:
    """The agents that wire ports, by the type neutron shows."""
    return {
        _L2_AGENTS[agent.name.lower()]: agent
        for agent in host.agents
        if agent.name.lower() in _L2_AGENTS
    }


def network(
    server: facts.Server, cloud: facts.CloudFacts, target: facts.Host
) -> Findings:
    """The agent that wired its ports must wire them on the target too."""
    if not server.ports:
        return
    if any(what.startswith('agents') for what in target.unknown):
        yield catalogue.finding(
            'target-network',
            f"neutron's agents on {target.name} could not be read",
            'Bring neutron back and plan again.',
        )
        return
    there = l2_agents(target)
    # rows of agents that a host had long ago stay in neutron: one will do
    wanted = sorted(l2_agents(cloud.source)) or sorted(there)
    if not wanted or any(k in there and there[k].alive for k in wanted):
        return
    agent = there.get(wanted[0])
    yield catalogue.finding(
        'target-network',
        f'{target.name} has no {" or ".join(wanted)}'
        if agent is None
        else f'the {wanted[0]} on {target.name} is not alive; last '
        f'heartbeat: {agent.heartbeat}',
        f'openstack network agent list --host {target.name}',
    )


HOST_CHECKS: tuple[Callable[[facts.Host, facts.Host], Findings], ...] = (
    facts_unknown,
    other_cell,
    down,
    forced_down,
    disabled,
    node_missing,
    provider_missing,
    hypervisor,
    architecture,
)
SERVER_CHECKS: tuple[
    Callable[[facts.Server, facts.CloudFacts, facts.Host], Findings], ...
] = (
    zone_pinned,
    traits,
    connector_unknown,
    shared_storage,
    binding_left,
    network,
)


def check_host(
    source: facts.Host, target: facts.Host
) -> tuple[findings.Finding, ...]:
    """What keeps a host from taking any server.

    That it is the failed host itself says enough.
    """
    itself = tuple(is_source(source, target))
    return itself or tuple(
        f for look in HOST_CHECKS for f in look(source, target)
    )


def check_server(
    server: facts.Server, cloud: facts.CloudFacts, target: facts.Host
) -> tuple[findings.Finding, ...]:
    """What keeps a host from taking this server, room and groups aside."""
    return tuple(
        f for look in SERVER_CHECKS for f in look(server, cloud, target)
    )

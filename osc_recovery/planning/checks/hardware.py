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

"""Servers tied to one host's hardware: a row cannot carry that along."""

from collections.abc import Callable, Iterator

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue

Findings = Iterator[findings.Finding]

_EVACUATE = (
    'Only nova can claim that hardware on another host: '
    'openstack server evacuate {uuid}'
)
_NEEDS_HOST = 'It has to wait for its host, or be rebuilt: {why}.'


def _evacuate(server: facts.Server) -> str:
    return _EVACUATE.format(uuid=server.uuid)


def _asked(server: facts.Server, spec: str, image: str) -> str | None:
    """What flavor or image ask for, as key=value."""
    if spec in server.flavor.extra_specs:
        return f'flavor {spec}={server.flavor.extra_specs[spec]}'
    if image in server.image_properties:
        return f'image {image}={server.image_properties[image]}'
    return None


def numa_topology(server: facts.Server) -> Findings:
    """A topology names cells of the old host (instance_extra)."""
    if server.ties.numa_topology:
        yield catalogue.finding(
            'numa-topology',
            'instance_extra.numa_topology is set',
            _evacuate(server),
        )


def cpu_pinning(server: facts.Server) -> Findings:
    """Pins are numbers of the old host's CPUs."""
    asked = _asked(server, 'hw:cpu_policy', 'hw_cpu_policy')
    pinned = asked is not None and not asked.endswith('=shared')
    if server.ties.cpu_pinning or pinned:
        yield catalogue.finding(
            'cpu-pinning',
            asked or 'instance_extra.numa_topology holds CPU pins',
            _evacuate(server),
        )


def huge_pages(server: facts.Server) -> Findings:
    """Pages are reserved in a NUMA cell of one host."""
    asked = _asked(server, 'hw:mem_page_size', 'hw_mem_page_size')
    if asked is not None and not asked.endswith(('=small', '=any')):
        yield catalogue.finding('huge-pages', asked, _evacuate(server))


def pci_requests(server: facts.Server) -> Findings:
    """Somebody has to claim devices on the target."""
    if server.ties.pci_requests:
        yield catalogue.finding(
            'pci-requests',
            f'instance_extra.pci_requests holds {server.ties.pci_requests}',
            _evacuate(server),
        )


def pci_devices(server: facts.Server) -> Findings:
    """pci_devices rows belong to a compute node."""
    if server.ties.pci_devices:
        yield catalogue.finding(
            'pci-devices',
            f'{server.ties.pci_devices} rows of pci_devices are allocated '
            'to it',
            _evacuate(server),
        )


def vgpu(server: facts.Server) -> Findings:
    """A mediated device lives on one host."""
    specs = server.flavor.extra_specs
    asked = [k for k in specs if k.startswith('resources') and 'VGPU' in k]
    held = server.allocation.providers if server.allocation else {}
    if asked or any('VGPU' in resources for resources in held.values()):
        yield catalogue.finding(
            'vgpu',
            f'flavor {asked[0]}={specs[asked[0]]}'
            if asked
            else 'placement has allocated VGPU to it',
            _evacuate(server),
        )


def pmem(server: facts.Server) -> Findings:
    """Persistent memory holds its data on the dead host."""
    asked = server.flavor.extra_specs.get('hw:pmem')
    if server.ties.resources or asked:
        yield catalogue.finding(
            'pmem',
            f'flavor hw:pmem={asked}'
            if asked
            else 'instance_extra.resources is set',
            _NEEDS_HOST.format(why='the data is in that host\'s memory'),
        )


def vtpm(server: facts.Server) -> Findings:
    """The TPM's state is a file of the dead host."""
    asked = _asked(server, 'hw:tpm_version', 'hw_tpm_version')
    if asked is not None:
        yield catalogue.finding(
            'vtpm',
            asked,
            _NEEDS_HOST.format(why='the TPM state is a file there'),
        )


def ephemeral_encryption(server: facts.Server) -> Findings:
    """The disks' secrets are defined in the dead host's libvirt."""
    asked = _asked(
        server, 'hw:ephemeral_encryption', 'hw_ephemeral_encryption'
    )
    if asked is not None and asked.rpartition('=')[2].lower() == 'true':
        yield catalogue.finding(
            'ephemeral-encryption', asked, _evacuate(server)
        )


def shares(server: facts.Server) -> Findings:
    """manila grants a share to one host."""
    if server.ties.shares:
        yield catalogue.finding(
            'shares',
            f'{server.ties.shares} rows of share_mapping belong to it',
            'Neither nova nor this tool moves a server with shares: it has '
            'to wait for its host.',
        )


def accelerators(server: facts.Server) -> Findings:
    """Cyborg bound a device of the dead host."""
    profile = server.flavor.extra_specs.get('accel:device_profile')
    if server.accelerators or profile:
        yield catalogue.finding(
            'accelerators',
            f'flavor accel:device_profile={profile}'
            if profile
            else f'{server.accelerators} accelerator requests are bound',
            _evacuate(server),
        )


def migration_context(server: facts.Server) -> Findings:
    """Claims of a move that never ended."""
    if server.ties.migration_context:
        yield catalogue.finding(
            'migration-context',
            'instance_extra.migration_context is set',
            'Look for the move that left it: openstack server migration '
            f'list --server {server.uuid}',
        )


CHECKS: tuple[Callable[[facts.Server], Findings], ...] = (
    numa_topology,
    cpu_pinning,
    huge_pages,
    pci_requests,
    pci_devices,
    vgpu,
    pmem,
    vtpm,
    ephemeral_encryption,
    shares,
    accelerators,
    migration_context,
)

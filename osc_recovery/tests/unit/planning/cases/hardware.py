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

"""Servers tied to hardware, from values as nova 34 stores them."""

from osc_recovery.model import facts
from osc_recovery.tests.unit.planning.cases import making

HARDWARE = (
    making.Case(
        'two NUMA cells',
        'numa-topology',
        making.tied(making.VOLUME, 'numa_topology', 'two_cells_unpinned'),
        'instance_extra.numa_topology',
        f'server evacuate {making.UUID}',
    ),
    making.Case(
        'pinned',
        'cpu-pinning',
        making.tied(making.VOLUME, 'numa_topology', 'pinned_dedicated'),
        'CPU pins',
        also=('numa-topology',),
    ),
    making.Case(
        'mixed',
        'cpu-pinning',
        making.tied(making.VOLUME, 'numa_topology', 'mixed_policy'),
        also=('numa-topology',),
    ),
    making.Case(
        'policy of the flavor',
        'cpu-pinning',
        making.specs(hw__cpu_policy='dedicated'),
        'hw:cpu_policy=dedicated',
    ),
    making.Case(
        'pages of the flavor',
        'huge-pages',
        making.specs(hw__mem_page_size='2048'),
        'hw:mem_page_size=2048',
    ),
    making.Case(
        'pages of the image',
        'huge-pages',
        making.image(hw_mem_page_size='large'),
        'image hw_mem_page_size=large',
    ),
    making.Case(
        'huge pages as stored',
        'numa-topology',
        making.tied(making.VOLUME, 'numa_topology', 'hugepages_2048'),
    ),
    making.Case(
        'emulator threads',
        'numa-topology',
        making.tied(
            making.VOLUME, 'numa_topology', 'emulator_threads_isolate'
        ),
        also=('cpu-pinning',),
    ),
    making.Case(
        'PCI alias',
        'pci-requests',
        making.tied(making.VOLUME, 'pci_requests', 'flavor_alias'),
        'holds 1',
    ),
    making.Case(
        'PCI port',
        'pci-requests',
        making.tied(making.VOLUME, 'pci_requests', 'sriov_port'),
    ),
    making.Case(
        'PCI devices',
        'pci-devices',
        making.one(ties=facts.HardwareTies(pci_devices=2)),
        '2 rows of pci_devices',
    ),
    making.Case(
        'vGPU of the flavor',
        'vgpu',
        making.specs(resources__VGPU='1'),
        'resources:VGPU=1',
    ),
    making.Case(
        'vGPU allocated',
        'vgpu',
        making.held(**{making.PROVIDER: {'VCPU': 1, 'VGPU': 1}}),
        'VGPU',
    ),
    making.Case(
        'persistent memory',
        'pmem',
        making.tied(making.VOLUME, 'resources', 'vpmem'),
        'instance_extra.resources',
    ),
    making.Case(
        'pmem of the flavor',
        'pmem',
        making.specs(hw__pmem='4GB'),
        'hw:pmem=4GB',
    ),
    making.Case(
        'TPM of the flavor',
        'vtpm',
        making.specs(hw__tpm_version='2.0'),
        'hw:tpm_version=2.0',
    ),
    making.Case(
        'TPM of the image', 'vtpm', making.image(hw_tpm_version='1.2'), 'image'
    ),
    making.Case(
        'encrypted disk',
        'ephemeral-encryption',
        making.image(hw_ephemeral_encryption='True'),
        'hw_ephemeral_encryption=True',
    ),
    making.Case(
        'manila',
        'shares',
        making.one(ties=facts.HardwareTies(shares=1)),
        'share_mapping',
    ),
    making.Case(
        'device profile',
        'accelerators',
        making.specs(accel__device_profile='fpga'),
        'accel:device_profile=fpga',
    ),
    making.Case(
        'cyborg requests',
        'accelerators',
        making.one(accelerators=1),
        '1 accelerator',
    ),
    making.Case(
        'migration context',
        'migration-context',
        making.tied(making.VOLUME, 'migration_context', 'without_numa'),
        'migration_context',
    ),
)

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

"""Facts that come close to a finding and must not bring it about."""

from osc_recovery.model import facts
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making


def _near(name: str, code: str, cloud: facts.CloudFacts) -> making.Case:
    """Facts that come close to a finding and must not bring it about."""
    return making.Case(name, code, cloud)


NEAR = (
    _near(
        'the source\'s connector is not needed',
        'facts-unknown',
        making.source(unknown=('connector: no answer',)),
    ),
    _near(
        'nobody needs the target\'s fence',
        'facts-unknown',
        making.target(unknown=('fence: the journal did not answer',)),
    ),
    _near(
        'dead for a day, less a second',
        'dead-longer-than-24h',
        making.service(last_seen_up='2026-11-21 16:00:01'),
    ),
    _near(
        'no requests as nova stores them',
        'pci-requests',
        making.tied(
            making.VOLUME,
            'pci_requests',
            'empty_as_stored_for_ordinary_servers',
        ),
    ),
    _near('shared CPUs', 'cpu-pinning', making.specs(hw__cpu_policy='shared')),
    _near(
        'small pages', 'huge-pages', making.specs(hw__mem_page_size='small')
    ),
    _near(
        'disks not encrypted',
        'ephemeral-encryption',
        making.image(hw_ephemeral_encryption='False'),
    ),
    _near('BIOS', 'uefi', making.image(hw_firmware_type='bios')),
    _near(
        'a migration that failed',
        'migration-in-flight',
        making.migration(status='failed'),
    ),
    _near(
        'a resize that was confirmed',
        'migration-in-flight',
        making.migration(type='resize', status='confirmed'),
    ),
    _near(
        'an evacuation that is over',
        'other-recovery',
        making.migration(type='evacuation', status='failed'),
    ),
    _near(
        'an evacuation to this host, long ago',
        'other-recovery',
        making.migration(
            type='evacuation', status='accepted', source_host='kvm2'
        ),
    ),
    _near(
        'an old tombstone that was used up',
        'stale-evacuation',
        making.migration(
            type='evacuation', status='completed', source_host='kvm2'
        ),
    ),
    _near(
        'volume-backed, nothing shared',
        'storage-unproven',
        making.unshared(making.one()),
    ),
    _near(
        'volume-backed, nothing local',
        'local-disk',
        making.unshared(making.one()),
    ),
    _near(
        'volume-backed, nothing local',
        'target-storage',
        making.unshared(making.one()),
    ),
    _near(
        'local disk, shared',
        'local-disk',
        making.with_disk(making.VOLUME),
    ),
    _near(
        'a volume that was migrated once',
        'volume-migrating',
        making.volumes(migration_status='success'),
    ),
    _near(
        'cinder silent, and no volumes',
        'volume-state',
        making.one('stopped', attachments=(), volumes=()),
    ),
    _near(
        'the zone it is pinned to',
        'zone-pinned',
        making.one(pinned_zone='nova'),
    ),
    _near(
        'a trait that is there',
        'target-traits',
        making.specs(trait__COMPUTE_NODE='required'),
    ),
    _near(
        'a member elsewhere',
        'group-policy',
        making.group('anti-affinity', None, other='kvm3'),
    ),
    _near(
        'one of two members allowed',
        'group-policy',
        making.group('anti-affinity', 2, other='kvm2'),
    ),
    _near(
        'only wished for',
        'group-policy',
        making.group('soft-anti-affinity', None, other='kvm2'),
    ),
    _near(
        'affinity kept',
        'group-policy',
        making.group('affinity', None, other='kvm2'),
    ),
    _near(
        'no volumes, no connector',
        'connector-unknown',
        making.change(
            builders.cloud(
                making.change(builders.server('stopped'), mappings=())
            ),
            hosts={
                'kvm2': making.change(builders.host('kvm2'), connector=None)
            },
        ),
    ),
    _near(
        'no ports, no agent',
        'target-network',
        making.change(
            making.one(ports=()),
            hosts={
                'kvm2': making.change(
                    builders.host('kvm2'),
                    agents=(
                        making.agent(
                            'neutron-openvswitch-agent', 'kvm2', False
                        ),
                    ),
                )
            },
        ),
    ),
    _near(
        'a DHCP agent wires no server',
        'target-network',
        making.target(
            agents=(making.agent('neutron-dhcp-agent', 'kvm2', False),)
        ),
    ),
    _near(
        'the source had another agent once',
        'target-network',
        making.change(
            making.source(
                agents=(
                    making.agent('neutron-linuxbridge-agent', 'kvm1', False),
                    making.agent('neutron-openvswitch-agent', 'kvm1', False),
                )
            ),
            hosts={
                'kvm2': making.change(
                    builders.host('kvm2'),
                    agents=(
                        making.agent(
                            'neutron-openvswitch-agent', 'kvm2', True
                        ),
                    ),
                )
            },
        ),
    ),
    _near(
        'the agent is alive',
        'target-network',
        making.target(
            agents=(making.agent('neutron-openvswitch-agent', 'kvm2', True),)
        ),
    ),
    _near(
        'a binding on the target can be taken over',
        'port-binding-left',
        making.ports(
            bindings=(
                facts.PortBinding('kvm1', 'ACTIVE', 'tap', 'normal'),
                facts.PortBinding('kvm2', 'INACTIVE', 'tap', 'normal'),
            )
        ),
    ),
    _near(
        'exactly full',
        'target-too-small',
        making.target_provider(used={'MEMORY_MB': 15194 - 64, 'VCPU': 63}),
    ),
)

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

"""What the failed host and the plan as a whole bring about."""

from osc_recovery.planning import choice as choices
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

FRAME = (
    making.Case(
        'placement silent',
        'facts-unknown',
        making.source(
            provider=None, unknown=('provider: placement answered 503',)
        ),
        'placement answered 503',
    ),
    making.Case(
        'no token',
        'facts-unknown',
        making.change(making.one(), unknown=('keystone gave no token',)),
        'keystone gave no token',
    ),
    making.Case(
        'neutron silent about the host',
        'watcher-silent',
        making.source(unknown=('agents: neutron did not answer',)),
        'still hears kvm1: agents: neutron did not answer',
        '--accept watcher-silent',
    ),
    making.Case(
        'cinder silent about the host, and no volumes',
        'watcher-silent',
        making.change(
            making.one('stopped'),
            unknown=('volume_services: cinder did not answer',),
        ),
        also=('storage-stated',),
    ),
    making.Case(
        'no service row', 'service-missing', making.service(uuid=''), 'on kvm1'
    ),
    making.Case(
        'no node row',
        'node-missing',
        making.source(node=None),
        'compute_nodes',
    ),
    making.Case(
        'no provider',
        'provider-missing',
        making.source(provider=None),
        'no resource provider for kvm1',
    ),
    making.Case(
        'ironic',
        'hypervisor-unsupported',
        making.source(
            node=making.change(builders.dead().node, hypervisor_type='ironic')
        ),
        'kvm1 runs ironic',
        also=('target-hypervisor', 'target-left-out'),
    ),
    making.Case(
        'vmware',
        'hypervisor-unsupported',
        making.source(
            node=making.change(
                builders.dead().node, hypervisor_type='VMware vCenter Server'
            )
        ),
        also=('target-hypervisor', 'target-left-out'),
    ),
    making.Case(
        'cell disabled',
        'cell-disabled',
        making.source(cell=making.change(builders.cell(), disabled=True)),
        'cell cell1 is disabled',
        'update_cell',
    ),
    making.Case(
        'host in cell0',
        'cell0',
        making.source(cell=making.CELL0),
        'mapped to cell0',
        also=('target-other-cell', 'target-left-out'),
    ),
    making.Case(
        'schema',
        'schema-unsupported',
        making.change(
            making.one(),
            schema={'cell1': 'unsupported: instances.node is missing'},
        ),
        'instances.node',
    ),
    making.Case(
        'heartbeats',
        'host-alive',
        making.source(
            alive_evidence=(
                'nova-compute reported (report_count 3 -> 4)',
                'neutron-openvswitch-agent at kvm1 reported',
            )
        ),
        'report_count 3 -> 4',
        'cut the power of kvm1',
    ),
    making.Case(
        'no fence',
        'fence-missing',
        making.source(fence=None),
        'kvm1',
        making.FENCE_COMMAND,
    ),
    making.Case(
        'fence of another host',
        'fence-missing',
        making.source(fence=making.change(builders.dead().fence, host='kvm9')),
        remedy=making.FENCE_COMMAND,
    ),
    making.Case(
        'heard of since',
        'fence-stale',
        making.source(fence_stale=True),
        'recorded at 2026-11-22T15:50:00',
        making.FENCE_COMMAND,
    ),
    making.Case(
        'not forced down',
        'host-not-forced-down',
        making.service(forced_down=False),
        'kvm1 is not forced down',
        making.FENCE_COMMAND,
    ),
    making.Case(
        'not disabled',
        'host-not-disabled',
        making.service(disabled=False),
        'kvm1 is enabled',
        'compute service set --disable kvm1',
    ),
    making.Case(
        'dead since yesterday',
        'dead-longer-than-24h',
        making.service(last_seen_up='2026-11-21 15:59:59'),
        'last seen up at 2026-11-21 15:59:59',
    ),
    making.Case(
        'a plain admin',
        'service-role-missing',
        making.change(making.one(), stage_bindings=False),
        'role "service"',
        'binding:host_id',
    ),
    making.Case(
        'a second target is down',
        'target-left-out',
        making.change(
            making.one(),
            hosts={
                'kvm2': builders.host('kvm2'),
                'kvm3': making.change(
                    builders.like(builders.host('kvm2'), 'kvm3', 9), up=False
                ),
            },
        ),
        'kvm3 takes no server: target-down',
        choice=choices.Choice(targets=('kvm2', 'kvm3')),
    ),
)

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

"""Hosts that cannot take a server."""

from osc_recovery.model import facts
from osc_recovery.planning import choice as choices
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

TARGETS = (
    making.Case(
        'unheard of',
        'target-unknown',
        making.one(),
        'kvm7',
        also=('target-left-out',),
        choice=choices.Choice(targets=('kvm7',)),
    ),
    making.Case(
        'the failed host',
        'target-is-source',
        making.one(),
        'kvm1 is the failed host itself',
        also=('target-left-out',),
        choice=choices.Choice(targets=('kvm1',)),
    ),
    making.Case(
        'another cell',
        'target-other-cell',
        making.target(cell=making.CELL2),
        'kvm2 is in cell cell2, kvm1 in cell1',
        also=('target-left-out',),
    ),
    making.Case(
        'down',
        'target-down',
        making.target(up=False),
        'kvm2 is down',
        also=('target-left-out',),
    ),
    making.Case(
        'forced down',
        'target-forced-down',
        making.target_service(forced_down=True),
        remedy='compute service set --up kvm2',
        also=('target-left-out',),
    ),
    making.Case(
        'disabled',
        'target-disabled',
        making.target_service(disabled=True, disabled_reason='new RAM'),
        'new RAM',
        also=('target-left-out',),
    ),
    making.Case(
        'no node row',
        'target-node-missing',
        making.target(node=None),
        also=('target-left-out',),
    ),
    making.Case(
        'no provider',
        'target-provider-missing',
        making.target(provider=None),
        also=('target-left-out',),
    ),
    making.Case(
        'placement silent',
        'facts-unknown',
        making.target(
            provider=None, unknown=('provider: placement answered 503',)
        ),
        'kvm2: could not be read: provider',
        also=('target-left-out',),
    ),
    making.Case(
        'another hypervisor',
        'target-hypervisor',
        making.target(
            node=making.change(
                builders.host('kvm2').node, hypervisor_type='LXC'
            )
        ),
        'kvm1 runs QEMU, kvm2 runs LXC',
        also=('target-left-out',),
    ),
    making.Case(
        'another architecture',
        'target-architecture',
        making.target(
            node=making.change(builders.host('kvm2').node, cpu_arch='aarch64')
        ),
        'kvm1 is x86_64, kvm2 is aarch64',
        also=('target-left-out',),
    ),
    making.Case(
        'no memory left',
        'target-too-small',
        making.target_provider(used={'MEMORY_MB': 15194, 'VCPU': 0}),
        'kvm2: 64 MEMORY_MB needed, 0 free',
    ),
    making.Case(
        'too big for one server',
        'target-too-small',
        making.target_provider(max_unit={'MEMORY_MB': 32}),
        '32 at most for one server',
    ),
    making.Case(
        'trait required',
        'target-traits',
        making.specs(trait__CUSTOM_FAST='required'),
        'CUSTOM_FAST is required and missing',
    ),
    making.Case(
        'trait of the image required',
        'target-traits',
        making.image(**{'trait:CUSTOM_FAST': 'required'}),
    ),
    making.Case(
        'trait forbidden',
        'target-traits',
        making.specs(trait__COMPUTE_NODE='forbidden'),
        'COMPUTE_NODE is forbidden and there',
    ),
    making.Case(
        'pinned to a zone',
        'zone-pinned',
        making.one(pinned_zone='az2'),
        'pinned to zone az2, kvm2 is in nova',
    ),
    making.Case(
        'anti-affinity',
        'group-policy',
        making.group('anti-affinity', None, other='kvm2'),
        '1 members are on kvm2, 1 allowed',
    ),
    making.Case(
        'two members allowed',
        'group-policy',
        making.group('anti-affinity', 2, a='kvm2', b='kvm2'),
        '2 members are on kvm2, 2 allowed',
    ),
    making.Case(
        'affinity',
        'group-policy',
        making.group('affinity', None, other='kvm1'),
        'members are on kvm1',
    ),
    making.Case(
        'no connector',
        'connector-unknown',
        making.target(connector=None),
        'no connector of kvm2 is known',
        'nova-manage volume_attachment get_connector',
    ),
    making.Case(
        'the connector of another host',
        'connector-unknown',
        making.target(connector=builders.connector('kvm9')),
        'names host kvm9',
    ),
    making.Case(
        'target does not share',
        'target-storage',
        making.target('stopped', instances_shared=False),
        'root disk',
        '[storage] shared_instances',
        also=('storage-stated',),
    ),
    making.Case(
        'a binding left on a third host',
        'port-binding-left',
        making.ports(
            bindings=(
                facts.PortBinding('kvm1', 'ACTIVE', 'tap', 'normal'),
                facts.PortBinding('kvm9', 'INACTIVE', 'tap', 'normal'),
            )
        ),
        'has a binding for kvm9: INACTIVE',
        '/bindings/kvm9',
    ),
    making.Case(
        'a binding left on the target, which cannot be taken over',
        'port-binding-left',
        making.change(
            making.ports(
                bindings=(
                    facts.PortBinding('kvm1', 'ACTIVE', 'tap', 'normal'),
                    facts.PortBinding('kvm2', 'INACTIVE', 'tap', 'normal'),
                )
            ),
            stage_bindings=False,
        ),
        also=('service-role-missing',),
    ),
    making.Case(
        'agent dead',
        'target-network',
        making.target(
            agents=(making.agent('neutron-openvswitch-agent', 'kvm2', False),)
        ),
        'the Open vSwitch agent on kvm2 is not alive',
        'network agent list --host kvm2',
    ),
    making.Case(
        'agent missing',
        'target-network',
        making.source(
            agents=(making.agent('Open vSwitch agent', 'kvm1', False),)
        ),
        'kvm2 has no Open vSwitch agent',
    ),
    making.Case(
        'another agent',
        'target-network',
        making.change(
            making.source(
                agents=(
                    making.agent('neutron-openvswitch-agent', 'kvm1', False),
                )
            ),
            hosts={
                'kvm2': making.change(
                    builders.host('kvm2'),
                    agents=(making.agent('ovn-controller', 'kvm2', True),),
                )
            },
        ),
        'kvm2 has no Open vSwitch agent',
    ),
    making.Case(
        'agents not read',
        'target-network',
        making.target(unknown=('agents: neutron answered 503',)),
        'could not be read',
    ),
    making.Case(
        'placement offers nothing',
        'no-target',
        making.change(making.one(), candidates={}),
        'placement offers no other host of cell cell1',
        choice=choices.Choice(),
    ),
)

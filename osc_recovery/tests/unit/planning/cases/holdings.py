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

"""What placement, neutron and the databases say of a server."""

from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

HOLDINGS = (
    making.Case(
        'placement silent',
        'facts-unknown',
        making.one(
            allocation=None, unknown=('allocation: placement answered 503',)
        ),
        'placement answered 503',
        'Bring placement back',
    ),
    making.Case(
        'cinder silent',
        'facts-unknown',
        making.one(
            attachments=(),
            volumes=(),
            unknown=('attachments: no answer', 'volumes: no answer'),
        ),
        remedy='Bring cinder back',
    ),
    making.Case(
        "cinder's services silent",
        'facts-unknown',
        making.change(making.one(), unknown=('volume_services: no answer',)),
        'volume_services: no answer',
        'Bring cinder back',
        also=('watcher-silent',),
    ),
    making.Case(
        'no allocation',
        'allocation-missing',
        making.held(),
        remedy='heal_allocations',
    ),
    making.Case(
        'allocated on the target already',
        'allocation-elsewhere',
        making.held(**{making.KVM2: {'VCPU': 1}}),
        f'on {making.KVM2}, not on {making.PROVIDER}',
    ),
    making.Case(
        'allocated twice',
        'multi-provider-allocation',
        builders.cloud(
            making.change(
                builders.server('stopped', 'relocated'),
                host='kvm1',
                node='kvm1',
                compute_id=7,
                migrations=(),
                ports=(),
                api=None,
            )
        ),
        'on 2 providers',
        also=('storage-stated',),
    ),
    making.Case(
        'host changed by hand',
        'node-differs',
        making.one(node='kvm9', api=None),
        'instances.node is kvm9',
    ),
    making.Case(
        'another database',
        'database-differs',
        making.one(vm_state='stopped'),
        'vm_state: the API says active, the cell database stopped',
    ),
)

NETWORK = (
    making.Case(
        'minimum bandwidth',
        'port-resource-request',
        making.ports(has_resource_request=True),
        'resource_request',
    ),
    making.Case(
        'SR-IOV', 'port-vnic-type', making.ports(vnic_type='direct'), 'direct'
    ),
    making.Case(
        'smart NIC',
        'port-vnic-type',
        making.ports(vnic_type='accelerator-direct'),
    ),
    making.Case(
        'bound to another host',
        'port-elsewhere',
        making.ports(host='kvm9'),
        'bound to kvm9',
    ),
    making.Case(
        'not bound', 'port-elsewhere', making.ports(host=''), 'no host'
    ),
)

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

"""Hosts that want to return, and what stands in their way."""

import dataclasses
from typing import Any

from osc_recovery.model import broker
from osc_recovery.model import host_return as model
from osc_recovery.model import plans
from osc_recovery.planning import host_return
from osc_recovery.tests.unit.planning import builders

HOST = 'kvm1'
SERVICE = builders.host(HOST).service


def home(name: str = 'web', **changes: Any) -> model.Home:
    """A server that lives on kvm2."""
    made = model.Home(
        uuid=f'uuid-{name}',
        name=name,
        host='kvm2',
        node='kvm2',
        compute_id=8,
        vm_state='active',
        task_state=None,
        instance_type_id=1,
        user_id='u',
        project_id='p',
    )
    return dataclasses.replace(made, **changes)


def migration(number: int = 1, **changes: Any) -> model.Migration:
    """A tombstone that nova will act upon."""
    made = model.Migration(
        id=number,
        uuid=f'm{number}',
        type='evacuation',
        status='done',
        server='uuid-web',
        source_host=HOST,
        source_node=HOST,
        dest_host='kvm2',
        home=home(),
    )
    return dataclasses.replace(made, **changes)


def queue(**changes: Any) -> broker.Queue:
    """A queue that nobody takes from."""
    made = broker.Queue('compute.kvm1', True, 0, 0)
    return dataclasses.replace(made, **changes)


def moved(**changes: Any) -> model.Moved:
    """A server that went without a tombstone, and has its allocation."""
    made = model.Moved(home(), ('a port says so',), ('rp1', 'rp2'), 'rp2')
    return dataclasses.replace(made, **changes)


def dead(**changes: Any) -> model.ReturnFacts:
    """A fenced host that is fit to return."""
    service = dataclasses.replace(SERVICE, forced_down=True, disabled=True)
    made = model.ReturnFacts(
        host=builders.host(HOST, service=service, up=False),
        evacuations=(migration(),),
        queues=(queue(),),
    )
    return dataclasses.replace(made, **changes)


def planned(read: model.ReturnFacts, *accept: str) -> plans.Plan:
    return host_return.plan(read, 'now', wait=9, accept=frozenset(accept))


def codes(plan: plans.Plan) -> set[str]:
    return {found.code for found in plan.findings}


def kinds(plan: plans.Plan) -> list[str]:
    (subject,) = plan.servers
    return [step.kind for step in subject.steps]


def rows(plan: plans.Plan) -> dict[str, Any]:
    """The parameters of the step that puts rows right."""
    return next(
        step.params
        for step in plan.servers[0].steps
        if step.kind == 'return-rows'
    )


RESIDENT = home(host=HOST)
#: what brings each finding about, and words of its fact and its remedy
CASES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ('run-holds-host', {'lease': 'r-1'}, 'run r-1', 'run show r-1'),
    ('facts-unknown', {'unknown': ('ports: no',)}, 'ports: no', 'Bring'),
    (
        'facts-unknown',
        {'host': builders.host(HOST, unknown=('provider: away',))},
        'provider: away',
        'Bring',
    ),
    (
        'broker-unknown',
        {'queues': None, 'no_queues': 'no connection'},
        'no connection',
        'Do not start nova-compute',
    ),
    (
        'compute-running',
        {'queues': (queue(), queue(consumers=1))},
        'unseen',
        '--accept compute-running',
    ),
    (
        'evacuation-in-flight',
        {
            'evacuations': (
                migration(
                    status='accepted', home=home(task_state='rebuilding')
                ),
            )
        },
        'web is being evacuated',
        'Wait',
    ),
    (
        'evacuation-in-flight',
        {
            'evacuations': (
                migration(
                    status='pre-migrating',
                    home=home(host=HOST, task_state='rebuilding'),
                ),
            )
        },
        'pre-migrating',
        'openstack server migration list --server uuid-web',
    ),
    (
        'evacuation-destroys',
        {'evacuations': (migration(home=RESIDENT),)},
        'would destroy it',
        '--accept evacuation-destroys',
    ),
    (
        'evacuation-destroys',
        {'evacuations': (migration(status='accepted', home=RESIDENT),)},
        'migration 1 (accepted)',
        '--accept evacuation-destroys',
    ),
    (
        'migration-unfinished',
        {'unfinished': (migration(type='live-migration', status='running'),)},
        'live-migration 1 of server web (running) from kvm1 to kvm2',
        '--accept migration-unfinished',
    ),
    (
        'resize-unconfirmed',
        {'unfinished': (migration(type='resize', status='finished'),)},
        'resize 1 of server web',
        'openstack server resize confirm',
    ),
    (
        'moved-without-tombstone',
        {'moved': (moved(),)},
        'web lives on kvm2, but a port says so',
        '--accept moved-without-tombstone',
    ),
    (
        'moved-without-allocation',
        {'moved': (moved(allocated=('rp1',)),)},
        'no allocation on kvm2',
        'recovery consistency repair --server uuid-web',
    ),
    (
        'moved-without-allocation',
        {'moved': (moved(provider=None),)},
        'no allocation',
        'repair',
    ),
    (
        'calls-waiting',
        {
            'queues': (
                queue(
                    messages=9,
                    calls=(broker.Call('start_instance', ('uuid-web',)),) * 9,
                ),
            )
        },
        '9 messages wait for kvm1: start_instance (uuid-web), ',
        'thrown away',
    ),
    (
        'servers-still-there',
        {'residents': (RESIDENT,)},
        'web (active)',
        'resume_guests_state_on_host_boot',
    ),
)

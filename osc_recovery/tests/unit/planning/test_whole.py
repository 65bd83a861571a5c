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

"""The checker: whole servers pass, and every single defect is seen."""

import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.planning.checks import whole
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

KVM1 = builders.host('kvm1')
KVM2 = builders.host('kvm2')
OTHER = '11111111-1111-4111-8111-111111111111'


def moved(name: str) -> facts.Server:
    """A recorded server after its move, with the port's leftover gone."""
    state = 'relocated' if name == 'stopped' else 'returned'
    server = builders.server(name, state)
    assert server.allocation is not None
    assert KVM2.provider is not None
    there = KVM2.provider.uuid
    return dataclasses.replace(
        server,
        allocation=making.change(
            server.allocation,
            providers={there: server.allocation.providers[there]},
        ),
        ports=tuple(
            making.change(
                port,
                bindings=tuple(b for b in port.bindings if b.host == 'kvm2'),
            )
            for port in server.ports
        ),
    )


def expected(name: str) -> whole.Expectation:
    """What the plan expected of a recorded move."""
    return whole.settled(
        whole.relocated(
            builders.server(name), KVM1, KVM2, running=name != 'stopped'
        )
    )


def wrong(
    server: facts.Server, wanted: whole.Expectation
) -> list[tuple[str, results.Verdict]]:
    """What the checker has to say."""
    return [
        (check.name, check.verdict)
        for check in whole.wrong(whole.check(server, wanted))
    ]


def port(server: facts.Server, **changes: Any) -> facts.Server:
    """The server with its first port changed."""
    first, *rest = server.ports
    return making.change(
        server, ports=(making.change(first, **changes), *rest)
    )


def attachment(server: facts.Server, **changes: Any) -> facts.Server:
    """The server with its first attachment changed."""
    first, *rest = server.attachments
    return making.change(
        server, attachments=(making.change(first, **changes), *rest)
    )


def mapping(server: facts.Server, **changes: Any) -> facts.Server:
    """The server with its first mapping changed."""
    first, *rest = server.mappings
    return making.change(
        server, mappings=(making.change(first, **changes), *rest)
    )


def volume(server: facts.Server, **changes: Any) -> facts.Server:
    """The server with its first volume changed."""
    first, *rest = server.volumes
    return making.change(
        server, volumes=(making.change(first, **changes), *rest)
    )


def api(server: facts.Server, **changes: Any) -> facts.Server:
    """The server with another answer of the API."""
    return making.change(server, api=making.change(server.api, **changes))


def row(status: str, source: str, dest: str) -> facts.Migration:
    """An evacuation."""
    return facts.Migration(
        99, OTHER, 'evacuation', status, source, source, dest, dest
    )


WHOLE = moved('volume-backed')
EXPECTED = expected('volume-backed')
PROVIDER = EXPECTED.provider
ACTIVE = facts.PortBinding('kvm2', 'ACTIVE', 'tap', 'normal')
LEFT = facts.PortBinding('kvm1', 'INACTIVE', 'unbound', 'normal')

#: name of the defect, the server that has it, the checks that see it
DEFECTS: tuple[tuple[str, facts.Server, set[str]], ...] = (
    (
        'host',
        making.change(WHOLE, host='kvm1'),
        {'host', 'api host'},
    ),
    ('node', making.change(WHOLE, node='kvm1'), {'node', 'api node'}),
    ('compute_id', making.change(WHOLE, compute_id=7), {'compute_id'}),
    ('zone', making.change(WHOLE, zone='az2'), {'zone'}),
    (
        'vm_state',
        making.change(WHOLE, vm_state='error'),
        {'vm_state', 'api vm_state'},
    ),
    (
        'task_state',
        making.change(WHOLE, task_state='powering-on'),
        {'task_state', 'api task_state'},
    ),
    ('deleted', making.change(WHOLE, deleted=True), {'deleted'}),
    ('power', making.change(WHOLE, power_state=4), {'power_state'}),
    ('lock', making.change(WHOLE, locked=True), {'locked'}),
    ('API: host', api(WHOLE, host='kvm1'), {'api host'}),
    ('API: node', api(WHOLE, node='kvm1'), {'api node'}),
    ('API: vm_state', api(WHOLE, vm_state='error'), {'api vm_state'}),
    ('API: task', api(WHOLE, task_state='spawning'), {'api task_state'}),
    (
        'allocated twice',
        making.change(
            WHOLE,
            allocation=making.change(
                WHOLE.allocation,
                providers={
                    PROVIDER: EXPECTED.resources,
                    'source': EXPECTED.resources,
                },
            ),
        ),
        {'allocation'},
    ),
    (
        'allocated on the source',
        making.change(
            WHOLE,
            allocation=making.change(
                WHOLE.allocation, providers={'source': EXPECTED.resources}
            ),
        ),
        {'allocation'},
    ),
    (
        'less allocated',
        making.change(
            WHOLE,
            allocation=making.change(
                WHOLE.allocation, providers={PROVIDER: {'VCPU': 1}}
            ),
        ),
        {'allocation'},
    ),
    (
        'nothing allocated',
        making.change(
            WHOLE, allocation=making.change(WHOLE.allocation, providers={})
        ),
        {'allocation'},
    ),
    ('no tombstone', making.change(WHOLE, migrations=()), {'tombstone'}),
    (
        'tombstone failed',
        making.change(WHOLE, migrations=(row('failed', 'kvm1', 'kvm2'),)),
        {'tombstone'},
    ),
    (
        'its own host would destroy it',
        making.change(
            WHOLE,
            migrations=(*WHOLE.migrations, row('done', 'kvm2', 'kvm1')),
        ),
        {'older tombstones'},
    ),
    (
        'its own host would destroy it: an accepted row',
        making.change(
            WHOLE,
            migrations=(*WHOLE.migrations, row('accepted', 'kvm2', 'kvm3')),
        ),
        {'older tombstones'},
    ),
    ('port gone', making.change(WHOLE, ports=()), {'port'}),
    ('port host', port(WHOLE, host='kvm1'), {'binding host'}),
    ('vif_type', port(WHOLE, vif_type='binding_failed'), {'vif_type'}),
    ('unbound', port(WHOLE, vif_type='unbound'), {'vif_type'}),
    ('owner', port(WHOLE, device_owner='compute:az9'), {'device_owner'}),
    (
        'a binding left at the source',
        port(WHOLE, bindings=(LEFT, ACTIVE)),
        {'bindings'},
    ),
    (
        'inactive',
        port(WHOLE, bindings=(making.change(ACTIVE, status='INACTIVE'),)),
        {'bindings'},
    ),
    (
        'mapping gone',
        making.change(WHOLE, mappings=WHOLE.mappings[1:]),
        {'mapping'},
    ),
    (
        'mapping of an attachment that is gone',
        mapping(WHOLE, attachment_id=OTHER),
        {'attachment'},
    ),
    (
        'mapping of no attachment',
        mapping(WHOLE, attachment_id=None),
        {'attachment'},
    ),
    (
        'mapping without connection_info',
        mapping(WHOLE, connection_digest=None),
        {'connection_info'},
    ),
    (
        'another device',
        mapping(WHOLE, device_name='/dev/vdz'),
        {'device'},
    ),
    (
        'mountpoint',
        attachment(WHOLE, mountpoint='na'),
        {'mountpoint'},
    ),
    ('volume', volume(WHOLE, status='reserved'), {'volume status'}),
    (
        'multiattach volume in error',
        volume(WHOLE, multiattach=True, status='error'),
        {'volume status'},
    ),
    (
        'volume gone',
        making.change(WHOLE, volumes=WHOLE.volumes[1:]),
        {'volume status'},
    ),
    (
        'attaching',
        attachment(WHOLE, status='attaching'),
        {'attachment status'},
    ),
    (
        'attached_host',
        attachment(WHOLE, attached_host='kvm1'),
        {'attached_host'},
    ),
    (
        'connector',
        attachment(WHOLE, connector={'host': 'kvm1'}),
        {'connector host'},
    ),
    ('no connector', attachment(WHOLE, connector=None), {'connector host'}),
    (
        'attachment of another volume',
        attachment(WHOLE, volume_id=OTHER),
        {'attachments', 'attachment volume'},
    ),
    (
        'the old attachment is there still',
        making.change(
            WHOLE,
            attachments=(
                *WHOLE.attachments,
                making.change(WHOLE.attachments[0], id=OTHER),
            ),
        ),
        {'attachments'},
    ),
)

#: what could not be read, and the check that says so
SILENCE: tuple[tuple[str, facts.Server, str], ...] = (
    (
        'nova',
        making.change(WHOLE, api=None, unknown=('api: no answer',)),
        'api',
    ),
    ('nova, unsaid', making.change(WHOLE, api=None), 'api'),
    (
        'placement',
        making.change(
            WHOLE, allocation=None, unknown=('allocation: no answer',)
        ),
        'allocation',
    ),
    (
        'neutron',
        making.change(WHOLE, ports=(), unknown=('ports: no answer',)),
        'ports',
    ),
    ('bindings', port(WHOLE, bindings=()), 'bindings'),
    (
        'cinder',
        making.change(
            WHOLE,
            attachments=(),
            volumes=(),
            unknown=('attachments: no answer', 'volumes: no answer'),
        ),
        'volumes',
    ),
)


class TestWhole(base.TestCase):
    def test_recorded_servers_are_whole_before(self) -> None:
        for name in builders.NAMES:
            server = builders.server(name)
            # an older move's tombstone is no defect of the server on kvm1
            self.assertEqual(
                [], wrong(server, whole.in_place(server, KVM1)), name
            )

    def test_recorded_servers_are_whole_after(self) -> None:
        for name in builders.NAMES:
            self.assertEqual([], wrong(moved(name), expected(name)), name)

    def test_the_recorded_leftover_is_seen(self) -> None:
        # neutron's binding at the source was not deleted when this was
        # recorded; it blocks a move back.
        server = builders.server('volume-backed', 'returned')

        self.assertEqual(
            [('bindings', results.Verdict.WRONG)], wrong(server, EXPECTED)
        )

    def test_every_defect_is_seen_and_nothing_else(self) -> None:
        for name, server, seen in DEFECTS:
            found = wrong(server, EXPECTED)
            self.assertEqual(seen, {check for check, _ in found}, name)
            self.assertEqual(
                {results.Verdict.WRONG}, {v for _, v in found}, name
            )

    def test_what_was_found_is_shown_beside_what_was_expected(self) -> None:
        server = making.change(
            WHOLE, vm_state='error', task_state='spawning', compute_id=None
        )
        shown = {
            check.name: (check.expected, check.found, check.where)
            for check in whole.check(server, EXPECTED)
        }

        self.assertEqual(
            ('active', 'error', 'cell database'), shown['vm_state']
        )
        self.assertEqual(
            ('none', 'spawning', 'cell database'), shown['task_state']
        )
        self.assertEqual(('8', 'none', 'cell database'), shown['compute_id'])
        self.assertEqual(
            ('none', 'none', 'migrations'), shown['older tombstones']
        )
        self.assertEqual('{"', shown['allocation'][0][:2])

    def test_every_check_has_a_defect(self) -> None:
        made = {c.name for c in whole.check(WHOLE, EXPECTED)}
        seen = {check for _, _, checks in DEFECTS for check in checks}

        self.assertEqual(set(), made - seen)

    def test_what_was_not_read_is_unknown(self) -> None:
        for name, server, check in SILENCE:
            self.assertEqual(
                [(check, results.Verdict.UNKNOWN)],
                wrong(server, EXPECTED),
                name,
            )

    def test_cinder_has_no_say_in_a_server_without_volumes(self) -> None:
        silent = ('attachments: no answer', 'volumes: no answer')
        server = making.change(moved('stopped'), unknown=silent)
        lost = making.change(WHOLE, mappings=(), unknown=silent)

        self.assertEqual([], wrong(server, expected('stopped')))
        self.assertEqual(
            [('volumes', results.Verdict.UNKNOWN)], wrong(lost, EXPECTED)
        )

    def test_another_server_of_a_multiattach_volume_comes(self) -> None:
        server = volume(WHOLE, multiattach=True, status='reserved')
        self.assertEqual([], wrong(server, EXPECTED))

    def test_a_stopped_server_has_no_power_state_or_is_off(self) -> None:
        for state, right in ((0, True), (4, True), (1, False), (None, False)):
            server = making.change(moved('stopped'), power_state=state)
            found = wrong(server, expected('stopped'))
            self.assertEqual(right, found == [], str(state))

    def test_a_paused_server_is_whole_where_it_is(self) -> None:
        server = builders.server(
            'stopped', vm_state='paused', power_state=3, api=None
        )
        found = wrong(server, whole.in_place(server, KVM1))

        self.assertEqual([('api', results.Verdict.UNKNOWN)], found)

    def test_a_device_that_nova_never_named(self) -> None:
        before = builders.server('volume-backed')
        nameless = mapping(before, device_name=None)
        wanted = whole.relocated(nameless, KVM1, KVM2, running=True)

        self.assertEqual([], wrong(mapping(WHOLE, device_name=None), wanted))

    def test_an_old_tombstone_does_not_stand_for_the_new_one(self) -> None:
        before = builders.server(
            'volume-backed', migrations=(row('completed', 'kvm1', 'kvm2'),)
        )
        wanted = whole.settled(
            whole.relocated(before, KVM1, KVM2, running=True)
        )
        once = making.change(WHOLE, migrations=before.migrations)
        twice = making.change(
            WHOLE,
            migrations=(
                *before.migrations,
                making.change(row('done', 'kvm1', 'kvm2'), id=100),
            ),
        )

        self.assertEqual(
            [('tombstone', results.Verdict.WRONG)], wrong(once, wanted)
        )
        self.assertEqual([], wrong(twice, wanted))

    def test_our_lock_is_not_looked_at_while_it_has_to_be_there(
        self,
    ) -> None:
        during = whole.relocated(
            builders.server('volume-backed'), KVM1, KVM2, running=True
        )
        server = making.change(WHOLE, locked=True)

        self.assertEqual([], wrong(server, during))
        self.assertEqual(
            [('locked', results.Verdict.WRONG)],
            wrong(server, whole.settled(during)),
        )

    def test_a_port_that_came_since_has_to_be_bound_as_well(self) -> None:
        stray = making.change(WHOLE.ports[0], id='new', host='kvm1')
        server = making.change(WHOLE, ports=(*WHOLE.ports, stray))

        self.assertEqual(
            [('binding host', results.Verdict.WRONG)],
            wrong(server, EXPECTED),
        )


class TestOverall(base.TestCase):
    def test_verdicts(self) -> None:
        ok, bad, dark = (
            results.Check('x', verdict)
            for verdict in (
                results.Verdict.OK,
                results.Verdict.WRONG,
                results.Verdict.UNKNOWN,
            )
        )
        for checks, verdict in (
            ((ok, ok), results.Verdict.OK),
            ((ok, bad), results.Verdict.WRONG),
            ((ok, dark), results.Verdict.UNKNOWN),
            ((dark, bad), results.Verdict.WRONG),
            ((), results.Verdict.UNKNOWN),
        ):
            self.assertEqual(verdict, whole.overall(checks))

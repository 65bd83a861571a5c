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

"""What ``plan show --commands`` prints."""

from unittest import mock

from osc_recovery.model import fencing
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning import choice as choices
from osc_recovery.planning import commands
from osc_recovery.planning import fence
from osc_recovery.planning import relocate
from osc_recovery.planning import text
from osc_recovery.steps import registry
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

UUID = 'cff3e96f-1c64-4e04-b999-1664f5e5f69d'
PORT = 'c2674612-a295-471f-860c-06d8af9faaff'
NO_LOSS = fencing.Radius((), 3, 5, 0.25, 3600)
CHOICE = choices.Choice(targets=('kvm2',))
_METHODS = ('GET', 'POST', 'PUT', 'DELETE')
#: what must be sent, in this order, reads aside
WRITES = (
    f'nova POST /servers/{UUID}/action {{"lock":',
    f'placement PUT /allocations/{UUID} ',
    f'neutron POST /v2.0/ports/{PORT}/bindings ',
    'UPDATE instances SET host = \'kvm2\'',
    'INSERT INTO migrations',
    'COMMIT',
    'cinder POST /attachments ',
    'UPDATE block_device_mapping SET attachment_id',
    'cinder DELETE /attachments/d9c4e516-3755-4ccd-84c7-438a200536d0',
    'cinder PUT /attachments/<new>',
    'UPDATE block_device_mapping SET connection_info',
    'os-complete',
    'cinder DELETE /attachments/600facbf-7465-43c6-a92c-b077bd5acf79',
    f'neutron PUT /v2.0/ports/{PORT}/bindings/kvm2/activate',
    f'neutron DELETE /v2.0/ports/{PORT}/bindings/kvm1',
    'os-start',
    f'nova POST /servers/{UUID}/action {{"unlock": null}}',
)


def lines(plan: plans.Plan) -> list[str]:
    """The commands alone."""
    return [line.command for line in commands.describe(plan)]


class TestDescribe(base.TestCase):
    def test_writes_are_in_order(self) -> None:
        sent = lines(relocate.plan(making.one(), CHOICE, 'now'))
        place = 0
        for wanted in WRITES:
            found = [n for n, line in enumerate(sent) if wanted in line]
            later = [n for n in found if n >= place]
            self.assertTrue(later, wanted)
            place = later[0] + 1

    def test_the_row_is_compared_with_the_values_of_the_plan(self) -> None:
        plan = relocate.plan(
            making.one(task_state='rebooting', api=None),
            choices.Choice(
                targets=('kvm2',), accept=frozenset({'task-pending'})
            ),
            'now',
        )
        (update,) = [x for x in lines(plan) if 'UPDATE instances' in x]

        self.assertTrue(
            update.endswith(
                f"WHERE uuid = '{UUID}' AND deleted = 0 AND host = 'kvm1' "
                "AND node = 'kvm1' AND vm_state = 'active' AND task_state = "
                "'rebooting'"
            )
        )

    def test_rows_name_server_and_step(self) -> None:
        first = commands.describe(relocate.plan(making.one(), CHOICE, 'now'))[
            0
        ]

        self.assertEqual(('sm-k-bfv', 'lock'), first[:2])

    def test_a_server_that_is_left_out_sends_nothing(self) -> None:
        cloud = making.one(vm_state='rescued', api=None)

        self.assertEqual([], lines(relocate.plan(cloud, CHOICE, 'now')))

    def test_without_the_role(self) -> None:
        cloud = making.change(making.target(zone='az2'), stage_bindings=False)
        sent = lines(relocate.plan(cloud, CHOICE, 'now'))

        self.assertIn(
            f'neutron PUT /v2.0/ports/{PORT} {{"port": {{"binding:host_id": '
            '"kvm2", "device_owner": "compute:az2"}}',
            sent,
        )
        self.assertFalse([x for x in sent if 'activate' in x])

    def test_the_owner_follows_the_zone(self) -> None:
        wanted = (
            f'neutron PUT /v2.0/ports/{PORT} {{"port": {{"device_owner": '
            '"compute:az2"}}'
        )
        moved = relocate.plan(making.target(zone='az2'), CHOICE, 'now')
        stays = relocate.plan(making.one(), CHOICE, 'now')

        self.assertIn(wanted, lines(moved))
        self.assertFalse([x for x in lines(stays) if 'device_owner' in x])

    def test_secrets_are_masked(self) -> None:
        secret = {'host': 'kvm2', 'auth_password': 'chap'}
        sent = lines(
            relocate.plan(making.target(connector=secret), CHOICE, 'now')
        )

        self.assertTrue([x for x in sent if text.MASK in x])
        self.assertFalse([x for x in sent if 'chap' in x])

    def test_no_more_than_25_api_calls_a_server(self) -> None:
        for name in ('image-backed', 'volume-backed'):
            server = builders.server(name)
            one_volume = making.one(name, mappings=server.mappings[-1:])
            sent = lines(relocate.plan(one_volume, CHOICE, 'now'))
            calls = [line for line in sent if line.split()[1] in _METHODS]
            self.assertGreater(len(calls), 15, name)
            self.assertLessEqual(len(calls), 25, name)

    def test_a_fence(self) -> None:
        host = builders.host('kvm1')
        service = host.service.uuid
        wish = fence.Wish('BMC says off')
        sent = lines(fence.plan(host, wish, NO_LOSS, 'ops', 'now'))

        self.assertEqual(
            [
                f'nova PUT /os-services/{service} {{"forced_down": true}}',
                f'nova PUT /os-services/{service} {{"status": "disabled", '
                '"disabled_reason": "osc-recovery <run> ops"}',
            ],
            [line for line in sent if ' GET ' not in line],
        )

    def test_a_fence_by_an_agent(self) -> None:
        host = builders.host('kvm1')
        options = {'ip': '192.0.2.1', 'password': '***'}
        agent = fencing.AgentFacts('ipmi', 'fence_ipmilan', options, 'on', '')
        sent = lines(
            fence.plan(host, fence.Wish(), NO_LOSS, 'ops', 'now', agent=agent)
        )

        self.assertEqual(
            [
                'fence_ipmilan <<< "action=status ip=192.0.2.1 password=***"',
                'fence_ipmilan <<< "action=off ip=192.0.2.1 '
                'password=***" (unless it is off)',
                'fence_ipmilan <<< "action=status ip=192.0.2.1 '
                'password=***" (until it is off)',
            ],
            sent[:3],
        )
        self.assertIn('forced_down', sent[4])

    def test_every_kind_of_step_has_its_words(self) -> None:
        known = set(registry.registry({}, None, mock.Mock(), mock.MagicMock()))
        planned = {
            spec.kind
            for name in builders.NAMES
            for server in relocate.plan(
                making.one(name), CHOICE, 'now'
            ).servers
            for spec in server.steps
        }

        self.assertEqual(set(), (known | planned) - commands.KINDS)

    def test_an_unknown_kind_is_an_error(self) -> None:
        plan = relocate.plan(making.one(), CHOICE, 'now')
        server = making.change(
            plan.servers[0], steps=(steps.StepSpec('levitate', {}),)
        )
        plan = making.change(plan, servers=(server,))

        self.assertRaises(KeyError, commands.describe, plan)


class TestText(base.TestCase):
    def test_sql(self) -> None:
        for value, shown in (
            (None, 'NULL'),
            (7, '7'),
            (True, '1'),
            ("O'Brien", "'O''Brien'"),
        ):
            self.assertEqual(shown, text.sql(value))

    def test_null_is_compared_with_is(self) -> None:
        self.assertEqual('task_state IS NULL', text.equals('task_state', None))
        self.assertEqual("host = 'a'", text.equals('host', 'a'))

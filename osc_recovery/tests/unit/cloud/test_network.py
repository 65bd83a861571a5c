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

"""neutron's adapter against recorded replies."""

from osc_recovery.cloud import errors
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.tests.unit.cloud import base

_PORT = f'{base.NEUTRON}/v2.0/ports/p'
_BINDINGS = f'{_PORT}/bindings'
_TARGET = f'{_BINDINGS}/kvm1'


class TestReading(base.CloudTestCase):
    """With the operator's credentials."""

    def test_ports(self) -> None:
        port = self.reply('port')
        self.mock.get(f'{base.NEUTRON}/v2.0/ports', json={'ports': [port]})
        server = port['device_id']
        found = self.clouds.network.ports([server, 'none'])
        self.assertEqual(
            {
                server: (
                    facts.Port(
                        id=port['id'],
                        device_owner='compute:nova',
                        host='compute2',
                        vif_type='ovs',
                        vnic_type='normal',
                        status='DOWN',
                    ),
                ),
                'none': (),
            },
            found,
        )
        self.assertEqual(
            [server, 'none'], self.mock.last_request.qs['device_id']
        )
        self.assertEqual(
            'token-of-operator',
            self.mock.last_request.headers['X-Auth-Token'],
        )

    def test_ports_in_pages_and_chunks(self) -> None:
        port = self.reply('port')
        server = port['device_id']
        page = {'ports': [port], 'ports_links': [{'rel': 'next'}]}
        self.mock.get(
            f'{base.NEUTRON}/v2.0/ports',
            [
                {'json': page},
                {'json': page},
                {'json': {'ports': [port]}},
                {'json': {'ports': []}},
            ],
        )
        uuids = [server, *(str(n) for n in range(60))]
        found = self.clouds.network.ports(uuids)
        self.assertEqual(3, len(found[server]))
        self.assertEqual(61, len(found))
        calls = self.calls()
        self.assertEqual(4, len(calls))
        for call in calls[1:3]:
            self.assertEqual(1, call.count(f'&marker={port["id"]}'))

    def test_ports_with_bindings(self) -> None:
        port = {**self.reply('port'), 'id': 'p', 'resource_request': {'r': 1}}
        self.mock.get(f'{base.NEUTRON}/v2.0/ports', json={'ports': [port]})
        self.mock.get(_BINDINGS, json=self.reply('bindings'))
        server = port['device_id']
        (found,) = self.clouds.network.ports([server], True)[server]
        self.assertEqual(['kvm1', 'kvm2'], [b.host for b in found.bindings])
        self.assertTrue(found.has_resource_request)

    def test_agents(self) -> None:
        self.mock.get(
            f'{base.NEUTRON}/v2.0/agents?host=compute3',
            json={'agents': self.reply('agents')},
        )
        self.assertEqual(
            (
                facts.Agent(
                    name='neutron-openvswitch-agent',
                    host='compute3',
                    heartbeat='2026-11-22 15:57:01',
                    alive=True,
                ),
            ),
            self.clouds.network.agents('compute3'),
        )

    def test_servers_bound(self) -> None:
        """Ports of routers and DHCP servers are nobody's copy."""
        port = self.reply('port')
        self.mock.get(
            f'{base.NEUTRON}/v2.0/ports?binding:host_id=kvm1',
            json={
                'ports': [
                    port,
                    {**port, 'device_id': 'r', 'device_owner': 'network:dhcp'},
                ]
            },
        )
        self.assertEqual(
            {port['device_id']}, self.clouds.network.servers_bound('kvm1')
        )

    def test_agent_ids(self) -> None:
        (agent,) = self.reply('agents')
        self.mock.get(
            f'{base.NEUTRON}/v2.0/agents?host=compute3',
            json={
                'agents': [
                    {**agent, 'id': 'a1'},
                    {'id': 'a2', 'agent_type': 'DHCP agent'},
                ]
            },
        )
        self.assertEqual(
            {
                'a1': ('neutron-openvswitch-agent', '2026-11-22 15:57:01'),
                'a2': ('DHCP agent', None),
            },
            self.clouds.network.agent_ids('compute3'),
        )
        for status in (204, 404):
            self.mock.delete(
                f'{base.NEUTRON}/v2.0/agents/a2', status_code=status
            )
            self.clouds.network.delete_agent('a2')

    def test_binding(self) -> None:
        self.mock.get(_BINDINGS, json=self.reply('bindings'))
        self.assertEqual(
            facts.PortBinding('kvm1', 'INACTIVE', 'tap', 'normal'),
            self.clouds.network.binding('p', 'kvm1'),
        )
        self.assertIsNone(self.clouds.network.binding('p', 'kvm3'))


class TestStaging(base.CloudTestCase):
    """With the credentials of the role service."""

    def test_create(self) -> None:
        self.mock.post(
            _BINDINGS, status_code=201, json=self.reply('binding_created')
        )
        self.assertTrue(self.clouds.network.can_stage)
        self.assertEqual(
            'tap', self.clouds.network.create_binding('p', 'kvm1', 'normal')
        )
        sent = self.mock.last_request
        self.assertEqual(
            {'binding': {'host': 'kvm1', 'vnic_type': 'normal'}}, sent.json()
        )
        self.assertEqual('token-of-nova', sent.headers['X-Auth-Token'])

    def test_create_existing(self) -> None:
        self.mock.post(_BINDINGS, **self.error('exists'))
        self.mock.get(_BINDINGS, json=self.reply('bindings'))
        self.assertEqual(
            'tap', self.clouds.network.create_binding('p', 'kvm1', 'normal')
        )

    def test_create_conflict_of_another_kind(self) -> None:
        self.mock.post(_BINDINGS, **self.error('exists'))
        self.mock.get(_BINDINGS, json={'bindings': []})
        self.assertRaises(
            errors.Refused,
            self.clouds.network.create_binding,
            'p',
            'kvm1',
            'normal',
        )

    def test_create_fails(self) -> None:
        cases = (
            ('no_agent', 'binding-failed', 'agent list --host kvm1'),
            ('internal', 'network-unavailable', 'answered 500'),
            ('no_role', 'service-role-missing', 'lacks the role service'),
        )
        for name, cause, text in cases:
            self.mock.post(_BINDINGS, **self.error(name))
            error = self.assertRaises(
                exceptions.StepFailed,
                self.clouds.network.create_binding,
                'p',
                'kvm1',
                'normal',
            )
            self.assertEqual(cause, error.cause)
            self.assertIn(text, str(error))
            self.assertEqual(
                name != 'no_role', self.clouds.network.can_stage, name
            )

    def test_activate(self) -> None:
        self.mock.put(_TARGET + '/activate', json=self.reply('bindings'))
        for body in (
            {'host': 'kvm1', 'vif_type': 'ovs'},
            {'binding': {'host': 'kvm1', 'vif_type': 'ovs'}},
        ):
            self.mock.put(_TARGET + '/activate', json=body)
            self.assertEqual(
                'ovs', self.clouds.network.activate_binding('p', 'kvm1')
            )

    def test_activate_again(self) -> None:
        self.mock.put(_TARGET + '/activate', **self.error('active'))
        self.mock.get(_BINDINGS, json=self.reply('bindings'))
        self.assertEqual(
            'tap', self.clouds.network.activate_binding('p', 'kvm1')
        )

    def test_activate_conflict_of_another_kind(self) -> None:
        self.mock.put(_TARGET + '/activate', **self.error('exists'))
        self.assertRaises(
            errors.Refused, self.clouds.network.activate_binding, 'p', 'kvm1'
        )

    def test_activate_absent(self) -> None:
        self.mock.put(_TARGET + '/activate', **self.error('absent'))
        error = self.assertRaises(
            errors.Refused, self.clouds.network.activate_binding, 'p', 'kvm1'
        )
        self.assertEqual(404, error.status)

    def test_delete(self) -> None:
        self.mock.delete(_TARGET, status_code=204)
        self.clouds.network.delete_binding('p', 'kvm1')
        self.mock.delete(_TARGET, **self.error('absent'))
        self.clouds.network.delete_binding('p', 'kvm1')
        self.assertEqual([f'DELETE {_TARGET}'] * 2, self.calls())

    def test_set_host(self) -> None:
        self.mock.put(_PORT, json={'port': self.reply('port')})
        network = self.clouds.network
        self.assertEqual('ovs', network.set_host('p', 'kvm1'))
        self.assertEqual(
            {'port': {'binding:host_id': 'kvm1'}},
            self.mock.last_request.json(),
        )
        network.set_host('p', 'kvm1', 'compute:az2')
        self.assertEqual(
            {
                'port': {
                    'binding:host_id': 'kvm1',
                    'device_owner': 'compute:az2',
                }
            },
            self.mock.last_request.json(),
        )
        network.set_owner('p', 'compute:az2')
        self.assertEqual(
            {'port': {'device_owner': 'compute:az2'}},
            self.mock.last_request.json(),
        )

    def test_set_host_beside_a_leftover(self) -> None:
        self.mock.put(_PORT, **self.error('internal'))
        self.assertRaises(
            errors.CloudUnavailable,
            self.clouds.network.set_host,
            'p',
            'kvm1',
        )


class TestWithoutRole(base.CloudTestCase):
    """nova.conf holds no credentials."""

    service_role = False

    def test_cannot_stage(self) -> None:
        network = self.clouds.network
        self.assertFalse(network.can_stage)
        for ask in (
            lambda: network.create_binding('p', 'kvm1', 'normal'),
            lambda: network.activate_binding('p', 'kvm1'),
            lambda: network.delete_binding('p', 'kvm1'),
        ):
            error = self.assertRaises(exceptions.StepFailed, ask)
            self.assertEqual('service-role-missing', error.cause)
            self.assertIn('[nova] config_files', str(error))
        self.assertEqual([], self.calls())

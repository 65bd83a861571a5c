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

"""placement's adapter against recorded replies."""

from osc_recovery.cloud import errors
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.tests.unit.cloud import base

_SOURCE = '3688d200-76ce-4c69-8f7b-de9c24147f30'
_CONSUMER = f'{base.PLACEMENT}/allocations/c'


def _conflict(code: str) -> dict[str, object]:
    return {
        'status_code': 409,
        'json': {
            'errors': [
                {
                    'status': 409,
                    'title': 'Conflict',
                    'detail': 'it cannot be\n\n ',
                    'code': code,
                }
            ]
        },
    }


class TestPlacement(base.CloudTestCase):
    """Each method: what is sent, what comes back."""

    def allocation(self) -> facts.Allocation:
        return facts.Allocation(
            consumer='c',
            generation=1,
            project_id='db189e70a693488b8b28d7ef368e762b',
            user_id='18ae876ea6b04a07b31bdaca7fc28afb',
            providers={_SOURCE: {'MEMORY_MB': 64, 'VCPU': 1}},
        )

    def test_provider(self) -> None:
        self.mock.get(
            f'{base.PLACEMENT}/resource_providers?name=compute2',
            json={'resource_providers': self.reply('provider')},
        )
        path = f'{base.PLACEMENT}/resource_providers/{_SOURCE}'
        self.mock.get(f'{path}/inventories', json=self.reply('inventories'))
        self.mock.get(f'{path}/traits', json=self.reply('traits'))
        self.mock.get(f'{path}/usages', json={'usages': {'VCPU': 3}})
        self.mock.get(f'{path}/aggregates', json={'aggregates': ['b', 'a']})
        found = self.clouds.placement.provider(name='compute2')
        self.assertEqual(
            facts.Provider(
                uuid=_SOURCE,
                name='compute2',
                generation=46,
                capacity={
                    'VCPU': 4000,
                    'MEMORY_MB': 799488,
                    'DISK_GB': 600000,
                },
                used={'VCPU': 3},
                max_unit={
                    'VCPU': 1000,
                    'MEMORY_MB': 800000,
                    'DISK_GB': 600000,
                },
                traits=tuple(sorted(self.reply('traits')['traits'])),
                aggregates=('a', 'b'),
            ),
            found,
        )
        headers = self.mock.last_request.headers
        self.assertEqual('placement 1.36', headers['OpenStack-API-Version'])

    def test_no_provider(self) -> None:
        self.mock.get(
            f'{base.PLACEMENT}/resource_providers?uuid=u',
            json={'resource_providers': []},
        )
        self.assertIsNone(self.clouds.placement.provider(uuid='u'))

    def test_allocation(self) -> None:
        self.mock.get(_CONSUMER, json=self.reply('allocation'))
        self.assertEqual(
            self.allocation(), self.clouds.placement.allocation('c')
        )

    def test_no_allocation(self) -> None:
        self.mock.get(_CONSUMER, json={'allocations': {}})
        self.assertEqual(
            facts.Allocation('c', None, '', '', {}),
            self.clouds.placement.allocation('c'),
        )

    def test_host_allocations(self) -> None:
        self.mock.get(
            f'{base.PLACEMENT}/resource_providers/p/allocations',
            json={'allocations': {'c': {'resources': {'VCPU': 1}}}},
        )
        self.assertEqual(
            {'c': {'VCPU': 1}}, self.clouds.placement.host_allocations('p')
        )

    def test_traits(self) -> None:
        self.mock.get(
            f'{base.PLACEMENT}/resource_providers/p/traits',
            json={'traits': ['A', 'B']},
        )
        self.assertEqual({'A', 'B'}, self.clouds.placement.traits('p'))

    def test_delete_provider(self) -> None:
        url = f'{base.PLACEMENT}/resource_providers/p'
        for status in (204, 404):
            self.mock.delete(url, status_code=status)
            self.clouds.placement.delete_provider('p')
        self.mock.delete(url, status_code=409)
        self.assertRaises(
            errors.Refused, self.clouds.placement.delete_provider, 'p'
        )

    def test_put(self) -> None:
        self.mock.put(_CONSUMER, status_code=204)
        self.clouds.placement.put_allocation(self.allocation())
        self.assertEqual(
            {
                'allocations': {
                    _SOURCE: {'resources': {'MEMORY_MB': 64, 'VCPU': 1}}
                },
                'consumer_generation': 1,
                'project_id': 'db189e70a693488b8b28d7ef368e762b',
                'user_id': '18ae876ea6b04a07b31bdaca7fc28afb',
            },
            self.mock.last_request.json(),
        )
        headers = self.mock.last_request.headers
        self.assertEqual('placement 1.36', headers['OpenStack-API-Version'])

    def test_put_conflicts(self) -> None:
        cases = (
            ('placement.concurrent_update', 'placement-conflict'),
            ('placement.undefined_code', 'no-capacity'),
        )
        for code, cause in cases:
            self.mock.put(_CONSUMER, **_conflict(code))
            error = self.assertRaises(
                exceptions.StepFailed,
                self.clouds.placement.put_allocation,
                self.allocation(),
            )
            self.assertEqual(cause, error.cause)
            self.assertEqual(
                'placement refused to allocate to server c (409: it cannot '
                'be)',
                str(error),
            )

    def test_candidates(self) -> None:
        self.mock.get(
            f'{base.PLACEMENT}/allocation_candidates',
            json={
                'allocation_requests': [
                    {'allocations': {'b': {}}},
                    {'allocations': {'a': {}, 'b': {}}},
                ]
            },
        )
        ask = self.clouds.placement.candidates
        self.assertEqual(('b', 'a'), ask({'VCPU': 1, 'MEMORY_MB': 64}))
        self.assertEqual(
            {'resources': ['memory_mb:64,vcpu:1']}, self.mock.last_request.qs
        )
        ask({'VCPU': 1}, ['T2', '!T1'], in_tree='r', limit=1)
        self.assertEqual(
            {
                'resources': ['vcpu:1'],
                'required': ['!t1,t2'],
                'in_tree': ['r'],
                'limit': ['1'],
            },
            self.mock.last_request.qs,
        )

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

"""placement's API: providers, allocations and allocation candidates."""

from collections.abc import Iterable
from typing import Any
import urllib.parse

import requests

from osc_recovery.cloud import errors
from osc_recovery.cloud import wire
from osc_recovery import exceptions
from osc_recovery.model import facts

#: The highest without consumer types: from 1.38 on a GET may answer the
#: type "unknown", which a PUT does not accept.
MICROVERSION = '1.36'
_CONCURRENT = 'placement.concurrent_update'

Json = dict[str, Any]


class Placement:
    """placement's API with the operator's credentials.

    Every method raises CloudUnavailable when placement does not work and
    Refused (a StepFailed) when it says no.
    """

    def __init__(self, connection: wire.Wire) -> None:
        self._wire = connection

    def provider(
        self, name: str | None = None, uuid: str | None = None
    ) -> facts.Provider | None:
        """A provider by its name (a node's) or uuid; None: not there.

        Five calls.  Capacity is (total - reserved) x allocation ratio, as
        placement computes it.
        """
        query = {'name': name} if name is not None else {'uuid': uuid or ''}
        rows = self._get('/resource_providers', **query)['resource_providers']
        if not rows:
            return None
        uuid = rows[0]['uuid']
        path = f'/resource_providers/{uuid}'
        stock = self._get(f'{path}/inventories')['inventories']
        return facts.Provider(
            uuid=uuid,
            name=rows[0]['name'],
            generation=rows[0]['generation'],
            capacity={key: _capacity(item) for key, item in stock.items()},
            used=self._get(f'{path}/usages')['usages'],
            max_unit={key: item['max_unit'] for key, item in stock.items()},
            traits=tuple(sorted(self._get(f'{path}/traits')['traits'])),
            aggregates=tuple(
                sorted(self._get(f'{path}/aggregates')['aggregates'])
            ),
        )

    def allocation(self, consumer: str) -> facts.Allocation:
        """What is allocated to a server; no providers: nothing is."""
        body = self._get(f'/allocations/{consumer}')
        return facts.Allocation(
            consumer=consumer,
            generation=body.get('consumer_generation'),
            project_id=body.get('project_id', ''),
            user_id=body.get('user_id', ''),
            providers={
                provider: dict(item['resources'])
                for provider, item in body['allocations'].items()
            },
        )

    def traits(self, provider: str) -> frozenset[str]:
        """The traits of a provider."""
        path = f'/resource_providers/{provider}/traits'
        return frozenset(self._get(path)['traits'])

    def delete_provider(self, provider: str) -> None:
        """Delete a provider; gone is fine.

        placement refuses (409) while anybody has something allocated there.
        """
        path = f'/resource_providers/{provider}'
        self._wire.call(
            'DELETE',
            path,
            f'delete {path}',
            allow=(404,),
            microversion=MICROVERSION,
        )

    def host_allocations(self, provider: str) -> dict[str, dict[str, int]]:
        """What is allocated from a provider, by consumer."""
        path = f'/resource_providers/{provider}/allocations'
        return {
            consumer: dict(item['resources'])
            for consumer, item in self._get(path)['allocations'].items()
        }

    def put_allocation(self, allocation: facts.Allocation) -> None:
        """Replace the whole allocation of a server, in one transaction.

        Raises StepFailed with the cause 'placement-conflict' when the
        allocation has changed since its generation was read (read it again,
        then decide), and 'no-capacity' when a provider has no room.
        """
        what = f'allocate to server {allocation.consumer}'
        response = self._wire.call(
            'PUT',
            f'/allocations/{allocation.consumer}',
            what,
            allow=(409,),
            microversion=MICROVERSION,
            json={
                'allocations': {
                    provider: {'resources': resources}
                    for provider, resources in allocation.providers.items()
                },
                'consumer_generation': allocation.generation,
                'project_id': allocation.project_id,
                'user_id': allocation.user_id,
            },
        )
        if response.status_code == 409:
            raise _conflict(response, what)

    def candidates(
        self,
        resources: dict[str, int],
        required: Iterable[str] = (),
        in_tree: str | None = None,
        limit: int | None = None,
    ) -> tuple[str, ...]:
        """The providers on which the resources fit, in placement's order.

        ``required`` are traits, '!TRAIT' for forbidden ones; ``in_tree``
        restricts the answer to one provider.
        """
        wanted = ','.join(f'{k}:{n}' for k, n in sorted(resources.items()))
        query = {'resources': wanted}
        if traits := ','.join(sorted(required)):
            query['required'] = traits
        if in_tree is not None:
            query['in_tree'] = in_tree
        if limit is not None:
            query['limit'] = str(limit)
        body = self._get('/allocation_candidates', **query)
        return tuple(
            dict.fromkeys(
                provider
                for request in body['allocation_requests']
                for provider in request['allocations']
            )
        )

    def _get(self, path: str, **query: str) -> Json:
        url = f'{path}?{urllib.parse.urlencode(query)}' if query else path
        answer = self._wire.call(
            'GET', url, f'read {path}', microversion=MICROVERSION
        )
        body: Json = answer.json()
        return body


def _capacity(item: Json) -> int:
    free = item['total'] - item['reserved']
    return int(free * item['allocation_ratio'])


def _conflict(response: requests.Response, what: str) -> exceptions.StepFailed:
    why = errors.reason(response)
    if errors.code(response) == _CONCURRENT:
        return errors.refused(
            'placement', what, 409, why, 'placement-conflict'
        )
    return errors.refused('placement', what, 409, why, 'no-capacity')

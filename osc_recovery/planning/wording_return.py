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

"""The calls and statements of a host's return as text."""

# Nothing here is sent to a database: these are sentences for people.
# ruff: noqa: S608

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from osc_recovery.planning import text

Params = dict[str, Any]
Lines = Iterator[str]

_SERVICES = 'nova GET /os-services?binary=nova-compute'
_QUEUES = ('compute', 'compute-alt')


def _rows(host: str, params: Params) -> Lines:
    cell = f'cell {params["cell"]}'
    yield f'{cell}: BEGIN'
    for row in params['changes']:
        yield (
            f'{cell}: UPDATE migrations SET status = '
            f'{text.sql(row["status"])}, source_node = '
            f'{text.sql(row["source_node"])}, updated_at = <now> WHERE id = '
            f'{row["id"]} AND status = <as read> AND source_node = <as read>'
        )
    for row in params['burials']:
        yield (
            f'{cell}: INSERT INTO migrations (uuid, instance_uuid, '
            'migration_type, status, source_compute, source_node, '
            f"dest_compute, ...) VALUES ('<new>', {text.sql(row['server'])}, "
            f"'evacuation', 'done', {text.sql(row['source']['host'])}, "
            f'{text.sql(row["source"]["node"])}, '
            f'{text.sql(row["target"]["host"])}, ...)'
        )
    yield f'{cell}: COMMIT'


def _purge(host: str, params: Params) -> Lines:
    broker = f'broker of cell {params["cell"]}'
    for topic in _QUEUES:
        queue = f'{topic}.{host}'
        yield f'{broker}: queue.declare {queue} (passive)'
        yield f'{broker}: basic.get and basic.ack {queue} (until it is empty)'


def _await(host: str, params: Params) -> Lines:
    cell = f'cell {params["cell"]}'
    yield f'(start nova-compute on {host}, within {params["wait"]} s)'
    yield (
        f'{cell}: SELECT last_seen_up, report_count FROM services WHERE '
        f"host = {text.sql(host)} AND binary = 'nova-compute' (until it "
        'reports)'
    )
    yield (
        f'{cell}: SELECT id FROM migrations WHERE source_compute = '
        f"{text.sql(host)} AND migration_type = 'evacuation' AND status IN "
        "('accepted', 'pre-migrating', 'done') (until there is none)"
    )


def _up(host: str, params: Params) -> Lines:
    yield _SERVICES
    body = text.json({'forced_down': False})
    yield f'nova PUT /os-services/{params["service"]} {body}'
    yield f'{_SERVICES} (until it is up)'


def _enable(host: str, params: Params) -> Lines:
    yield _SERVICES
    body = text.json({'status': 'enabled'})
    yield f'nova PUT /os-services/{params["service"]} {body}'
    yield (
        f'placement GET /resource_providers/{params["provider"]}/traits '
        '(until COMPUTE_STATUS_DISABLED is gone)'
    )


def _verify(host: str, params: Params) -> Lines:
    yield _SERVICES
    provider = params['provider']
    yield f'placement GET /resource_providers/{provider}/allocations'
    yield f'placement GET /resource_providers/{provider}/traits'
    yield f'neutron GET /v2.0/ports?binding:host_id={host}'
    yield f'broker of cell {params["cell"]}: queue.declare (passive)'


def _release(host: str, params: Params) -> Lines:
    yield f'journal: the fence of {host} ends'


WORDING: Mapping[str, Callable[[str, Params], Lines]] = {
    'return-rows': _rows,
    'return-purge': _purge,
    'return-await': _await,
    'return-up': _up,
    'return-enable': _enable,
    'return-verify': _verify,
    'return-release': _release,
}

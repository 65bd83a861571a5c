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

"""Writes into the databases what depends on this sandbox alone.

Users, passwords and endpoints into keystone's, cell and host mappings into
nova's; both before any service is started.
"""

import base64
import concurrent.futures
import json
import pathlib
import secrets
from typing import Any

from osc_recovery.sandbox import configuration as configurations
from osc_recovery.sandbox import endpoints
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states
from osc_recovery.sandbox import supervisor as supervisors

MEMBER = 'demo'
"""The user and the project that own the servers."""

SERVICE_USERS = ('cinder', 'glance', 'neutron', 'nova', 'placement')


def identity_plan(
    state: states.State, config_file: pathlib.Path
) -> dict[str, Any]:
    """What services/identity.py writes."""
    services = [
        {
            'name': endpoint.name,
            'type': kind,
            'url': endpoints.url(endpoint, state.ports),
        }
        for endpoint in endpoints.ALL
        if endpoint is not endpoints.IDENTITY
        for kind in endpoint.kinds
    ]
    return {
        'config_file': str(config_file),
        'identity_url': endpoints.url(endpoints.IDENTITY, state.ports),
        'admin_password': state.admin_password,
        'service_password': state.service_password,
        'service_users': SERVICE_USERS,
        'member': MEMBER,
        'services': services,
    }


def cells_plan(
    shape: shapes.Shape, configuration: configurations.Configuration
) -> list[dict[str, Any]]:
    """What services/cells.py writes: cell0 and every cell with hosts."""
    cell0 = {
        'uuid': shapes.CELL0_UUID,
        'name': 'cell0',
        'database': configuration.database_url('nova_cell0'),
        'transport': 'none:///',
        'hosts': (),
    }
    cells = [
        {
            'uuid': cell.uuid,
            'name': cell.name,
            'database': configuration.database_url(cell.database),
            'transport': configuration.transport_url(cell),
            'hosts': cell.hosts,
        }
        for cell in shape.cells
    ]
    return [cell0, *cells]


def make_keys(directory: pathlib.Path) -> None:
    """A fernet key repository, as ``keystone-manage fernet_setup`` makes.

    Two files: 0 is the key to come, 1 the one in use.
    """
    directory.chmod(0o700)
    for name in ('0', '1'):
        key = base64.urlsafe_b64encode(secrets.token_bytes(32))
        path = directory / name
        path.touch(mode=0o600)
        path.write_bytes(key)


def run(
    layout: layouts.Layout,
    state: states.State,
    configuration: configurations.Configuration,
    supervisor: supervisors.Supervisor,
) -> None:
    """Write everything, both databases at once."""
    make_keys(layout.var / 'fernet')
    make_keys(layout.var / 'credential')
    identity = layout.etc / 'identity.json'
    cells = layout.etc / 'cells.json'
    for path, plan in (
        (identity, identity_plan(state, layout.etc / 'keystone.conf')),
        (cells, cells_plan(state.shape, configuration)),
    ):
        path.touch(mode=0o600)
        path.write_text(json.dumps(plan, indent=1))
    nova_conf = layout.etc / 'nova.conf'
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for result in (
            pool.submit(supervisor.run, 'identity', 'identity', identity),
            pool.submit(supervisor.run, 'cells', 'cells', cells, nova_conf),
        ):
            result.result()

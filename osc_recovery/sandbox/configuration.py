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

"""The configuration files of the services.

Options that differ from the services' defaults and say nothing about the
sandbox are there to make failures visible soon (heartbeats), to keep memory
small (one worker), or because there is no hardware (plugging interfaces).
"""

import pathlib
from typing import Any

from osc_recovery.sandbox import brokers
from osc_recovery.sandbox import databases
from osc_recovery.sandbox import endpoints
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import ini
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import library
from osc_recovery.sandbox import shape as shapes
from osc_recovery.sandbox import state as states

Options = dict[str, ini.Value]
Sections = dict[str, Options]

# Seconds. A busy machine delays reports, and a host must not seem dead then.
REPORT_INTERVAL = 2
DOWN_TIME = 20
# Binding a port fails when its agent seems dead: a machine that is short of
# time must not make it so.
AGENT_DOWN_TIME = 120

UNLIMITED = -1


class Configuration:
    """Renders every file of one sandbox."""

    def __init__(
        self,
        layout: layouts.Layout,
        state: states.State,
        environment: environments.Environment,
    ) -> None:
        self._layout = layout
        self._state = state
        self._environment = environment
        self._databases = databases.of(layout, state)
        self._broker = brokers.of(state)

    def write(self) -> None:
        """Write all files under etc/."""
        etc = self._layout.etc
        policy = self._policy()
        shape = self._state.shape
        for path, sections in (
            (etc / 'keystone.conf', self.keystone()),
            (etc / 'placement.conf', self.placement()),
            (etc / 'glance-api.conf', self.glance()),
            (etc / 'neutron.conf', self.neutron()),
            (etc / 'cinder.conf', self.cinder()),
            *(
                (conductor_conf(etc, shape, cell), self.nova(cell))
                for cell in shape.cells
            ),
        ):
            ini.write(path, {**sections, 'oslo_policy': policy})
        for cell in shape.cells:
            # A compute service has no database.
            sections = self._nova_common(cell)
            ini.write(etc / f'compute-{cell.name}.conf', sections)
        for number, host in enumerate(shape.host_names, start=1):
            ini.write(etc / f'{host}.conf', self.host(host, number))

    def transport_url(self, cell: shapes.Cell) -> str:
        """The address of the cell's message hub."""
        return self._broker.url(cell)

    def database_url(self, name: str) -> str:
        """The URL of a database."""
        return self._databases.url(name)

    def _url(self, endpoint: endpoints.Endpoint) -> str:
        return endpoints.url(endpoint, self._state.ports)

    def _auth(self, user: str) -> Options:
        return {
            'auth_type': 'password',
            'auth_url': self._url(endpoints.IDENTITY),
            'username': user,
            'password': self._state.service_password,
            'project_name': 'service',
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
            'region_name': endpoints.REGION,
        }

    def _token(self, user: str, kind: str) -> Options:
        return {
            'www_authenticate_uri': self._url(endpoints.IDENTITY),
            'service_token_roles_required': True,
            'service_token_roles': 'service',
            'service_type': kind,
            **self._auth(user),
        }

    def _database(self, name: str) -> Options:
        return {
            'connection': self.database_url(name),
            **self._databases.options,
        }

    def _policy(self) -> Options:
        """The defaults of every service, and where to find nothing else.

        oslo.policy looks for files that are not there in five directories
        with every request (oslo_policy.policy.Enforcer.load_rules).
        """
        path = self._layout.etc / 'policy.yaml'
        path.write_text('{}\n')
        directory = self._layout.etc / 'policy.d'
        directory.mkdir(exist_ok=True)
        return {'policy_file': path, 'policy_dirs': directory}

    def _lock_path(self) -> Options:
        return {'lock_path': self._layout.var / 'lock'}

    def _data(self, name: str) -> pathlib.Path:
        return self._environment.data(name)

    def keystone(self) -> Sections:
        """Fernet tokens, cheap password hashes."""
        return {
            'database': self._database('keystone'),
            'fernet_tokens': {'key_repository': self._layout.var / 'fernet'},
            'fernet_receipts': {'key_repository': self._layout.var / 'fernet'},
            'credential': {'key_repository': self._layout.var / 'credential'},
            'identity': {'password_hash_rounds': 4},
            # Without it keystone looks up every role again whenever a
            # service asks about a token; clouds have memcached for that.
            'cache': {
                'enabled': True,
                'backend': 'dogpile.cache.memory_pickle',
            },
            'oslo_messaging_notifications': {'driver': 'noop'},
        }

    def placement(self) -> Sections:
        """Nothing unusual."""
        return {
            'placement_database': self._database('placement'),
            'api': {'auth_strategy': 'keystone'},
            'keystone_authtoken': self._auth('placement'),
        }

    def glance(self) -> Sections:
        """Images in a directory."""
        var = self._layout.var
        store = 'filesystem_store_datadir'
        return {
            'DEFAULT': {
                'enabled_backends': 'fs:file',
                'worker_self_reference_url': self._url(endpoints.IMAGE),
                'enabled_import_methods': '[]',
            },
            'database': self._database('glance'),
            'glance_store': {'default_backend': 'fs'},
            'fs': {store: var / 'images'},
            'os_glance_staging_store': {store: var / 'glance-staging'},
            'os_glance_tasks_store': {store: var / 'glance-tasks'},
            'paste_deploy': {
                'flavor': 'keystone',
                'config_file': self._data('glance/glance-api-paste.ini'),
            },
            'oslo_concurrency': self._lock_path(),
            'keystone_authtoken': self._token('glance', 'image'),
        }

    def neutron(self) -> Sections:
        """ML2 with the Open vSwitch driver; the agents are stand-ins."""
        return {
            'DEFAULT': {
                'host': 'controller',
                'state_path': self._layout.var / 'neutron',
                # Everything that would be sent stays in one process.
                'transport_url': 'fake://',
                'core_plugin': 'ml2',
                'service_plugins': '',
                'api_paste_config': self._data('neutron/api-paste.ini'),
                'agent_down_time': AGENT_DOWN_TIME,
                # It would overwrite the environment, by which every
                # process of the sandbox is found.
                'setproctitle': 'off',
                'dhcp_agent_notification': False,
            },
            'database': self._database('neutron'),
            'nova': self._auth('nova'),
            'oslo_concurrency': self._lock_path(),
            'quotas': {
                'quota_port': UNLIMITED,
                'quota_network': UNLIMITED,
                'quota_subnet': UNLIMITED,
            },
            'ml2': {
                'type_drivers': 'local,vxlan',
                'tenant_network_types': 'vxlan',
                'mechanism_drivers': 'openvswitch',
                'extension_drivers': 'port_security',
            },
            'ml2_type_vxlan': {'vni_ranges': '1:1000'},
            'keystone_authtoken': self._token('neutron', 'network'),
        }

    def cinder(self) -> Sections:
        """One backend, array1, on the simulated storage array."""
        var = self._layout.var
        return {
            'DEFAULT': {
                'host': 'storage',
                'my_ip': '127.0.0.1',
                'state_path': var / 'cinder',
                # Everything that is sent stays in one process.
                'transport_url': 'fake://',
                'api_paste_config': self._data('cinder/api-paste.ini'),
                'resource_query_filters_file': self._data(
                    'cinder/resource_filters.json'
                ),
                'enabled_backends': 'array1',
                'default_volume_type': 'array1',
                'scheduler_driver_init_wait_time': REPORT_INTERVAL,
                'report_interval': REPORT_INTERVAL,
                'service_down_time': DOWN_TIME,
                'quota_volumes': UNLIMITED,
                'quota_gigabytes': UNLIMITED,
            },
            'array1': {
                'volume_driver': f'{library.PACKAGE}.array.ArrayDriver',
                'volume_backend_name': 'array1',
                'sandbox_directory': self._layout.directory,
            },
            'database': self._database('cinder'),
            'oslo_concurrency': self._lock_path(),
            'coordination': {
                'backend_url': f'file://{var}/cinder/coordination'
            },
            'nova': self._auth('nova'),
            'service_user': {
                'send_service_user_token': True,
                **self._auth('cinder'),
            },
            'keystone_authtoken': self._token('cinder', 'block-storage'),
        }

    def nova(self, cell: shapes.Cell) -> Sections:
        """What nova's API, scheduler and the cell's conductor read."""
        return {
            **self._nova_common(cell),
            'api_database': self._database('nova_api'),
            'database': self._database(cell.database),
            'keystone_authtoken': self._token('nova', 'compute'),
            'conductor': {'workers': 1},
            'scheduler': {
                'workers': 1,
                # cells.py has mapped the hosts already.
                'discover_hosts_in_cells_interval': -1,
            },
            # The scheduler's own list of a host's servers would be wrong for
            # two minutes after that host is back, and its filters with it.
            'filter_scheduler': {'track_instance_changes': False},
            'quota': {
                'instances': UNLIMITED,
                'cores': UNLIMITED,
                'ram': UNLIMITED,
                'server_group_members': UNLIMITED,
            },
        }

    def _nova_common(self, cell: shapes.Cell) -> Sections:
        return {
            'DEFAULT': {
                'host': 'controller',
                'my_ip': '127.0.0.1',
                'state_path': self._layout.var / 'nova',
                'instances_path': self._layout.instances,
                'transport_url': self.transport_url(cell),
                'report_interval': REPORT_INTERVAL,
                'service_down_time': DOWN_TIME,
                'vif_plugging_is_fatal': False,
                'vif_plugging_timeout': 0,
                'use_cow_images': False,
                'update_resources_interval': 20,
                'sync_power_state_interval': 30,
                'block_device_allocate_retries_interval': 1,
                # A call that times out on a busy machine is carried out
                # all the same, and then nova and the host disagree.
                'rpc_response_timeout': 180,
                'compute_driver': f'{library.PACKAGE}.SandboxDriver',
                'executor_thread_pool_size': 16,
            },
            'vnc': {'enabled': False},
            # A nova-compute that reports its servers is believed by a
            # scheduler that was told to look them up.
            'filter_scheduler': {'track_instance_changes': False},
            'image_cache': {'manager_interval': -1},
            'oslo_concurrency': self._lock_path(),
            'cache': {'enabled': False},
            'service_user': {
                'send_service_user_token': True,
                **self._auth('nova'),
            },
            'placement': self._auth('placement'),
            'neutron': self._auth('neutron'),
            'cinder': {
                'os_region_name': endpoints.REGION,
                'catalog_info': 'volumev3::publicURL',
                **self._auth('nova'),
            },
            'glance': {
                'region_name': endpoints.REGION,
                'valid_interfaces': 'public',
            },
            'recovery_sandbox': {'directory': self._layout.directory},
        }

    def host(self, name: str, number: int) -> Sections:
        """What only one host's nova-compute reads."""
        path = self._layout.hosts / name
        return {
            'DEFAULT': {
                'host': name,
                'my_ip': address_of(number),
                'state_path': path,
            },
            'oslo_concurrency': {'lock_path': path},
        }


def conductor_conf(
    etc: pathlib.Path, shape: shapes.Shape, cell: shapes.Cell
) -> pathlib.Path:
    """What a cell's conductor reads; nova's API reads the first cell's."""
    if cell == shape.cells[0]:
        return etc / 'nova.conf'
    return etc / f'nova-{cell.name}.conf'


def address_of(number: int) -> str:
    """The address that the host with this number says it has."""
    return f'127.0.1.{number}'


def connector(name: str, number: int) -> dict[str, Any]:
    """What ``nova-manage volume_attachment get_connector`` would print.

    The keys are those of os-brick's get_connector_properties.
    """
    return {
        'platform': 'x86_64',
        'os_type': 'linux',
        'ip': address_of(number),
        'host': name,
        'multipath': False,
        'do_local_attach': False,
        'initiator': f'iqn.1994-05.org.openstack:{name}',
        'system uuid': f'00000000-0000-4000-8000-{number:012d}',
        'nqn': f'nqn.2014-08.org.nvmexpress:uuid:{name}',
        'nvme_native_multipath': False,
    }

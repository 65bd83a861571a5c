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

"""Whether nova's scheduler can choose a host.

A service that is up and enabled is not enough: placement must know what
the host has, and nova-compute must have taken the trait away that keeps
servers off a disabled host.  Both follow later, and when a request to
placement fails only with nova's next periodic task.
"""

from osc_recovery.sandbox import api as apis

#: the trait of nova.compute.manager.ComputeManager.set_host_enabled
DISABLED = 'COMPUTE_STATUS_DISABLED'


def wait_for(api: apis.Api, host: str) -> None:
    """Wait until the scheduler can choose a host.

    :raises RecoveryError: it could not in time
    """
    apis.wait(
        f'placement to offer {host}', lambda: _is_offered(api, host) or None
    )


def _is_offered(api: apis.Api, host: str) -> bool:
    found = api.placement.get('/resource_providers', params={'name': host})
    for provider in found.json()['resource_providers']:
        path = f'/resource_providers/{provider["uuid"]}'
        inventories = api.placement.get(f'{path}/inventories').json()
        traits = api.placement.get(f'{path}/traits').json()
        if inventories['inventories'] and DISABLED not in traits['traits']:
            return True
    return False

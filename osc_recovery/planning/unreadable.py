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

"""Which groups of facts about a server could not be read."""

from osc_recovery.model import facts

#: The word that begins an entry of ``unknown``, and the group it means.
_GROUPS = {
    'api': 'api',
    'nova': 'api',
    'compute': 'api',
    'allocation': 'allocation',
    'allocations': 'allocation',
    'placement': 'allocation',
    'port': 'ports',
    'ports': 'ports',
    'neutron': 'ports',
    'network': 'ports',
    'attachments': 'volumes',
    'volumes': 'volumes',
    'volume': 'volumes',
    'volume_connections': 'volumes',
    'cinder': 'volumes',
    'group': 'nova_api',
    'pinned_zone': 'nova_api',
    'mapped_cell': 'nova_api',
}
_SERVICES = {
    'api': 'nova',
    'allocation': 'placement',
    'ports': 'neutron',
    'volumes': 'cinder',
    'nova_api': "nova's API database",
}


def group(entry: str) -> str | None:
    """The group that an entry such as ``ports: ...`` means."""
    words = entry.replace(':', ' ').lower().split()
    return _GROUPS.get(words[0]) if words else None


def service(entry: str) -> str:
    """The service that should have answered."""
    return _SERVICES.get(group(entry) or '', 'the service')


def entries(unknown: tuple[str, ...]) -> dict[str, str]:
    """The reasons, one for each service that did not answer."""
    found: dict[str, str] = {}
    for entry in unknown:
        found.setdefault(service(entry), entry)
    return found


def reason(server: facts.Server, name: str) -> str | None:
    """Why a group (api, allocation, ports, volumes) is not known."""
    return next((e for e in server.unknown if group(e) == name), None)

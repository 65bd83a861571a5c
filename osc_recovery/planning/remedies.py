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

"""What to do about each disagreement that an audit finds."""

import shlex

from osc_recovery.model import facts

#: what ``consistency repair`` mends
MENDED = frozenset(
    {
        'allocation-doubled',
        'allocation-elsewhere',
        'allocation-missing',
        'attachment-unmapped',
        'binding-failed',
        'binding-left',
        'compute-id-differs',
        'connection-differs',
        'connector-elsewhere',
        'device-differs',
        'host-disputed',
        'lock-left',
        'mapping-unattached',
        'node-differs',
        'owner-differs',
        'port-elsewhere',
        'tombstone-missing',
        'tombstone-stale',
        'two-places',
        'zone-differs',
    }
)


def repair(*, host: str = '', server: str = '') -> str:
    """The command that mends a host or a server."""
    chosen = f'--host {shlex.quote(host)}' if host else f'--server {server}'
    return f'openstack recovery consistency repair {chosen}'


def of(code: str, server: facts.Server, where: str = '') -> str:
    """What to do about a finding of a server."""
    if code in MENDED:
        return repair(server=server.uuid)
    thing = where.split(' ')[-1]
    return {
        'attachment-state': 'Let it end, or: openstack volume attachment '
        f'list --volume-id {thing}',
        'database-differs': 'It may have changed just now: audit again. If '
        'it stays so, nova.conf names another database than the API uses: '
        'check [nova] config_files.',
        'port-missing': f'openstack port list --server {server.uuid}',
        'power-differs': 'nova-compute corrects it at its next look (every '
        '10 minutes). If it stays so: openstack server stop or start '
        f'{server.uuid}',
        'volume-state': f'openstack volume show {thing}; openstack volume '
        f'attachment list --volume-id {thing}',
    }[code]

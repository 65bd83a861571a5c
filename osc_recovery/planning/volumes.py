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

"""The steps that bring nova's mappings and cinder's attachments together."""

from collections.abc import Iterator

from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.planning.checks import attachments

Found = set[tuple[str, str]]
Made = Iterator[tuple[steps.StepSpec, Found]]

#: mended by a new attachment in place of the old one
_EXCHANGED = ('connector-elsewhere', 'connection-differs', 'device-differs')


def mend(server: facts.Server, host: facts.Host, of: Found) -> Made:
    """Steps, each with what it mends: (thing, code)."""
    if not any(where.startswith('volume ') for where, _ in of):
        return
    # A server that has lost the mapping of its root keeps what is left.
    if server.root is not None:
        yield from _dropped(server)
    for mapping in server.volume_mappings:
        where = f'volume {mapping.volume_id}'
        codes = {code for thing, code in of if thing == where}
        attachment = server.attachment(mapping)
        if attachment is None and 'mapping-unattached' in codes:
            yield from _reattached(server, host, mapping, where)
        elif attachment is not None and codes & set(_EXCHANGED):
            yield from _exchanged(server, host, mapping, attachment, where)


def resources(server: facts.Server) -> dict[str, int] | None:
    """What a plain flavor takes from its host's provider.

    As nova/scheduler/utils.py, resources_from_flavor_and_bfv; None for a
    flavor whose extra specs change that, which is left to nova-manage.
    """
    flavor = server.flavor
    special = ('resources', 'hw:', 'accel:', 'trait')
    if any(key.startswith(special) for key in flavor.extra_specs):
        return None
    root = 0 if server.volume_backed else flavor.root_gb
    swap = -(-flavor.swap_mb // 1024)
    wanted = {
        'VCPU': flavor.vcpus,
        'MEMORY_MB': flavor.memory_mb,
        'DISK_GB': root + flavor.ephemeral_gb + swap,
    }
    return {name: amount for name, amount in wanted.items() if amount}


def _dropped(server: facts.Server) -> Made:
    for attachment in attachments.unnamed(server):
        where = f'volume {attachment.volume_id}'
        yield (
            steps.StepSpec(
                'drop-attachment',
                {
                    'cell': server.cell.uuid,
                    'volume': attachment.volume_id,
                    'attachment': attachment.id,
                },
                final=True,
            ),
            {(where, 'attachment-unmapped')},
        )


def _reattached(
    server: facts.Server,
    host: facts.Host,
    mapping: facts.Mapping,
    where: str,
) -> Made:
    """Only while cinder would reserve it (cinder/volume/api.py)."""
    volume = server.volume(mapping.volume_id or '')
    if volume is None or volume.status != 'available' or not host.connector:
        return
    yield (
        steps.StepSpec(
            'reattach',
            {
                **_common(server, host, mapping),
                'attachment': mapping.attachment_id,
                'device': mapping.device_name,
                'source_connector': {},
            },
        ),
        {(where, 'mapping-unattached'), (where, 'connection-differs')},
    )


def _exchanged(
    server: facts.Server,
    host: facts.Host,
    mapping: facts.Mapping,
    attachment: facts.Attachment,
    where: str,
) -> Made:
    volume = server.volume(mapping.volume_id or '')
    if (
        volume is None
        or volume.status != 'in-use'
        or attachment.status != 'attached'
        or not attachment.connector
        or not host.connector
    ):
        return
    yield (
        steps.StepSpec(
            'attach',
            {
                **_common(server, host, mapping),
                'attachment': attachment.id,
                'device': mapping.device_name or attachment.mountpoint,
                'source_connector': dict(attachment.connector),
            },
        ),
        {(where, code) for code in _EXCHANGED},
    )


def _common(
    server: facts.Server, host: facts.Host, mapping: facts.Mapping
) -> dict[str, object]:
    return {
        'cell': server.cell.uuid,
        'mapping': mapping.id,
        'volume': mapping.volume_id,
        'connector': dict(host.connector or {}),
        'connection_digest': mapping.connection_digest,
    }

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

"""Disks: what the target must reach, and what cinder must agree to."""

from collections.abc import Callable, Iterator

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue
from osc_recovery.planning import unreadable

Findings = Iterator[findings.Finding]


def local_parts(server: facts.Server) -> tuple[str, ...]:
    """What lies in the instances directory, for people to read."""
    parts = []
    if not server.volume_backed:
        parts.append('root disk')
    for mapping in server.mappings:
        if not mapping.is_volume and not mapping.is_root:
            kind = 'swap' if mapping.guest_format == 'swap' else 'ephemeral'
            parts.append(f'{kind} disk {mapping.device_name or ""}'.strip())
    if server.config_drive:
        parts.append('config drive')
    return tuple(parts)


def storage_unproven(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """The root disk is lost unless the target sees the same file."""
    if not server.volume_backed and not cloud.source.instances_shared:
        yield catalogue.finding(
            'storage-unproven',
            f'its root disk is in the instances directory of '
            f'{cloud.source.name}, which is not stated to be shared',
            'If that directory is shared (or images_type is rbd), name the '
            'hosts in [storage] shared_instances of recovery.conf.',
        )


def storage_stated(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """Nobody proved it: it is the operator's word."""
    parts = local_parts(server)
    if parts and cloud.source.instances_shared:
        yield catalogue.finding(
            'storage-stated',
            f'[storage] shared_instances says that {cloud.source.name} '
            f'shares its instances directory: {", ".join(parts)}',
            'Nothing has to be done if that is so.',
        )


def local_disk(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """Parts of a volume-backed server that stay on the dead host."""
    parts = local_parts(server)
    if server.volume_backed and parts and not cloud.source.instances_shared:
        yield catalogue.finding(
            'local-disk',
            f'volume-backed, but on the disk of {cloud.source.name}: '
            f'{", ".join(parts)}',
            'The volumes are safe. If that directory is shared, name the '
            'host in [storage] shared_instances; else attach the volumes '
            'to a new server.',
        )


def backend_down(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """cinder-volume has to make the target's connection."""
    silent = [w for w in cloud.unknown if w.startswith('volume_services')]
    if server.volume_mappings and silent:
        yield catalogue.finding(
            'facts-unknown',
            f'could not be read: {silent[0]}',
            'Bring cinder back and plan again.',
        )
        return
    alive = {a.host for a in cloud.volume_services if a.alive}
    hosts = {v.service_host for v in server.volumes if v.service_host}
    for host in sorted({h.partition('#')[0] for h in hosts} - alive):
        yield catalogue.finding(
            'backend-down',
            f'cinder-volume {host} is not up',
            'openstack volume service list --service cinder-volume',
        )


def volume_migrating(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """The volume's data is on its way to another backend."""
    for volume in server.volumes:
        if volume.migration_status not in (None, 'success', 'error', 'none'):
            yield catalogue.finding(
                'volume-migrating',
                f'volume {volume.id}: migration_status is '
                f'{volume.migration_status}',
                f'Let it end: openstack volume show {volume.id}',
            )


def volume_state(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """nova and cinder must agree on every attachment."""
    if unreadable.reason(server, 'volumes'):
        return
    for mapping in server.volume_mappings:
        wrong = _volume_wrong(server, mapping)
        if wrong is not None:
            yield catalogue.finding(
                'volume-state',
                f'volume {mapping.volume_id}: {wrong}',
                f'openstack volume show {mapping.volume_id}; openstack '
                f'volume attachment list --volume-id {mapping.volume_id}',
            )


def _volume_wrong(server: facts.Server, mapping: facts.Mapping) -> str | None:
    volume = server.volume(mapping.volume_id or '')
    attachment = server.attachment(mapping)
    if volume is None:
        return 'cinder does not know it'
    if volume.status != 'in-use':
        return f'status is {volume.status}, not in-use'
    if mapping.attachment_id is None:
        return f'mapping {mapping.id} names no attachment'
    if attachment is None:
        return f'cinder has no attachment {mapping.attachment_id}'
    if attachment.volume_id != volume.id:
        return f'attachment {attachment.id} is of {attachment.volume_id}'
    if attachment.status != 'attached':
        return f'attachment {attachment.id} is {attachment.status}'
    if not attachment.connector:
        return f'attachment {attachment.id} has no connector'
    return None


def multiattach(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """Only this server's attachment is replaced."""
    for volume in server.volumes:
        if volume.multiattach:
            yield catalogue.finding(
                'multiattach',
                f'volume {volume.id} may be attached to other servers',
                'Their attachments are not touched.',
            )


def encrypted_volume(
    server: facts.Server, cloud: facts.CloudFacts
) -> Findings:
    """The start needs the key, asked for with the operator's token."""
    for volume in server.volumes:
        if volume.encrypted:
            yield catalogue.finding(
                'encrypted-volume',
                f'volume {volume.id} is encrypted',
                'The start fails unless the key manager gives you the '
                'key of the owner: --accept encrypted-volume (with --power '
                'off nothing is started)',
            )


def uefi(server: facts.Server, cloud: facts.CloudFacts) -> Findings:
    """The NVRAM file is outside of the instances directory."""
    if server.image_properties.get('hw_firmware_type') == 'uefi':
        yield catalogue.finding(
            'uefi',
            'image hw_firmware_type=uefi: its NVRAM file is on the dead host',
            'It boots with empty UEFI variables: --accept uefi',
        )


CHECKS: tuple[Callable[[facts.Server, facts.CloudFacts], Findings], ...] = (
    storage_unproven,
    storage_stated,
    local_disk,
    backend_down,
    volume_migrating,
    volume_state,
    multiattach,
    encrypted_volume,
    uefi,
)

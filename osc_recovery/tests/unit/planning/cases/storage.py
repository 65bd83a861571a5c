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

"""Disks and volumes that stand in the way."""

from osc_recovery.tests.unit.planning.cases import making

STORAGE = (
    making.Case(
        'nothing is shared',
        'storage-unproven',
        making.unshared(making.one('stopped')),
        'not stated to be shared',
        '[storage] shared_instances',
        also=('target-storage',),
    ),
    making.Case(
        'stated to be shared',
        'storage-stated',
        making.one('stopped'),
        'root disk',
    ),
    making.Case(
        'ephemeral disk',
        'local-disk',
        making.unshared(making.with_disk(making.VOLUME)),
        'ephemeral disk /dev/vdc',
        also=('target-storage',),
    ),
    making.Case(
        'swap',
        'local-disk',
        making.unshared(making.with_disk(making.VOLUME, guest_format='swap')),
        'swap disk /dev/vdc',
        also=('target-storage',),
    ),
    making.Case(
        'config drive',
        'local-disk',
        making.unshared(making.one(config_drive=True)),
        'config drive',
        also=('target-storage',),
    ),
    making.Case(
        'backend down',
        'backend-down',
        making.change(making.one(), volume_services=()),
        'cinder-volume cinder1@nfs is not up',
    ),
    making.Case(
        'volume migrates',
        'volume-migrating',
        making.volumes(migration_status='migrating'),
        'migration_status is migrating',
    ),
    making.Case(
        'volume reserved',
        'volume-state',
        making.volumes(status='reserved'),
        'reserved, not in-use',
    ),
    making.Case(
        'no volume', 'volume-state', making.one(volumes=()), 'does not know'
    ),
    making.Case(
        'no attachment',
        'volume-state',
        making.one(attachments=()),
        'cinder has no attachment',
    ),
    making.Case(
        'no attachment named',
        'volume-state',
        making.mapped(attachment_id=None),
        'names no attachment',
    ),
    making.Case(
        'attachment of another volume',
        'volume-state',
        making.attached(volume_id=making.OTHER),
        making.OTHER,
    ),
    making.Case(
        'attaching',
        'volume-state',
        making.attached(status='attaching'),
        'attaching',
    ),
    making.Case(
        'no connector',
        'volume-state',
        making.attached(connector=None),
        'has no connector',
    ),
    making.Case(
        'multiattach',
        'multiattach',
        making.volumes(multiattach=True),
        'may be',
    ),
    making.Case(
        'LUKS',
        'encrypted-volume',
        making.volumes(encrypted=True),
        'is encrypted',
        '--accept encrypted-volume',
    ),
    making.Case(
        'UEFI',
        'uefi',
        making.image(hw_firmware_type='uefi'),
        'NVRAM',
        '--accept uefi',
    ),
)

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

"""Servers in states that a move must not run into."""

from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

STATES = (
    making.Case(
        'never scheduled',
        'cell0',
        making.one(cell=making.CELL0, mapped_cell=making.CELL0.uuid),
        'cell0',
    ),
    making.Case(
        'mapped elsewhere',
        'cross-cell',
        making.one(mapped_cell=making.CELL2.uuid),
        making.CELL2.uuid,
    ),
    making.Case('hidden', 'hidden', making.one(hidden=True), 'hidden'),
    making.Case('deleted row', 'deleted', making.one(deleted=True)),
    making.Case(
        'deleted state',
        'deleted',
        making.one(vm_state='deleted', api=None),
    ),
    making.Case(
        'soft-deleted',
        'soft-deleted',
        making.one(vm_state='soft-delete', api=None),
        remedy='server restore',
    ),
    making.Case(
        'deleting',
        'deleting',
        making.one(task_state='deleting', api=None),
        'deleting',
    ),
    making.Case(
        'soft-deleting',
        'deleting',
        making.one(task_state='soft-deleting', api=None),
    ),
    making.Case(
        'resized',
        'resized',
        making.one(vm_state='resized', api=None),
        remedy='resize confirm',
    ),
    making.Case(
        'resizing',
        'resized',
        making.one(task_state='resize_migrating', api=None),
    ),
    making.Case(
        'shelved', 'shelved', making.one(vm_state='shelved', api=None)
    ),
    making.Case(
        'offloaded',
        'shelved-offloaded',
        making.one(vm_state='shelved_offloaded', api=None),
        remedy='server unshelve',
    ),
    making.Case(
        'building', 'building', making.one(vm_state='building', api=None)
    ),
    making.Case(
        'never launched', 'building', making.one(launched=False), 'launched_at'
    ),
    making.Case(
        'rescued', 'rescued', making.one(vm_state='rescued', api=None)
    ),
    making.Case(
        'rebuilding',
        'rebuilding',
        making.one(task_state='rebuild_spawning', api=None),
        'rebuild_spawning',
    ),
    making.Case(
        'migrating',
        'task-in-progress',
        making.one(task_state='migrating', api=None),
        'task_state is migrating',
    ),
    making.Case(
        'an unheard of task',
        'task-in-progress',
        making.one(task_state='levitating', api=None),
    ),
    making.Case(
        'powering on',
        'task-pending',
        making.one(task_state='powering-on', api=None),
        'powering-on',
        '--accept task-pending',
    ),
    making.Case(
        'rebooting',
        'task-pending',
        making.one(task_state='rebooting_hard', api=None),
    ),
    making.Case(
        'suspended',
        'suspended',
        making.one(vm_state='suspended', api=None),
        'memory',
        '--accept suspended',
    ),
    making.Case(
        'paused',
        'paused',
        making.one(vm_state='paused', api=None),
        'memory',
        '--accept paused',
    ),
    making.Case(
        'error', 'error-state', making.one(vm_state='error', api=None), 'error'
    ),
    making.Case(
        'locked by its owner',
        'locked',
        making.one(
            locked=True, locked_by='owner', locked_reason='do not touch'
        ),
        'owner: do not touch',
        'server unlock',
    ),
    making.Case(
        'locked, nobody knows why',
        'locked',
        making.one(locked=True),
        'locked by somebody: no reason given',
    ),
    making.Case(
        'live migration',
        'migration-in-flight',
        making.migration(),
        'migration 7 (kvm1 -> kvm2) of type live-migration is running',
    ),
    making.Case(
        'cold migration',
        'migration-in-flight',
        making.migration(type='migration', status='post-migrating'),
    ),
    making.Case(
        'Masakari',
        'other-recovery',
        making.migration(type='evacuation', status='accepted'),
        'an evacuation that this tool did not start',
    ),
    making.Case(
        'Masakari, claimed',
        'other-recovery',
        making.migration(type='evacuation', status='pre-migrating'),
    ),
    making.Case(
        'an older tombstone',
        'stale-evacuation',
        builders.cloud(builders.server('image-backed')),
        'migration 40 (kvm2 -> kvm1) is still done',
        also=('storage-stated',),
    ),
)

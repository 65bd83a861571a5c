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

"""vm_state, task_state and migrations: what a move must not run into."""

from collections.abc import Callable, Iterator

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.planning import catalogue

Findings = Iterator[findings.Finding]

#: Calls that were cast to a host which never answered
#: (nova/compute/task_states.py): clearing them loses the call, no data.
PENDING = frozenset(
    {
        'powering-on',
        'powering-off',
        'rebooting',
        'reboot_pending',
        'reboot_started',
        'rebooting_hard',
        'reboot_pending_hard',
        'reboot_started_hard',
        'pausing',
        'unpausing',
        'suspending',
        'resuming',
        'updating_password',
        'image_snapshot',
        'image_snapshot_pending',
        'image_pending_upload',
        'image_uploading',
        'image_backup',
    }
)
_DELETING = frozenset({'deleting', 'soft-deleting'})
#: MigrationList.get_in_progress_by_host_and_node (nova/db/main/api.py).
_OVER = frozenset(
    {'confirmed', 'reverted', 'failed', 'completed', 'cancelled', 'done'}
    | {'error'}
)
_EVACUATING = frozenset({'accepted', 'pre-migrating'})
#: Rows that make a starting nova-compute destroy its copy
#: (nova/compute/manager.py:_destroy_evacuated_instances).
TOMBSTONES = _EVACUATING | {'done'}


def cell0(server: facts.Server) -> Findings:
    """A server in cell0 never had a host."""
    if server.cell.is_cell0:
        yield catalogue.finding(
            'cell0',
            'its row is in cell0: it was never scheduled',
            f'Build it again, then: openstack server delete {server.uuid}',
        )


def cross_cell(server: facts.Server) -> Findings:
    """nova looks for a server where instance_mappings says."""
    if server.mapped_cell not in (None, server.cell.uuid):
        yield catalogue.finding(
            'cross-cell',
            f'its row is in cell {server.cell.uuid}, but instance_mappings '
            f'names {server.mapped_cell}',
            'A move between cells was interrupted: openstack server '
            f'migration list --server {server.uuid}',
        )


def hidden(server: facts.Server) -> Findings:
    """The hidden copy of a server that moves between cells."""
    if server.hidden:
        yield catalogue.finding(
            'hidden',
            'instances.hidden is 1: another cell has the visible row',
            'Let the move between cells end: openstack server migration '
            f'list --server {server.uuid}',
        )


def deleted(server: facts.Server) -> Findings:
    """Nothing is left to recover."""
    if server.deleted or server.vm_state == 'deleted':
        yield catalogue.finding(
            'deleted', 'its row is marked deleted', 'Nothing has to be done.'
        )


def soft_deleted(server: facts.Server) -> Findings:
    """Its owner deleted it; nova reclaims it later."""
    if server.vm_state == 'soft-delete':
        yield catalogue.finding(
            'soft-deleted',
            'vm_state is soft-delete',
            f'If it is wanted: openstack server restore {server.uuid}',
        )


def deleting(server: facts.Server) -> Findings:
    """A host that returns finishes the deletion."""
    if server.task_state in _DELETING:
        yield catalogue.finding(
            'deleting',
            f'task_state is {server.task_state}',
            'The deletion ends when the host returns; to keep the server: '
            f'openstack server set --state error {server.uuid}',
        )


def resized(server: facts.Server) -> Findings:
    """Two hosts hold it until somebody confirms."""
    task = server.task_state or ''
    if server.vm_state == 'resized' or task.startswith('resize_'):
        yield catalogue.finding(
            'resized',
            f'vm_state is {server.vm_state}, task_state {server.task_state}',
            f'openstack server resize confirm {server.uuid} (or revert)',
        )


def shelved(server: facts.Server) -> Findings:
    """Its image holds the disk; a host is only a cache."""
    if server.vm_state == 'shelved':
        yield catalogue.finding(
            'shelved',
            'vm_state is shelved',
            'Its snapshot in glance holds the disk: unshelve it when its '
            'host is back, or build from that image.',
        )


def shelved_offloaded(server: facts.Server) -> Findings:
    """It is on no host."""
    if server.vm_state == 'shelved_offloaded':
        yield catalogue.finding(
            'shelved-offloaded',
            'vm_state is shelved_offloaded',
            f'No host is lost: openstack server unshelve {server.uuid}',
        )


def building(server: facts.Server) -> Findings:
    """It never ran: there is nothing to save."""
    if server.vm_state == 'building' or not server.launched:
        yield catalogue.finding(
            'building',
            f'vm_state is {server.vm_state}'
            + ('' if server.launched else ', launched_at is empty'),
            f'Build it again, then: openstack server delete {server.uuid}',
        )


def rescued(server: facts.Server) -> Findings:
    """A start would boot the disk beside the rescue disk."""
    if server.vm_state == 'rescued':
        yield catalogue.finding(
            'rescued',
            'vm_state is rescued',
            'The rescue disk is lost with the host: openstack server set '
            f'--state error {server.uuid}, then relocate',
        )


def rebuilding(server: facts.Server) -> Findings:
    """A rebuild or an evacuation writes to the disk."""
    if (server.task_state or '').startswith('rebuild'):
        yield catalogue.finding(
            'rebuilding',
            f'task_state is {server.task_state}',
            'Somebody rebuilds or evacuates it: openstack server event '
            f'list {server.uuid}',
        )


def task_in_progress(server: facts.Server) -> Findings:
    """A task that has no code of its own and may be under way."""
    task = server.task_state or ''
    named = task in PENDING | _DELETING or task.startswith(
        ('resize_', 'rebuild')
    )
    if task and not named:
        yield catalogue.finding(
            'task-in-progress',
            f'task_state is {task}',
            f'See what runs: openstack server event list {server.uuid}; '
            'when it is dead: openstack server set --state error '
            f'{server.uuid}',
        )


def task_pending(server: facts.Server) -> Findings:
    """A call to the dead host that will never be answered."""
    if server.task_state in PENDING:
        yield catalogue.finding(
            'task-pending',
            f'task_state is {server.task_state}, left by a call to the dead '
            'host',
            'The move clears it and the call is lost: --accept task-pending',
        )


def suspended(server: facts.Server) -> Findings:
    """The saved memory is a file of the dead host."""
    if server.vm_state == 'suspended':
        yield catalogue.finding(
            'suspended',
            'vm_state is suspended: its memory is saved on the dead host',
            'It will boot instead of resuming: --accept suspended',
        )


def paused(server: facts.Server) -> Findings:
    """The memory died with the host."""
    if server.vm_state == 'paused':
        yield catalogue.finding(
            'paused',
            'vm_state is paused: its memory is lost with the host',
            'It will boot instead of going on: --accept paused',
        )


def error_state(server: facts.Server) -> Findings:
    """nova may have put it there when its host died."""
    if server.vm_state == 'error':
        yield catalogue.finding(
            'error-state',
            f'vm_state is error, power_state {server.power_state}',
            'It is moved, and started when it last ran; why it failed: '
            f'openstack server show {server.uuid} -c fault',
        )


def locked(server: facts.Server) -> Findings:
    """Another's lock is left as it is."""
    if server.locked:
        reason = server.locked_reason or 'no reason given'
        yield catalogue.finding(
            'locked',
            f'locked by {server.locked_by or "somebody"}: {reason}',
            'It stays locked. To end that: openstack server unlock '
            f'{server.uuid}',
        )


def migration_in_flight(server: facts.Server) -> Findings:
    """Two hosts may believe that it is theirs."""
    for row in server.migrations:
        if row.type != 'evacuation' and row.status not in _OVER:
            yield catalogue.finding(
                'migration-in-flight',
                f'{_row(row)} of type {row.type} is {row.status}',
                'Let it end: openstack server migration list --server '
                f'{server.uuid}. One whose host died never ends: it has to '
                'be aborted or set to error.',
            )


def other_recovery(server: facts.Server) -> Findings:
    """Masakari, InstanceHA or a colleague is evacuating it."""
    for row in server.migrations:
        if (
            row.type == 'evacuation'
            and row.status in _EVACUATING
            and row.source_host == server.host
        ):
            yield catalogue.finding(
                'other-recovery',
                f'{_row(row)} is {row.status}: an evacuation that this tool '
                'did not start',
                'Stop the other recovery or let it end: openstack server '
                f'migration list --server {server.uuid} --type evacuation',
            )


def stale_evacuation(server: facts.Server) -> Findings:
    """An older tombstone: retired when its source becomes the target."""
    for row in server.migrations:
        if (
            row.type == 'evacuation'
            and row.status in TOMBSTONES
            and row.source_host != server.host
        ):
            yield catalogue.finding(
                'stale-evacuation',
                f'{_row(row)} is still {row.status}: {row.source_host} '
                'destroys its copy when nova-compute starts there',
                f'A move to {row.source_host} retires it first.',
            )


def _row(row: facts.Migration) -> str:
    return f'migration {row.id} ({row.source_host} -> {row.dest_host})'


CHECKS: tuple[Callable[[facts.Server], Findings], ...] = (
    cell0,
    cross_cell,
    hidden,
    deleted,
    soft_deleted,
    deleting,
    resized,
    shelved,
    shelved_offloaded,
    building,
    rescued,
    rebuilding,
    task_in_progress,
    task_pending,
    suspended,
    paused,
    error_state,
    locked,
    migration_in_flight,
    other_recovery,
    stale_evacuation,
)

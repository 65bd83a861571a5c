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

"""Moves a volume attachment from the source host's connector to the target's.

The order is nova's own, of an evacuation and of ``nova-manage
volume_attachment refresh``: a blank attachment keeps the volume reserved;
the mapping names it, so that cinder lets the old one be deleted (it guards
attachments that nova names); deleting the old one takes the dead host off
the storage, which a new connector on it would not; then the new one gets
the target's connector, the mapping what cinder answered, and the volume
becomes in-use.
"""

from collections.abc import Callable, Mapping
import time
from typing import Any

from osc_recovery.cloud import errors
from osc_recovery.cloud import session
from osc_recovery.db import cinder as cinder_db
from osc_recovery.db import mappings
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base

BLANK = 'reserved'
_DONE = 'attached'
#: what cinder makes of an attachment on the way from blank to attached
_USABLE = (BLANK, 'attaching', _DONE)

Listed = dict[str, str]


class Attach:
    """Params: cell, mapping, volume, attachment, device, connector, ...

    connection_digest and source_connector are the state before.  Every act
    reads how far a former one came and does the rest.  connection_info
    itself goes from cinder into nova's database and nowhere else: it may
    hold CHAP passwords.
    """

    kind = 'attach'

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        cinder: cinder_db.Cinder | None,
        clouds: session.Clouds,
        settings: base.Settings,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cells = cells
        self._cinder = cinder
        self._clouds = clouds
        self._settings = settings
        self._sleep = sleep

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Compare mapping and attachment with the plan: RowMismatch."""
        row = self._row(task)
        old = task.params['attachment']
        same = (
            row['attachment_id'] == old
            and row['connection_digest'] == task.params['connection_digest']
        )
        if same and self._cinder is not None:
            found = self._cinder.attachment(old)
            same = (
                found is not None
                and found.connector == task.params['source_connector']
            )
        if not same:
            raise _changed(task)
        return {'multiattach': self._multiattach(task)}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when only the new attachment is left and it is attached.

        Every place on the way is safe to go on from; a mapping that names
        an attachment unknown to us is not.
        """
        row, listed = self._row(task), self._listed(task)
        new = intent.get('new')
        if row['attachment_id'] not in (task.params['attachment'], new):
            return steps.Observation.ASK
        done = (
            row['attachment_id'] == new
            and row['connection_digest'] is not None
            and listed.get(new) == _DONE
            and task.params['attachment'] not in listed
        )
        return steps.Observation.DONE if done else steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Do what is missing; the outcome is the new attachment's id."""
        listed = self._listed(task)
        ours = {task.params['attachment']}
        new = self._blank(task, 'new', intent, listed, ours)
        connector = {**task.params['connector'], **_mountpoint(task)}
        self._arrive(task, intent, new, ours, listed, connector)
        return {'attachment': new}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Go back to the old attachment, or to a new one like it.

        A deleted attachment does not come back: then the mapping ends with
        a new one that has the source's connector.
        """
        listed = self._listed(task)
        old = task.params['attachment']
        ours = {old} | ({intent['new']} if 'new' in intent else set())
        back = old
        if old not in listed:
            # Not the one on the way to the target, blank as it may look:
            # a connector that was sent to it may still be under way.
            self._settle(ours, listed)
            back = self._blank(task, 'back', intent, listed, ours)
        connector = {**_mountpoint(task), **task.params['source_connector']}
        self._arrive(task, intent, back, ours, listed, connector)

    def _blank(
        self,
        task: steps.Task,
        key: str,
        intent: dict[str, Any],
        listed: Listed,
        others: set[str],
    ) -> str:
        """The attachment remembered as ``key``, or a blank one made now.

        A blank one of this server and volume is adopted: a crash left it
        between cinder's answer and the journal's commit.
        """
        if intent.get(key) in listed:
            return str(intent[key])
        strays = [
            attachment
            for attachment, status in listed.items()
            if status == BLANK and attachment not in others
        ]
        found = strays[0] if strays else ''
        found = found or self._reserve(task, intent['multiattach'])
        task.remember({key: found})
        listed[found] = BLANK
        return found

    def _reserve(self, task: steps.Task, multiattach: bool) -> str:
        """Make a blank attachment.

        While another server's attachment of a multiattach volume is on its
        way, cinder answers 400: that passes.
        """
        deadline = time.monotonic() + self._settings.step_timeout
        while True:
            try:
                return self._clouds.volume.create_attachment(
                    task.params['volume'], task.subject
                )
            except errors.Refused as exc:
                passing = multiattach and exc.status == 400
                if not passing or time.monotonic() > deadline:
                    raise
            self._sleep(self._settings.poll_interval)

    def _settle(self, ours: set[str], listed: Listed) -> None:
        """Complete what is half attached, or cinder reserves no more.

        cinder/volume/api.py, _attachment_reserve: a volume that is
        'attaching' takes no other attachment, not even of its own server.
        """
        for attachment in ours:
            if listed.get(attachment) == 'attaching':
                self._clouds.volume.complete_attachment(attachment)
                listed[attachment] = _DONE

    def _arrive(
        self,
        task: steps.Task,
        intent: dict[str, Any],
        wanted: str,
        ours: set[str],
        listed: Listed,
        connector: dict[str, Any],
    ) -> None:
        """Make ``wanted`` the only one of ours, connected to a host."""
        if listed[wanted] not in _USABLE:
            raise exceptions.StepFailed(
                f'cinder left attachment {wanted} of volume '
                f'{task.params["volume"]} in {listed[wanted]}; look into '
                f"cinder-volume's log, then resume",
                cause='volume-error',
            )
        stored = self._repoint(task, wanted, {*ours, *listed})
        for attachment, status in listed.items():
            if attachment != wanted and (
                attachment in ours or status == BLANK
            ):
                self._clouds.volume.delete_attachment(attachment)
        connection = None
        if listed[wanted] == BLANK:
            connection = self._clouds.volume.update_attachment(
                wanted, connector
            )
        if not stored:
            self._store(task, wanted, connection, intent['multiattach'])
        if listed[wanted] != _DONE:
            self._clouds.volume.complete_attachment(wanted)

    def _repoint(self, task: steps.Task, wanted: str, known: set[str]) -> bool:
        """Let the mapping name ``wanted``; whether it holds connection_info.

        Raises RowMismatch when it names one that is not known here.
        """
        row = self._row(task)
        former = row['attachment_id']
        if former == wanted:
            return row['connection_digest'] is not None
        if former not in known:
            raise _changed(task)
        mappings.repoint_mapping(
            self._cell(task), task.params['mapping'], former, wanted
        )
        return False

    def _store(
        self,
        task: steps.Task,
        attachment: str,
        connection: dict[str, Any] | None,
        multiattach: bool,
    ) -> None:
        if connection is None:
            shown = self._clouds.volume.show_attachment(attachment) or {}
            connection = shown.get('connection_info')
        if not connection:
            raise exceptions.StepFailed(
                f'cinder gives no connection_info for attachment '
                f'{attachment}; look at it with "openstack volume '
                f'attachment show {attachment}"',
                cause='volume-error',
            )
        mappings.set_connection(
            self._cell(task),
            task.params['mapping'],
            attachment,
            nova_form(
                connection,
                task.subject,
                task.params['volume'],
                multiattach=multiattach,
            ),
        )

    def _multiattach(self, task: steps.Task) -> bool:
        volume = task.params['volume']
        source = self._cinder or self._clouds.volume
        found = source.volumes([volume]).get(volume)
        return found is not None and found.multiattach

    def _cell(self, task: steps.Task) -> nova_cell.NovaCell:
        return self._cells[task.params['cell']]

    def _row(self, task: steps.Task) -> dict[str, Any]:
        row = mappings.mapping_row(self._cell(task), task.params['mapping'])
        if row['deleted']:
            raise _changed(task)
        return row

    def _listed(self, task: steps.Task) -> Listed:
        rows = self._clouds.volume.attachments_of(
            task.params['volume'], task.subject
        )
        return {row['id']: row['status'] for row in rows}


def nova_form(
    connection: dict[str, Any],
    server: str,
    volume: str,
    multiattach: bool = False,
) -> dict[str, Any]:
    """cinder's flat connection_info as nova stores it in a mapping.

    The rule is nova/volume/cinder.py, _translate_attachment_ref, applied
    to the answer of an update, plus serial and multiattach from
    nova/virt/block_device.py, _volume_attach.  libvirt adds
    data.device_path when the guest starts.
    """
    data = dict(connection)
    data.pop('attachment_id', None)
    form = {
        'driver_volume_type': data.pop('driver_volume_type', None),
        'data': data,
        'status': BLANK,
        'instance': server,
        'attached_at': '',
        'detached_at': '',
        'volume_id': volume,
        'serial': volume,
    }
    return {**form, 'multiattach': True} if multiattach else form


def _mountpoint(task: steps.Task) -> dict[str, Any]:
    """Without it cinder records the device as 'na'."""
    return {'mountpoint': task.params['device']}


def _changed(task: steps.Task) -> exceptions.RowMismatch:
    return exceptions.RowMismatch(
        f'volume {task.params["volume"]} of {task.name} is not attached as '
        f'the plan says; make a new plan'
    )

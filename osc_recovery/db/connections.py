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

"""Whether nova and cinder have the same connection_info for an attachment.

Both are read here and compared here, because they may hold CHAP passwords:
nothing but the names of keys comes out.
"""

from collections.abc import Collection
import json
from typing import Any

import sqlalchemy as sa

from osc_recovery.db import chunks
from osc_recovery.db import cinder as db_cinder
from osc_recovery.db import nova_cell
from osc_recovery.db import tables

_MAPPING = tables.block_device_mapping
_ATTACHMENT = tables.volume_attachment
#: cinder's own, which nova does not keep (nova/volume/cinder.py)
_NOT_KEPT = frozenset({'attachment_id'})
_ABSENT = object()


def differing(
    cell: nova_cell.NovaCell,
    cinder: db_cinder.Cinder,
    attachments: Collection[str],
) -> dict[str, tuple[str, ...]]:
    """The keys that differ, by attachment; two statements.

    Attachments that only one side knows, or for which one of the two has
    nothing at all, are left out: others look for that.  What nova's side
    has besides, os-brick's device_path for instance, is no difference.
    """
    query = sa.select(
        _MAPPING.c.attachment_id, _MAPPING.c.connection_info
    ).where(_MAPPING.c.deleted == 0)
    with cell.reading() as connection:
        stored = {
            row['attachment_id']: row['connection_info']
            for row in chunks.rows(
                connection, query, _MAPPING.c.attachment_id, attachments
            )
        }
    query = sa.select(_ATTACHMENT.c.id, _ATTACHMENT.c.connection_info).where(
        _ATTACHMENT.c.deleted == sa.false()
    )
    with cinder.reading() as connection:
        made = {
            row['id']: row['connection_info']
            for row in chunks.rows(
                connection, query, _ATTACHMENT.c.id, attachments
            )
        }
    found = {
        attachment: compared(text, made.get(attachment))
        for attachment, text in stored.items()
    }
    return {attachment: keys for attachment, keys in found.items() if keys}


def compared(stored: str | None, made: str | None) -> tuple[str, ...]:
    """The keys of cinder's that nova's mapping has otherwise, or lacks.

    nova stores driver_volume_type beside the rest, which is ``data``;
    cinder has it flat, before Stein nested as well.
    """
    theirs = _loaded(made)
    if not stored or not theirs:
        return ()
    ours = _loaded(stored)
    return tuple(
        sorted(
            key
            for key, value in _flat(theirs).items()
            if _flat(ours).get(key, _ABSENT) != value
        )
    )


def _loaded(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or '{}')
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    data = value.get('data')
    found = dict(value)
    if isinstance(data, dict):
        found = {**data, 'driver_volume_type': value.get('driver_volume_type')}
    return {k: v for k, v in found.items() if k not in _NOT_KEPT}

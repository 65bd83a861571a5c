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

"""Whether nova's mappings and cinder's attachments say the same."""

from collections.abc import Iterator

from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.planning.checks import expected as expectations
from osc_recovery.planning import unreadable

Checks = Iterator[results.Check]

#: what cinder calls a multiattach volume while one of its servers comes or
#: goes
OTHERS_AT_WORK = ('reserved', 'attaching', 'detaching')


def volumes(
    server: facts.Server, expected: expectations.Expectation
) -> Checks:
    """Every volume is attached to the host, once, and mapped so."""
    reason = unreadable.reason(server, 'volumes')
    if reason and (server.volume_mappings or expected.volumes):
        yield results.Check(
            'volumes', results.Verdict.UNKNOWN, found=reason, where='cinder'
        )
        return
    mapped = {m.volume_id: m for m in server.volume_mappings if m.volume_id}
    for volume_id in dict.fromkeys((*expected.volumes, *mapped)):
        mapping = mapped.get(volume_id)
        where = f'volume {volume_id}'
        yield expectations.same(
            'mapping',
            'there',
            'missing' if mapping is None else 'there',
            where,
        )
        yield from _volume(server, volume_id, where)
        if mapping is not None:
            yield from _mapping(server, mapping, expected, where)


def unnamed(server: facts.Server) -> tuple[facts.Attachment, ...]:
    """Attachments of cinder that no mapping of the server names."""
    named = {m.attachment_id for m in server.volume_mappings}
    return tuple(a for a in server.attachments if a.id not in named)


def unmapped(
    server: facts.Server, expected: expectations.Expectation
) -> Checks:
    """cinder holds no volume for the server that nova does not know of.

    Not among the checks of a move, which leaves such an attachment as it
    was.
    """
    for attachment in unnamed(server):
        yield expectations.same(
            'named attachment',
            'a mapping',
            f'none names {attachment.id} ({attachment.status})',
            f'volume {attachment.volume_id}',
        )


def _volume(server: facts.Server, volume_id: str, where: str) -> Checks:
    volume = server.volume(volume_id)
    yield expectations.same(
        'volume status', 'in-use', _status(volume) if volume else None, where
    )
    own = [a for a in server.attachments if a.volume_id == volume_id]
    yield expectations.same('attachments', 1, len(own), where)


def _status(volume: facts.Volume) -> str:
    """A volume's status, as far as it says something about one server.

    cinder keeps one status for all servers of a multiattach volume and calls
    it reserved while any of them gets a new attachment
    (cinder.volume.api.API._attachment_reserve): what holds for one server is
    the status of its attachment.
    """
    if volume.multiattach and volume.status in OTHERS_AT_WORK:
        return 'in-use'
    return volume.status


def _mapping(
    server: facts.Server,
    mapping: facts.Mapping,
    expected: expectations.Expectation,
    where: str,
) -> Checks:
    device = expected.volumes.get(mapping.volume_id or '', mapping.device_name)
    yield expectations.same('device', device, mapping.device_name, where)
    connected = 'there' if mapping.connection_digest else 'missing'
    if mapping.connection_differs:
        keys = ', '.join(mapping.connection_differs)
        connected = f"not cinder's: {keys}"
    yield expectations.same('connection_info', 'there', connected, where)
    attachment = server.attachment(mapping)
    found = f'{attachment.id}' if attachment else None
    yield expectations.same(
        'attachment', mapping.attachment_id or 'an attachment', found, where
    )
    if attachment is None:
        return
    yield expectations.same(
        'attachment status', 'attached', attachment.status, where
    )
    yield expectations.same(
        'attachment volume', mapping.volume_id, attachment.volume_id, where
    )
    yield expectations.same(
        'attached_host', expected.host, attachment.attached_host, where
    )
    connector = attachment.connector or {}
    yield expectations.same(
        'connector host', expected.host, connector.get('host'), where
    )
    if device is not None:
        yield expectations.same(
            'mountpoint', device, attachment.mountpoint, where
        )

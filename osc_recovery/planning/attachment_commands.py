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

"""In words: how a mapping gets a new attachment, in the order of the calls.

What had the volume before is taken off the storage between the two parts.
"""

from collections.abc import Iterator
from typing import Any

from osc_recovery.planning import statements
from osc_recovery.planning import text

Params = dict[str, Any]
Lines = Iterator[str]


def blank(uuid: str, params: Params) -> Lines:
    """A blank attachment is made, and the mapping names it."""
    volume = params['volume']
    yield from statements.mapping_read(params)
    yield f'cinder GET /attachments?volume_id={volume}&instance_id={uuid}'
    body = {'volume_uuid': volume, 'instance_uuid': uuid}
    yield f'cinder POST /attachments {text.json({"attachment": body})}'
    yield from statements.mapping_repointed(params)


def connect(params: Params) -> Lines:
    """It gets the host's connector, and the mapping what cinder answers."""
    connector = {**params['connector'], 'mountpoint': params['device']}
    body = {'attachment': {'connector': connector}}
    yield f'cinder PUT /attachments/<new> {text.json(body)}'
    yield from statements.mapping_connected(params)
    complete = text.json({'os-complete': None})
    yield f'cinder POST /attachments/<new>/action {complete}'

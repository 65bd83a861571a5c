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

"""The one form that a plan and a run have as data, as a JSON schema."""

from typing import Any

FORMAT = 1

_TEXT = {'type': 'string'}
_MAYBE = {'type': ['string', 'null']}


def _object(**properties: Any) -> dict[str, Any]:
    """An object that has these properties, all of them and no other."""
    return {
        'type': 'object',
        'properties': properties,
        'required': sorted(properties),
        'additionalProperties': False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {'type': 'array', 'items': items}


FINDING = _object(
    code=_TEXT,
    severity={'enum': ['blocker', 'consent', 'note']},
    fact=_TEXT,
    remedy=_TEXT,
    accepted={'type': 'boolean'},
    overridden={'type': 'boolean'},
)

CHECK = _object(
    name=_TEXT,
    verdict={'enum': ['ok', 'wrong', 'unknown']},
    expected=_TEXT,
    found=_TEXT,
    where=_TEXT,
)

#: what a step was given and what it read back is in the journal only: a
#: report is made to be shown around
STEP = _object(
    kind=_TEXT,
    state=_TEXT,
    final={'type': 'boolean'},
    error=_TEXT,
    started_at=_TEXT,
    finished_at=_TEXT,
)

SERVER = _object(
    uuid=_TEXT,
    name=_TEXT,
    target=_MAYBE,
    method=_TEXT,
    start={'type': 'boolean'},
    state=_TEXT,
    message=_TEXT,
    seconds={'type': 'number', 'minimum': 0},
    findings=_list(FINDING),
    steps=_list(STEP),
    checks=_list(CHECK),
)

#: ``run``, ``operator`` and ``finished_at`` are empty in a plan
REPORT: dict[str, Any] = {
    '$schema': 'https://json-schema.org/draft/2020-12/schema',
    'title': 'A plan or a run of osc-recovery',
    **_object(
        format={'const': FORMAT},
        kind={'enum': ['plan', 'run']},
        scenario=_TEXT,
        host=_TEXT,
        cell=_TEXT,
        run=_TEXT,
        operator=_TEXT,
        state=_TEXT,
        message=_TEXT,
        created_at=_TEXT,
        finished_at=_TEXT,
        parameters={'type': 'object'},
        capacity={'type': 'object'},
        findings=_list(FINDING),
        servers=_list(SERVER),
    ),
}

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


"""Reads the JSON text that nova and cinder keep in columns."""

import json
from typing import Any

from osc_recovery import exceptions


def parse(text: str | None, where: str) -> Any:
    """The value of a JSON text; None where there is none.

    Raises RecoveryError that names the place and quotes nothing of the
    text, which may hold secrets.
    """
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise exceptions.RecoveryError(
            f'{where} does not hold JSON text'
        ) from None


def fields(value: Any) -> dict[str, Any]:
    """The fields of a versioned object of nova, or {} when it is none.

    oslo.versionedobjects serializes an object as a dict whose
    ``nova_object.data`` holds its fields.
    """
    if not isinstance(value, dict):
        return {}
    data = value.get('nova_object.data', {})
    return data if isinstance(data, dict) else {}

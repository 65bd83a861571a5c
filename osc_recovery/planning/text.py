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

"""Values as JSON and SQL for people to read, without secrets."""

import json as _json
import re
from typing import Any

MASK = '***'
_SECRET = re.compile(r'passw|secret|token|credential|private', re.I)


def json(value: Any) -> str:
    """Compact JSON; what a key calls a secret is masked."""
    return _json.dumps(masked(value))


def masked(value: Any) -> Any:
    """The same value, what its keys call a secret replaced."""
    if isinstance(value, dict):
        return {
            key: MASK if _SECRET.search(str(key)) else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


def sql(value: Any) -> str:
    """A value as an SQL literal."""
    if value is None:
        return 'NULL'
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'"


def equals(name: str, value: Any) -> str:
    """A comparison that is true for NULL as well."""
    return f'{name} IS NULL' if value is None else f'{name} = {sql(value)}'

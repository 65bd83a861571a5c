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

"""Turns the model into JSON's types and back."""

import dataclasses
import enum
import types
import typing
from typing import Any, TypeVar

T = TypeVar('T')


def encode(value: Any) -> Any:
    """A dataclass, enum, tuple or dict as JSON's types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: encode(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], data: Any) -> T:
    """Build a dataclass from what :func:`encode` made of it.

    Raises ValueError when a field is missing, unknown or of the wrong
    shape: a plan may come from a file that somebody edited.
    """
    if not isinstance(data, dict):
        raise ValueError(f'{kind.__name__}: an object is needed')
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, kind))}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise ValueError(f'{kind.__name__}: unknown field {unknown[0]}')
    values = {
        name: _decode(hints[name], item, f'{kind.__name__}.{name}')
        for name, item in data.items()
    }
    try:
        return kind(**values)
    except TypeError as exc:
        raise ValueError(f'{kind.__name__}: {exc}') from exc


def _decode(hint: Any, data: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return data
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in args:
            return None
        hint = next(a for a in args if a is not type(None))
        return _decode(hint, data, where)
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise ValueError(f'{where}: a list is needed')
        return tuple(_decode(args[0], item, where) for item in data)
    if origin is dict:
        if not isinstance(data, dict):
            raise ValueError(f'{where}: an object is needed')
        return {k: _decode(args[1], v, where) for k, v in data.items()}
    return _decode_plain(hint, data, where)


def _decode_plain(hint: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast(type[Any], hint), data)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(data)
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, hint) or (hint is int and isinstance(data, bool)):
        raise ValueError(f'{where}: {hint.__name__} is needed')
    return data

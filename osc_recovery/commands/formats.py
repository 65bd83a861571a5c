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

"""Columns that hold more than one value, and warnings beside a table."""

from collections.abc import Iterable
import datetime
import logging
from typing import Any

from cliff import columns

LOG = logging.getLogger(__name__)

Row = dict[str, Any]


class Rows(columns.FormattableColumn[list[Row]]):
    """Several rows with the same keys: a small table inside a cell."""

    def human_readable(self) -> str:
        """The rows in aligned columns below their keys."""
        if not self._value:
            return ''
        keys = list(dict.fromkeys(key for row in self._value for key in row))
        lines = [
            keys,
            *([_text(row.get(k)) for k in keys] for row in self._value),
        ]
        widths = [
            max(len(line[i]) for line in lines) for i in range(len(keys))
        ]
        return '\n'.join(
            '  '.join(
                cell.ljust(width)
                for cell, width in zip(line, widths, strict=True)
            ).rstrip()
            for line in lines
        )

    def machine_readable(self) -> list[Row]:
        """The rows as they are."""
        return [dict(row) for row in self._value]


class Fields(columns.FormattableColumn[Row]):
    """Some fields of one thing, a line each."""

    def human_readable(self) -> str:
        """``key: value`` lines."""
        return '\n'.join(
            f'{key}: {_text(value)}' for key, value in self._value.items()
        )

    def machine_readable(self) -> Row:
        """The fields as they are."""
        return dict(self._value)


class Names(columns.FormattableColumn[Any]):
    """Names, or None where nobody could be asked for them."""

    def human_readable(self) -> str:
        """The names on one line."""
        if self._value is None:
            return 'unknown'
        return ', '.join(self._value) or 'none'

    def machine_readable(self) -> list[str] | None:
        """The names as a list."""
        return None if self._value is None else list(self._value)


def when(text: str | None) -> str:
    """A time in UTC to the second, as a column shows it."""
    if not text:
        return ''
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return moment.isoformat(timespec='seconds')


def warn(warnings: Iterable[str]) -> None:
    """Say on stderr what a result lacks."""
    for warning in warnings:
        LOG.warning('%s', warning)


def _text(value: Any) -> str:
    if value is None:
        return '-'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return str(value)

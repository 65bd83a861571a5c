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


"""Reads rows by many keys with few statements."""

from collections.abc import Collection
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

#: a row of a table, by column
Row = dict[str, Any]

#: keys in one IN list: well under every database's limit of parameters
SIZE = 500


def rows(
    connection: sa.Connection,
    query: sa.Select[Any],
    column: sa.Column[Any],
    keys: Collection[Any],
) -> Iterator[Row]:
    """The query's rows whose column has one of the keys.

    One statement for every 500 keys, none for no key.
    """
    unique = sorted(set(keys))
    for start in range(0, len(unique), SIZE):
        part = query.where(column.in_(unique[start : start + SIZE]))
        for row in connection.execute(part).mappings().all():
            yield dict(row)

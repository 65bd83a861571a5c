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

"""Tables of plain text, as wide as a terminal bears."""

from collections.abc import Iterable
from collections.abc import Sequence
import io

from rich import box
from rich import console
from rich import table
from rich import text

#: columns of a page where nobody asks a terminal for its own
WIDTH = 110


def table_of(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    width: int = WIDTH,
) -> str:
    """A titled table; nothing at all when it has no rows."""
    made = table.Table(box=box.ASCII, show_lines=False)
    for column in columns:
        made.add_column(column, overflow='fold')
    for row in rows:
        # text.Text: names and facts are no markup, whatever they hold
        made.add_row(*(text.Text(_shown(value)) for value in row))
    if not made.row_count:
        return ''
    stream = io.StringIO()
    console.Console(
        file=stream, width=width, color_system=None, force_terminal=False
    ).print(made)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return '\n'.join([title, *lines, ''])


def paragraphs(parts: Iterable[str]) -> str:
    """The parts that are not empty, a blank line between them."""
    return '\n'.join(part.rstrip('\n') + '\n' for part in parts if part)


def _shown(value: object) -> str:
    if value is None:
        return ''
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return str(value)

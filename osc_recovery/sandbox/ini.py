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

"""Writes configuration files that oslo.config reads."""

from collections.abc import Mapping
import pathlib

Value = str | int | bool | pathlib.Path
Options = Mapping[str, Value]
Sections = Mapping[str, Options]


def render(sections: Sections) -> str:
    """The text of a configuration file."""
    blocks = []
    for name, options in sections.items():
        lines = [f'{key} = {_text(value)}' for key, value in options.items()]
        blocks.append('\n'.join([f'[{name}]', *lines]))
    return '\n\n'.join(blocks) + '\n'


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def write(path: pathlib.Path, sections: Sections) -> None:
    """Write a file that only its owner reads: it may hold passwords."""
    path.touch(mode=0o600)
    path.write_text(render(sections))

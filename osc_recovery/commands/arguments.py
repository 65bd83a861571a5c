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

"""Refuses what must not be given on a command line: passwords."""

import argparse
from collections.abc import Iterator
import re
from typing import Any

from osc_recovery import exceptions

#: what stands between "://" and "@" of a URL, if it holds a colon
_WITH_PASSWORD = re.compile(r'://[^\s:/@]*:[^\s/]*@')


def refuse_passwords(*given: argparse.Namespace) -> None:
    """Raise UsageError for a URL with a password among the arguments.

    Every user of the machine can read a command line, and a shell keeps
    it.  The value is not repeated.
    """
    for name, value in _texts(*given):
        if _WITH_PASSWORD.search(value):
            raise exceptions.UsageError(
                f'The argument "{name}" holds a URL with a password, which '
                'others can read on the command line (ps, the history of '
                'the shell): change that password. URLs of databases belong '
                'in configuration files, that of the journal in recovery.conf '
                'as [journal] connection.'
            )


def _texts(*given: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for namespace in given:
        for dest, value in vars(namespace).items():
            for text in _flat(value):
                yield dest.replace('_', '-'), text


def _flat(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _flat(inner)

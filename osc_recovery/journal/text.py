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

"""Error text as it may be kept and shown: one line, secrets masked."""

import re

from oslo_utils import strutils

from osc_recovery import exceptions

_LIMIT = 1000
#: the password of a URL; greedy, because it may hold '@', '/' and ':'
_USERINFO = re.compile(r'(://[^\s:/@]*):\S*@')


def one_line(text: str) -> str:
    """The text without line breaks and without the secrets we know of."""
    line = ' '.join(text.replace('\0', '').split())
    line = _USERINFO.sub(r'\1:***@', strutils.mask_password(line))
    if len(line) > _LIMIT:
        line = line[: _LIMIT - 3] + '...'
    return line


def of_error(error: BaseException) -> str:
    """What went wrong, in one line.

    Of an error that is not ours only the first line is kept, after its
    type: database errors go on with the statement's parameters.
    """
    if isinstance(error, exceptions.RecoveryError):
        return one_line(str(error))
    first = (str(error).strip().splitlines() or [''])[0]
    return one_line(f'{type(error).__name__}: {first}'.rstrip(': '))

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

"""What stands in services.disabled_reason of a host: who works on it.

Stock commands show it (``openstack compute service list --long``), and every
osc-recovery reads it, whatever journal it has.
"""

import dataclasses
import re

#: of the column, in characters
_LIMIT = 255
#: what a run at work adds to the words that a fence leaves behind
_AT_WORK = ' at work since '
_LEASE = re.compile(
    rf'osc-recovery (?P<run>\S+) (?P<who>.+){_AT_WORK}(?P<since>\S+)'
)
#: the column may know no more: nova's tables are utf8 of three bytes, or less
_ODD = re.compile(r'[^\x20-\x7e]')


@dataclasses.dataclass(frozen=True)
class HostLease:
    """A run that works on a host, as its service's row says."""

    run_id: str
    who: str
    since: str


def closed(run_id: str, who: str) -> str:
    """The reason that a fence leaves behind: which run closed the host."""
    return _shortened(run_id, who, '')


def text(run_id: str, who: str, since: str) -> str:
    """The reason while a run works on the host."""
    return _shortened(run_id, who, f'{_AT_WORK}{since}')


def parse(reason: str | None) -> HostLease | None:
    """The run that works on a host; None for any other reason."""
    found = _LEASE.fullmatch(reason or '')
    if found is None:
        return None
    return HostLease(found['run'], found['who'], found['since'])


def _shortened(run_id: str, who: str, end: str) -> str:
    start = f'osc-recovery {run_id} '
    plain = _ODD.sub('?', who) or '?'
    return f'{start}{plain[: _LIMIT - len(start) - len(end)]}{end}'

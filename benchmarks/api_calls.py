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

"""The API calls that relocating a server takes, by service and method.

Two hosts are relocated, one with twice the servers of the other: the
difference, divided by the servers that it is about, is what one server
with one port and one volume takes.  Every HTTP request of the process is
counted where it is sent, those for tokens and of clients included, from
the reading of the plan's facts to the last verification.
"""

import argparse
import collections
from collections.abc import Iterator
import contextlib
import dataclasses
import sys
from typing import Any
from unittest import mock
import urllib.parse

from requests import adapters

from osc_recovery import exceptions
from osc_recovery.model import events
from osc_recovery.model import results
import support

CLAIM = 25

#: requests by service and method
Counts = collections.Counter[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Counted:
    """The requests of planning and of carrying out."""

    plan: Counts
    run: Counts


def main() -> int:
    """Measure, print, and say with the exit code whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    support.add_options(parser, 10)
    args = parser.parse_args()
    counted = []
    with support.lab(args.directory) as lab:
        hosts = lab.two_filled(args.servers)
        lab.lose(hosts)
        for host in hosts:
            lab.fence(host)
            support.say(f'relocating {host}')
            counted.append(_relocate(lab, host, lab.others(hosts)))
    return _tell(counted[0], counted[1], args.servers)


def _relocate(lab: support.Lab, host: str, targets: list[str]) -> Counted:
    """Do in this process what ``recovery host relocate`` does."""
    client = lab.cloud.client()
    with _counting(lab.ports()) as sent:
        plan = client.relocation().plan(host, targets=tuple(targets))
        planned = collections.Counter(sent)
        done = client.runner().start(plan, _ignore, recheck=False)
        whole = collections.Counter(sent)
    if done.state is not results.RunState.DONE:
        raise exceptions.RecoveryError(client.describe_result(done))
    return Counted(planned, whole - planned)


def _ignore(event: events.Event) -> None:
    """Draw no progress."""


@contextlib.contextmanager
def _counting(services: dict[int, str]) -> Iterator[list[tuple[str, str]]]:
    """Note service and method of every request, where it is sent."""
    sent: list[tuple[str, str]] = []
    send = adapters.HTTPAdapter.send

    def noted(
        adapter: adapters.HTTPAdapter, request: Any, **kwargs: Any
    ) -> Any:
        port = urllib.parse.urlsplit(request.url).port or 0
        # Threads share this list; appending to it needs no lock.
        sent.append((services.get(port, str(port)), request.method))
        return send(adapter, request, **kwargs)

    with mock.patch.object(adapters.HTTPAdapter, 'send', noted):
        yield sent


def _tell(small: Counted, large: Counted, servers: int) -> int:
    """Print what one server takes; the exit code."""
    whole = large.plan + large.run
    rows: list[tuple[object, ...]] = [
        ('service', 'method', 'plan', 'run', 'together')
    ]
    sums = [0.0, 0.0]
    for key in sorted(whole):
        plan = (large.plan[key] - small.plan[key]) / servers
        run = (large.run[key] - small.run[key]) / servers
        sums = [sums[0] + plan, sums[1] + run]
        rows.append((*key, f'{plan:.2f}', f'{run:.2f}', f'{plan + run:.2f}'))
    each = sum(sums)
    rows.append(
        ('a server', '', f'{sums[0]:.2f}', f'{sums[1]:.2f}', f'{each:.2f}')
    )
    support.table(rows)
    once = whole.total() - 2 * servers * each
    support.table(
        (
            (
                f'requests for {servers} servers',
                (small.plan + small.run).total(),
            ),
            (f'requests for {2 * servers} servers', whole.total()),
            ('once, whatever the number', f'{once:.0f}'),
        )
    )
    return support.verdict(
        each <= CLAIM, f'at most {CLAIM} API calls a server, plan included'
    )


if __name__ == '__main__':
    sys.exit(main())

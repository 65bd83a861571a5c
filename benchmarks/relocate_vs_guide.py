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

"""Relocating a host's servers, beside doing it by hand as nova's guide says.

Two hosts with as many servers die.  Those of one are relocated with one
command, verification included.  Those of the other are moved as the guide
("Recover from a failed compute node") says, one server after the other:
the UPDATE, ``openstack server show``, ``openstack server reboot``.

What counts for the guide is the time until each command has ended, as for
an operator who types without a pause and makes no mistake.  The UPDATE
runs in this process, as in an open mysql session.  ``reboot`` returns when
nova has accepted it; whether anything boots is looked at afterwards and
costs the guide nothing.
"""

import argparse
import collections
from collections.abc import Iterable
import contextlib
import datetime
import sqlite3
import sys
import time
from typing import Any

from osc_recovery import exceptions
from osc_recovery.facts import liveness
from osc_recovery.sandbox import api as apis
import support

CLAIM = 3.0
#: seconds for the guide's reboots to come to an end
SETTLE = 120


def main() -> int:
    """Measure, print, and say with the exit code whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    support.add_options(parser, 20)
    args = parser.parse_args()
    with support.lab(args.directory) as lab:
        ours = lab.filled(args.servers)
        theirs = lab.filled(args.servers, [ours])
        spare = lab.others((ours, theirs))
        uuids, moved = _uuids(lab, theirs), _uuids(lab, ours)
        lab.lose((ours, theirs))
        support.say(f'relocating {ours}')
        fence = lab.fence(ours)
        relocation = lab.relocate(ours, spare)
        report = lab.newest_run()
        support.say(f'the guide on {theirs}')
        by_hand = guide(lab, uuids, spare[0])
        running = _running(lab, uuids)
        kept = _running(lab, moved)
        watch = _watch(lab)
        for uuid in uuids:
            lab.cloud.delete_server(uuid)
    whole = sum(by_hand.values())
    ratio = whole / relocation.wall
    fenced = relocation.wall + fence.wall
    support.table(
        (
            (f'{args.servers} servers', 's', 'ratio', 'running after'),
            ('the guide', f'{whole:.1f}', '', running),
            *(
                (f'  {name}', f'{s:.1f}', '', '')
                for name, s in by_hand.items()
            ),
            (
                'host relocate, verified',
                *(f'{relocation.wall:.1f}', f'{ratio:.1f}', kept),
            ),
            (
                'host fence, host relocate',
                *(f'{fenced:.1f}', f'{whole / fenced:.1f}', ''),
            ),
        )
    )
    where_it_goes(relocation, report, watch)
    return support.verdict(
        ratio >= CLAIM, f'at least {CLAIM:.0f} times less than the guide'
    )


def guide(
    lab: support.Lab, uuids: Iterable[str], target: str
) -> dict[str, float]:
    """Follow the guide for every server; the seconds of each command."""
    spent = dict.fromkeys(('UPDATE', 'server show', 'server reboot'), 0.0)
    for uuid in uuids:
        started = time.perf_counter()
        _update(lab, uuid, target)
        spent['UPDATE'] += time.perf_counter() - started
        spent['server show'] += lab.openstack('server', 'show', uuid).wall
        spent['server reboot'] += lab.openstack('server', 'reboot', uuid).wall
    return spent


def _update(lab: support.Lab, uuid: str, target: str) -> None:
    path = lab.sandbox.directory / 'db' / 'nova_cell1.db'
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as database:
        with database:
            database.execute(
                'UPDATE instances SET host = ? WHERE uuid = ?', (target, uuid)
            )


def _uuids(lab: support.Lab, host: str) -> list[str]:
    return [server.uuid for server in lab.cloud.servers_on(host)]


def _running(lab: support.Lab, uuids: list[str]) -> int:
    """How many of the servers have a running guest, once nova is done."""

    def look() -> bool | None:
        tasks = [
            lab.cloud.server(uuid)['OS-EXT-STS:task_state'] for uuid in uuids
        ]
        return not any(tasks) or None

    with contextlib.suppress(exceptions.RecoveryError):
        apis.wait('nova to be done', look, SETTLE)
    return sum(bool(lab.cloud.running_on(uuid)) for uuid in uuids)


def _watch(lab: support.Lab) -> float:
    """The seconds between the two looks at a dead host's heartbeats."""
    interval = lab.cloud.sources().report_interval
    return float(liveness.INTERVALS * interval + liveness.MARGIN)


def where_it_goes(
    relocation: support.Timed, report: dict[str, Any], watch: float
) -> None:
    """Print the parts of the command's time, and the sum of each step."""
    begun, ended = (
        _moment(report['created_at']),
        _moment(report['finished_at']),
    )
    planned = (begun - relocation.started_at).total_seconds()
    run = (ended - begun).total_seconds()
    sys.stdout.write('\nwhere the time of host relocate goes\n')
    support.table(
        (
            ('part', 's'),
            ('start, facts, plan', f'{planned:.1f}'),
            ('  at least: two report intervals watched', f'{watch:.1f}'),
            ('the run, verification included', f'{run:.1f}'),
            ('report and exit', f'{relocation.wall - planned - run:.1f}'),
        )
    )
    spent, counts = _steps(report)
    whole = sum(server['seconds'] for server in report['servers'])
    sys.stdout.write(
        '\nsteps, summed over servers that are worked on in parallel\n'
    )
    support.table(
        (
            ('step', 'number', 's', 'ms each'),
            *(
                (
                    *(kind, counts[kind], f'{seconds:.1f}'),
                    f'{seconds / counts[kind] * 1000:.0f}',
                )
                for kind, seconds in spent.most_common()
            ),
            ('between steps', '', f'{whole - sum(spent.values()):.1f}', ''),
            ('servers', len(report['servers']), f'{whole:.1f}', ''),
        )
    )
    sys.stdout.write('\n')


def _steps(
    report: dict[str, Any],
) -> tuple[collections.Counter[str], collections.Counter[str]]:
    """Seconds and number of the steps of each kind."""
    spent: Any = collections.Counter()
    counts: collections.Counter[str] = collections.Counter()
    for server in report['servers']:
        for step in server['steps']:
            if not step.get('finished_at'):
                continue
            lasted = _moment(step['finished_at']) - _moment(step['started_at'])
            spent[step['kind']] += lasted.total_seconds()
            counts[step['kind']] += 1
    return spent, counts


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


if __name__ == '__main__':
    sys.exit(main())

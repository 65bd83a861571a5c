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
"""Evacuating a host's servers, beside ``nova host-evacuate``.

The servers of one host go to another and back again, in alternating pairs:
nova's command takes them one way, ours the other, both to a named target and
at the same microversion, with the caps of ours off.  One poller reads the
database for both.

What counts for nova's command is the time from its start until the last
server is up on the target: it does not wait itself.  What counts for ours is
the time until it has ended, its plan and its verification included.
"""

import argparse
import collections
import statistics
import subprocess
import sys
import time
from typing import Any

import openstack

from osc_recovery.db import evacuating
from osc_recovery import exceptions
from osc_recovery.sandbox import api as apis
import support

CLAIM = 1.15
MICROVERSION = '2.94'
#: the most that our command takes
CAPS_OFF = ('--concurrency', '128', '--per-target', '128')
#: seconds for all servers, and between two looks of the poller
TIMEOUT, INTERVAL = 1800.0, 0.5


def main() -> int:
    """Measure, print, and say with the exit code whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    support.add_options(parser, 40)
    parser.add_argument(
        '--pairs', type=int, default=3, help='alternating pairs (default: 3)'
    )
    args = parser.parse_args()
    spent: dict[str, list[float]] = {'nova': [], 'ours': [], 'up': []}
    with support.lab(args.directory) as lab:
        source = lab.filled(args.servers)
        target = lab.others([source])[0]
        for _ in range(args.pairs):
            spent['nova'].append(_nova(lab, source, target))
            source, target = target, source
            wall, up = _ours(lab, source, target)
            spent['ours'].append(wall)
            spent['up'].append(up)
            source, target = target, source
    nova, ours, up = (statistics.median(spent[name]) for name in spent)
    support.table(
        (
            (f'{args.servers} servers, {args.pairs} pairs', 's', 'ratio'),
            ('nova host-evacuate, until all are up', f'{nova:.1f}', ''),
            (
                'host evacuate, until all are up',
                *(f'{up:.1f}', f'{up / nova:.2f}'),
            ),
            (
                'host evacuate, verified',
                *(f'{ours:.1f}', f'{ours / nova:.2f}'),
            ),
            *(
                (name, ' '.join(f'{s:.1f}' for s in found), '')
                for name, found in spent.items()
            ),
        )
    )
    return support.verdict(
        ours <= CLAIM * nova,
        f'at most {CLAIM} times what nova host-evacuate takes',
    )


def _nova(lab: support.Lab, source: str, target: str) -> float:
    """Seconds until all are up after nova's own command."""
    watch = _lost(lab, source, target)
    command = ['nova', '--os-compute-api-version', MICROVERSION]
    command += ['host-evacuate', '--strict', '--target_host', target, source]
    support.say(' '.join(command))
    watch.begin()
    subprocess.run(
        [sys.executable, '-m', 'novaclient.shell', *command[1:]],
        env={**lab.cloud.environ(), **_credentials(lab)},
        check=True,
        capture_output=True,
    )
    seconds = watch.end()
    lab.restore()
    return seconds


def _ours(lab: support.Lab, source: str, target: str) -> tuple[float, float]:
    """Seconds of our command, and until all are up."""
    watch = _lost(lab, source, target)
    support.say(f'host evacuate {source} --target {target}')
    begun = watch.begin()
    process = subprocess.Popen(
        [
            *(sys.executable, '-m', 'openstackclient.shell', 'recovery'),
            *('host', 'evacuate', source, '--target', target, '--yes'),
            *CAPS_OFF,
        ],
        env=lab.cloud.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    up = watch.end()
    if process.wait(TIMEOUT):
        raise exceptions.RecoveryError(
            f'host evacuate ended with {process.returncode}.'
        )
    wall = time.monotonic() - begun
    lab.restore()
    return wall, up


def _lost(lab: support.Lab, source: str, target: str) -> '_Watch':
    """The host is dead and fenced; both commands find the same."""
    uuids = [server.uuid for server in lab.cloud.servers_on(source)]
    lab.lose([source])
    lab.fence(source)
    return _Watch(lab, uuids, target)


class _Watch:
    """The poller: when every server was up on the target."""

    def __init__(
        self, lab: support.Lab, uuids: list[str], target: str
    ) -> None:
        self._cell = lab.cloud.cell()
        self._uuids = uuids
        self._target = target
        self._begun = 0.0

    def begin(self) -> float:
        """Start the clock."""
        self._begun = time.monotonic()
        return self._begun

    def end(self) -> float:
        """Wait for the last server; the seconds since the beginning."""
        return apis.wait('the servers to be up', self._up, TIMEOUT, INTERVAL)

    def _up(self) -> float | None:
        states = self._states()
        passed = time.monotonic() - self._begun
        if states['error']:
            raise exceptions.RecoveryError(
                f'After {passed:.0f} s the servers are {dict(states)}.'
            )
        return passed if states == {'up': len(self._uuids)} else None

    def _states(self) -> Any:
        found = evacuating.seen(self._cell, self._uuids)
        return collections.Counter(map(self._state, found.values()))

    def _state(self, seen: evacuating.Seen) -> str:
        if seen.vm_state == 'error':
            return 'error'
        there = (seen.host, seen.vm_state, seen.task_state)
        done = seen.attempts and seen.attempts[-1].status == 'done'
        up = done and there == (self._target, 'active', None)
        return 'up' if up else 'under way'


def _credentials(lab: support.Lab) -> dict[str, str]:
    """nova's command knows no clouds.yaml: the same in its own words."""
    environ = lab.cloud.environ()
    region = openstack.config.OpenStackConfig(
        config_files=[environ['OS_CLIENT_CONFIG_FILE']], load_envvars=False
    ).get_one(cloud=environ['OS_CLOUD'])
    found = {
        f'OS_{name.upper()}': str(value)
        for name, value in region.config['auth'].items()
    }
    return {**found, 'OS_REGION_NAME': region.region_name}


if __name__ == '__main__':
    sys.exit(main())

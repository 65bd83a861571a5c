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

"""What the simulated hardware remembers in files."""

import concurrent.futures
import functools
import os
import pathlib

from osc_recovery.sandbox.services import power
from osc_recovery.sandbox.services import records
from osc_recovery.tests.unit import base


class GuestsTestCase(base.TestCase):
    """Guests of a host."""

    def setUp(self) -> None:
        super().setUp()
        self.hosts = self.home / 'hosts'

    def host(self, name: str, **guests: str) -> pathlib.Path:
        path = self.hosts / name
        records.write_guests(
            path,
            {
                uuid: records.Guest(f'instance-{uuid}', state)
                for uuid, state in guests.items()
            },
        )
        return path

    def test_a_host_without_a_file_has_no_guests(self) -> None:
        self.assertEqual({}, records.read_guests(self.hosts / 'host1'))

    def test_written_guests_are_read(self) -> None:
        host = self.host('host1', a='running')
        self.assertEqual(
            {'a': records.Guest('instance-a', 'running')},
            records.read_guests(host),
        )

    def test_a_power_cut_stops_what_ran_and_nothing_else(self) -> None:
        host = self.host(
            'host1', a='running', b='paused', c='suspended', d='shutdown'
        )
        records.shut_down_guests(host)
        self.assertEqual(
            {'a': 'shutdown', 'b': 'shutdown', 'c': 'suspended'}
            | {'d': 'shutdown'},
            {u: g.state for u, g in records.read_guests(host).items()},
        )

    def test_running_elsewhere(self) -> None:
        host = self.host('host1', a='running')
        self.host('host2', a='running', b='running')
        self.host('host3', a='paused')
        self.host('host4', a='shutdown')
        self.host('host5', a='suspended')
        self.assertEqual(
            ['host2', 'host3'], records.running_elsewhere(host, 'a')
        )
        self.assertEqual([], records.running_elsewhere(host, 'c'))


def _with(
    uuid: str, guests: dict[str, records.Guest]
) -> dict[str, records.Guest]:
    return {**guests, uuid: records.Guest(uuid, records.RUNNING)}


class ManyWritersTestCase(base.TestCase):
    """Two processes, each with threads, at the file of one host."""

    PROCESSES, THREADS, GUESTS = 2, 4, 10

    def test_nobodys_guest_is_lost(self) -> None:
        host = self.home / 'host1'
        pids = [self._fork(host, number) for number in range(self.PROCESSES)]
        for pid in pids:
            _, status = os.waitpid(pid, 0)
            self.assertEqual(0, os.waitstatus_to_exitcode(status))
        wanted = {
            f'{process}-{thread}-{guest}'
            for process in range(self.PROCESSES)
            for thread in range(self.THREADS)
            for guest in range(self.GUESTS)
        }
        self.assertEqual(wanted, set(records.read_guests(host)))

    def _fork(self, host: pathlib.Path, process: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            with concurrent.futures.ThreadPoolExecutor(self.THREADS) as pool:
                names = [f'{process}-{n}' for n in range(self.THREADS)]
                list(pool.map(lambda name: self._add(host, name), names))
            code = 0
        finally:
            os._exit(code)

    def _add(self, host: pathlib.Path, name: str) -> None:
        for number in range(self.GUESTS):
            uuid = f'{name}-{number}'
            records.update_guests(host, functools.partial(_with, uuid))
            # whoever reads without the lock sees a whole file
            self.assertIn(uuid, records.read_guests(host))


class ExportsTestCase(base.TestCase):
    """The export table of the array."""

    def setUp(self) -> None:
        super().setUp()
        self.exports = records.Exports(self.home)

    def test_no_file_is_no_export(self) -> None:
        self.assertEqual(set(), self.exports.read())

    def test_adding_twice_is_adding_once(self) -> None:
        for host in ('host1', 'host1', 'host2'):
            self.exports.add('v', host)
        self.assertEqual({('v', 'host1'), ('v', 'host2')}, self.exports.read())

    def test_removing_names_one_host_or_all(self) -> None:
        for volume, host in (('v', 'a'), ('v', 'b'), ('v', 'c'), ('w', 'a')):
            self.exports.add(volume, host)
        self.exports.remove('v', 'a')
        self.assertEqual(
            {('v', 'b'), ('v', 'c'), ('w', 'a')}, self.exports.read()
        )
        self.exports.remove('v')
        self.assertEqual({('w', 'a')}, self.exports.read())


class ViolationsTestCase(base.TestCase):
    """What a suite must not find."""

    def test_none(self) -> None:
        self.assertEqual([], records.read_violations(self.home))

    def test_in_order(self) -> None:
        for kind in ('split-brain', 'port-not-bound'):
            records.record_violation(self.home, kind, 'uuid', host='host2')
        found = records.read_violations(self.home)
        self.assertEqual(
            ['split-brain', 'port-not-bound'], [row['kind'] for row in found]
        )
        self.assertEqual('host2', found[0]['host'])


class PowerTestCase(base.TestCase):
    """Which hosts have power."""

    def test_cut_and_restored(self) -> None:
        for name in ('host2', 'host1'):
            (self.home / name).mkdir()
        (self.home / 'file').touch()
        self.assertEqual(['host1', 'host2'], power.live_hosts(self.home))
        power.cut(self.home / 'host1')
        self.assertEqual(['host2'], power.live_hosts(self.home))
        self.assertFalse(power.is_on(self.home / 'host1'))
        power.restore(self.home / 'host1')
        power.restore(self.home / 'host1')
        self.assertEqual(['host1', 'host2'], power.live_hosts(self.home))

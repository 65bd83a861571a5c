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

"""The compare-and-set of a service's disabled reason, on every server."""

import datetime
import os
import signal
import threading
from typing import Any
from unittest import mock

import sqlalchemy as sa
import testscenarios

from osc_recovery.db import engine
from osc_recovery.db import leases
from osc_recovery.db import nova_cell
from osc_recovery.db import tables
from osc_recovery.tests.unit.db import base
from osc_recovery.tests.unit.execution import fakes
from osc_recovery.tests.unit.journal import servers

load_tests = testscenarios.load_tests_apply_scenarios

_DEADLINE = 30  # seconds
SEEN = datetime.datetime(2026, 11, 22, 16, 0, 0)


class SwapTestCase(servers.ServerTestCase):
    """A cell with two services of one host, and one of another."""

    scenarios = servers.SCENARIOS

    def setUp(self) -> None:
        super().setUp()
        self.url = self.empty()
        self.cell = self.opened_cell()
        with self.cell.database.writing() as connection:
            tables.CELL.create_all(connection)
            for host, binary, deleted in (
                ('kvm1', 'nova-compute', 0),
                ('kvm1', 'nova-compute', 7),
                ('kvm1', 'nova-conductor', 0),
                ('kvm2', 'nova-compute', 0),
            ):
                values = {
                    'uuid': f'{host}-{binary}',
                    'host': host,
                    'binary': binary,
                    'deleted': deleted,
                    'disabled': host == 'kvm1',
                    'disabled_reason': 'as it was',
                    'last_seen_up': SEEN,
                    'report_count': 5,
                }
                connection.execute(sa.insert(tables.services).values(values))

    def opened_cell(self) -> nova_cell.NovaCell:
        database = engine.Database('nova_cell1', self.url)
        self.addCleanup(database.dispose)
        return nova_cell.NovaCell(database, base.CELL)

    def rows(self) -> list[Any]:
        with self.cell.reading() as connection:
            query = sa.select(tables.services).order_by(
                tables.services.c.uuid, tables.services.c.deleted
            )
            return list(connection.execute(query))

    def test_read(self) -> None:
        for host, found in (
            ('kvm1', leases.Reason(True, 'as it was')),
            ('kvm2', leases.Reason(False, 'as it was')),
            ('KVM1', None),
            ('nowhere', None),
        ):
            with self.subTest(host):
                self.assertEqual(found, leases.read(self.cell, host))

    def test_swap(self) -> None:
        # what is expected, what is written, what stands there then
        for expected, new, found in (
            ('something else', 'mine', 'as it was'),
            ('AS IT WAS', 'mine', 'as it was'),
            (None, 'mine', 'as it was'),
            ('as it was', 'mine', 'mine'),
            # the answer to that was lost: called again
            ('as it was', 'mine', 'mine'),
            ('as it was', 'yours', 'mine'),
            ('mine', None, None),
            ('mine', 'yours', None),
            (None, 'yours', 'yours'),
        ):
            with self.subTest(f'{expected} -> {new}'):
                self.assertEqual(
                    found, leases.swap(self.cell, 'kvm1', expected, new)
                )
                reason = leases.read(self.cell, 'kvm1')
                assert reason is not None
                self.assertEqual(found, reason.text)

    def test_nothing_else_is_touched(self) -> None:
        before = self.rows()
        leases.swap(self.cell, 'kvm1', 'as it was', 'mine')
        changed = [
            (old, new)
            for old, new in zip(before, self.rows(), strict=True)
            if old != new
        ]
        ((old, new),) = changed
        self.assertEqual(
            {**old._mapping, 'disabled_reason': 'mine'}, new._mapping
        )

    def test_no_such_service(self) -> None:
        before = self.rows()
        self.assertIsNone(leases.swap(self.cell, 'nowhere', None, 'mine'))
        self.assertEqual(before, self.rows())

    def test_lost_answer(self) -> None:
        writing = self.cell.writing
        lost = [engine.Disconnected('the answer was lost')]

        def once() -> Any:
            if len(lost) == 1:
                with writing() as connection:
                    connection.execute(
                        sa.update(tables.services)
                        .where(tables.services.c.host == 'kvm1')
                        .values(disabled_reason='mine')
                    )
                raise lost.pop()
            return writing()

        with mock.patch.object(
            self.cell, 'writing', side_effect=once, autospec=True
        ):
            found = leases.swap(self.cell, 'kvm1', 'as it was', 'mine')
        self.assertEqual('mine', found)

    def test_waits_for_who_is_first(self) -> None:
        """Who looks while another one writes sees what that one wrote."""
        said: list[str | None] = []

        def late() -> None:
            cell = self.opened_cell()
            cell.check()
            ready.set()
            said.append(leases.swap(cell, 'kvm1', 'as it was', 'mine'))

        ready = threading.Event()
        thread = threading.Thread(target=late)
        with self.cell.writing() as connection:
            connection.execute(
                sa.update(tables.services)
                .where(tables.services.c.host == 'kvm1')
                .values(disabled_reason='yours')
            )
            thread.start()
            self.assertTrue(ready.wait(_DEADLINE))
            # long enough to read past a lock that is not asked for
            thread.join(0.5)
            self.assertEqual([], said)
        thread.join(_DEADLINE)
        self.assertEqual(['yours'], said)

    def test_at_the_same_moment(self) -> None:
        """Processes, each with connections of its own: one wins."""
        self.cell.database.dispose()
        pids = [self._fork(f'run {number}') for number in range(4)]
        try:
            (self.home / 'go').touch()
            answers = [self.home / f'answer-{pid}' for pid in pids]
            fakes.wait_for(
                lambda: all(a.exists() for a in answers), 'the answers'
            )
        finally:
            for pid in pids:
                os.waitpid(pid, 0)
        said = {answer.read_text() for answer in answers}
        reason = leases.read(self.cell, 'kvm1')
        assert reason is not None
        self.assertEqual({reason.text}, said)

    def _fork(self, name: str) -> int:
        pid = os.fork()
        if pid:
            return pid
        said = ''
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(_DEADLINE)
            cell = self.opened_cell()
            cell.check()
            fakes.wait_for((self.home / 'go').exists, 'go')
            said = str(leases.swap(cell, 'kvm1', 'as it was', name))
        finally:
            answer = self.home / f'answer-{os.getpid()}'
            answer.with_suffix('.new').write_text(said)
            os.rename(answer.with_suffix('.new'), answer)
            os._exit(0)

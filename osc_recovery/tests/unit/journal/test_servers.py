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


"""What a journal has to hold, and to live through, on any server."""

from collections.abc import Callable
from typing import Any, ClassVar
from unittest import mock

import sqlalchemy as sa
import testscenarios

from osc_recovery.db import engine
from osc_recovery.journal import process
from osc_recovery.journal import store
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.journal import servers

load_tests = testscenarios.load_tests_apply_scenarios

#: longer than a TEXT of MySQL, and what a thousand servers may come to
LONG = 'x' * 70_000
VERY_LONG = 3_000_000


class ContentTestCase(servers.ServerTestCase):
    """Everything comes back as it was stored."""

    scenarios = servers.SCENARIOS

    def setUp(self) -> None:
        super().setUp()
        self.url = self.made()
        self.journal = self.opened(self.url)

    def create(self, plan: dict[str, Any]) -> runs.RunRecord:
        me = process.current()
        return self.journal.create_run('relocate', 'dead1', plan, me)

    def test_long_plan(self) -> None:
        plan = {'servers': [{'text': LONG}, {'text': 'y' * VERY_LONG}]}
        run = self.create(plan)
        self.assertEqual(plan, self.opened(self.url).run(run.id).plan)

    def test_long_intent(self) -> None:
        run = self.create({})
        intent = {'before': LONG}
        self.journal.begin_step(run.id, 's', 0, 'move', intent)
        self.journal.remember(run.id, 's', 0, {'more': LONG})
        self.journal.end_step(
            run.id, 's', 0, steps.StepState.DONE, {'after': LONG}
        )
        (step,) = self.opened(self.url).steps(run.id)
        self.assertEqual({'before': LONG, 'more': LONG}, step.intent)
        self.assertEqual({'after': LONG}, step.outcome)

    def test_characters(self) -> None:
        odd = 'w\xe9b \U0001f480 "\\\u2028 \u4e16'
        run = self.create({odd: odd})
        server = results.ServerResult(
            odd, odd, results.ServerState.DONE, odd, seconds=1.5
        )
        self.journal.set_server(run.id, server)
        self.journal.begin_step(run.id, odd, 0, 'k', {odd: [odd, '\0']})
        journal = self.opened(self.url)
        self.assertEqual({odd: odd}, journal.run(run.id).plan)
        found = journal.servers(run.id)
        self.assertEqual([odd, odd], [found[0].uuid, found[0].name])
        self.assertEqual(
            {odd: [odd, '\0']}, journal.steps(run.id, odd)[0].intent
        )

    def test_numbers(self) -> None:
        run = self.create({'big': 2**53 - 1, 'small': 0.1, 'no': None})
        server = results.ServerResult(
            'u', 'web', results.ServerState.DONE, seconds=86400.123
        )
        self.journal.set_server(run.id, server)
        journal = self.opened(self.url)
        self.assertEqual(run.plan, journal.run(run.id).plan)
        self.assertEqual(86400.123, journal.servers(run.id)[0].seconds)

    def test_names_differ_in_case(self) -> None:
        run = self.create({})
        for subject in ('uuid-a', 'UUID-A'):
            self.journal.begin_step(run.id, subject, 0, 'k', {})
        self.assertEqual(2, len(self.journal.steps(run.id)))
        self.assertEqual(1, len(self.journal.steps(run.id, 'uuid-a')))
        self.journal.create_run('fence', 'Dead1', {}, process.current())


class LostAnswersTestCase(servers.ServerTestCase):
    """Commits of which nobody knows whether they took place."""

    scenarios = servers.SCENARIOS

    def setUp(self) -> None:
        super().setUp()
        self.journal = self.opened(self.made())
        self.me = process.current()
        self.made_run = self.journal.create_run(
            'relocate', 'dead1', {}, self.me
        )
        self.key = (self.made_run.id, 's', 0)
        self.journal.begin_step(*self.key, 'k', {'a': 1})

    def calls(self) -> dict[str, Callable[[], Any]]:
        """Every method that writes."""
        journal, run = self.journal, self.made_run
        fence = facts.Fence('dead1', 'statement', 'off', 'op', '2026-01-01')
        server = results.ServerResult('u', 'web', results.ServerState.DONE)
        done = steps.StepState.DONE
        paused = results.RunState.PAUSED
        return {
            'create': lambda: journal.create_run('x', 'dead2', {}, self.me),
            'begin': lambda: journal.begin_step(run.id, 's', 1, 'k', {}),
            'remember': lambda: journal.remember(*self.key, {'b': 2}),
            'end': lambda: journal.end_step(*self.key, done, {'c': 3}),
            'server': lambda: journal.set_server(run.id, server),
            'fence': lambda: journal.record_fence(fence),
            'unfence': lambda: journal.release_fence('dead1'),
            'state': lambda: journal.set_state(run.id, paused, 'why'),
            'take over': lambda: journal.take_over(run.id, self.me),
            'abandon': lambda: self.given_up(run.id),
            'release': lambda: journal.release(run.id),
        }

    def given_up(self, run_id: str) -> None:
        self.journal.set_state(run_id, results.RunState.PAUSED)
        self.journal.abandon(run_id)

    def test_lost_after_the_commit(self) -> None:
        """Done twice is done once: nothing is doubled, nothing raised."""
        writing = store._in_writing
        for name, call in self.calls().items():
            with self.subTest(name):
                lost: list[Exception] = [
                    engine.Disconnected('the answer was lost')
                ]

                def once(*args: Any, lost: list[Exception] = lost) -> Any:
                    found = writing(*args)
                    if lost:
                        raise lost.pop()
                    return found

                with mock.patch.object(store, '_in_writing', once):
                    call()
                self.assertEqual([], lost)
        self.assertEqual(2, len(self.journal.runs()))
        found = self.journal.steps(self.made_run.id)
        self.assertEqual([0, 1], [step.index for step in found])
        self.assertEqual({'a': 1, 'b': 2}, found[0].intent)
        self.assertEqual({'c': 3}, found[0].outcome)
        self.assertEqual(1, len(self.journal.servers(self.made_run.id)))
        self.assertEqual({}, self.journal.fences())
        self.assertIsNone(self.journal.lease('dead1'))

    def test_rolled_back(self) -> None:
        """A deadlock, or a node that went away: made again."""
        writing = store._in_writing
        for name, call in self.calls().items():
            with self.subTest(name):
                lost: list[Exception] = [
                    engine.Contended('deadlock'),
                    engine.Unreachable('no node'),
                ]

                def late(*args: Any, lost: list[Exception] = lost) -> Any:
                    if lost:
                        raise lost.pop()
                    return writing(*args)

                with mock.patch.object(store, '_in_writing', late):
                    call()
        self.assertEqual(2, len(self.journal.steps(self.made_run.id)))
        self.assertIsNone(self.journal.lease('dead1'))


class RealFailuresTestCase(servers.ServerTestCase):
    """What only a server can do to its clients."""

    scenarios: ClassVar[servers.Scenarios] = [
        s for s in servers.SCENARIOS if s[0] != servers.SQLITE
    ]

    def setUp(self) -> None:
        super().setUp()
        self.url = self.made()
        self.journal = self.opened(self.url)
        self.me = process.current()
        self.made_run = self.journal.create_run(
            'relocate', 'dead1', {}, self.me
        )

    def test_connection_is_cut(self) -> None:
        """In the middle of a transaction, by somebody else."""
        writing = store._in_writing
        cuts = 0

        def cut(database: Any, work: Any, *args: Any) -> Any:
            def and_cut(connection: sa.Connection, *given: Any) -> Any:
                nonlocal cuts
                found = work(connection, *given)
                if not cuts:
                    cuts += 1
                    self._kill(connection)
                return found

            return writing(database, and_cut, *args)

        with mock.patch.object(store, '_in_writing', cut):
            self.journal.begin_step(self.made_run.id, 's', 0, 'k', {})
        self.assertEqual(1, cuts)
        self.assertEqual(1, len(self.journal.steps(self.made_run.id)))

    def _kill(self, connection: sa.Connection) -> None:
        other = sa.create_engine(self.url)
        if self.server == servers.MARIADB:
            number = connection.scalar(sa.text('SELECT CONNECTION_ID()'))
            statement = f'KILL {number}'
        else:
            number = connection.scalar(sa.text('SELECT pg_backend_pid()'))
            statement = f'SELECT pg_terminate_backend({number})'
        with other.connect() as killing:
            killing.execute(sa.text(statement))
        other.dispose()

    def test_read_only(self) -> None:
        """A replica, or a fail-over: named, and nothing is begun."""
        if self.server == servers.MARIADB:
            statement = 'SET SESSION TRANSACTION READ ONLY'
            listened = self.journal._database.engine
            self.journal._database.engine.dispose()

            def session(connection: Any, _record: Any) -> None:
                with connection.cursor() as cursor:
                    cursor.execute(statement)

            sa.event.listen(listened, 'connect', session)
        else:
            url = sa.make_url(self.url)
            with sa.create_engine(url).begin() as connection:
                connection.execute(
                    sa.text(
                        f'ALTER DATABASE {url.database} '
                        'SET default_transaction_read_only = on'
                    )
                )
            self.journal._database.engine.dispose()
        error = self.assertRaises(
            store.JournalError,
            *(self.journal.begin_step, self.made_run.id, 's', 0, 'k', {}),
        )
        self.assertIn('is read-only', str(error))
        self.assertEqual((), self.journal.steps(self.made_run.id))

    def test_no_such_database(self) -> None:
        url = sa.make_url(self.url).set(database='osc_recovery_nowhere')
        journal = self.opened(url.render_as_string(hide_password=False))
        error = self.assertRaises(store.JournalError, journal.runs)
        self.assertIn('osc_recovery_nowhere', str(error))
        self.assertNotIn('\n', str(error))


class PasswordTestCase(servers.ServerTestCase):
    """A password that is wrong is shown to nobody."""

    scenarios: ClassVar[servers.Scenarios] = [
        s for s in servers.SCENARIOS if s[0] == servers.MARIADB
    ]

    def test_wrong_password(self) -> None:
        url = sa.make_url(self.empty()).set(
            username='nobody', password='s3cr/et@x'
        )
        journal = self.opened(url.render_as_string(hide_password=False))
        error = self.assertRaises(store.JournalError, journal.runs)
        for text in (str(error), repr(error), repr(journal._database)):
            self.assertNotIn('s3cr', text)


class AbsentTestCase(base.TestCase):
    """Tests on a server that is not there say so."""

    network = True

    def test_reason(self) -> None:
        nowhere = 'mysql+pymysql://u:s3cret@127.0.0.1:1/'
        with mock.patch.dict(servers.URLS, nowhere=nowhere):
            reason = servers.absent.__wrapped__('nowhere')
        self.assertIn('no nowhere server answers at', reason)
        self.assertIn('127.0.0.1:1', reason)
        self.assertNotIn('s3cret', reason)

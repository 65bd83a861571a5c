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

"""Two operators and one host: one works on it, the other is told.

Each has a recovery.conf of their own.  With two journals it is the host's
service that both look at; with one on a database server it is the journal.
"""

import json
import pathlib
import re
from typing import Any

import fixtures
import sqlalchemy as sa

from osc_recovery.execution import crash
from osc_recovery.model import facts
from osc_recovery.model import leases
from osc_recovery.sandbox import api as apis
from osc_recovery.steps import lease
from osc_recovery.tests.functional import base
from osc_recovery.tests.unit.journal import servers

#: how a shell reports a process that was killed
KILLED = -9
#: the step of a run that is no server's; test_kill_cases asks for it
LEASE_STEPS = ('lease',)
#: the unit tests kill it at every boundary
POINTS = (
    crash.AFTER_INTENT,
    crash.AFTER_ACT,
    crash.BEFORE_UNDO,
    crash.AFTER_UNDO,
)
_CONNECTION = re.compile('^connection = .*$', re.MULTILINE)

Env = dict[str, str]


class OperatorsTestCase(base.TestCase):
    """A dead host, and whoever wants to recover it."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.cloud.busiest()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def operator(self, name: str, connection: str = '') -> Env:
        """An operator with a configuration, and a journal if none is given."""
        journal = connection or f'sqlite:///{self.directory}/{name}.db'
        theirs = pathlib.Path(self.environ()['OSC_RECOVERY_CONFIG'])
        text, count = _CONNECTION.subn(
            f'connection = {journal}', theirs.read_text()
        )
        self.assertEqual(1, count)
        path = self.directory / f'{name}.conf'
        path.write_text(text)
        return {'OSC_RECOVERY_CONFIG': str(path), 'LOGNAME': name}

    def fence_by(self, who: Env, *, code: int = 0, **more: str) -> base.Output:
        """Record that the host is dead."""
        return self.recovery(
            *('host', 'fence', self.source, '--yes'),
            *('--statement', 'test: no power'),
            env={**who, **more},
            code=code,
        )

    def reason(self) -> str:
        """What stock commands show of the host."""
        return self.cloud.service(self.source)['disabled_reason'] or ''

    def runs_of(self, who: Env) -> list[dict[str, Any]]:
        """Newest first."""
        listed = self.recovery('run', 'list', '-f', 'json', env=who)
        found: list[dict[str, Any]] = listed.json()
        return found

    def both(self, first: Env, second: Env) -> dict[int, str]:
        """Two relocations at the same moment: what each said, by its code."""
        started = [
            self.started('host', 'relocate', self.source, '--yes', env=who)
            for who in (first, second)
        ]
        try:
            said = [
                p.communicate(timeout=base.COMMAND_TIMEOUT)[1] for p in started
            ]
        finally:
            for process in started:
                process.kill()
        codes = [process.returncode for process in started]
        self.assertEqual([0, 14], sorted(codes), str(said))
        return dict(zip(codes, said, strict=True))

    def assert_relocated(self, before: tuple[facts.Server, ...]) -> None:
        """Every server is whole on another host."""
        for server in before:
            host = self.read_server(server.uuid).host or ''
            self.assertNotEqual(self.source, host)
            running = server.vm_state == 'active'
            self.assert_whole(server, host, running=running)


class OwnJournalsTestCase(OperatorsTestCase):
    """Two operators who do not know of each other."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.operator('alice')
        self.bob = self.operator('bob')

    def test_at_the_same_moment(self) -> None:
        before = self.cloud.servers_on(self.source)
        self.cloud.power_off(self.source)
        for who in (self.alice, self.bob):
            self.fence_by(who)
            run = self.runs_of(who)[0]
            closed = leases.closed(run['ID'], run['Operator'])
            self.assertEqual(closed, self.reason())
        said = self.both(self.alice, self.bob)
        winner = self._winner()
        refusal = said[14]
        for text in (
            winner['ID'],
            winner['Operator'],
            f'"openstack recovery run show {winner["ID"]}"',
            f'"openstack recovery run abandon {winner["ID"]}"',
            f'--override {lease.GATE} --reason',
        ):
            self.assertIn(text, refusal)
        # the fence's own reason is back, and there is nothing left to do
        self.assertEqual(closed, self.reason())
        self.assert_relocated(before)
        for who in (self.alice, self.bob):
            self.recovery(
                *('host', 'relocate', self.source, '--yes'),
                env=who,
                code=12,
            )

    def _winner(self) -> dict[str, Any]:
        """The one run that moved servers; the other, if any, did nothing."""
        runs = [
            run
            for who in (self.alice, self.bob)
            for run in self.runs_of(who)
            if run['Scenario'] == 'relocate'
        ]
        done = [run for run in runs if run['State'] == 'done']
        others = [run['State'] for run in runs if run['State'] != 'done']
        self.assertEqual(1, len(done), str(runs))
        self.assertLessEqual(set(others), {'abandoned'})
        return done[0]

    def test_killed_while_it_holds_the_host(self) -> None:
        """Refused until the one who was killed gives the host back."""
        self.cloud.power_off(self.source)
        self.fence_by(self.alice)
        self.fence_by(self.bob)
        closed = self.reason()
        self.recovery(
            *('host', 'relocate', self.source, '--yes'),
            env={**self.alice, **_killed('lease', crash.AFTER_OUTCOME)},
            code=KILLED,
        )
        run = self.runs_of(self.alice)[0]['ID']
        held = leases.parse(self.reason())
        assert held is not None
        self.assertEqual(run, held.run_id)
        refused = self.recovery(
            *('host', 'relocate', self.source, '--yes'), env=self.bob, code=14
        )
        for text in (run, held.who, held.since, 'run abandon'):
            self.assertIn(text, refused.err)
        # who fences anew is refused as well; looking is allowed
        self.fence_by(self.operator('carol'), code=14)
        self.recovery(
            'host', 'relocate', self.source, '--dry-run', env=self.bob
        )
        self.recovery('run', 'abandon', run, env=self.alice)
        self.assertEqual(closed, self.reason())
        before = self.cloud.servers_on(self.source)
        self.recovery(
            *('host', 'relocate', self.source, '--yes'), env=self.bob
        )
        self.assert_relocated(before)

    def test_fence_is_killed(self) -> None:
        """While it takes the lease or gives it back: resumed, and given."""
        self.cloud.power_off(self.source)
        for point in POINTS:
            who = self.operator(f'of-{point}')
            self.fence_by(who, code=KILLED, **_killed(*LEASE_STEPS, point))
            run = self.runs_of(who)[0]
            self.recovery('run', 'resume', run['ID'], env=who)
            closed = leases.closed(run['ID'], run['Operator'])
            self.assertEqual(closed, self.reason(), point)
            service = self.cloud.service(self.source)
            self.assertTrue(service['forced_down'])
            self.assertEqual('disabled', service['status'])

    def test_two_fences_of_a_host_that_is_enabled(self) -> None:
        """The first is killed before it has closed the host."""
        self.cloud.power_off(self.source)
        self.fence_by(
            self.alice, code=KILLED, **_killed('fence-down', crash.AFTER_ACT)
        )
        service = self.cloud.service(self.source)
        self.assertEqual('enabled', service['status'])
        run = self.runs_of(self.alice)[0]['ID']
        self.assertIn(run, self.fence_by(self.bob, code=14).err)
        self.recovery('run', 'abandon', run, env=self.alice)
        self.assertEqual('', self.reason())
        self.fence_by(self.bob)
        run = self.runs_of(self.bob)[0]['ID']
        self.assertIn(run, self.reason())

    def test_journal_is_lost(self) -> None:
        """Nobody can give the host back: taken by override, and recorded."""
        self.cloud.power_off(self.source)
        self.fence_by(
            self.alice,
            code=KILLED,
            **_killed('fence-disable', crash.AFTER_ACT),
        )
        (self.directory / 'alice.db').unlink()
        path = self.directory / 'plan.json'
        self.recovery(
            *('host', 'fence', self.source, '--dry-run'),
            *('--statement', 'test: no power', '--save', str(path)),
            env=self.bob,
        )
        apply = ('plan', 'apply', str(path), '--yes')
        self.recovery(*apply, env=self.bob, code=14)
        plan = json.loads(path.read_text())
        plan['parameters'] |= {
            'override': [lease.GATE],
            'reason': 'her laptop was stolen',
        }
        path.write_text(json.dumps(plan))
        self.recovery(*apply, env=self.bob)
        run = self.runs_of(self.bob)[0]
        shown = self.recovery(
            'run', 'show', run['ID'], '-f', 'json', env=self.bob
        ).json()
        self.assertEqual(
            'her laptop was stolen', shown['parameters']['reason']
        )
        closed = leases.closed(run['ID'], run['Operator'])
        self.assertEqual(closed, self.reason())

    def test_seen_while_a_run_is_at_work(self) -> None:
        """``openstack compute service list --long`` says who."""
        self.cloud.power_off(self.source)
        self.fence_by(self.alice)
        process = self.started(
            'host', 'relocate', self.source, '--yes', env=self.alice
        )
        try:
            held = apis.wait(
                'the lease to be seen',
                lambda: leases.parse(self._listed()),
                base.COMMAND_TIMEOUT,
            )
            _, err = process.communicate(timeout=base.COMMAND_TIMEOUT)
        finally:
            process.kill()
        self.assertEqual(0, process.returncode, err)
        assert held is not None
        self.assertEqual(self.runs_of(self.alice)[0]['ID'], held.run_id)

    def _listed(self) -> str:
        listed = self.openstack(
            *('compute', 'service', 'list', '--long', '-f', 'json'),
            *('--service', 'nova-compute', '--host', self.source),
        )
        return str(listed.json()[0]['Disabled Reason'])


class SharedJournalTestCase(OperatorsTestCase):
    """A team with one journal, on MariaDB."""

    password = 'Sw0rd/f@sh'

    def setUp(self) -> None:
        super().setUp()
        reason = servers.absent(servers.MARIADB)
        if reason:
            self.skipTest(reason)
        database = self.useFixture(servers.Database(servers.MARIADB))
        url = self._account(sa.make_url(database.url))
        self.alice = self.operator('alice', url)
        self.bob = self.operator('bob', url)

    def _account(self, url: sa.URL) -> str:
        """The URL with a user who has a password and this database alone."""
        name = f'{url.database}'[-32:]
        account = f"'{name}'@'%'"

        def execute(*statements: str) -> None:
            engine = sa.create_engine(url, isolation_level='AUTOCOMMIT')
            with engine.connect() as connection:
                for statement in statements:
                    connection.execute(sa.text(statement))
            engine.dispose()

        execute(
            f"CREATE USER {account} IDENTIFIED BY '{self.password}'",
            f'GRANT ALL ON {url.database}.* TO {account}',
        )
        self.addCleanup(execute, f'DROP USER {account}')
        theirs = url.set(username=name, password=self.password)
        return theirs.render_as_string(hide_password=False)

    def recovery(self, *args: str, **kwargs: Any) -> base.Output:
        """The journal's password is shown to nobody either."""
        output = super().recovery(*args, **kwargs)
        for text in (self.password, 'Sw0rd%2Ff%40sh'):
            self.assertNotIn(text, output.out + output.err)
        return output

    def test_at_the_same_moment(self) -> None:
        before = self.cloud.servers_on(self.source)
        self.cloud.power_off(self.source)
        self.fence_by(self.alice)
        said = self.both(self.alice, self.bob)
        self.assertIn('is held by run', said[14])
        self.assert_relocated(before)
        done = [r for r in self.runs_of(self.bob) if r['State'] == 'done']
        self.assertEqual(['relocate', 'fence'], [r['Scenario'] for r in done])

    def test_the_other_goes_on(self) -> None:
        """Killed in the middle: a colleague resumes, and holds the host."""
        before = self.cloud.servers_on(self.source)
        self.cloud.power_off(self.source)
        self.fence_by(self.alice)
        closed = self.reason()
        self.recovery(
            *('host', 'relocate', self.source, '--yes'),
            env={**self.alice, **_killed('attach', crash.AFTER_ACT)},
            code=KILLED,
        )
        run = self.runs_of(self.bob)[0]['ID']
        refused = self.recovery(
            *('host', 'relocate', self.source, '--yes'), env=self.bob, code=14
        )
        self.assertIn('that process is gone', refused.err)
        self.recovery('run', 'resume', run, '--debug', env=self.bob)
        self.assert_relocated(before)
        self.assertEqual(closed, self.reason())


def _killed(kind: str, point: str) -> Env:
    return {crash.VARIABLE: f'*:{kind}:{point}'}

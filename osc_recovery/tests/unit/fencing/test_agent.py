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
"""What a fence agent is told, and what counts as its answer."""

import os
import pathlib
import textwrap
import time
import traceback

import fixtures

from osc_recovery import exceptions
from osc_recovery.fencing import agent
from osc_recovery.fencing import base as fencing
from osc_recovery.fencing import program
from osc_recovery.tests.unit.fencing import base

#: far above what a shell needs to start, far below the test's own limit
_QUICK = 20.0


class TestStatus(base.AgentTestCase):
    """Exit code and text have to agree."""

    def failure(self, made: agent.Agent) -> str:
        """What is said about an answer that proves nothing."""
        error = self.assertRaises(fencing.AgentFailed, made.status)
        self.assertEqual('fence-agent-failed', error.cause)
        said = ''.join(traceback.format_exception(error)) + self.log.output
        self.assertNotIn(base.SECRET, said)
        self.assertEqual(1, len(str(error).splitlines()))
        return str(error)

    def test_sound(self) -> None:
        made = self.agent()
        for power, code in ((fencing.Power.ON, 0), (fencing.Power.OFF, 2)):
            self.power(power)
            answer = made.status()
            self.assertIs(power, answer.power)
            self.assertEqual(
                'fence_fake (fence agent fake) said '
                f'"Status: {power.upper()}", exit code {code}',
                answer.said,
            )
        self.assertEqual(['status', 'status'], self.calls)

    def test_what_proves_nothing(self) -> None:
        for body, expected in (
            ('exit 0', 'exit code 0'),
            ('exit 2', 'exit code 2'),
            ('exit 1', 'exit code 1'),
            ('echo "Status: ON"; exit 2', 'exit code 2; Status: ON'),
            ('echo "Status: OFF"; exit 0', 'exit code 0; Status: OFF'),
            ('echo "Status: OFF"; exit 1', 'exit code 1; Status: OFF'),
            ('echo "Status: OFF" >&2; exit 2', 'exit code 2; Status: OFF'),
            ('echo "status: off"; exit 2', 'exit code 2'),
            ('echo "My Status: OFF"; exit 2', 'exit code 2'),
            ('echo "Status: OFFLINE"; exit 2', 'exit code 2'),
            ('echo "Status: UNKNOWN"; exit 0', 'Status: UNKNOWN'),
            ('echo "Status:"; exit 2', 'exit code 2'),
            ('printf "Status: OFF\\nStatus: ON\\n"; exit 2', 'exit code 2'),
            ('echo "bad argument"; exit 2', 'bad argument'),
            ('echo "Failed: wrong password" >&2; exit 1', 'wrong password'),
            (
                'echo "no PowerState"; echo "Please use \'-h\' for usage"',
                'exit code 0; no PowerState',
            ),
            ('kill -9 $$', 'exit code -9'),
            ('exit 127', 'exit code 127'),
        ):
            with self.subTest(body):
                said = self.failure(self.agent(body))
                self.assertIn('whether the host is on or off', said)
                self.assertIn(expected, said)

    def test_an_ignored_option(self) -> None:
        """Without its plug or system an agent is about another machine."""
        for line in (
            "WARNING:root:Parse error: Ignoring unknown option 'plgu=4'",
            "Parse error: Ignoring option 'ssl' because it does not have",
        ):
            body = f'echo "{line}" >&2; echo "Status: OFF"; exit 2'
            said = self.failure(self.agent(body))
            self.assertIn('does not know an option', said)
            self.assertIn(line, said)

    def test_an_answer_that_is_not_text(self) -> None:
        said = self.failure(self.agent(r'printf "\377\376"; exit 1'))
        self.assertIn('exit code 1', said)

    def test_an_answer_without_an_end(self) -> None:
        body = 'head -c 10000000 /dev/zero | tr "\\0" x; exit 1'
        said = self.failure(self.agent(body))
        self.assertIn('printed too much', said)

    def test_a_long_line_is_cut(self) -> None:
        said = self.failure(self.agent('printf "%01000d" 0; exit 1'))
        self.assertLess(len(said), 300)

    def test_it_does_not_read(self) -> None:
        made = self.agent()
        (self.home / 'fence_fake').write_text('#!/bin/sh\nexit 1\n')
        self.assertIn('exit code 1', self.failure(made))

    def test_a_missing_program(self) -> None:
        made = self.agent()
        path = self.home / 'fence_fake'
        path.chmod(0o600)
        self.assertIn('cannot be executed', self.failure(made))
        path.unlink()
        self.assertIn('not installed', self.failure(made))

    def test_a_program_that_is_none(self) -> None:
        made = self.agent()
        (self.home / 'fence_fake').write_text('#!/nowhere/sh\n')
        self.assertIn('could not be started', self.failure(made))


class TestSecrets(base.AgentTestCase):
    """A password is on standard input and nowhere else."""

    def test_it_prints_the_password(self) -> None:
        for made_of in (
            'cat $home/input',
            'cat $home/input >&2',
            f'echo "user:{base.SECRET}@bmc"',
            'grep password= $home/input | cut -d= -f2-',
            f'printf "{base.SECRET}" | base64',
            f'printf "admin:{base.SECRET}" | base64',
        ):
            for end in ('exit 1', 'exit 2', 'exit 0'):
                body = f'{made_of}\n{end}'
                with self.subTest(body):
                    made = self.agent(body, 'option = username=admin')
                    error = self.assertRaises(fencing.AgentFailed, made.status)
                    self.assertIn('holds a secret', str(error))
                    complaint = made.off()
                    if end != 'exit 0':
                        self.assertIn('holds a secret', complaint)

    def test_other_forms(self) -> None:
        for secret, printed in (
            ("a'b c", "'a'\\\"'\\\"'b c'"),
            ('a/b c', 'a%2Fb%20c'),
            ('a/b c', 'a%2Fb+c'),
            ('a\\b', 'a\\\\\\\\b'),
        ):
            with self.subTest(printed):
                lines = f'secret_option = kg={secret}'
                made = self.agent(f'echo "x{printed}y"; exit 1', lines)
                error = self.assertRaises(fencing.AgentFailed, made.status)
                self.assertIn('holds a secret', str(error))

    def test_an_unknown_secret_option(self) -> None:
        """The agents print the whole line that they do not know."""
        body = (
            'echo "Parse error: Ignoring unknown option '
            f"'kg={base.SECRET}-2'\" >&2\nexit 1"
        )
        made = self.agent(body, f'secret_option = kg={base.SECRET}-2')
        error = self.assertRaises(fencing.AgentFailed, made.status)
        self.assertNotIn(base.SECRET, str(error))
        self.assertIn('does not know an option', str(error))

    def test_shown(self) -> None:
        made = self.agent(lines=f'secret_option = kg={base.SECRET}')
        self.assertEqual(
            {
                'agent': 'fake',
                'program': str(self.home / 'fence_fake'),
                'options': {
                    'ip': '192.0.2.1',
                    'kg': '***',
                    'password': '***',
                },
            },
            made.shown(),
        )
        self.assertNotIn(base.SECRET, repr(made._settings))

    def test_neither_arguments_nor_environment(self) -> None:
        for name in ('OS_PASSWORD', 'PYTHONPATH'):
            self.useFixture(fixtures.EnvironmentVariable(name, base.SECRET))
        body = f"""
            tr '\\0' '\\n' < /proc/$$/cmdline > {self.home}/cmdline
            env > {self.home}/env
            echo 'Status: ON'
            """
        self.agent(body).status()
        for name in ('cmdline', 'env'):
            text = (self.home / name).read_text()
            self.assertNotIn(base.SECRET, text)
            self.assertNotIn('192.0.2.1', text)


class TestInput(base.AgentTestCase):
    """The lines, as fencing.py of the fence agents reads them."""

    def test_the_action_comes_first(self) -> None:
        made = self.agent(lines='option = lanplus=1')
        expected = ['ip=192.0.2.1', 'lanplus=1', f'password={base.SECRET}']
        made.status()
        self.assertEqual(['action=status', *expected], self.input)
        made.off()
        self.assertEqual(['action=off', *expected], self.input)

    def test_values_come_back_as_they_were(self) -> None:
        for value, expected in (
            ('plain', 'plain'),
            ('a b=c#d', 'a b=c#d'),
            ('"quoted"', '""quoted""'),
            ('"', '"""'),
            (' blanks ', '" blanks "'),
            ('a"', 'a"'),
            ('', ''),
        ):
            with self.subTest(value):
                program.run(
                    str(self.program('exit 0')), {'password': value}, _QUICK
                )
                self.assertEqual([f'password={expected}'], self.input)

    def test_more_than_a_pipe_takes(self) -> None:
        made = self.program('exit 0')
        ended = program.run(str(made), {'a': 'x' * 200_000}, _QUICK)
        self.assertEqual(0, ended.code)


class TestOff(base.AgentTestCase):
    def test_sound(self) -> None:
        made = self.agent()
        self.assertEqual('', made.off())
        self.assertIs(fencing.Power.OFF, made.status().power)

    def test_complaints(self) -> None:
        for body, expected in (
            ('echo "Success: Powered OFF"; exit 0', ''),
            ('exit 1', 'fence_fake: exit code 1'),
            ('echo "Timed out" >&2; exit 1', 'exit code 1; Timed out'),
            ('exit 2', 'exit code 2'),
        ):
            with self.subTest(body):
                self.assertIn(expected, self.agent(body).off())

    def test_a_missing_program(self) -> None:
        made = self.agent()
        (self.home / 'fence_fake').unlink()
        self.assertIn('not installed', made.off())

    def test_patience(self) -> None:
        self.assertEqual(7, self.agent(lines='off_timeout = 7').patience)


class TestDeadline(base.AgentTestCase):
    """A program that hangs is ended, with everything it started."""

    def hanging(self, body: str) -> agent.Agent:
        return self.agent(textwrap.dedent(body), 'timeout = 1')

    def expire(self, made: agent.Agent) -> float:
        """Let it run into its deadline; how long that took."""
        begun = time.monotonic()
        error = self.assertRaises(fencing.AgentFailed, made.status)
        self.assertIn('within 1 s and was killed', str(error))
        self.assertIn('may still happen', str(error))
        return time.monotonic() - begun

    def assert_ended(self) -> None:
        """The processes that were noted are gone."""
        pids = (self.home / 'pids').read_text().split()
        self.assertNotEqual([], pids)
        limit = time.monotonic() + _QUICK
        while any(_lives(pid) for pid in pids):
            self.assertLess(time.monotonic(), limit, pids)
            time.sleep(0.05)

    def test_it_hangs(self) -> None:
        made = self.hanging('echo $$ >> $home/pids; sleep 600')
        self.assertLess(self.expire(made), _QUICK)
        self.assert_ended()

    def test_its_child_hangs(self) -> None:
        made = self.hanging('sleep 600 & echo $$ $! >> $home/pids; wait; wait')
        self.expire(made)
        self.assert_ended()

    def test_it_does_not_want_to_end(self) -> None:
        made = self.hanging(
            """
            trap '' TERM INT HUP
            sleep 600 & echo $$ $! >> $home/pids
            while :; do wait; done
            """
        )
        self.assertLess(self.expire(made), _QUICK)
        self.assert_ended()

    def test_it_hangs_after_the_right_answer(self) -> None:
        made = self.hanging(
            'echo "Status: OFF"; echo $$ >> $home/pids; sleep 600; exit 2'
        )
        self.expire(made)

    def test_it_hangs_before_reading(self) -> None:
        long = f'option = a={"x" * 200_000}'
        made = self.agent('', f'timeout = 1\n{long}')
        path = self.home / 'fence_fake'
        path.write_text('#!/bin/sh\nsleep 600\n')
        self.expire(made)

    def test_a_helper_outlives_a_good_answer(self) -> None:
        """Nobody waits for the end of what it has left behind."""
        body = """
            setsid sleep 600 & echo $! >> $home/pids
            echo 'Status: OFF'
            exit 2
            """
        begun = time.monotonic()
        answer = self.agent(body, 'timeout = 300').status()
        self.assertIs(fencing.Power.OFF, answer.power)
        self.assertLess(time.monotonic() - begun, _QUICK)
        for pid in (self.home / 'pids').read_text().split():
            os.kill(int(pid), 9)

    def test_off_in_time_is_a_complaint(self) -> None:
        made = self.hanging('sleep 600')
        self.assertIn('was killed', made.off())

    def test_it_is_not_interrupted_with_us(self) -> None:
        body = """
            cut -d' ' -f6 /proc/$$/stat > $home/session
            echo 'Status: ON'
            """
        self.agent(body).status()
        session = int((self.home / 'session').read_text())
        self.assertNotEqual(os.getsid(0), session)


class TestNone(base.AgentTestCase):
    def test_no_agent_for_the_host(self) -> None:
        made = self.configured()
        error = self.assertRaises(
            exceptions.UsageError, agent.Agent, made, 'rack9'
        )
        self.assertIn('--statement', str(error))


def _lives(pid: str) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return False
    return text.rpartition(')')[2].split()[0] != 'Z'

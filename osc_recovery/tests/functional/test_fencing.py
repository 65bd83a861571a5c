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
"""host fence with real fence agents, against emulated hardware."""

import json
import pathlib
import textwrap
import time
from typing import Any

import fixtures

from osc_recovery.execution import crash
from osc_recovery.sandbox import api as apis
from osc_recovery.tests.functional import base
from osc_recovery.tests.functional import bmc
from osc_recovery.tests.functional import redfish
from osc_recovery.tests.functional import test_crash

#: the steps that are killed here
KINDS = ('fence-power',)
REASON = ('--override', 'host-alive', '--reason', 'CHG0042: disks fail')


class FencingTestCase(base.TestCase):
    """Has a configuration of its own, with fence agents in it."""

    program = 'fence_ipmilan'
    options: tuple[str, ...] = (
        *('ip=127.0.0.1', f'username={bmc.USER}', 'lanplus=1', 'cipher=3'),
        *('ipmitool_timeout=10', 'power_timeout=3'),
    )

    def setUp(self) -> None:
        lacking = bmc.missing(self.program)
        if lacking:
            self.skipTest(lacking)
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.host = self.cloud.busiest()
        self.secret = self.directory / 'password'
        self.secret.write_text(f'{bmc.PASSWORD}\n')
        self.addCleanup(self.assert_secret_kept)
        self.addCleanup(self.bring_back)
        self.ports: dict[str, int] = {}
        self.more = ''

    def bmc_of(self, host: str) -> bmc.Bmc:
        """A sound controller of a host, known to the configuration."""
        made: bmc.Bmc = self.useFixture(bmc.Bmc(self.sandbox, host))
        self.ports[host] = made.port
        return made

    def environ(self) -> dict[str, str]:
        """As ever, with our configuration."""
        found = super().environ()
        text = pathlib.Path(found['OSC_RECOVERY_CONFIG']).read_text()
        section = f"""
            [fence_agent:bmc]
            hosts = *
            program = {self.program}
            password_file = {self.secret}
            off_timeout = 15
            """
        lines = [f'option = {option}' for option in self.options]
        lines += [
            f'host_option = {host} ipport={port}'
            for host, port in self.ports.items()
        ]
        text = text.replace('[fencing]', '[fencing]\nagents = bmc')
        text += textwrap.dedent(section) + '\n'.join((*lines, self.more))
        path = self.directory / 'recovery.conf'
        path.write_text(f'{text}\n')
        return {**found, 'OSC_RECOVERY_CONFIG': str(path)}

    def recovery(self, *args: str, **options: Any) -> base.Output:
        """As ever; no output holds the password."""
        output = super().recovery(*args, **options)
        self.assertNotIn(bmc.PASSWORD, output.out + output.err)
        return output

    def fence_by_agent(
        self, *more: str, code: int = 0, **options: Any
    ) -> base.Output:
        """Fence the host without asking."""
        words = ('host', 'fence', self.host, *more, '--yes')
        return self.recovery(*words, code=code, **options)

    def check(self, code: int) -> base.Output:
        """Ask its agent."""
        return self.recovery(
            'host', 'fence', self.host, '--check', '-f', 'json', code=code
        )

    def runs(self) -> int:
        """How many runs the journal has."""
        return len(self.recovery('run', 'list', '-f', 'json').json())

    def running(self) -> list[str]:
        """The guests that run on the host."""
        guests = self.sandbox.guests(self.host)
        return [uuid for uuid, state in guests.items() if state == 'running']

    def recorded(self) -> Any:
        """The host's fence."""
        shown = self.recovery('host', 'show', self.host, '-f', 'json')
        return shown.json()['fence']

    def assert_untouched(self) -> None:
        """Nothing was done to the host, and nothing is proven."""
        service = self.cloud.service(self.host)
        self.assertFalse(service['forced_down'])
        self.assertEqual('enabled', service['status'])

    def assert_fenced(self) -> None:
        """Off, forced down, disabled, and recorded as proven."""
        self.assertEqual([], self.running())
        service = self.cloud.service(self.host)
        self.assertTrue(service['forced_down'])
        self.assertEqual('disabled', service['status'])
        fence = self.recorded()
        self.assertEqual('agent', fence['method'])
        self.assertIn('"Status: OFF", exit code 2', fence['statement'])
        self.assertFalse(fence['stale'])

    def bring_back(self) -> None:
        """Give every host its power; nova does not see that at once.

        A test that failed may have left a run whose process is gone.
        """
        for run in self.recovery('run', 'list', '-f', 'json').json():
            if run['State'] in ('running', 'paused'):
                self.recovery('run', 'abandon', run['ID'], code=None)
        shown = self.sandbox.describe()
        for host in self.sandbox.hosts:
            away = f'compute-{host}' in shown.not_running
            if away or self.cloud.service(host)['status'] == 'disabled':
                self.cloud.come_back(host)

    def revive(self) -> None:
        """Have a guest run on the host, whatever nova thinks of it now."""
        if not self.running():
            uuid = next(iter(self.sandbox.guests(self.host)))
            self.cloud.api.compute.post(
                f'/servers/{uuid}/action', json={'reboot': {'type': 'HARD'}}
            )
            self.cloud.wait_for_status(uuid, 'ACTIVE')
            apis.wait('a guest to run', lambda: self.running() or None, 60)

    def assert_secret_kept(self) -> None:
        """Neither the journal nor a plan nor a log has the password."""
        for path in (
            *self.sandbox.directory.glob('journal.db*'),
            *self.directory.glob('*.json'),
        ):
            self.assertNotIn(bmc.PASSWORD.encode(), path.read_bytes())


class AgentTestCase(FencingTestCase):
    """A sound agent, and what it takes to use it."""

    def test_a_living_host_is_cut_off(self) -> None:
        """Only with an override; then its servers can be relocated."""
        controller = self.bmc_of(self.host)
        self.revive()
        count = self.runs()
        (row,) = self.check(10).json()
        self.assertEqual('on', row['Power'])
        self.assertIn('host-alive', self.fence_by_agent(code=10).err)
        self.fence_by_agent('--override', 'host-alive', code=2)
        self.fence_by_agent('--reason', 'none', code=2)
        self.fence_by_agent('--override', 'fence-stale', code=2)
        self.fence_by_agent('--accept', 'host-alive', code=10)
        stated = ('--statement', 'it is dead')
        self.fence_by_agent(*stated, code=10)
        self.fence_by_agent(*stated, *REASON, code=2)
        self.assertEqual(count, self.runs())
        self.assertEqual([], controller.orders)
        self.assert_untouched()
        self.assertNotEqual([], self.running())

        output = self.fence_by_agent('--agent', *REASON)
        self.assertIn('password=***', output.err)
        self.assertIn('blocker, overridden: host-alive', output.err)
        self.assert_fenced()
        self.assertIn(REASON[-1], self.recorded()['statement'])
        shown = self.recovery(
            'run', 'show', self.newest_run(), '-f', 'json'
        ).json()
        self.assertEqual(REASON[-1], shown['parameters']['reason'])
        (host,) = shown['servers']
        self.assertEqual(
            ['fence-power', 'fence-down', 'fence-disable'],
            [step['kind'] for step in host['steps']],
        )
        self.assertEqual(['power 0'], controller.orders)
        (row,) = self.check(0).json()
        self.assertEqual('off', row['Power'])
        self.fence_by_agent(code=12)
        self._relocate_one()

    def _relocate_one(self) -> None:
        server = self.cloud.servers_on(self.host)[0]
        self.recovery(
            *('host', 'relocate', self.host, '--yes'),
            *('--server', server.uuid),
        )
        self.assertNotEqual(self.host, self.read_server(server.uuid).host)

    def test_a_silent_nova_compute(self) -> None:
        """The network agent reports, the guests run: that is said."""
        self.bmc_of(self.host)
        self.revive()
        self.sandbox.stop_host(self.host, service_only=True)
        self.assertNotEqual([], self.running())
        output = self.fence_by_agent(code=10)
        self.assertIn('watcher-reports', output.err)
        self.fence_by_agent('--accept', 'watcher-reports')
        self.assert_fenced()

    def test_a_plan_that_waits(self) -> None:
        """Saved, shown with every call, and applied; --debug leaks none."""
        self.bmc_of(self.host)
        self.cloud.power_off(self.host)
        path = str(self.directory / 'plan.json')
        words = ('host', 'fence', self.host, '--dry-run', '--save', path)
        self.recovery(*words, '--debug')
        shown = self.recovery('plan', 'show', path, '--commands', '-f', 'json')
        first = shown.json()[0]['Command']
        self.assertIn('fence_ipmilan <<< "action=status', first)
        self.assertIn('password=***', first)
        self.secret.write_text('another\n')
        self.recovery('plan', 'apply', path, '--yes', code=13)
        self.secret.write_text(f'{bmc.PASSWORD}\n')
        self.recovery('plan', 'apply', path, '--yes', '--debug')
        self.assert_fenced()

    def test_another_configuration_than_was_planned(self) -> None:
        self.bmc_of(self.host)
        self.cloud.power_off(self.host)
        path = str(self.directory / 'plan.json')
        words = ('host', 'fence', self.host, '--dry-run', '--save', path)
        self.recovery(*words)
        self.more = 'option = privlvl=administrator'
        self.recovery('plan', 'apply', path, '--yes', code=13)
        self.assert_untouched()

    def test_it_is_killed(self) -> None:
        """Before and after the power is off; the successor finishes it."""
        for point in test_crash.POINTS:
            controller = self.bmc_of(self.host)
            self.fence_by_agent(
                *REASON,
                env=test_crash.Boundary(KINDS[0], point).environ('*'),
                code=test_crash.KILLED,
            )
            self.assert_untouched()
            self.recovery('run', 'resume', self.newest_run())
            self.assert_fenced()
            self.assertEqual(['power 0'], controller.orders, point)
            self.cloud.come_back(self.host)

    def test_it_lives_again_before_the_resume(self) -> None:
        """What was proven once is not proven any more."""
        self.bmc_of(self.host)
        point = test_crash.Boundary(KINDS[0], crash.AFTER_OUTCOME)
        self.fence_by_agent(
            *REASON, env=point.environ('*'), code=test_crash.KILLED
        )
        self.sandbox.start_host(self.host)
        output = self.recovery('run', 'resume', self.newest_run(), code=10)
        self.assertIn('host-alive', output.err)
        self.assert_untouched()
        self.recovery('run', 'abandon', self.newest_run())


class FailingTestCase(FencingTestCase):
    """Agents and controllers that fail: nothing is proven by them."""

    def test_a_wrong_password(self) -> None:
        controller = self.bmc_of(self.host)
        self.secret.write_text('wrong\n')
        count = self.runs()
        self.assertIn('did not say whether', self.check(1).err)
        self.assertIn('fence-agent-failed', self.fence_by_agent(code=10).err)
        self.secret.unlink()
        self.assertIn('No such file', self.fence_by_agent(code=2).err)
        self.assertEqual(count, self.runs())
        self.assertEqual([], controller.orders)
        self.assert_untouched()

    def test_it_says_yes_and_does_nothing(self) -> None:
        """The fence fails, and is gone on with when that is mended."""
        controller = self.bmc_of(self.host)
        self.revive()
        controller.break_down()
        before = self.recorded()
        output = self.fence_by_agent(*REASON, code=16)
        self.assertIn('is not proven off', output.err)
        self.assertIn('power 0', controller.orders)
        self.assertNotEqual([], self.running())
        self.assert_untouched()
        self.assertEqual(before, self.recorded())
        run = self.newest_run()
        self.recovery('run', 'resume', run, code=16)
        self.assert_untouched()
        controller.break_down(False)
        self.recovery('run', 'resume', run)
        self.assert_fenced()

    def test_it_does_not_answer(self) -> None:
        """Our own deadline ends the agent and its ipmitool."""
        silent = self.useFixture(bmc.Silent())
        self.ports[self.host] = silent.port
        self.more = 'timeout = 2'
        begun = time.monotonic()
        output = self.check(1)
        self.assertLess(time.monotonic() - begun, 20)
        self.assertIn('did not answer within 2 s', output.err)
        self.assertIn('fence-agent-failed', self.fence_by_agent(code=10).err)
        self.assert_untouched()
        self.assertEqual([], _with_port(silent.port))

    def test_it_is_of_another_machine(self) -> None:
        """Off, says the agent, of a host that goes on reporting."""
        other = self.cloud.others(self.host)[0]
        self.ports[self.host] = self.bmc_of(other).port
        output = self.fence_by_agent(*REASON, code=16)
        self.assertIn('another machine', output.err)
        self.assert_untouched()
        self.assertIn('fence-agent-differs', self.fence_by_agent(code=10).err)
        self.fence_by_agent(*REASON, code=10)
        self.assert_untouched()

    def test_none_is_configured(self) -> None:
        self.more = '[fencing]\nagents ='
        for words in ((), ('--agent',), ('--check',)):
            output = self.fence_by_agent(*words, code=2)
            self.assertIn('No fence agent is configured', output.err)


class RedfishTestCase(FencingTestCase):
    """fence_redfish over TLS: one way through, and what it does wrong."""

    program = 'fence_redfish'

    def setUp(self) -> None:
        super().setUp()
        self.options = (
            *('ip=127.0.0.1', f'username={bmc.USER}', 'ssl_insecure=1'),
            f'systems_uri=/redfish/v1/Systems/{redfish.SYSTEMS[0]}',
        )

    def test_there_is_a_way(self) -> None:
        service = self.useFixture(redfish.Redfish(self.sandbox, self.host))
        self.ports[self.host] = service.port
        self.secret.write_text('wrong\n')
        self.check(1)
        self.secret.write_text(f'{bmc.PASSWORD}\n')
        sound = self.options
        for wrong, code in (
            # its certificate is signed by nobody
            (sound[2], 1),
            # it would take another system
            (sound[3], 2),
        ):
            self.options = tuple(o for o in sound if o != wrong)
            self.check(code)
        self.options = (*sound[:3], 'systems_uri=/redfish/v1/Systems/none')
        self.check(1)
        self.options = sound
        self.check(10)
        self.fence_by_agent(*REASON)
        self.assert_fenced()
        self.assertEqual([f'{redfish.SYSTEMS[0]} ForceOff'], service.orders)

    def test_it_hangs(self) -> None:
        """Whatever its own timeouts: ours ends it."""
        mute = self.useFixture(redfish.Mute())
        self.ports[self.host] = mute.port
        self.more = 'timeout = 2'
        output = self.check(1)
        self.assertIn('did not answer within 2 s', output.err)


class RadiusTestCase(FencingTestCase):
    """Many hosts at a time are not fenced by mistake."""

    def setUp(self) -> None:
        super().setUp()
        self.others = self.cloud.others(self.host)
        self.more = '[fencing]\nmax_hosts = 1\nwindow = 90'
        for host in (self.host, *self.others):
            self.bmc_of(host)
            self.cloud.power_off(host)

    def test_one_after_the_other(self) -> None:
        # what other tests fenced came back: it does not count
        self.fence_by_agent()
        self.assert_fenced()
        first, self.host = self.host, self.others[0]
        for words in ((), ('--statement', 'it is dead')):
            output = self.fence_by_agent(*words, code=10)
            self.assertIn('blast-radius', output.err)
            self.assertIn(f'{first} (fenced ', output.err)
        self.assert_untouched()
        reason = 'CHG0043: fire in rack 7'
        passed = ('--override', 'blast-radius', '--reason', reason)
        self.fence_by_agent(*passed)
        self.assert_fenced()
        self.assertIn(reason, self.recorded()['statement'])

    def test_what_others_forced_down_counts(self) -> None:
        self.cloud.api.compute.put(
            f'/os-services/{self.cloud.service(self.host)["id"]}',
            json={'forced_down': True},
        )
        first, self.host = self.host, self.others[0]
        output = self.fence_by_agent(code=10)
        self.assertIn(f'{first} (forced down', output.err)

    def test_at_the_same_time(self) -> None:
        """Plans do not see each other; their runs do."""
        several = [
            self.started('host', 'fence', host, '--yes')
            for host in (self.host, *self.others)
        ]
        ended = [p.communicate(timeout=base.COMMAND_TIMEOUT) for p in several]
        codes = sorted(process.returncode for process in several)
        down = [
            host
            for host in self.sandbox.hosts
            if self.cloud.service(host)['forced_down']
        ]
        self.assertIn(codes, ([0, 10, 10], [10, 10, 10]), str(ended))
        self.assertEqual(codes.count(0), len(down))


def _with_port(port: int) -> list[str]:
    """The programs that were given a port, of our own and their children."""
    found = []
    for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        try:
            words = path.read_bytes().decode(errors='replace').split('\0')
        except OSError:
            continue
        if str(port) in words and 'ipmitool' in words[0]:
            found.append(json.dumps(words[0]))
    return found

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
"""Emulated management controllers that cut the power of sandbox hosts.

ipmi_sim (Debian's openipmi) speaks real IPMI over the loopback interface
and calls a script for the power: that script stops the host.  The fence
agent and ipmitool are the real ones.
"""

import pathlib
import shutil
import socket
import stat
import subprocess
import sys
import time

import fixtures

from osc_recovery.sandbox import controller

#: what the tests need, with Debian's packages
PROGRAMS = {
    'fence_ipmilan': 'fence-agents',
    'fence_redfish': 'fence-agents',
    'ipmi_sim': 'openipmi',
    'ipmitool': 'ipmitool',
}
_PLACES = '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin'
USER = 'admin'
PASSWORD = 'pA5s#w=rd'
#: seconds for a simulator to answer
_STARTED = 30.0

_LAN = """\
name "{host}"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{script}"
  startcmd ""
  startnow false
  user 1 true "" "test" user 10 none md2 md5 straight
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
_EMULATOR = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""
#: get <what>... | set <what> <value>...
_SCRIPT = """\
#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in get|set|check) break;; esac
    shift
done
action=$1; shift
case $action in
get)
    for what; do
        if [ $what = power ] && [ ! -e {host}/off ]; then
            echo power:1
        else
            echo $what:0
        fi
    done;;
set)
    while [ $# -gt 1 ]; do
        echo "$1 $2" >> {log}
        if [ "$1 $2" = "power 0" ] && [ ! -e {broken} ]; then
            {python} -c "{cut}" {sandbox} {name}
        fi
        shift 2
    done;;
esac
exit 0
"""
#: cuts the power; arguments: the sandbox's directory and the host
CUT = (
    'import contextlib, sys; '
    'from osc_recovery import exceptions as e; '
    'from osc_recovery.sandbox import controller as c; '
    'contextlib.suppress(e.NothingToDo).__enter__(); '
    'c.Sandbox.load(sys.argv[1]).stop_host(sys.argv[2])'
)


def missing(agent: str) -> str:
    """What a test of this agent lacks, in a sentence; '' when nothing."""
    needed = [agent]
    if agent == 'fence_ipmilan':
        needed += ['ipmi_sim', 'ipmitool']
    lacking = [name for name in needed if find(name) is None]
    packages = ' '.join(PROGRAMS[name] for name in lacking)
    if not lacking:
        return ''
    return f'{", ".join(lacking)} not installed (apt-get install {packages})'


def find(program: str) -> str | None:
    """Where a program is, in the places of an administrator's PATH."""
    return shutil.which(program) or shutil.which(program, path=_PLACES)


class Bmc(fixtures.Fixture):
    """The management controller of one sandbox host."""

    def __init__(self, sandbox: controller.Sandbox, host: str) -> None:
        super().__init__()
        self._sandbox = sandbox
        self.host = host

    def _setUp(self) -> None:
        self._directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path
        )
        self.port = free_port()
        self._write()
        (self._directory / 'state').mkdir()
        process = subprocess.Popen(
            [
                find('ipmi_sim') or 'ipmi_sim',
                *('-c', str(self._directory / 'lan.conf')),
                *('-f', str(self._directory / 'sim.emu')),
                *('-s', str(self._directory / 'state'), '-n'),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self._wait()

    def break_down(self, broken: bool = True) -> None:
        """Say yes to everything and do nothing, or be sound again."""
        path = self._directory / 'broken'
        if broken:
            path.touch()
        else:
            path.unlink()

    @property
    def orders(self) -> list[str]:
        """What it was told, one order each."""
        path = self._directory / 'orders'
        return path.read_text().splitlines() if path.exists() else []

    def _write(self) -> None:
        script = self._directory / 'chassis'
        script.write_text(
            _SCRIPT.format(
                host=self._sandbox.directory / 'hosts' / self.host,
                log=self._directory / 'orders',
                broken=self._directory / 'broken',
                python=sys.executable,
                cut=CUT,
                sandbox=self._sandbox.directory,
                name=self.host,
            )
        )
        script.chmod(stat.S_IRWXU)
        (self._directory / 'sim.emu').write_text(_EMULATOR)
        (self._directory / 'lan.conf').write_text(
            _LAN.format(
                host=self.host,
                port=self.port,
                script=script,
                user=USER,
                password=PASSWORD,
            )
        )

    def _wait(self) -> None:
        limit = time.monotonic() + _STARTED
        while time.monotonic() < limit:
            done = subprocess.run(
                [
                    find('ipmitool') or 'ipmitool',
                    *('-I', 'lanplus', '-H', '127.0.0.1', '-C', '3'),
                    *('-p', str(self.port), '-U', USER, '-P', PASSWORD),
                    *('-N', '1', '-R', '1', 'chassis', 'power', 'status'),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            if 'Chassis Power is' in done.stdout:
                return
        raise TimeoutError(f'ipmi_sim of {self.host} did not answer')


class Silent(fixtures.Fixture):
    """A management controller that takes everything and answers nothing."""

    def _setUp(self) -> None:
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(listening.close)
        listening.bind(('127.0.0.1', 0))
        self.port = int(listening.getsockname()[1])


def free_port() -> int:
    """A UDP port of the loopback interface that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])

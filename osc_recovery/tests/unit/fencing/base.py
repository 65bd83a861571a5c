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
"""Fence agents that are a few lines of shell, and say what they are told."""

import pathlib
import stat
import textwrap

from oslo_config import cfg

from osc_recovery import conf
from osc_recovery.fencing import agent
from osc_recovery.tests.unit.conf import base as conf_base

SECRET = conf_base.SECRET

#: keeps its power in a file, as a BMC does
SOUND = """
    case $action in
    status)
        case $(cat $home/power) in
        on) echo 'Status: ON'; exit 0;;
        off) echo 'Status: OFF'; exit 2;;
        esac;;
    off) echo off > $home/power; echo 'Success: Powered OFF';;
    esac
    """
_BEGINNING = """\
#!/bin/sh
home={home}
[ $# = 0 ] || exit 99
cat > $home/input
action=$(sed -n 's/^action=//p' $home/input)
echo "$action" >> $home/calls
"""


class AgentTestCase(conf_base.ConfTestCase):
    """Has a directory with a fence agent in it."""

    def setUp(self) -> None:
        super().setUp()
        self.power('on')

    def agent(
        self, body: str = SOUND, lines: str = '', host: str = 'kvm1'
    ) -> agent.Agent:
        """The driver of a host whose agent does this."""
        return agent.Agent(self.configured(body, lines), host)

    def configured(self, body: str = SOUND, lines: str = '') -> cfg.ConfigOpts:
        """A configuration with a fence agent, and more of its options."""
        program = self.program(body)
        text = '\n'.join(
            (
                *('[fencing]', 'agents = fake', '[fence_agent:fake]'),
                *('hosts = kvm*', f'program = {program}'),
                f'password = {SECRET}',
                *('option = ip=192.0.2.1', textwrap.dedent(lines)),
            )
        )
        return conf.load(self.write('recovery.conf', f'{text}\n'))

    def program(self, body: str) -> pathlib.Path:
        """Write the program."""
        path = self.home / 'fence_fake'
        begin = _BEGINNING.format(home=self.home)
        path.write_text(begin + textwrap.dedent(body))
        path.chmod(stat.S_IRWXU)
        return path

    def power(self, state: str) -> None:
        """Set the power."""
        (self.home / 'power').write_text(f'{state}\n')

    @property
    def calls(self) -> list[str]:
        """The actions it was called with."""
        path = self.home / 'calls'
        return path.read_text().split() if path.exists() else []

    @property
    def input(self) -> list[str]:
        """The lines that it was given last."""
        return (self.home / 'input').read_text().splitlines()

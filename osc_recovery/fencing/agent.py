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

"""A fence-agents program cuts the power and says what became of it."""

import base64
from collections.abc import Iterator
import os
import re
import shlex
from typing import Any, ClassVar
from urllib import parse

from oslo_config import cfg

from osc_recovery.conf import fencing
from osc_recovery import exceptions
from osc_recovery.fencing import base
from osc_recovery.fencing import program

MASK = '***'
#: fencing.py (fence_action): a status of off ends with 2, so does a
#: program that a bad argument breaks; the text tells them apart
_CODES = {base.Power.ON: 0, base.Power.OFF: 2}
_STATUS = re.compile(r'^Status: (.*?)\s*$', re.MULTILINE)
#: an option that the program ignores, or reads otherwise than was meant
_IGNORED = re.compile(r'^.*Parse error:', re.MULTILINE)
#: fencing.py (fail_usage) ends every complaint with it
_EMPTY = "Please use '-h' for usage"
_LONGEST = 200


class Agent(base.Driver):
    """The agent that the configuration has for a host."""

    cuts_power: ClassVar[bool] = True

    def __init__(self, conf: cfg.ConfigOpts, host: str) -> None:
        found = fencing.agent_of(conf, host)
        if found is None:
            raise exceptions.UsageError(
                f'No fence agent is configured for {host}: name one in '
                '[fencing] agents, with its hosts, or say how you know that '
                'the host has no power: --statement <text>.'
            )
        self._settings = found
        self._name = os.path.basename(found.program)

    def shown(self) -> dict[str, Any]:
        """The agent, its program and options; secrets as ***."""
        secrets = dict.fromkeys(self._settings.secrets, MASK)
        return {
            'agent': self._settings.name,
            'program': self._settings.program,
            'options': {**self._settings.options, **secrets},
        }

    def status(self) -> base.Answer:
        """On or off, where the exit code and the text agree."""
        ended = self._run('status')
        found = _STATUS.findall(ended.out)
        for power, code in _CODES.items():
            if ended.code == code and found == [power.upper()]:
                return base.Answer(
                    power,
                    f'{self._name} (fence agent {self._settings.name}) '
                    f'said "Status: {power.upper()}", exit code {code}',
                )
        raise base.AgentFailed(
            f'{self._name} did not say whether the host is on or off: '
            f'{self._complaint(ended)}'
        )

    def off(self) -> str:
        """Have the power cut; never raises for what the program says."""
        try:
            ended = self._run('off')
        except base.AgentFailed as exc:
            return str(exc)
        if ended.code == 0:
            return ''
        return f'{self._name}: {self._complaint(ended)}'

    @property
    def patience(self) -> float:
        """Seconds in which the status has to say off."""
        return self._settings.off_timeout

    def _run(self, action: str) -> program.Ended:
        """Run it; ``action`` is always said, for its default is reboot.

        Raises AgentFailed when the program takes no notice of an option:
        without it, it may be about another machine.
        """
        settings = self._settings
        ended = program.run(
            settings.program,
            {'action': action, **settings.options, **settings.secrets},
            settings.timeout,
        )
        if _IGNORED.search(ended.err):
            raise base.AgentFailed(
                f'{self._name} does not know an option that it was given, '
                'or not in that form: '
                f'{self._complaint(ended, _IGNORED)}'
            )
        return ended

    def _complaint(
        self, ended: program.Ended, about: re.Pattern[str] | None = None
    ) -> str:
        """What it said last, in a line, unless that may hold a secret."""
        said = f'{ended.out}\n{ended.err}'
        code = f'exit code {ended.code}'
        if any(secret in said for secret in self._disguises()):
            return f'{code}; what it printed holds a secret'
        if max(len(ended.out), len(ended.err)) >= program.MOST:
            return f'{code}; it printed too much to be shown'
        lines = [
            line.strip()
            for line in said.splitlines()
            if line.strip() and _EMPTY not in line
        ]
        if about is not None:
            lines = [line for line in lines if about.search(line)]
        return f'{code}; {lines[-1][:_LONGEST]}' if lines else code

    def _disguises(self) -> Iterator[str]:
        """Every secret in the forms in which a program may print it."""
        for secret in filter(None, self._settings.secrets.values()):
            yield secret
            yield shlex.quote(secret)
            yield repr(secret)[1:-1]
            yield parse.quote(secret, safe='')
            yield parse.quote_plus(secret)
            for name in ('', *self._settings.options.values()):
                pair = f'{name}:{secret}' if name else secret
                yield base64.b64encode(pair.encode()).decode().rstrip('=')

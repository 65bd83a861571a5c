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

"""The options of fence agents: a section each, for the hosts it names."""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import fnmatch
import os
import re
from typing import Any

from oslo_config import cfg

from osc_recovery.conf import files
from osc_recovery import exceptions

SECTION = 'fence_agent:'

agent_group = cfg.OptGroup(
    f'{SECTION}<name>',
    title='A fence agent; <name> stands in [fencing] agents',
)

agent_opts = [
    cfg.ListOpt(
        'hosts',
        default=[],
        sample_default=['kvm*'],
        help=(
            'Patterns (as of a shell) of the compute hosts whose power this '
            'agent cuts. Of several agents that name a host the first one '
            'in [fencing] agents is used.'
        ),
    ),
    cfg.StrOpt(
        'program',
        sample_default='fence_ipmilan',
        help=(
            'A program of the fence-agents package, by its name or its path.'
        ),
    ),
    cfg.MultiStrOpt(
        'option',
        default=[],
        sample_default=['ip={host}-bmc.example.org', 'lanplus=1'],
        help=(
            'An option of the program as <key>=<value>, in the names of its '
            'manual for standard input; repeat it. {host} stands for the '
            'host, {short} for its name up to the first dot. Shown in '
            'plans: a secret belongs in password_file, password_env or '
            'secret_option.'
        ),
    ),
    cfg.MultiStrOpt(
        'host_option',
        default=[],
        sample_default=['kvm7 ip=192.0.2.7'],
        help=(
            'An option that holds for hosts of one pattern only, as '
            '<pattern> <key>=<value>; repeat it. It takes the place of an '
            'option of that name; of several the last one holds.'
        ),
    ),
    cfg.StrOpt(
        'password_file',
        sample_default='/etc/osc-recovery/bmc-password',
        help=(
            'File whose first line is the password. {host} and {short} '
            'stand for the host, as in option.'
        ),
    ),
    cfg.StrOpt(
        'password_env',
        help='Environment variable that holds the password.',
    ),
    cfg.StrOpt(
        'password',
        secret=True,
        help=(
            'The password itself. At most one of password_file, '
            'password_env and password is set.'
        ),
    ),
    cfg.MultiStrOpt(
        'secret_option',
        default=[],
        secret=True,
        help=(
            'As option, for other secrets such as hexadecimal_kg: the value '
            'is shown nowhere.'
        ),
    ),
    cfg.IntOpt(
        'timeout',
        default=60,
        min=1,
        help=(
            'Seconds after which a program that has not ended is killed, '
            'with everything it started.'
        ),
    ),
    cfg.IntOpt(
        'off_timeout',
        default=120,
        min=1,
        help=(
            'Seconds, from the moment "off" is sent, in which the status '
            'has to say that the host is off. Otherwise the fence fails.'
        ),
    ),
]

_KEY = re.compile(r'[a-z][a-z0-9_-]*\Z')
#: what we say ourselves, and what would write a password somewhere
_RESERVED = {
    'action': 'osc-recovery gives it itself',
    'debug': 'it would write the password to a file',
    'debug_file': 'it would write the password to a file',
    'verbose': 'it would print the password',
    'verbose_level': 'it would print the password',
    'help': 'it makes the program do something else',
    'version': 'it makes the program do something else',
}
_SECRET = re.compile(r'passw|passphrase|secret|token|community|(^|_)kg$|key$')
#: without it, fence_redfish takes the last system that the BMC lists
_NEEDED = {'fence_redfish': 'systems_uri'}


@dataclasses.dataclass(frozen=True)
class AgentSettings:
    """A fence agent as it is used for one host; times are in seconds.

    ``options`` may be shown, ``secrets`` never.
    """

    name: str
    program: str
    options: Mapping[str, str]
    secrets: Mapping[str, str] = dataclasses.field(repr=False)
    timeout: float
    off_timeout: float


def agent_of(conf: cfg.ConfigOpts, host: str) -> AgentSettings | None:
    """The first agent that names the host; None when there is none.

    Raises ConfigError, which names file, section and option and no value,
    for an agent without a section or with a wrong option.
    """
    for name in conf.fencing.agents:
        section = _Section(conf, name)
        patterns = section.value('hosts')
        if not patterns:
            raise section.wrong('hosts', 'is empty: name hosts or patterns')
        if any(fnmatch.fnmatchcase(host, pattern) for pattern in patterns):
            return section.settings(host)
    return None


class _Section:
    """One [fence_agent:<name>] of the files that were read."""

    def __init__(self, conf: cfg.ConfigOpts, name: str) -> None:
        self._conf = conf
        self._name = name
        self._group = f'{SECTION}{name}'
        conf.register_group(cfg.OptGroup(self._group))
        conf.register_opts(agent_opts, group=self._group)

    def value(self, option: str) -> Any:
        """The value of an option; raises ConfigError."""
        return files.value(self._conf, self._group, option)

    def wrong(self, option: str, why: str) -> exceptions.ConfigError:
        """An error that names the place and no value."""
        where = files.where(self._conf, self._group, option)
        return exceptions.ConfigError(f'{where} {why}')

    def settings(self, host: str) -> AgentSettings:
        """Everything for one host, checked."""
        program = self.value('program')
        if not program:
            raise self.wrong('program', 'is not set')
        options = dict(self._pairs('option', self.value('option'), host))
        options.update(self._pairs('host_option', self._for(host), host))
        needed = _NEEDED.get(os.path.basename(program))
        if needed and not options.get(needed):
            raise self.wrong(
                'option',
                f'has no {needed}=<uri>, without which '
                f'{os.path.basename(program)} may cut another machine',
            )
        return AgentSettings(
            name=self._name,
            program=program,
            options=options,
            secrets=self._secrets(host),
            timeout=self.value('timeout'),
            off_timeout=self.value('off_timeout'),
        )

    def _for(self, host: str) -> Iterator[str]:
        for line in self.value('host_option'):
            pattern, blank, pair = line.strip().partition(' ')
            if not blank:
                raise self.wrong(
                    'host_option', 'needs the form <pattern> <key>=<value>'
                )
            if fnmatch.fnmatchcase(host, pattern):
                yield pair

    def _pairs(
        self, option: str, lines: Iterable[str], host: str
    ) -> Iterator[tuple[str, str]]:
        for key, value in self._split(option, lines, host):
            if _SECRET.search(key) and not key.endswith('_script'):
                raise self.wrong(
                    option,
                    f'holds a secret ({key}): it belongs in password_file, '
                    'password_env or secret_option',
                )
            yield key, value

    def _split(
        self, option: str, lines: Iterable[str], host: str
    ) -> Iterator[tuple[str, str]]:
        """Keys in the form of standard input, with what they are to be."""
        for line in lines:
            written, equals, value = line.strip().partition('=')
            key = written.strip().lower().replace('-', '_')
            if not equals or not _KEY.match(key):
                raise self.wrong(option, 'needs the form <key>=<value>')
            if key in _RESERVED:
                raise self.wrong(
                    option, f'must not hold {key}: {_RESERVED[key]}'
                )
            yield key, self._line(option, _filled(value.strip(), host))

    def _secrets(self, host: str) -> dict[str, str]:
        found = dict(
            self._split('secret_option', self.value('secret_option'), host)
        )
        ways = [
            option
            for option in ('password_file', 'password_env', 'password')
            if self.value(option)
        ]
        if len(ways) > 1:
            raise self.wrong(ways[1], f'is set beside {ways[0]}: choose one')
        if ways:
            found['password'] = self._password(ways[0], host)
        return found

    def _password(self, option: str, host: str) -> str:
        value = self.value(option)
        if option == 'password_file':
            value = self._first_line(_filled(value, host))
        elif option == 'password_env':
            if value not in os.environ:
                raise self.wrong(
                    option, f'names {value}, which the environment lacks'
                )
            value = os.environ[value]
        if not value:
            raise self.wrong(option, 'gives an empty password')
        return self._line(option, value)

    def _first_line(self, path: str) -> str:
        try:
            with open(path, encoding='utf-8') as stream:
                return stream.readline().rstrip('\r\n')
        except (OSError, UnicodeDecodeError) as exc:
            why = getattr(exc, 'strerror', None) or 'it is not UTF-8'
            raise self.wrong(
                'password_file', f'cannot be read: {path}: {why}'
            ) from None

    def _line(self, option: str, value: str) -> str:
        """A value that stays one line of standard input."""
        if not value.isprintable():
            raise self.wrong(option, 'holds a line break or the like')
        return value


def _filled(value: str, host: str) -> str:
    short = host.partition('.')[0]
    return value.replace('{host}', host).replace('{short}', short)

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

"""Sum up what a run of tox printed, given in a file.

Every test of an environment that runs tests counts by itself, every other
environment as one check. The last line says ``N passed, N failed``. The exit
code is 0 only if nothing failed, every expected environment was there, and
none that should have run tests ran none.
"""

import argparse
import dataclasses
import re
import sys

TESTED = ('py3', 'functional')
CHECKED = ('pep8', 'mypy', 'docs')

_ESCAPES = re.compile(r'\x1b\[[0-9;]*[A-Za-z]')
_COMMAND = re.compile(r'(\S+): commands\[\d+\]> ')
_RESULT = re.compile(r'  (\S+): (OK|FAIL|SKIP)\b')
_COUNT = re.compile(r' - (Passed|Skipped|Failed|Unexpected Success): (\d+)$')


@dataclasses.dataclass
class Environment:
    """What is known of one tox environment."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    ok: bool = False

    def count(self, what: str, number: int) -> None:
        """Add a line of stestr's totals."""
        if what == 'Passed':
            self.passed += number
        elif what == 'Skipped':
            self.skipped += number
        else:
            self.failed += number

    def settle(self, tested: bool) -> None:
        """Make the counts agree with what tox said of the environment."""
        if self.ok and not tested:
            self.passed = 1
        elif not self.failed and not (self.ok and self.passed):
            self.failed = 1


def read_log(text: str, expected: list[str]) -> dict[str, Environment]:
    """Find the outcome of every environment in the output of tox."""
    environments = {name: Environment() for name in expected}
    current = Environment()
    for line in _ESCAPES.sub('', text).splitlines():
        if match := _COMMAND.match(line):
            current = environments.setdefault(match[1], Environment())
        elif match := _COUNT.match(line):
            current.count(match[1], int(match[2]))
        elif match := _RESULT.match(line):
            outcome = environments.setdefault(match[1], Environment())
            outcome.ok = match[2] == 'OK'
    for name, environment in environments.items():
        environment.settle(name in TESTED)
    return environments


def sum_up(environments: dict[str, Environment]) -> str:
    """Say it in one line."""
    passed = sum(each.passed for each in environments.values())
    failed = sum(each.failed for each in environments.values())
    skipped = sum(each.skipped for each in environments.values())
    line = f'{passed} passed, {failed} failed'
    return f'{line}, {skipped} skipped' if skipped else line


def main(arguments: list[str]) -> int:
    """Read the log, print the line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('log', metavar='<log>')
    parser.add_argument('environments', metavar='<environment>', nargs='*')
    options = parser.parse_args(arguments)
    with open(options.log, encoding='utf-8', errors='replace') as log:
        expected = options.environments or [*TESTED, *CHECKED]
        environments = read_log(log.read(), expected)
    for name, environment in environments.items():
        print(f'{name}:', sum_up({name: environment}))
    print(sum_up(environments), flush=True)
    return int(any(each.failed for each in environments.values()))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

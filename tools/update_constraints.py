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

"""Write constraints.txt: everything the project installs, at its newest.

Run it with ``tox -e constraints``, read the difference, run the tests.
"""

import configparser
import json
import pathlib
import subprocess
import sys
import tomllib
import typing as ty

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
# Needed before anything can be installed: see tools/tox.py.
BOOTSTRAP = ('pip', 'tox')
HEADER = """\
# Everything that this project, its tests and its checks install, so that
# installs repeat. Made by "tox -e constraints". What a sandbox installs is in
# osc_recovery/sandbox/constraints.txt.
"""


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_requirements(root: pathlib.Path) -> list[str]:
    """Collect every requirement that setup.cfg, tox.ini and so on name."""
    requirements = list(BOOTSTRAP)
    with open(root / 'pyproject.toml', 'rb') as project:
        requirements += tomllib.load(project)['build-system']['requires']
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(root / 'setup.cfg', encoding='utf-8')
    requirements += _lines(setup['options']['install_requires'])
    for extra in setup['options.extras_require'].values():
        requirements += _lines(extra)
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(root / 'tox.ini', encoding='utf-8')
    for section in tox.values():
        requirements += [
            line
            for line in _lines(section.get('deps', ''))
            if not line.startswith(('{', '-'))
        ]
    return sorted(set(requirements))


def resolve(requirements: list[str]) -> dict[str, ty.Any]:
    """Let pip choose a version of every package, installing nothing."""
    done = subprocess.run(
        [
            *[sys.executable, '-I', '-m', 'pip', 'install', '--quiet'],
            *['--dry-run', '--ignore-installed', '--report', '-'],
            *requirements,
        ],
        check=True,
        stdout=subprocess.PIPE,
    )
    report: dict[str, ty.Any] = json.loads(done.stdout)
    return report


def format_pins(report: dict[str, ty.Any]) -> str:
    """Turn pip's installation report into lines of a constraints file."""
    packages = [item['metadata'] for item in report['install']]
    pins = [f'{item["name"]}=={item["version"]}' for item in packages]
    return ''.join(f'{pin}\n' for pin in sorted(pins, key=str.lower))


def main() -> None:
    """Write constraints.txt."""
    pins = format_pins(resolve(read_requirements(CHECKOUT)))
    path = CHECKOUT / 'constraints.txt'
    path.write_text(HEADER + pins, encoding='utf-8')


if __name__ == '__main__':
    main()

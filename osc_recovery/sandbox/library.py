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

"""Puts our services package where the sandbox's own Python finds it.

A copy under another name: the sandbox's Python never sees osc_recovery, and
a running sandbox does not change when the tool is upgraded.
"""

from collections.abc import Mapping
import os
import pathlib
import shutil

from osc_recovery.sandbox import processes

PACKAGE = 'recovery_sandbox'

# How stevedore finds the message driver.
ENTRY_POINTS = f"""[oslo.messaging.drivers]
hub = {PACKAGE}.messaging:HubDriver
"""
METADATA = f"""Metadata-Version: 2.1
Name: {PACKAGE}
Version: 1
"""


def install(lib: pathlib.Path) -> None:
    """Copy the package and its entry points into this directory."""
    source = pathlib.Path(__file__).with_name('services')
    shutil.copytree(
        source,
        lib / PACKAGE,
        ignore=shutil.ignore_patterns('__pycache__'),
    )
    information = lib / f'{PACKAGE}-1.dist-info'
    information.mkdir()
    (information / 'entry_points.txt').write_text(ENTRY_POINTS)
    (information / 'METADATA').write_text(METADATA)


def variables(directory: pathlib.Path, marker: str) -> dict[str, str]:
    """The environment of everything that runs in this directory.

    Nothing of the caller's OS_*, proxy or Python settings gets through, and
    nothing is read from or written to the home directory.
    """
    kept: Mapping[str, str] = {
        name: os.environ[name]
        for name in ('PATH', 'LANG', 'LC_ALL')
        if name in os.environ
    }
    return {
        **kept,
        processes.MARKER: marker,
        'HOME': str(directory),
        'TMPDIR': str(directory / 'var' / 'tmp'),
        'XDG_CACHE_HOME': str(directory / 'var' / 'cache'),
        'PYTHONPATH': str(directory / 'lib'),
        'PYTHONSAFEPATH': '1',
        'PYTHONWARNINGS': 'ignore',
        # A heap per thread would cost every process tens of megabytes.
        'MALLOC_ARENA_MAX': '2',
    }


def command(
    python: pathlib.Path, module: str, *arguments: object
) -> list[str]:
    """The command line of a module of our package."""
    return [
        str(python),
        '-m',
        f'{PACKAGE}.{module}',
        *(str(argument) for argument in arguments),
    ]

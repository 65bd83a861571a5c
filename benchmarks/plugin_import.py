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

"""Shows that the plug-in costs every other openstack command nothing.

OpenStackClient imports osc_recovery.plugin whatever the command.  That may
load no module but itself that openstackclient.shell has not loaded.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import io
import sys
import time
from typing import Any

PLUGIN = 'osc_recovery.plugin'
#: modules that importing the plug-in may load: itself
OWN = ('osc_recovery', PLUGIN)


def main() -> int:
    """Measure, print, and say with the exit code whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--module',
        default=PLUGIN,
        help='module to import in place of the plug-in',
    )
    args = parser.parse_args()
    _load_client()
    before = set(sys.modules)
    started = time.perf_counter()
    importlib.import_module(args.module)
    seconds = time.perf_counter() - started
    extra = sorted(set(sys.modules) - before - {*OWN, args.module})
    for name, value in (
        ('modules of openstackclient.shell', len(before)),
        (f'import of {args.module}', f'{seconds * 1000:.1f} ms'),
        ('modules beyond itself', f'{len(extra)} (claim: 0)'),
    ):
        sys.stdout.write(f'{name:<36} {value}\n')
    for name in extra:
        sys.stdout.write(f'    {name}\n')
    return 1 if extra else 0


def _load_client() -> None:
    """Import openstackclient.shell as it is without any plug-in.

    It loads those of the entry points while it is imported itself: what
    ours would load then could not be told from what the client needs.
    """
    point_class: Any = importlib.metadata.EntryPoint
    load = point_class.load

    def refuse(point: importlib.metadata.EntryPoint) -> Any:
        if point.group == 'openstack.cli.extension':
            raise ImportError('left out')
        return load(point)

    point_class.load = refuse
    try:
        # The client warns of each plug-in that it could not import.
        with contextlib.redirect_stderr(io.StringIO()):
            importlib.import_module('openstackclient.shell')
    finally:
        point_class.load = load


if __name__ == '__main__':
    sys.exit(main())

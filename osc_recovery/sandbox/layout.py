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

"""Where everything is: a sandbox's directory and the cache."""

import os
import pathlib

from osc_recovery import exceptions

DIRECTORY_VARIABLE = 'OSC_RECOVERY_SANDBOX_DIR'

# They mean something in a database URL, in oslo.config or in a list of it.
UNUSABLE = frozenset('?%$,\n"\'')


def cache_directory() -> pathlib.Path:
    """Where environments and templates are kept between sandboxes."""
    base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return pathlib.Path(base).expanduser() / 'osc-recovery' / 'sandbox'


def default_directory(name: str | None = None) -> pathlib.Path:
    """The directory of the sandbox of that name, or of the usual one.

    Without a name OSC_RECOVERY_SANDBOX_DIR may name the directory.
    """
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named and name is None:
        return pathlib.Path(named)
    base = os.environ.get('XDG_STATE_HOME') or '~/.local/state'
    state = pathlib.Path(base).expanduser() / 'osc-recovery'
    return state / 'sandbox' / (name or 'default')


class Layout:
    """The paths inside a sandbox's directory."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory.expanduser().absolute()
        if UNUSABLE & set(str(self.directory)):
            raise exceptions.UsageError(
                f'A sandbox cannot live in {self.directory}: its services '
                'cannot read that name. Choose a directory without '
                'quotes, commas and the characters ? % $.'
            )
        self.state = self.directory / 'sandbox.json'
        self.clouds_yaml = self.directory / 'clouds.yaml'
        self.openrc = self.directory / 'openrc'
        self.recovery_conf = self.directory / 'recovery.conf'
        self.etc = self.directory / 'etc'
        self.db = self.directory / 'db'
        self.log = self.directory / 'log'
        self.run = self.directory / 'run'
        self.lib = self.directory / 'lib'
        self.var = self.directory / 'var'
        self.hosts = self.directory / 'hosts'
        self.connectors = self.directory / 'connectors'
        self.instances = self.directory / 'instances'

    def make(self) -> None:
        """Make the directories below the sandbox's own."""
        for path in (
            self.etc,
            self.log,
            self.run,
            self.hosts,
            self.connectors,
            self.instances,
            self.var / 'tmp',
            self.var / 'lock',
            self.var / 'images',
            self.var / 'glance-staging',
            self.var / 'glance-tasks',
            self.var / 'fernet',
            self.var / 'credential',
            self.var / 'cinder' / 'coordination',
            self.var / 'neutron',
            self.var / 'nova',
        ):
            path.mkdir(parents=True, exist_ok=True)

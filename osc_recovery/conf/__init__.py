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


"""Our configuration; the global CONF of oslo.config is never used."""

from collections.abc import Iterator
import os

from oslo_config import cfg

from osc_recovery.conf import files
from osc_recovery.conf import opts
from osc_recovery import exceptions

ENVIRONMENT = 'OSC_RECOVERY_CONFIG'
SYSTEM_FILE = '/etc/osc-recovery/recovery.conf'


def load(path: str | None = None) -> cfg.ConfigOpts:
    """Read our configuration and check every value of it.

    ``path`` None means the file that OSC_RECOVERY_CONFIG names, else the
    user's or the system's if there is one, else the defaults.  Raises
    ConfigError when a named file is missing, unreadable or malformed, or
    holds a wrong value.
    """
    named = path or os.environ.get(ENVIRONMENT)
    if named:
        chosen = files.expand([named])
    else:
        chosen = files.first_existing(default_files())
    conf = cfg.ConfigOpts()
    opts.register(conf)
    files.parse(conf, chosen)
    for group, options in opts.GROUPS:
        for option in options:
            _check(conf, group.name, option)
    return conf


def _check(conf: cfg.ConfigOpts, group: str, option: cfg.Opt) -> None:
    needed = repr(option.type)
    value = files.value(conf, group, option.dest, needed)
    if value is None and option.default is not None:
        raise exceptions.ConfigError(
            f'{files.where(conf, group, option.dest)} is empty: {needed} is '
            'needed'
        )


def default_files() -> Iterator[str]:
    """Where our configuration is looked for when nothing names it."""
    home = os.environ.get('XDG_CONFIG_HOME') or '~/.config'
    yield os.path.join(home, 'osc-recovery', 'recovery.conf')
    yield SYSTEM_FILE

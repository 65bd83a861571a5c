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


"""What is read from cinder's own configuration files."""

import dataclasses

from oslo_config import cfg
from oslo_db import options as db_options

from osc_recovery.conf import database
from osc_recovery.conf import files
from osc_recovery.conf import opts
from osc_recovery import exceptions


@dataclasses.dataclass(frozen=True)
class CinderSettings:
    """cinder.conf, as far as it matters here; the URL may hold a password.

    ``service_down_time`` is in seconds.
    """

    database: str = dataclasses.field(repr=False)
    service_down_time: int


def load_cinder(conf: cfg.ConfigOpts) -> CinderSettings:
    """Read cinder's configuration files; raises ConfigError."""
    named = files.expand(conf.cinder.config_files)
    directories = files.expand(conf.cinder.config_dirs)
    found = named or files.first_existing(opts.CINDER_CONFIG_FILES)
    if not found and not directories:
        raise exceptions.ConfigError(
            "cinder's configuration was not found: name the file of a "
            "controller in osc-recovery's configuration, "
            '[cinder] config_files'
        )
    read = cfg.ConfigOpts()
    read.register_opts(db_options.database_opts, group='database')
    read.register_opt(cfg.IntOpt('service_down_time', default=60))
    files.parse(read, found, directories)
    return CinderSettings(
        database=database.with_parameters(
            database.connection(read, 'database'),
            database.parameters(read, 'database'),
        ),
        service_down_time=files.value(
            read, 'DEFAULT', 'service_down_time', 'a number of seconds'
        ),
    )

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


"""What is read from nova's own configuration files."""

import dataclasses

from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import loading
from keystoneauth1 import session
from oslo_config import cfg
from oslo_db import options as db_options

from osc_recovery.conf import database
from osc_recovery.conf import files
from osc_recovery.conf import messaging as messaging_conf
from osc_recovery.conf import opts
from osc_recovery import exceptions

#: nova.conf's sections that hold credentials of a service user, the one
#: meant for calls between services first
SERVICE_SECTIONS = ('service_user', 'neutron')

#: nova's own defaults (nova/conf/service.py, availability_zone.py, base.py)
_OPTIONS = (
    cfg.IntOpt('report_interval', default=10),
    cfg.IntOpt('service_down_time', default=60),
    cfg.StrOpt('default_availability_zone', default='nova'),
    cfg.StrOpt('instance_name_template', default='instance-%08x'),
)


@dataclasses.dataclass(frozen=True)
class NovaSettings:
    """nova.conf, as far as it matters here; URLs may hold passwords.

    ``database`` is the reading file's own [database]/connection, which
    fills the templates of cell_mappings; ``connection_parameters`` go with
    every cell's URL (nova/db/main/api.py:_get_db_conf).  The report
    interval and the down time are in seconds.
    """

    api_database: str = dataclasses.field(repr=False)
    database: str = dataclasses.field(repr=False)
    connection_parameters: str = dataclasses.field(repr=False)
    report_interval: int
    default_zone: str
    instance_name_template: str
    service_down_time: int
    messaging: messaging_conf.Messaging = dataclasses.field(
        default_factory=messaging_conf.Messaging
    )
    _conf: cfg.ConfigOpts | None = dataclasses.field(
        default=None, repr=False, compare=False
    )

    def service_auth(self) -> session.Session | None:
        """A session with the credentials of nova's service user.

        It serves calls that need the role ``service``, such as neutron's
        port bindings.  None when nova.conf has no such credentials; raises
        ConfigError when they are incomplete.
        """
        if self._conf is None:
            return None
        for section in SERVICE_SECTIONS:
            made = _session(self._conf, section)
            if made is not None:
                return made
        return None


def load_nova(conf: cfg.ConfigOpts) -> NovaSettings:
    """Read nova's configuration files; raises ConfigError."""
    named = files.expand(conf.nova.config_files)
    directories = files.expand(conf.nova.config_dirs)
    found = named or files.first_existing(opts.NOVA_CONFIG_FILES)
    if not found and not directories:
        raise exceptions.ConfigError(
            "nova's configuration was not found: name the file of a "
            "controller in osc-recovery's configuration, "
            '[nova] config_files'
        )
    read = cfg.ConfigOpts()
    read.register_opts(_OPTIONS)
    read.register_opts(db_options.database_opts, group='database')
    read.register_opts(db_options.database_opts, group='api_database')
    messaging_conf.register(read)
    files.parse(read, found, directories)
    return NovaSettings(
        api_database=database.with_parameters(
            database.connection(read, 'api_database'),
            database.parameters(read, 'api_database'),
        ),
        database=database.connection(read, 'database', required=False),
        connection_parameters=database.parameters(read, 'database'),
        report_interval=files.value(
            read, 'DEFAULT', 'report_interval', 'a number of seconds'
        ),
        default_zone=files.value(read, 'DEFAULT', 'default_availability_zone'),
        instance_name_template=files.value(
            read, 'DEFAULT', 'instance_name_template'
        ),
        service_down_time=files.value(
            read, 'DEFAULT', 'service_down_time', 'a number of seconds'
        ),
        messaging=messaging_conf.load(read),
        _conf=read,
    )


def _session(conf: cfg.ConfigOpts, section: str) -> session.Session | None:
    """The section's credentials, through keystoneauth's own loading."""
    try:
        loading.register_auth_conf_options(conf, section)
        loading.register_session_conf_options(conf, section)
        plugin = loading.load_auth_from_conf_options(conf, section)
        if plugin is None:
            return None
        made: session.Session = loading.load_session_from_conf_options(
            conf, section, auth=plugin
        )
    except (cfg.Error, ksa_exceptions.ClientException, ValueError) as exc:
        raise exceptions.ConfigError(
            f'{", ".join(files.sources(conf))}: [{section}] does not hold '
            f'usable credentials ({type(exc).__name__})'
        ) from None
    return made

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

"""How nova reaches its message brokers: [DEFAULT] and the rabbit driver."""

import dataclasses

from oslo_config import cfg

from osc_recovery.conf import files

SECTION = 'oslo_messaging_rabbit'

#: the options of oslo.messaging's rabbit driver that decide how to connect,
#: with the names that they had in Queens
#: (oslo_messaging/_drivers/impl_rabbit.py)
_RABBIT = (
    cfg.BoolOpt('ssl', default=False, deprecated_name='rabbit_use_ssl'),
    cfg.StrOpt(
        'ssl_ca_file', default='', deprecated_name='kombu_ssl_ca_certs'
    ),
    cfg.StrOpt(
        'ssl_cert_file', default='', deprecated_name='kombu_ssl_certfile'
    ),
    cfg.StrOpt(
        'ssl_key_file', default='', deprecated_name='kombu_ssl_keyfile'
    ),
    cfg.BoolOpt('ssl_enforce_hostname_verification', default=True),
)


@dataclasses.dataclass(frozen=True)
class Tls:
    """How a broker is spoken to in secret; paths of PEM files or ''."""

    ssl: bool = False
    ca_file: str = ''
    cert_file: str = ''
    key_file: str = ''
    verify_host: bool = True


@dataclasses.dataclass(frozen=True)
class Messaging:
    """What nova.conf says of messaging; the URL may hold passwords.

    ``transport_url`` is the reading file's own, which fills the templates
    of cell_mappings.
    """

    transport_url: str = dataclasses.field(default='', repr=False)
    tls: Tls = Tls()


def register(conf: cfg.ConfigOpts) -> None:
    """Register what is read, before the files are parsed."""
    conf.register_opt(cfg.StrOpt('transport_url', secret=True))
    conf.register_opts(_RABBIT, group=SECTION)


def load(conf: cfg.ConfigOpts) -> Messaging:
    """Read the options; raises ConfigError."""

    def path(name: str) -> str:
        return str(files.value(conf, SECTION, name) or '')

    return Messaging(
        transport_url=files.value(conf, 'DEFAULT', 'transport_url') or '',
        tls=Tls(
            ssl=files.value(conf, SECTION, 'ssl', 'true or false'),
            ca_file=path('ssl_ca_file'),
            cert_file=path('ssl_cert_file'),
            key_file=path('ssl_key_file'),
            verify_host=files.value(
                conf,
                SECTION,
                'ssl_enforce_hostname_verification',
                'true or false',
            ),
        ),
    )

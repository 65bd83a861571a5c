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


"""The [database] sections of the services' configuration files."""

from oslo_config import cfg
import sqlalchemy
from sqlalchemy import exc as sa_exc

from osc_recovery.conf import files
from osc_recovery import exceptions


def connection(
    conf: cfg.ConfigOpts, section: str, *, required: bool = True
) -> str:
    """The section's URL as it is written there, or ''.

    Raises ConfigError, without the URL, when a required one is missing or
    what is there is no URL.
    """
    url: str = files.value(conf, section, 'connection') or ''
    if not url and required:
        raise exceptions.ConfigError(
            f'{files.where(conf, section, "connection")} is not set'
        )
    if url:
        _check(url, files.where(conf, section, 'connection'))
    return url


def parameters(conf: cfg.ConfigOpts, section: str) -> str:
    """The section's connection_parameters (``a=1&b=2``), or ''."""
    return files.value(conf, section, 'connection_parameters') or ''


def with_parameters(url: str, extra: str) -> str:
    """A URL with connection_parameters appended, as oslo.db does it."""
    if not extra:
        return url
    parsed = sqlalchemy.make_url(url).update_query_string(extra, append=True)
    return parsed.render_as_string(hide_password=False)


def _check(url: str, place: str) -> None:
    try:
        sqlalchemy.make_url(url)
    except (sa_exc.ArgumentError, ValueError):
        raise exceptions.ConfigError(
            f'{place} is not a database URL'
        ) from None

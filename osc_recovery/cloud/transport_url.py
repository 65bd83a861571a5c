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

"""Takes oslo.messaging's transport URLs apart."""

import dataclasses
import urllib.parse

from oslo_utils import netutils

from osc_recovery import exceptions


@dataclasses.dataclass(frozen=True)
class Place:
    """One server of a broker, and who we are there."""

    host: str
    port: int | None
    user: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True)
class TransportUrl:
    """``scheme://[user:password@]host[:port][,...]/virtual_host?query``.

    Its text never holds a password.  ``virtual_host`` is '' where the URL
    names none.
    """

    scheme: str
    places: tuple[Place, ...]
    virtual_host: str
    query: dict[str, str]

    def __str__(self) -> str:
        hosts = ','.join(
            f'{netutils.escape_ipv6(place.host)}:{place.port}'
            if place.port
            else netutils.escape_ipv6(place.host)
            for place in self.places
        )
        return f'{self.scheme}://{hosts}/{self.virtual_host}'


def parse(url: str, whose: str) -> TransportUrl:
    """Take a URL apart as oslo.messaging's TransportURL.parse does.

    User, password and virtual host are percent-decoded.  Raises
    ConfigError, without the URL, when it is none; ``whose`` completes
    "the transport_url of ...".
    """
    try:
        parts = urllib.parse.urlparse(url)
        places = tuple(
            _place(netloc) for netloc in parts.netloc.split(',') if netloc
        )
        query = urllib.parse.parse_qs(parts.query)
    except ValueError:
        raise _wrong(whose) from None
    if not parts.scheme or any('{' in place.host for place in places):
        raise _wrong(whose)
    path = parts.path.removeprefix('/')
    return TransportUrl(
        scheme=parts.scheme,
        places=places,
        virtual_host=urllib.parse.unquote(path),
        query={key: ','.join(values) for key, values in query.items()},
    )


def _place(netloc: str) -> Place:
    credentials, at, where = netloc.rpartition('@')
    user, colon, password = credentials.partition(':')
    host, port = netutils.parse_host_port(where)
    return Place(
        host=host,
        port=port,
        user=urllib.parse.unquote(user) if at else None,
        password=urllib.parse.unquote(password) if colon else None,
    )


def _wrong(whose: str) -> exceptions.ConfigError:
    return exceptions.ConfigError(
        f"the transport_url of {whose} is no URL, or a template that nova's "
        'own [DEFAULT] transport_url does not fill'
    )

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


"""Finds the cells in cell_mappings, and where their services are."""

from typing import Any
import urllib.parse

from oslo_utils import netutils
import sqlalchemy as sa

from osc_recovery.conf import database as conf_database
from osc_recovery.conf import nova as conf_nova
from osc_recovery.db import engine
from osc_recovery.db import schema
from osc_recovery.db import tables
from osc_recovery import exceptions
from osc_recovery.model import facts


def read_cells(
    api: engine.Database, nova: conf_nova.NovaSettings
) -> tuple[tuple[facts.Cell, sa.URL], ...]:
    """Every cell, cell0 included, with the URL of its database.

    The URLs are SQLAlchemy's, which hide their password when they are
    printed.  Raises ConfigError when a URL is a template that nova.conf's
    [database]/connection does not fill, or is no URL.
    """
    known = schema.check(api, tables.API)
    query = sa.select(*known.present(tables.cell_mappings)).order_by(
        tables.cell_mappings.c.id
    )
    with api.reading() as connection:
        rows = connection.execute(query).mappings().all()
    return tuple(_cell(dict(row), nova) for row in rows)


def transport_url(
    api: engine.Database, nova: conf_nova.NovaSettings, cell: facts.Cell
) -> str:
    """The URL of a cell's message broker; it may hold a password.

    Raises ConfigError when it is a template that nova.conf's own
    transport_url does not fill, or when the cell has none.
    """
    known = schema.check(api, tables.API)
    table = tables.cell_mappings
    query = sa.select(*known.present(table)).where(table.c.uuid == cell.uuid)
    with api.reading() as connection:
        row = connection.execute(query).mappings().first()
    url = (row['transport_url'] if row else '') or ''
    label = cell.name or cell.uuid
    try:
        if '{' in url:
            url = format_url(url, nova.messaging.transport_url)
    except (KeyError, IndexError, ValueError):
        url = ''
    if not url:
        raise exceptions.ConfigError(
            f'cell {label}: its transport_url in cell_mappings is empty, or a '
            "template that [DEFAULT] transport_url of nova's configuration "
            'does not fill'
        )
    return str(url)


def format_url(template: str, default: str) -> str:
    """Fill a URL template of cell_mappings from another URL.

    The rules are those of nova's CellMapping._format_url
    (nova/objects/cell_mapping.py); values are taken over as they are
    written, still percent-encoded.  Raises KeyError, IndexError or
    ValueError when the template asks for what the other has not.
    """
    parts = urllib.parse.urlparse(default)
    values: dict[str, Any] = {
        'username': parts.username,
        'password': parts.password,
        'hostname': parts.hostname,
        'port': None if ',' in parts.netloc else parts.port,
        'scheme': parts.scheme,
        'query': parts.query,
        'fragment': parts.fragment,
        'path': parts.path.lstrip('/'),
    }
    if ',' in parts.netloc:
        for index, netloc in enumerate(parts.netloc.split(','), 1):
            for key, value in _split_netloc(netloc).items():
                values[f'{key}{index}'] = value
    return template.format(**values)


def _cell(
    row: dict[str, Any], nova: conf_nova.NovaSettings
) -> tuple[facts.Cell, sa.URL]:
    cell = facts.Cell(
        uuid=row['uuid'],
        name=row['name'] or '',
        disabled=bool(row.get('disabled')),
    )
    label = cell.name or cell.uuid
    url = row['database_connection'] or ''
    try:
        if '{' in url:
            url = format_url(url, nova.database)
        filled = conf_database.with_parameters(url, nova.connection_parameters)
        return cell, sa.make_url(filled)
    except (KeyError, IndexError, ValueError, sa.exc.ArgumentError):
        raise exceptions.ConfigError(
            f'cell {label}: its database_connection in cell_mappings is no '
            "URL, or a template that [database]/connection of nova's "
            'configuration does not fill'
        ) from None


def _split_netloc(netloc: str) -> dict[str, Any]:
    credentials, _, place = netloc.rpartition('@')
    host, port = netutils.parse_host_port(place)
    user, separator, password = credentials.partition(':')
    return {
        'username': user,
        'password': password if separator else None,
        'hostname': host,
        'port': port,
    }

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

"""What a scenario works with: databases, services, journal; made lazily."""

import functools
import threading
from typing import Any

from oslo_config import cfg

from osc_recovery.cloud import session as cloud_session
from osc_recovery.conf import cinder as cinder_conf
from osc_recovery.conf import nova as nova_conf
from osc_recovery.db import cells as db_cells
from osc_recovery.db import cinder as db_cinder
from osc_recovery.db import engine as db_engine
from osc_recovery.db import nova_api as db_nova_api
from osc_recovery.db import nova_cell as db_nova_cell
from osc_recovery import exceptions
from osc_recovery.facts import sources
from osc_recovery.journal import store


class Environment:
    """One operator's view of one cloud.

    Everything is connected on first use, so that a command that reads the
    journal needs neither keystone nor nova's databases.
    """

    def __init__(self, conf: cfg.ConfigOpts, manager: Any = None) -> None:
        self.conf = conf
        self._manager = manager
        self._auth_lock = threading.Lock()

    @functools.cached_property
    def nova(self) -> nova_conf.NovaSettings:
        """What nova.conf says; raises ConfigError."""
        return nova_conf.load_nova(self.conf)

    @functools.cached_property
    def api_db(self) -> db_nova_api.NovaApi:
        """nova's API database."""
        return db_nova_api.NovaApi(
            db_engine.Database('nova_api', self.nova.api_database)
        )

    @functools.cached_property
    def cells(self) -> dict[str, db_nova_cell.NovaCell]:
        """Every enabled cell's database, by the cell's uuid."""
        rows = db_cells.read_cells(self.api_db.database, self.nova)
        return {
            cell.uuid: db_nova_cell.NovaCell(
                db_engine.Database(f'cell {cell.name or cell.uuid}', url),
                cell,
                self.nova.instance_name_template,
            )
            for cell, url in rows
        }

    @functools.cached_property
    def cinder_db(self) -> db_cinder.Cinder | None:
        """Cinder's database; None where no cinder.conf is named."""
        settings = cinder_conf.load_cinder(self.conf)
        if settings is None:
            return None
        return db_cinder.Cinder(
            db_engine.Database('cinder', settings.database)
        )

    @functools.cached_property
    def clouds(self) -> cloud_session.Clouds:
        """The services, with the operator's own credentials.

        Raises ServiceUnavailable when keystone does not answer.
        """
        with self._auth_lock:
            session = self._session()
        return cloud_session.Clouds(
            session,
            self._manager.region_name,
            self._manager.interface,
            self._manager._override_for,
            service_auth=self.nova.service_auth(),
        )

    @functools.cached_property
    def journal(self) -> store.Journal:
        """The journal of all runs, brought to its newest form."""
        journal = store.Journal(self.conf.journal.connection)
        journal.upgrade()
        return journal

    def sources(self, *, apis: bool = True) -> sources.Sources:
        """What facts are read from; without keystone, the databases alone.

        A database that nothing can be read without raises
        ServiceUnavailable.
        """
        clouds, reason = None, 'the APIs were not asked'
        try:
            clouds = self.clouds if apis else None
        except exceptions.ServiceUnavailable as exc:
            reason = str(exc)
        return sources.Sources(
            cells=self.cells,
            api_db=self.api_db,
            cinder_db=self.cinder_db,
            clouds=clouds,
            no_clouds=reason,
            fences=lambda: self.journal.fences(),
            default_zone=self.nova.default_zone,
            shared_instances=tuple(self.conf.storage.shared_instances),
            connectors_dir=self.conf.storage.connectors_dir,
            report_interval=self.nova.report_interval,
            service_down_time=self.nova.service_down_time,
            agent_report_interval=self.conf.fencing.agent_report_interval,
        )

    def schema(self, host: str | None = None) -> dict[str, str]:
        """The tables and columns that are used, for a plan's frame.

        With a host only those of its own cell, if it has one: another
        cell's database may be away.
        """
        cells = self.cells
        if host is not None:
            uuid = self.api_db.host_cells().get(host)
            cells = {uuid: cells[uuid]} if uuid in cells else cells
        databases = [self.api_db, *cells.values()]
        found: dict[str, str] = {}
        for database in databases:
            found.update(database.schema.describe())
        if self.cinder_db is not None:
            found.update(self.cinder_db.schema.describe())
        return found

    def _session(self) -> Any:
        if self._manager is None:
            raise exceptions.ServiceUnavailable(
                'No credentials for the APIs were given: source an openrc '
                'file or name a cloud with --os-cloud.'
            )
        # Commands that can do without keystone say auth_required = False;
        # the manager has to be told that this one wants it after all.
        self._manager._auth_required = True
        try:
            self._manager.setup_auth()
            self._manager.auth_ref
        except Exception as exc:
            raise exceptions.ServiceUnavailable(
                f'keystone gave no token: {_brief(exc)}'
            ) from exc
        return self._manager.session


def _brief(exc: Exception) -> str:
    """One line, without the layers that urllib3 wraps a cause in."""
    lines = str(exc).splitlines() or [type(exc).__name__]
    return lines[0].partition(': HTTP')[0]

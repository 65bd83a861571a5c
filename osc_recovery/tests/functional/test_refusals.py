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

"""Every finding that planning has, shown on the real services.

The rows of plain servers are made those of servers that have to be
refused, as nova writes them; then plans are made that change nothing.
"""

from concurrent import futures
import configparser
import contextlib
import sqlite3

from osc_recovery.db import engine
from osc_recovery.model import findings
from osc_recovery.planning import catalogue
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox.services import power
from osc_recovery.tests.functional import plans
from osc_recovery.tests.functional import refusals
from osc_recovery.tests.functional import rows

PLAIN, WITH_VOLUME = 8, 3
CONSENTS = frozenset(
    code
    for code, severity in catalogue.SERVER.items()
    if severity is findings.Severity.CONSENT
)

#: codes that no plan for a host of this sandbox can have, and why
UNSHOWN = {
    'cell0': 'nova has no host in cell0, and a server there has no host',
    'port-resource-request': "the sandbox's neutron has no QoS plug-in",
    'schema-unsupported': 'such a database is refused before planning',
    'service-missing': 'a host without its service is refused as unknown',
    'target-other-cell': 'the sandbox has one cell',
}


class RefusalsTestCase(plans.PlanTestCase):
    """What cannot be moved is named, with the reason, and left alone."""

    def setUp(self) -> None:
        super().setUp()
        names = [f'refused-{number}' for number in range(PLAIN + WITH_VOLUME)]
        uuids = self._boot(names)
        self.addCleanup(self._remove, uuids)
        self.stage = refusals.Stage(
            self.cloud,
            self.source,
            [s for s in self.cloud.servers_on(self.source) if s.uuid in uuids],
        )
        self.addCleanup(self.stage.restore)
        self.addCleanup(self.stage.drain)

    def test_every_finding(self) -> None:
        """Each code on a server, a target or a host that has it."""
        self._alive()
        self.cloud.power_off(self.source)
        self.stage.change({'what': 'long-silent', 'host': self.source})
        self.fence(self.source)
        self.stage.fill()
        for batch in self.stage.batches():
            self._batch(batch)
        self.stage.drain()
        self._other_statements()
        self._silent_agents()
        self._trusted_host()
        self._another_database()
        self._silent_neutron()
        self._unfit_targets()
        self.assertEqual([], self.wrong)
        planned = {*catalogue.FRAME, *catalogue.SERVER, *catalogue.TARGET}
        self.assertEqual({*UNSHOWN}, planned - self.shown)

    def _alive(self) -> None:
        """Before anybody cuts the host's power, or has ever fenced it."""
        journal = f'sqlite:///{self.directory / "journal.db"}'
        self.plan(
            {self.stage.control.uuid: plans.STATED},
            frame={
                'fence-missing',
                'host-alive',
                'host-not-disabled',
                'host-not-forced-down',
            },
            config=self._config(journal={'connection': journal}),
        )

    def _batch(self, batch: dict[str, refusals.Case]) -> None:
        """Servers that are refused beside one that is not."""
        expected: dict[str, plans.Codes] = {
            self.stage.control.uuid: plans.STATED
        }
        for uuid, case in batch.items():
            expected[uuid] = {case.code, *case.also, *plans.STATED}
        consents = {u: c for u, c in expected.items() if c & CONSENTS}
        big = {u for u, c in batch.items() if c.code == 'target-too-small'}
        self.stage.spoil(batch)
        self.plan(expected)
        if consents:
            self.plan(consents, accept=CONSENTS)
        if big:
            wanted = {'no-target', *plans.STATED}
            self.plan(dict.fromkeys(big, wanted), targets=())
        self.stage.restore()

    def _other_statements(self) -> None:
        """The source's directory is not shared; a connector is unknown."""
        control, (local, data, *_) = self.stage.control, self.stage.with_volume
        self.stage.change({'what': 'local-disk', 'server': local.uuid})
        self.stage.forget_connectors(self.target)
        self.plan(
            {
                control.uuid: {'storage-unproven'},
                data.uuid: {'storage-unproven', 'connector-unknown'},
                local.uuid: {'local-disk', 'connector-unknown'},
            },
            config=self._config(
                storage={
                    'shared_instances': self.target,
                    'connectors_dir': str(self.directory),
                }
            ),
        )
        self.stage.restore()

    def _silent_agents(self) -> None:
        """No agent wires ports on the target, which shares nothing."""
        hosts = layouts.Layout(self.sandbox.directory).hosts
        power.cut(hosts / self.target)
        self.addCleanup(power.restore, hosts / self.target)
        network = self.cloud.api.network
        agents = network.get('/v2.0/agents', params={'host': self.target})
        for agent in agents.json()['agents']:
            network.delete(f'/v2.0/agents/{agent["id"]}')
        self.plan(
            {
                self.stage.control.uuid: {
                    'target-network',
                    'target-storage',
                    *plans.STATED,
                }
            },
            config=self._config(storage={'shared_instances': self.source}),
        )
        power.restore(hosts / self.target)

    def _trusted_host(self) -> None:
        """nova is told to trust the host, and knows another machine."""
        hosts = self.stage.snapshot(rows.HOST_TABLES, [self.source])
        self.addCleanup(hosts.restore)
        self.stage.change(
            {'what': 'trusted', 'host': self.source},
            {'what': 'ironic', 'host': self.source},
            {'what': 'cell-disabled', 'host': self.source},
        )
        self.plan(
            {
                self.stage.control.uuid: {
                    'target-architecture',
                    'target-hypervisor',
                    *plans.STATED,
                }
            },
            frame={
                'cell-disabled',
                'fence-stale',
                'host-not-disabled',
                'host-not-forced-down',
                'hypervisor-unsupported',
                'target-left-out',
            },
        )
        hosts.restore()
        self.stage.restore()

    def _another_database(self) -> None:
        """A nova.conf that names other databases, and no service role."""
        control = self.stage.control
        cell = self._copy(
            self.cloud.cell().database,
            (
                "UPDATE instances SET vm_state = 'error' WHERE uuid = ?",
                control.uuid,
            ),
            (
                'UPDATE compute_nodes SET deleted = id WHERE host = ?',
                self.source,
            ),
        )
        api = self._copy(
            self.stage.api_db.database,
            (
                'UPDATE cell_mappings SET database_connection = ? '
                'WHERE id > 1',
                cell,
            ),
        )
        nova = self.directory / 'nova.conf'
        nova.write_text(
            '[DEFAULT]\nreport_interval = 2\n'
            f'[api_database]\nconnection = {api}\n'
        )
        self.plan(
            {control.uuid: {'database-differs', 'error-state', *plans.STATED}},
            frame={
                'node-missing',
                'provider-missing',
                'service-role-missing',
                *plans.SILENT,
            },
            config=self._config(nova={'config_files': str(nova)}),
        )

    def _silent_neutron(self) -> None:
        """A service that is needed for the servers, and to watch the host."""
        self.sandbox.stop_service('neutron')
        try:
            self.plan(
                {self.stage.control.uuid: {'facts-unknown', *plans.STATED}},
                frame={'watcher-silent', *plans.SILENT},
            )
        finally:
            self.sandbox.start_service('neutron')

    def _unfit_targets(self) -> None:
        """Hosts that can take no server at all, each for its own reason."""
        self.sandbox.stop_host(self.spare, service_only=True)
        hosts = self.stage.snapshot(rows.HOST_TABLES, [self.spare])
        self.addCleanup(hosts.restore)
        self.stage.change(
            {'what': 'long-silent', 'host': self.spare},
            {'what': 'node-missing', 'host': self.spare},
        )
        path = f'/os-services/{self.cloud.service(self.target)["id"]}'
        self.cloud.api.compute.put(path, json={'forced_down': True})
        self.cloud.api.compute.put(path, json={'status': 'disabled'})
        self.plan(
            {
                self.stage.control.uuid: {
                    'target-disabled',
                    'target-down',
                    'target-forced-down',
                    'target-is-source',
                    'target-node-missing',
                    'target-provider-missing',
                    'target-unknown',
                    *plans.STATED,
                }
            },
            frame={'target-left-out', *plans.SILENT},
            targets=(self.source, 'nowhere', self.target, self.spare),
        )

    def _config(self, **changes: dict[str, str]) -> str:
        """The sandbox's recovery.conf with other values."""
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(layouts.Layout(self.sandbox.directory).recovery_conf)
        parser.read_dict(changes)
        path = self.directory / 'recovery.conf'
        with path.open('w') as file:
            parser.write(file)
        return str(path)

    def _copy(
        self, database: engine.Database, *changes: tuple[str, str]
    ) -> str:
        """The URL of a copy in which statements were carried out."""
        path = self.directory / f'{database.name.replace(" ", "-")}.db'
        with (
            contextlib.closing(sqlite3.connect(database.where)) as source,
            contextlib.closing(sqlite3.connect(path)) as copy,
        ):
            source.backup(copy)
            for statement, value in changes:
                copy.execute(statement, (value,))
            copy.commit()
        return f'sqlite:///{path}'

    def _boot(self, names: list[str]) -> list[str]:
        """Servers on the source; the last ones have a volume."""
        plain, others = names[:PLAIN], names[PLAIN:]
        with futures.ThreadPoolExecutor(2) as pool:
            made = pool.submit(self.cloud.make_servers, others, self.source)
            booted = [self.cloud.boot(name, self.source) for name in plain]
            for uuid in booted:
                self.cloud.wait_for_status(uuid, 'ACTIVE')
            return [*booted, *made.result()]

    def _remove(self, uuids: list[str]) -> None:
        """Bring the hosts back and delete the servers."""
        # also one whose service, put back, looks as if it had never gone
        for host in self.sandbox.hosts:
            self.cloud.come_back(host)
        with futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self.cloud.delete_server, uuids))

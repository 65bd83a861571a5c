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
"""What tests of evacuations have in common."""

from typing import Any

from osc_recovery.db import evacuating
from osc_recovery.model import facts
from osc_recovery.planning.checks import whole
from osc_recovery.tests.functional import base

Servers = dict[str, facts.Server]

#: what a server that was stopped needs
BOOTS = ('--accept', 'stopped-guest-boots')


class EvacuationTestCase(base.TestCase):
    """Evacuates, and looks at the rows that nova made of it."""

    def evacuate(
        self,
        source: str,
        *more: str,
        servers: tuple[str, ...] = (),
        code: int | None = 0,
        env: dict[str, str] | None = None,
    ) -> base.Output:
        """Run host evacuate, without asking."""
        chosen = [word for uuid in servers for word in ('--server', uuid)]
        return self.recovery(
            *('host', 'evacuate', source, '--yes', '-f', 'json'),
            *chosen,
            *more,
            code=code,
            env=env,
        )

    def attempts(self, uuid: str) -> tuple[evacuating.Attempt, ...]:
        """Every evacuation of a server, oldest first."""
        cell = self.cloud.cell()
        return evacuating.seen(cell, [uuid])[uuid].attempts

    def since(self, before: facts.Server) -> list[tuple[str, str | None]]:
        """Status and target of the evacuations that came afterwards."""
        known = {row.id for row in before.migrations}
        return [
            (attempt.status, attempt.target)
            for attempt in self.attempts(before.uuid)
            if attempt.id not in known
        ]

    def assert_evacuated(
        self, before: facts.Server, *, running: bool
    ) -> facts.Server:
        """The server is whole on another host, and nova moved it once."""
        now = self.read_server(before.uuid)
        source, host = before.host or '', now.host or ''
        self.assertNotEqual(source, host, before.name)
        known = sum(
            (row.source_host, row.dest_host) == (source, host)
            for row in before.migrations
            if row.type == 'evacuation'
        )
        expected = whole.landed(
            whole.evacuated(before, self.cloud.host(source), running=running),
            self.cloud.host(host),
            known,
        )
        self.assert_checks(now, expected)
        self.assertEqual(
            [host] if running else [], self.cloud.running_on(before.uuid)
        )
        self.assert_exports(now, host)
        return now

    def assert_once(self, before: facts.Server) -> None:
        """Exactly one evacuation followed, and it is over."""
        found = self.since(before)
        self.assertEqual(1, len(found), f'{before.name}: {found}')
        self.assertIn(found[0][0], ('done', 'completed'), before.name)

    def on_source(self, source: str) -> Servers:
        """Its servers, by uuid."""
        return {s.uuid: s for s in self.cloud.servers_on(source)}

    def results(self, output: base.Output) -> dict[str, Any]:
        """What became of each server, by uuid."""
        return {row['Server']: row for row in output.json()}

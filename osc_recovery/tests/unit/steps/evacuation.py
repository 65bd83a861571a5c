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
"""A nova in memory that evacuates one server, step by step."""

import copy
import dataclasses
import datetime
from typing import Any

from osc_recovery.cloud import errors
from osc_recovery.db import evacuating
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

SOURCE, TARGET, THIRD = storage.SOURCE, storage.TARGET, 'compute4'
CONDUCTOR = (evacuating.CONDUCTOR, 'controller')
PROVIDERS = {**fakes.PROVIDERS, THIRD: '40000000'}
PARAMS = {
    'cell': fakes.CELL,
    'source': SOURCE,
    'target': None,
    'others': [],
    'vm_state': 'active',
    'task_state': None,
    'microversion': '2.94',
    'providers': [PROVIDERS[SOURCE]],
}


class Compute(fakes.Compute):
    """nova's API: takes an evacuation, whatever the server's task is."""

    answer: Exception | None = None

    def __init__(self, world: 'World') -> None:
        super().__init__(world)
        self._nova = world
        self.sent: list[tuple[str | None, str]] = []

    def evacuate(self, uuid: str, host: str | None, microversion: str) -> str:
        self._world.change('evacuate')
        self.sent.append((host, microversion))
        self._nova.cell.instance['task_state'] = 'rebuilding'
        self._nova.add('accepted', target=host)
        self._world.changed('evacuate')
        if self.answer is not None:
            answer, self.answer = self.answer, None
            raise answer
        return 'req-evacuate'


class World(fakes.World):
    """One server on a dead host, and what nova does with it.

    ``plot`` holds, attempt by attempt, what becomes of it when time
    passes: the statuses that follow each other, '' for no change.
    """

    def __init__(self, *plot: tuple[str, ...]) -> None:
        super().__init__()
        self.compute: Compute = Compute(self)
        self.plot = list(plot) or [('pre-migrating', 'done')]
        self.rows: list[evacuating.Attempt] = []
        self.counts = {
            CONDUCTOR: 1,
            (evacuating.COMPUTE, TARGET): 1,
            (evacuating.COMPUTE, THIRD): 1,
        }
        self.silent: set[tuple[str, str]] = set()
        self.forced: set[str] = set()
        self.fences: set[str] = set()
        self.clock = 1000.0
        self.why = ''
        self.outage = 0
        self.cell.compute_nodes = self.nodes  # type: ignore

    def nodes(self) -> tuple[facts.ComputeNode, ...]:
        return tuple(
            facts.ComputeNode(n, provider, host, host, 'QEMU')
            for n, (host, provider) in enumerate(PROVIDERS.items())
        )

    def add(
        self, status: str, source: str = SOURCE, target: str | None = None
    ) -> None:
        row = evacuating.Attempt(len(self.rows) + 1, status, source, target)
        self.rows.append(row)

    # what the step reads and writes

    def seen(self, cell: Any, uuids: Any) -> dict[str, evacuating.Seen]:
        if self.outage:
            self.outage -= 1
            raise exceptions.ServiceUnavailable('the database is away')
        row = self.cell.instance
        found = evacuating.Seen(
            row['host'],
            row['vm_state'],
            row['task_state'],
            tuple(self.rows),
        )
        return {} if row.get('gone') else {storage.SERVER: found}

    def reports(self, cell: Any) -> dict[tuple[str, str], tuple[int, bool]]:
        return {
            key: (count, key[1] in self.forced)
            for key, count in self.counts.items()
        }

    def fault(self, cell: Any, uuid: str) -> str:
        return self.why

    def give_up(
        self, cell: Any, uuid: str, found: evacuating.Seen, vm_state: str
    ) -> None:
        self.change('give_up')
        self.cell.instance.update(vm_state=vm_state, task_state=None)
        self.rows = [
            dataclasses.replace(row, status='failed')
            if row.status in evacuating.UNDER_WAY
            else row
            for row in self.rows
        ]
        self.changed('give_up')

    def fenced(self, host: str) -> bool:
        return host in self.fences

    def explain(self, uuid: str) -> str:
        return 'compute3: too small'

    # time

    def now(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        """Services report, and nova gets on with the newest attempt."""
        self.clock += seconds
        self.compute.clock += datetime.timedelta(seconds=seconds)
        for key in self.counts:
            self.counts[key] += key not in self.silent
        ours = [row for row in self.rows if row.source == SOURCE]
        if not ours or ours[-1].status not in evacuating.UNDER_WAY:
            return
        attempt = len(self.compute.sent) - 1
        if 0 <= attempt < len(self.plot) and self.plot[attempt]:
            status, *rest = self.plot[attempt]
            self.plot[attempt] = tuple(rest)
            if status:
                self._become(ours[-1], status)

    def _become(self, row: evacuating.Attempt, status: str) -> None:
        target = row.target
        instance = self.cell.instance
        if status != 'error':
            target = target or TARGET
            self.placement.held[PROVIDERS[target]] = {'VCPU': 1}
        if status == 'done':
            instance.update(host=target, node=target, vm_state='active')
        if status in ('error', 'failed!'):
            instance['vm_state'] = 'error'
        if status not in evacuating.UNDER_WAY:
            instance['task_state'] = None
        if status.startswith('failed'):
            assert target is not None
            self.placement.held.pop(PROVIDERS[target])
        self.rows[self.rows.index(row)] = dataclasses.replace(
            row, status=status.rstrip('!'), target=target
        )

    def image(self) -> Any:
        return copy.deepcopy(
            {
                'instance': self.cell.instance,
                'allocation': self.placement.held,
                'rows': [(r.status, r.target) for r in self.rows],
                'sent': self.compute.sent,
            }
        )


def refused(status: int) -> errors.Refused:
    """What nova says when it says no."""
    return errors.Refused('nova says no', 'compute-refused', status)

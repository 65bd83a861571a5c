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

"""Before nova-compute starts on a repaired host: its rows and its queue."""

from collections.abc import Callable, Mapping
from typing import Any
import uuid as uuids

from osc_recovery.cloud import broker
from osc_recovery.db import homecoming
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import broker as broker_model
from osc_recovery.model import codec
from osc_recovery.model import steps
from osc_recovery.steps import base

Brokers = Callable[[str], broker.Broker]
Row = dict[str, Any]


class Rows:
    """Evacuation rows put right, in one transaction of the cell.

    Params: cell; changes and burials as db.homecoming.settle wants them.
    """

    kind = 'return-rows'

    def __init__(self, cells: Mapping[str, nova_cell.NovaCell]) -> None:
        self._cells = cells

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Read the rows as they are and fix the tombstones' uuids."""
        changes = task.params['changes']
        before = homecoming.images(
            self._cell(task), [row['id'] for row in changes]
        )
        if {row['id'] for row in before} != {row['id'] for row in changes}:
            raise exceptions.RowMismatch(
                f'an evacuation of {task.name} is not in the database any '
                'more; make a new plan'
            )
        return {
            'before': before,
            'tombstones': {
                row['server']: str(uuids.uuid4())
                for row in task.params['burials']
            },
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when every row is as it shall be; acting is always safe."""
        done = homecoming.settled(
            self._cell(task),
            task.params['changes'],
            intent['tombstones'].values(),
        )
        return steps.Observation.DONE if done else steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Retire, mend and bury; raises RowMismatch with nothing changed."""
        homecoming.settle(
            self._cell(task),
            task.subject,
            task.params['changes'],
            intent['before'],
            _burials(task, intent),
        )
        return {}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Bring the rows back, updated_at included."""
        homecoming.unsettle(
            self._cell(task),
            task.params['changes'],
            intent['before'],
            _burials(task, intent),
        )

    def _cell(self, task: steps.Task) -> nova_cell.NovaCell:
        return self._cells[task.params['cell']]


def _burials(task: steps.Task, intent: dict[str, Any]) -> list[Row]:
    return [
        {**row, 'tombstone': intent['tombstones'][row['server']]}
        for row in task.params['burials']
    ]


class Purge(base.ForwardOnly):
    """What waits for the host thrown away; params: cell.

    A start that was asked for before its server was moved would boot a
    second copy, after nova's own cleanup.
    """

    kind = 'return-purge'

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Keep what waits: the methods and the servers of the calls."""
        queues = self._broker(task).waiting(task.subject)
        _refuse_running(task, queues)
        return {'queues': codec.encode(queues)}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Safe while nobody takes the messages.

        When somebody does, it matters whether they were thrown away first.
        """
        if 'purged' in intent:
            return steps.Observation.DONE
        queues = self._broker(task).waiting(task.subject)
        if any(queue.consumers for queue in queues):
            return steps.Observation.ASK
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Empty the queues; raises StepFailed (cause 'compute-running')."""
        _refuse_running(task, self._broker(task).waiting(task.subject))
        queues = self._broker(task).purge(task.subject)
        task.remember({'purged': codec.encode(queues)})
        return {'messages': sum(queue.messages for queue in queues)}

    def _broker(self, task: steps.Task) -> broker.Broker:
        return self._brokers(task.params['cell'])


def _refuse_running(
    task: steps.Task, queues: tuple[broker_model.Queue, ...]
) -> None:
    if any(queue.consumers for queue in queues):
        raise exceptions.StepFailed(
            f'nova-compute of {task.name} was started before its queue was '
            'emptied; stop it, then go on',
            cause='compute-running',
        )

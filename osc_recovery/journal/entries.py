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

"""Rows of steps and servers: what was meant, and what became of it.

Every function works inside the caller's transaction and can be repeated
when that transaction has to be.  What may be there already is looked for
first: an UPDATE that finds nothing locks the gap in InnoDB, and two of them
deadlock when they insert.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from osc_recovery import exceptions
from osc_recovery.journal import clock
from osc_recovery.journal import tables
from osc_recovery.journal import text
from osc_recovery.model import codec
from osc_recovery.model import results
from osc_recovery.model import steps

Key = tuple[str, str, int]

# Built once: two commits a step make these the busiest of all.
_IS_STEP = (
    tables.STEPS.c.run_id == sa.bindparam('of_run'),
    tables.STEPS.c.subject == sa.bindparam('of_subject'),
    tables.STEPS.c.step_index == sa.bindparam('of_index'),
)
_STEP_IS_THERE = sa.select(tables.STEPS.c.state).where(*_IS_STEP)
_UPDATE_STEP = sa.update(tables.STEPS).where(*_IS_STEP)
_INSERT_STEP = sa.insert(tables.STEPS)
_INTENT = sa.select(tables.STEPS.c.intent).where(*_IS_STEP).with_for_update()
_IS_SERVER = (
    tables.SERVERS.c.run_id == sa.bindparam('of_run'),
    tables.SERVERS.c.uuid == sa.bindparam('of_uuid'),
)
_SERVER_IS_THERE = sa.select(tables.SERVERS.c.state).where(*_IS_SERVER)
_UPDATE_SERVER = sa.update(tables.SERVERS).where(*_IS_SERVER)
_INSERT_SERVER = sa.insert(tables.SERVERS)


def begin(
    connection: sa.Connection, key: Key, kind: str, intent: Mapping[str, Any]
) -> None:
    """Store what a step is about to do; again when it is tried again."""
    values = {
        'kind': kind,
        'state': steps.StepState.INTENDED.value,
        'intent': codec.encode(dict(intent)),
        'outcome': {},
        'error': '',
        'started_at': clock.now(),
        'finished_at': '',
    }
    if connection.execute(_STEP_IS_THERE, _which(key)).first():
        _update(connection, key, values)
        return
    run_id, subject, index = key
    names = {'run_id': run_id, 'subject': subject, 'step_index': index}
    connection.execute(_INSERT_STEP, {**names, **values})


def remember(
    connection: sa.Connection, key: Key, values: Mapping[str, Any]
) -> None:
    """Add to the intent of a step what its successor would need."""
    intent = connection.execute(_INTENT, _which(key)).scalar_one()
    merged = {**intent, **codec.encode(dict(values))}
    _update(connection, key, {'intent': merged})


def end(
    connection: sa.Connection,
    key: Key,
    state: steps.StepState,
    outcome: Mapping[str, Any] | None,
    error: str,
) -> None:
    """Store where a step stands; no outcome and no error keep the former.

    Raises RecoveryError when the step was never begun.
    """
    values: dict[str, Any] = {'state': state.value}
    waiting = (steps.StepState.INTENDED, steps.StepState.UNDOING)
    values['finished_at'] = '' if state in waiting else clock.now()
    if outcome is not None:
        values['outcome'] = codec.encode(dict(outcome))
    if error:
        values['error'] = text.one_line(error)
    if not _update(connection, key, values):
        raise exceptions.RecoveryError(f'step {key} was never begun')


def read_steps(
    connection: sa.Connection, run_id: str, subject: str | None
) -> tuple[steps.StepRecord, ...]:
    """The steps of a run, or of one subject of it, in order."""
    table = tables.STEPS
    query = sa.select(table).where(table.c.run_id == run_id)
    if subject is not None:
        query = query.where(table.c.subject == subject)
    query = query.order_by(table.c.subject, table.c.step_index)
    return tuple(_step(row) for row in connection.execute(query))


def set_server(
    connection: sa.Connection, run_id: str, server: results.ServerResult
) -> None:
    """Store where a server stands."""
    values = {
        'name': server.name,
        'state': server.state.value,
        'message': text.one_line(server.message),
        'checks': codec.encode(server.checks),
        'seconds': server.seconds,
    }
    which = {'of_run': run_id, 'of_uuid': server.uuid}
    if connection.execute(_SERVER_IS_THERE, which).first():
        connection.execute(_UPDATE_SERVER, {**which, **values})
        return
    names = {'run_id': run_id, 'uuid': server.uuid}
    connection.execute(_INSERT_SERVER, {**names, **values})


def read_servers(
    connection: sa.Connection, run_id: str
) -> tuple[results.ServerResult, ...]:
    """The servers of a run, by name."""
    table = tables.SERVERS
    query = (
        sa.select(table)
        .where(table.c.run_id == run_id)
        .order_by(table.c.name, table.c.uuid)
    )
    return tuple(_server(row) for row in connection.execute(query))


def _which(key: Key) -> dict[str, Any]:
    return dict(zip(('of_run', 'of_subject', 'of_index'), key, strict=True))


def _update(
    connection: sa.Connection, key: Key, values: Mapping[str, Any]
) -> bool:
    found = connection.execute(_UPDATE_STEP, {**_which(key), **values})
    return found.rowcount == 1


def _step(row: sa.Row[Any]) -> steps.StepRecord:
    return steps.StepRecord(
        run_id=row.run_id,
        subject=row.subject,
        index=row.step_index,
        kind=row.kind,
        state=steps.StepState(row.state),
        intent=row.intent,
        outcome=row.outcome,
        error=row.error,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _server(row: sa.Row[Any]) -> results.ServerResult:
    return results.ServerResult(
        uuid=row.uuid,
        name=row.name,
        state=results.ServerState(row.state),
        message=row.message,
        checks=tuple(codec.decode(results.Check, c) for c in row.checks),
        seconds=row.seconds,
    )

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

"""Rows of runs and leases: who works on which host.

Every function works inside the caller's transaction and can be repeated
when that transaction has to be.
"""

import secrets
from typing import Any

import sqlalchemy as sa

from osc_recovery import exceptions
from osc_recovery.journal import clock
from osc_recovery.journal import process as processes
from osc_recovery.journal import tables
from osc_recovery.journal import text
from osc_recovery.model import results
from osc_recovery.model import runs as model

#: a run in one of these is over and holds no host
OVER = (
    results.RunState.DONE,
    results.RunState.PARTLY,
    results.RunState.FAILED,
    results.RunState.ABANDONED,
    results.RunState.UNVERIFIED,
    results.RunState.REVERTED,
)
#: nothing of it can be gone on with
_CLOSED = (results.RunState.DONE, results.RunState.REVERTED)
_LIGHT = [c for c in tables.RUNS.c if c.name != 'plan']
_IS_RUN = tables.RUNS.c.id == sa.bindparam('of_run')
_LOCKED = sa.select(*_LIGHT).where(_IS_RUN).with_for_update()
# Built once: it goes with every write of a step.
_COUNTED = (
    sa.update(tables.RUNS)
    .where(
        _IS_RUN,
        tables.RUNS.c.state != results.RunState.ABANDONED.value,
        *(
            tables.RUNS.c[name] == sa.bindparam(f'of_{name}')
            for name in ('machine', 'pid', 'started', 'operator')
        ),
    )
    .values(writes=tables.RUNS.c.writes + 1)
)


def new_id() -> str:
    """A run's id: short enough to be typed, such as r-20261122-4f7c."""
    return f'r-{clock.today()}-{secrets.token_hex(2)}'


def insert(connection: sa.Connection, run: model.RunRecord) -> None:
    """Store a new run together with the lease for its host.

    Raises Held when another run has the lease.
    """
    lease = read_lease(connection, run.host)
    if lease is not None and lease.run_id != run.id:
        raise held(lease)
    if lease is not None:
        # The former try did commit, only its answer was lost.
        return
    connection.execute(
        sa.insert(tables.RUNS).values(
            id=run.id,
            scenario=run.scenario,
            host=run.host,
            state=run.state.value,
            plan=run.plan,
            created_at=run.created_at,
            finished_at='',
            message='',
            **_process_values(run.process),
        )
    )
    _insert_lease(connection, run.host, run.id)


def find(connection: sa.Connection, run_id: str) -> model.RunRecord:
    """The run with this id, or with the only id that begins so.

    Raises UsageError when there is none, or more than one.
    """
    exact = sa.select(tables.RUNS).where(tables.RUNS.c.id == run_id)
    row = connection.execute(exact).one_or_none()
    if row is not None:
        return _run(row)
    begins = tables.RUNS.c.id.startswith(run_id, autoescape=True)
    query = sa.select(tables.RUNS).where(begins).order_by(tables.RUNS.c.id)
    rows = connection.execute(query.limit(5)).all()
    if not run_id or not rows:
        raise exceptions.UsageError(
            f'There is no run {run_id!r} in the journal; '
            '"openstack recovery run list" lists those there are.'
        )
    if len(rows) > 1:
        ids = ', '.join(row.id for row in rows)
        raise exceptions.UsageError(
            f'More than one run begins with {run_id!r}: {ids}.'
        )
    return _run(rows[0])


def read_all(connection: sa.Connection) -> tuple[model.RunRecord, ...]:
    """All runs, the newest first, without their plans."""
    query = sa.select(*_LIGHT).order_by(
        tables.RUNS.c.created_at.desc(), tables.RUNS.c.id
    )
    return tuple(_run(row) for row in connection.execute(query))


def take_over(
    connection: sa.Connection,
    run_id: str,
    process: model.Process,
    unseen: bool,
) -> model.RunRecord:
    """Make a process the one that works on a run, and lease its host.

    Raises Held, NothingToDo or UsageError.
    """
    run = _locked(connection, run_id)
    if run.state in _CLOSED:
        raise exceptions.NothingToDo(
            f'Run {run.id} is {run.state.value}: nothing of it is left to do.'
        )
    if run.state is results.RunState.ABANDONED:
        raise exceptions.UsageError(
            f'Run {run.id} was abandoned: make a new plan for {run.host}.'
        )
    if run.process != process:
        require_idle(run, unseen)
    lease = read_lease(connection, run.host)
    if lease is None:
        _insert_lease(connection, run.host, run.id)
    elif lease.run_id != run.id:
        raise held(lease)
    _set_process(connection, run, process)
    return run


def abandon(connection: sa.Connection, run_id: str, unseen: bool) -> None:
    """Give up a run that nobody works on, and give back its host.

    Raises Held or NothingToDo.
    """
    run = _locked(connection, run_id)
    if run.state is results.RunState.ABANDONED:
        return
    if run.state in OVER:
        raise exceptions.NothingToDo(
            f'Run {run.id} is over ({run.state.value}) and holds no host.'
        )
    require_idle(run, unseen)
    set_state(connection, run.id, results.RunState.ABANDONED, run.message)


def require_idle(run: model.RunRecord, unseen: bool) -> None:
    """Refuse (Held) while a process may be working on the run.

    ``unseen`` is the operator's word that a process which cannot be looked
    at from here is gone.
    """
    if run.state is not results.RunState.RUNNING:
        return
    lives = processes.alive(run.process)
    if lives or (lives is None and not unseen):
        since = run.created_at
        raise held(model.Lease(run.host, run.id, run.process, since))


def set_state(
    connection: sa.Connection,
    run_id: str,
    state: results.RunState,
    message: str,
) -> None:
    """Store where a run stands; one that is over gives its host back."""
    over = state in OVER
    statement = (
        sa.update(tables.RUNS)
        .where(tables.RUNS.c.id == run_id)
        .values(
            state=state.value,
            message=text.one_line(message),
            finished_at=clock.now() if over else '',
        )
    )
    connection.execute(statement)
    if over:
        release(connection, run_id)


def release(connection: sa.Connection, run_id: str) -> None:
    """Give back the lease that a run holds, if it holds one."""
    connection.execute(
        sa.delete(tables.LEASES).where(tables.LEASES.c.run_id == run_id)
    )


def read_lease(connection: sa.Connection, host: str) -> model.Lease | None:
    """Who holds a host."""
    columns = (*tables.LEASES.c, *_process_columns())
    joined = tables.LEASES.join(
        tables.RUNS, tables.RUNS.c.id == tables.LEASES.c.run_id
    )
    query = (
        sa.select(*columns)
        .select_from(joined)
        .where(tables.LEASES.c.host == host)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return model.Lease(row.host, row.run_id, _process(row), row.since)


def require_holder(
    connection: sa.Connection, run_id: str, process: model.Process
) -> None:
    """Refuse (Held) when the run was taken over by another process.

    Its row is changed: whoever takes the run over waits for our
    transaction, so nothing of ours is stored after that.  A lock alone
    would not do in a Galera cluster, whose nodes compare no more than
    what was changed when two of them commit at the same moment.
    """
    values = {f'of_{k}': v for k, v in _process_values(process).items()}
    if connection.execute(_COUNTED, {'of_run': run_id, **values}).rowcount:
        return
    run = _locked(connection, run_id)
    if run.state is results.RunState.ABANDONED:
        raise exceptions.Held(
            f'Run {run_id} was abandoned: this process stops working on it.'
        )
    raise exceptions.Held(
        f'Run {run_id} was taken over by {_who(run.process)}: this '
        'process stops working on it.'
    )


def held(lease: model.Lease) -> exceptions.Held:
    """The refusal: who, where, since when, and what to do."""
    lives = processes.alive(lease.process)
    look = f'openstack recovery run show {lease.run_id}'
    if lives:
        advice = f'look with "{look}".'
    elif lives is None:
        advice = (
            f'whether that still works cannot be told from here; look with '
            f'"{look}", and there.'
        )
    else:
        advice = (
            f'that process is gone; look with "{look}", then resume, revert '
            'or abandon the run.'
        )
    return exceptions.Held(
        f'Host {lease.host} is held by run {lease.run_id} of '
        f'{_who(lease.process)} since {lease.since}: {advice}'
    )


def _who(process: model.Process) -> str:
    return (
        f'{process.operator} on machine {process.machine} '
        f'(process {process.pid})'
    )


def _locked(connection: sa.Connection, run_id: str) -> model.RunRecord:
    return _run(connection.execute(_LOCKED, {'of_run': run_id}).one())


def _insert_lease(connection: sa.Connection, host: str, run_id: str) -> None:
    values = {'host': host, 'run_id': run_id, 'since': clock.now()}
    connection.execute(sa.insert(tables.LEASES).values(**values))


def _set_process(
    connection: sa.Connection, run: model.RunRecord, process: model.Process
) -> None:
    statement = (
        sa.update(tables.RUNS)
        .where(tables.RUNS.c.id == run.id)
        .values(
            state=results.RunState.RUNNING.value,
            finished_at='',
            **_process_values(process),
        )
    )
    connection.execute(statement)


def _process_values(process: model.Process) -> dict[str, Any]:
    return {
        'machine': process.machine,
        'pid': process.pid,
        'started': process.started,
        'operator': process.operator,
    }


def _process_columns() -> list[sa.Column[Any]]:
    return [
        tables.RUNS.c[name]
        for name in ('machine', 'pid', 'started', 'operator')
    ]


def _process(row: Any) -> model.Process:
    return model.Process(row.machine, row.pid, row.started, row.operator)


def _run(row: sa.Row[Any]) -> model.RunRecord:
    return model.RunRecord(
        id=row.id,
        scenario=row.scenario,
        host=row.host,
        state=results.RunState(row.state),
        plan=getattr(row, 'plan', {}),
        process=_process(row),
        created_at=row.created_at,
        finished_at=row.finished_at,
        message=row.message,
    )

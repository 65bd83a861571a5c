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

"""A run, its servers and what verification saw, as data and as text."""

from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

from osc_recovery.model import codec
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import runs
from osc_recovery.model import steps
from osc_recovery.reports import plan as plan_report
from osc_recovery.reports import schema
from osc_recovery.reports import tables


def data(
    run: runs.RunRecord,
    plan: plans.Plan,
    servers: Collection[results.ServerResult] = (),
    records: Collection[steps.StepRecord] = (),
) -> dict[str, Any]:
    """The run in the form of :mod:`osc_recovery.reports.schema`.

    Servers that were left out are listed too; what the journal keeps of a
    step beside its state (before-images) is not.
    """
    known = {server.uuid: server for server in servers}
    planned = {server.uuid: server for server in plan.servers}
    return {
        'format': schema.FORMAT,
        'kind': 'run',
        'scenario': run.scenario,
        'host': run.host,
        'cell': plan.cell,
        'run': run.id,
        'operator': run.process.operator,
        'state': run.state.value,
        'message': run.message,
        'created_at': run.created_at,
        'finished_at': run.finished_at,
        'parameters': codec.encode(plan.parameters),
        'capacity': codec.encode(plan.capacity),
        'findings': codec.encode(plan.findings),
        'servers': [
            _server(uuid, planned.get(uuid), known.get(uuid), records)
            for uuid in dict.fromkeys((*planned, *known))
        ],
    }


def text(
    result: results.RunResult,
    width: int = tables.WIDTH,
    *,
    servers: bool = True,
) -> str:
    """What became of a run: the servers, and every check that is not ok.

    Without ``servers`` their table is left to whoever prints it anyway.
    """
    return tables.paragraphs(
        (
            tables.table_of(
                'Servers',
                ('Server', 'ID', 'State', 'Seconds', 'Verified', 'Message'),
                _result_rows(result.servers) if servers else (),
                width,
            ),
            tables.table_of(
                'Checks that are not ok',
                ('Server', 'Check', 'Verdict', 'Expected', 'Found', 'Where'),
                _check_rows(result.servers),
                width,
            ),
            summary(result),
        )
    )


def summary(result: results.RunResult) -> str:
    """One sentence: the run, its state, and its servers by their states."""
    counts: dict[str, int] = {}
    for server in result.servers:
        counts[server.state.value] = counts.get(server.state.value, 0) + 1
    parts = ', '.join(f'{count} {state}' for state, count in counts.items())
    text_ = f'Run {result.run_id}: {result.state.value}'
    if parts:
        text_ += f' ({parts})'
    return f'{text_}. {result.message}'.strip()


def verified(server: results.ServerResult) -> str:
    """How many of a server's checks are ok; empty when none was made."""
    if not server.checks:
        return ''
    good = sum(c.verdict is results.Verdict.OK for c in server.checks)
    return f'{good} of {len(server.checks)}'


def _server(
    uuid: str,
    planned: plans.ServerPlan | None,
    known: results.ServerResult | None,
    records: Collection[steps.StepRecord],
) -> dict[str, Any]:
    if planned is None:
        name = known.name if known is not None else ''
        planned = plans.ServerPlan(uuid, name, None, '', False, (), (), '')
    described = plan_report.server_data(planned, blocked=planned.blocked)
    if known is not None:
        described['state'] = known.state.value
        described['message'] = known.message
        described['seconds'] = known.seconds
        described['checks'] = codec.encode(known.checks)
    for record in records:
        if record.subject == uuid and record.index < len(described['steps']):
            described['steps'][record.index].update(
                state=record.state.value,
                error=record.error,
                started_at=record.started_at,
                finished_at=record.finished_at,
            )
    return described


def _result_rows(
    servers: Iterable[results.ServerResult],
) -> Iterable[tuple[object, ...]]:
    for server in servers:
        yield (
            server.name,
            server.uuid,
            server.state.value,
            f'{server.seconds:.1f}' if server.seconds else '',
            verified(server),
            server.message,
        )


def _check_rows(
    servers: Iterable[results.ServerResult],
) -> Iterable[tuple[object, ...]]:
    for server in servers:
        for check in server.checks:
            if check.verdict is not results.Verdict.OK:
                yield (
                    server.name,
                    check.name,
                    check.verdict.value,
                    check.expected,
                    check.found,
                    check.where,
                )

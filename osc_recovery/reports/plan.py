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

"""A plan as data and as text."""

from collections.abc import Iterable
from typing import Any

from osc_recovery.model import codec
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.reports import schema
from osc_recovery.reports import tables

_ORDER = (
    findings.Severity.BLOCKER,
    findings.Severity.CONSENT,
    findings.Severity.NOTE,
)


def data(plan: plans.Plan) -> dict[str, Any]:
    """The plan in the form of :mod:`osc_recovery.reports.schema`."""
    return {
        'format': schema.FORMAT,
        'kind': 'plan',
        'scenario': plan.scenario,
        'host': plan.host,
        'cell': plan.cell,
        'run': '',
        'operator': '',
        'state': 'blocked' if not plan.runnable else 'planned',
        'message': summary(plan),
        'created_at': plan.created_at,
        'finished_at': '',
        'parameters': codec.encode(plan.parameters),
        'capacity': codec.encode(plan.capacity),
        'findings': codec.encode(plan.findings),
        'servers': [
            server_data(server, blocked=plan.blocked or server.blocked)
            for server in plan.servers
        ],
    }


def server_data(server: plans.ServerPlan, *, blocked: bool) -> dict[str, Any]:
    """One server of a plan: its steps by their kinds, without parameters."""
    return {
        'uuid': server.uuid,
        'name': server.name,
        'target': server.target,
        'method': server.method,
        'start': server.start,
        'state': 'left out' if blocked else 'planned',
        'message': '',
        'seconds': 0,
        'findings': codec.encode(server.findings),
        'steps': [
            {
                'kind': step.kind,
                'state': 'planned',
                'final': step.final,
                'error': '',
                'started_at': '',
                'finished_at': '',
            }
            for step in server.steps
        ],
        'checks': [],
    }


def text(
    plan: plans.Plan, width: int = tables.WIDTH, *, servers: bool = True
) -> str:
    """The plan for a person who has to decide.

    Tables keep to ``width``; findings follow in lines of their own.
    Without ``servers`` their table is left to whoever prints it anyway.
    """
    return tables.paragraphs(
        (
            _title(plan),
            tables.table_of(
                'Servers',
                ('Server', 'ID', 'Target', 'Method', 'Start', 'Findings'),
                _server_rows(plan) if servers else (),
                width,
            ),
            tables.table_of(
                'Capacity of the targets',
                ('Host', 'Resource', 'Used, before -> after', 'Of'),
                _capacity_rows(plan.capacity),
                width,
            ),
            _findings(plan),
            summary(plan),
        )
    )


def summary(plan: plans.Plan) -> str:
    """One sentence: how many servers can be worked on, and how many not."""
    runnable, total = len(plan.runnable), len(plan.servers)
    if plan.blocked:
        found = dict.fromkeys(f.code for f in plan.findings if f.blocks)
        codes = ', '.join(found)
        return f'Blocked: {codes}. None of {total} servers can be worked on.'
    if not total:
        return f'There is nothing to work on at {plan.host}.'
    if runnable == total:
        return f'{runnable} of {total} can be worked on.'
    return (
        f'{runnable} of {total} can be worked on; {total - runnable} left '
        'out for the findings above.'
    )


def _title(plan: plans.Plan) -> str:
    lines = [f'Plan: {plan.scenario} of host {plan.host}']
    lines.append(f'made {plan.created_at}, cell {plan.cell}')
    for name, value in plan.frame.items():
        if isinstance(value, str | int | bool):
            lines.append(f'{name}: {value}')
    return '\n'.join(lines)


def _server_rows(plan: plans.Plan) -> Iterable[tuple[object, ...]]:
    for server in plan.servers:
        left_out = plan.blocked or server.blocked
        yield (
            server.name,
            server.uuid,
            server.target or '-',
            'left out' if left_out else server.method,
            server.start and not left_out,
            ', '.join(dict.fromkeys(f.code for f in server.findings)),
        )


def _findings(plan: plans.Plan) -> str:
    """Every finding once, the heavy ones first; equal ones share a place.

    In lines that are not cut: a remedy often is a command to paste.
    """
    found: dict[findings.Finding, list[str]] = {}
    for finding in plan.findings:
        found.setdefault(finding, []).append(plan.host)
    for server in plan.servers:
        for finding in server.findings:
            found.setdefault(finding, []).append(server.name)
    lines = []
    for severity in _ORDER:
        for finding, subjects in found.items():
            if finding.severity is severity:
                of = ', '.join(dict.fromkeys(subjects))
                lines += [
                    f'  {_weight(finding)}: {finding.code} ({of})',
                    f'    {finding.fact}',
                    f'    {finding.remedy}',
                ]
    return '\n'.join(['Findings', *lines]) if lines else ''


def _weight(finding: findings.Finding) -> str:
    if finding.accepted:
        return f'{finding.severity.value}, accepted'
    if finding.overridden:
        return f'{finding.severity.value}, overridden'
    return finding.severity.value


def _capacity_rows(capacity: dict[str, Any]) -> Iterable[tuple[object, ...]]:
    """Rows of what planning says of the targets' room."""
    for host, classes in sorted(capacity.items()):
        if not isinstance(classes, dict):
            continue
        for name, room in sorted(classes.items()):
            if isinstance(room, dict):
                used, after = room.get('used'), room.get('after')
                yield host, name, f'{used} -> {after}', room.get('total')

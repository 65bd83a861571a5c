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

"""The last step of a repair: the audit, once more."""

from collections.abc import Iterator

from osc_recovery.facts import consistency as gathering
from osc_recovery.facts import sources
from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.model import steps
from osc_recovery.planning.checks import expected as expectations
from osc_recovery.planning.checks import whole
from osc_recovery.planning import consistency
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import verify

_GOING_ON = (results.RunState.RUNNING, results.RunState.PAUSED)


def scene(
    env: environment.Environment,
    *,
    hosts: list[str] | None = None,
    uuids: list[str] | None = None,
) -> model.Scene:
    """Everything an audit lays side by side; changes nothing."""
    answer = sources.ask(lambda: env.journal.runs())
    journal = gathering.Journal(None)
    if answer.value is not None:
        journal = gathering.Journal(
            {run.id: run.state.value for run in answer.value},
            frozenset(r.id for r in answer.value if r.state in _GOING_ON),
        )
    return gathering.gather(env.sources(), journal, hosts=hosts, uuids=uuids)


class AuditStep(verify.Look):
    """Params: whole, expected.

    ``expected`` are fields of the server's row, which nova's API has to
    show as well; None: the subject is a consumer of placement that has to
    hold nothing.  With ``whole`` the audit has to find nothing.
    """

    kind = 'audit'

    def _checks(self, task: steps.Task) -> Iterator[results.Check]:
        expected = task.params['expected']
        if expected is None:
            held = self._env.clouds.placement.allocation(task.subject)
            yield expectations.same(
                'allocation', {}, held.providers, 'placement'
            )
            return
        read = scene(self._env, uuids=[task.subject])
        server = verify.the_server(task, read.servers)
        for name, value in expected.items():
            yield expectations.same(
                name, value, getattr(server, name), 'cell database'
            )
        if task.params['whole']:
            yield from _whole(server, read, task.run_id)
        else:
            host = read.hosts.get(server.host or '')
            if host is not None:
                yield from whole.api(server, whole.in_place(server, host))


def _whole(
    server: facts.Server, read: model.Scene, run_id: str
) -> Iterator[results.Check]:
    """Every check that was right, and every finding."""
    found = consistency.of_server(server, read, own_run=run_id)
    for check in consistency.checks(server, read):
        if check.verdict is results.Verdict.OK:
            yield check
    for defect in found:
        unknown = defect.code == 'facts-unknown'
        yield results.Check(
            defect.code,
            results.Verdict.UNKNOWN if unknown else results.Verdict.WRONG,
            expected='no such finding',
            found=defect.finding.fact,
            where=defect.where or server.uuid,
        )

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

"""Plans the fence of a host: what proves it dead, then down, then closed."""

from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.model import steps
from osc_recovery.planning.checks import frame
from osc_recovery.planning import fingerprint

SCENARIO = 'fence'

#: what forbids to call a host dead
_CHECKS = (
    frame.service_missing,
    frame.cell_usable,
    frame.host_alive,
    frame.watcher_silent,
)


def plan(
    host: facts.Host,
    statement: str,
    operator: str,
    created_at: str,
    accept: frozenset[str] = frozenset(),
) -> plans.Plan:
    """Force the service down FIRST, then disable it.

    Disabling first would let nova call the service up, and its servers
    safe, for as long as its last heartbeat counts.
    """
    return plans.Plan(
        scenario=SCENARIO,
        host=host.name,
        cell=host.cell.uuid,
        created_at=created_at,
        parameters={
            'statement': statement,
            'operator': operator,
            'accept': sorted(accept),
        },
        frame={
            'service': host.service.uuid,
            'forced down': host.service.forced_down,
            'disabled': host.service.disabled,
            'last seen up': host.service.last_seen_up,
        },
        fingerprint=fingerprint.digest(
            [host.name, host.cell.uuid, host.service.uuid]
        ),
        findings=_findings(host, accept),
        servers=() if fenced(host) else (_frame_of(host, operator),),
    )


def still_dead(host: facts.Host) -> tuple[findings.Finding, ...]:
    """What forbids to go on with a run, as it would have forbidden it."""
    checks = (frame.host_alive, frame.fence_missing, frame.fence_stale)
    cloud = _alone(host)
    return tuple(found for look in checks for found in look(cloud))


def fenced(host: facts.Host) -> bool:
    """Whether there is nothing left to do."""
    return frame.fence_holds(host) and host.service.disabled


def _findings(
    host: facts.Host, accept: frozenset[str]
) -> tuple[findings.Finding, ...]:
    cloud = _alone(host)
    return tuple(
        found.accept() if found.code in accept else found
        for look in _CHECKS
        for found in look(cloud)
    )


def _alone(host: facts.Host) -> facts.CloudFacts:
    """A cloud of which nothing but the host matters."""
    return facts.CloudFacts(
        source=host,
        hosts={},
        servers=(),
        candidates={},
        stage_bindings=True,
        schema={},
    )


def _frame_of(host: facts.Host, operator: str) -> plans.ServerPlan:
    service = host.service.uuid
    return plans.ServerPlan(
        uuid=host.name,
        name=host.name,
        target=None,
        method='fence',
        start=False,
        steps=(
            steps.StepSpec('fence-down', {'service': service}, final=True),
            steps.StepSpec(
                'fence-disable',
                {'service': service, 'operator': operator},
                final=True,
            ),
        ),
        findings=(),
        fingerprint='',
    )

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

"""The last step of a server: read it back from every service."""

from collections.abc import Iterable, Sequence
import threading
from typing import Any

from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import servers
from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.model import steps
from osc_recovery.planning.checks import whole
from osc_recovery.scenarios import environment

#: no check is about the zone that was asked for, or the server group
CHECKED = servers.Depth(nova_api=False)


class NotWhole(exceptions.Unverified):
    """A server was worked on and is not as it should be."""

    def __init__(self, checks: tuple[results.Check, ...]) -> None:
        wrong = whole.wrong(checks)
        first = wrong[0]
        more = f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''
        super().__init__(
            f'{first.name} ({first.where}) is {first.verdict.value}: '
            f'expected {first.expected or "an answer"}, '
            f'found {first.found}{more}'
        )
        self.checks = checks


def the_server(
    task: steps.Task, found: Sequence[facts.Server]
) -> facts.Server:
    """The server that was looked for; raises StepFailed if it is gone."""
    if not found:
        raise exceptions.StepFailed(
            f'server {task.name} is in no cell any more',
            cause='server-missing',
        )
    return found[0]


class Look:
    """A step that only looks.

    Done means verified: a check that nobody could make is not a check
    that succeeded.  It changes nothing, so it can be made at any time.
    """

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """There is nothing to keep."""
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Looking twice does no harm."""
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Look; raises NotWhole with every check that was made."""
        checks = tuple(self._checks(task))
        if whole.overall(checks) is not results.Verdict.OK:
            raise NotWhole(checks)
        return {'checks': codec.encode(list(checks))}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """There is nothing to take back."""

    def _checks(self, task: steps.Task) -> Iterable[results.Check]:
        """Every check that is to be made."""
        raise NotImplementedError


class VerifyStep(Look):
    """Reads a server again and lays it beside what it should be."""

    kind = 'verify'

    def _checks(self, task: steps.Task) -> Iterable[results.Check]:
        found = the_server(
            task,
            servers.gather(
                self._env.sources(), uuids=[task.subject], depth=CHECKED
            ),
        )
        return whole.check(found, self._expected(task, found))

    def _expected(
        self, task: steps.Task, found: facts.Server
    ) -> whole.Expectation:
        return codec.decode(whole.Expectation, task.params)


class VerifyEvacuation(VerifyStep):
    """The same for a server whose host nova may have chosen.

    Params: expected, without what depends on the host; source; known, the
    older evacuations as pairs of source and target.
    """

    kind = 'verify-evacuation'

    def __init__(self, env: environment.Environment) -> None:
        super().__init__(env)
        self._places: dict[str, facts.Host] = {}
        self._lock = threading.Lock()

    def _expected(
        self, task: steps.Task, found: facts.Server
    ) -> whole.Expectation:
        params = task.params
        wanted = codec.decode(whole.Expectation, params['expected'])
        if found.host is None or found.host == params['source']:
            # still there: every check that names the host says so
            return wanted
        pair = [params['source'], found.host]
        known = sum(moved == pair for moved in params['known'])
        return whole.landed(wanted, self._place(found.host), known)

    def _place(self, name: str) -> facts.Host:
        """A host with its node and zone, read once for all servers."""
        with self._lock:
            if name not in self._places:
                for host in hosts.gather(self._env.sources(), [name]):
                    self._places[host.name] = host
            if name not in self._places:
                raise exceptions.StepFailed(
                    f'nova knows no compute host {name}',
                    cause='host-missing',
                )
            return self._places[name]

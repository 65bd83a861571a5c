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

"""consistency audit, consistency repair: what the services disagree about."""

from osc_recovery import exceptions
from osc_recovery.facts import hosts
from osc_recovery.facts import identify
from osc_recovery.journal import clock
from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.model import plans
from osc_recovery.model import runs
from osc_recovery.planning import audit as checks
from osc_recovery.planning import repair as planning
from osc_recovery.scenarios import auditing
from osc_recovery.scenarios import changes
from osc_recovery.scenarios import environment

SCENARIO = planning.SCENARIO


class Consistency:
    """Audits and repairs of one cloud."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def audit(
        self, names: tuple[str, ...] = (), servers: tuple[str, ...] = ()
    ) -> tuple[model.Subject, ...]:
        """Every subject with a defect, of hosts, of servers, or of all.

        Reads only.  Raises UsageError for a host or server that is not
        there.
        """
        if servers:
            uuids = [self._server(name).uuid for name in servers]
            return checks.check(auditing.scene(self._env, uuids=uuids))
        wanted = list(names) if names else None
        scene = auditing.scene(self._env, hosts=wanted)
        for name in names:
            _need(scene, name)
        return checks.check(scene)

    def plan(
        self,
        *,
        host: str = '',
        servers: tuple[str, ...] = (),
        accept: frozenset[str] = frozenset(),
    ) -> plans.Plan:
        """Audit a host, or servers of one host, and plan their repair.

        Raises UsageError for a host or server that is not there, and for
        servers of several hosts.
        """
        found = [self._server(name) for name in servers]
        places = {server.host or '' for server in found} or {host}
        if len(places) > 1:
            raise exceptions.UsageError(
                'The servers are on several hosts '
                f'({", ".join(sorted(places))}): repair one host at a time.'
            )
        (place,) = places
        if not place:
            raise exceptions.UsageError(
                f'Server {servers[0]} is on no host: there is nothing that '
                'it could be repaired for. See "openstack recovery '
                f'consistency audit --server {servers[0]}".'
            )
        uuids = tuple(server.uuid for server in found)
        return self._planned(planning.Wish(place, uuids, accept))

    def changed(self, plan: plans.Plan) -> dict[str, str]:
        """The servers that are not as they were, with what differs.

        Raises FactsChanged when the frame differs.
        """
        return changes.servers(plan, self._planned(planning.of_plan(plan)))

    def begin(self, plan: plans.Plan, run: runs.RunRecord) -> None:
        """Nothing to record before the first step."""

    def resumable(self, run: runs.RunRecord) -> None:
        """The host may well be up: every step looks before it acts."""

    def revertible(self, run: runs.RunRecord) -> None:
        """What has not passed its point of no return can be undone."""

    def _planned(self, wish: planning.Wish) -> plans.Plan:
        if wish.servers:
            scene = auditing.scene(self._env, uuids=list(wish.servers))
        else:
            scene = auditing.scene(self._env, hosts=[wish.host])
        host = _need(scene, wish.host)
        origin = self._env.sources()
        (deep,) = hosts.deepen(origin, [host])
        return planning.plan(
            scene, deep, wish, clock.now(), self._env.schema(deep.name)
        )

    def _server(self, name: str) -> facts.Server:
        return identify.resolve(self._env.sources(), name)


def _need(scene: model.Scene, name: str) -> facts.Host:
    if name not in scene.hosts and scene.unknown:
        raise exceptions.ServiceUnavailable(
            f'Host {name} was not found, but {scene.unknown[0]}'
        )
    if name not in scene.hosts:
        raise exceptions.UsageError(
            f'nova knows no compute host {name}: see "openstack recovery '
            'host list".'
        )
    return scene.hosts[name]

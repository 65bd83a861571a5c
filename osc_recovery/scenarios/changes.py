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

"""What differs between a plan that has waited and the facts of now."""

from osc_recovery import exceptions
from osc_recovery.model import plans


def servers(plan: plans.Plan, again: plans.Plan) -> dict[str, str]:
    """The servers that are not as they were, with what differs.

    Raises FactsChanged when the frame differs, or is blocked now.
    """
    if again.blocked or again.fingerprint != plan.fingerprint:
        raise exceptions.FactsChanged(
            f'{_frame(plan, again)} since the plan was made: '
            'nothing was changed. Make a new plan.'
        )
    now = {server.uuid: server for server in again.servers}
    return {
        old.uuid: reason
        for old in plan.runnable
        if (reason := _server(old, now.get(old.uuid)))
    }


def _frame(plan: plans.Plan, again: plans.Plan) -> str:
    blocking = [f for f in again.findings if f.blocks]
    if blocking:
        return f'Host {plan.host}: {blocking[0].code} ({blocking[0].fact})'
    names = [
        name
        for name in again.frame
        if again.frame[name] != plan.frame.get(name)
    ]
    return f'Host {plan.host} has changed ({", ".join(names) or "frame"})'


def _server(old: plans.ServerPlan, new: plans.ServerPlan | None) -> str:
    if new is None:
        return 'the server is no longer there, or not in need of it'
    if new.fingerprint == old.fingerprint:
        return ''
    names = [
        name
        for name, value in new.facts.items()
        if value != old.facts.get(name)
    ]
    return f'differs in {", ".join(names) or "its facts"}'

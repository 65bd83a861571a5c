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

"""Moves a server's allocation in placement from one provider to another.

One PUT replaces the source by the target: placement takes both in one
transaction, so that there is neither a moment without an allocation (the
returned source would leave the server with none) nor one with two.
"""

import dataclasses
from typing import Any

from osc_recovery.cloud import session
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.model import steps

Providers = dict[str, dict[str, int]]

#: PUTs before giving up on somebody who changes the same allocation
_ATTEMPTS = 4
_CONFLICT = 'placement-conflict'


class Allocate:
    """Params: source_provider, target_provider, resources.

    The rule is that of nova's scheduler for a forced host
    (scheduler/utils.py, claim_resources_on_destination): one provider, the
    same resources.
    """

    kind = 'allocate'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Read the allocation; raises RowMismatch when it is another."""
        found = self._read(task)
        if found.providers != self._former(task):
            raise exceptions.RowMismatch(
                f'the allocation of {task.name} is not what was planned '
                f'with; look at it with "openstack resource provider '
                f'allocation show {task.subject}" and make a new plan'
            )
        return {'before': dataclasses.asdict(found)}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it names the target, safe when it names the source."""
        found = self._read(task).providers
        if found == self._wanted(task):
            return steps.Observation.DONE
        if found == intent['before']['providers']:
            return steps.Observation.SAFE
        return steps.Observation.ASK

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """PUT the same resources of the target instead."""
        before = facts.Allocation(**intent['before'])
        self._replace(task, before, before.providers, self._wanted(task))
        return {}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """PUT the former set (its generations count on)."""
        former = intent['before']['providers']
        found = self._read(task)
        if found.providers != former:
            self._replace(task, found, self._wanted(task), former)

    def _former(self, task: steps.Task) -> Providers:
        source = task.params['source_provider']
        return {source: task.params['resources']}

    def _wanted(self, task: steps.Task) -> Providers:
        return {task.params['target_provider']: task.params['resources']}

    def _read(self, task: steps.Task) -> facts.Allocation:
        return self._clouds.placement.allocation(task.subject)

    def _replace(
        self,
        task: steps.Task,
        known: facts.Allocation,
        old: Providers,
        new: Providers,
    ) -> None:
        """Replace ``old`` by ``new``, and nothing else than ``old``."""
        placement = self._clouds.placement
        for _ in range(_ATTEMPTS):
            if known.providers == new:
                return
            if known.providers != old:
                raise _foreign(task)
            try:
                return placement.put_allocation(
                    dataclasses.replace(known, providers=new)
                )
            except exceptions.StepFailed as exc:
                if exc.cause != _CONFLICT:
                    raise
            known = self._read(task)
        raise exceptions.StepFailed(
            f'the allocation of {task.name} keeps changing under way; find '
            f'out who changes it, then try again',
            cause=_CONFLICT,
        )


class Reallocate(Allocate):
    """Params: before, after, project_id, user_id, gone.

    ``before`` and ``after`` are resources by provider, either of which may
    be empty.  ``gone`` says that the consumer is a server which nova does
    not know any more: one that is there after all keeps its allocation.
    """

    kind = 'reallocate'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Read the allocation; raises RowMismatch when it is another."""
        if task.params['gone'] and self._clouds.compute.server(task.subject):
            raise exceptions.RowMismatch(
                f'nova knows server {task.subject} after all; audit again'
            )
        return super().prepare(task)

    def _former(self, task: steps.Task) -> Providers:
        former: Providers = task.params['before']
        return former

    def _wanted(self, task: steps.Task) -> Providers:
        wanted: Providers = task.params['after']
        return wanted

    def _read(self, task: steps.Task) -> facts.Allocation:
        """placement forgets the owner of a consumer without resources."""
        found = super()._read(task)
        if found.project_id:
            return found
        return dataclasses.replace(
            found,
            generation=None,
            project_id=task.params['project_id'],
            user_id=task.params['user_id'],
        )


def _foreign(task: steps.Task) -> exceptions.StepFailed:
    return exceptions.StepFailed(
        f'the allocation of {task.name} was changed by somebody else; look '
        f'at it with "openstack resource provider allocation show '
        f'{task.subject}"',
        cause=_CONFLICT,
    )

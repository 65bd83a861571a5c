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

"""Locks a server while it is worked on, and unlocks it again.

An admin's lock replaces an owner's and its reason, and unlocking then
leaves the server unlocked: what is locked already is left alone.
"""

from typing import Any

from osc_recovery.cloud import session
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.steps import base


def reason(task: steps.Task) -> str:
    """The reason of our own lock, which ``openstack server show`` shows."""
    return f'osc-recovery {task.run_id}'


class Lock:
    """Keep owners from acting on a server (POST action lock, 2.73)."""

    kind = 'lock'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note whether the server is locked already."""
        return {'locked': bool(_view(self._clouds, task).locked)}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is locked, by us or by anybody."""
        if _view(self._clouds, task).locked:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Lock it, unless it was locked before."""
        if not intent['locked']:
            self._clouds.compute.lock(task.subject, reason(task))
        return {}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Take our lock off."""
        if not intent['locked']:
            _take_off(self._clouds, task)


class Unlock(base.ForwardOnly):
    """Give a server back to its owner, if the lock is ours."""

    kind = 'unlock'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Nothing has to be known before."""
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when the server does not carry our lock."""
        if _ours(_view(self._clouds, task), task):
            return steps.Observation.SAFE
        return steps.Observation.DONE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Take our lock off, and no other."""
        return {'unlocked': _take_off(self._clouds, task)}


class ReleaseLock:
    """Take off a lock that a run which is over left behind.

    Params: reason, that of the lock.
    """

    kind = 'release-lock'

    def __init__(self, clouds: session.Clouds) -> None:
        self._clouds = clouds

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Raise RowMismatch when it is another lock now."""
        if not self._there(task):
            raise exceptions.RowMismatch(
                f'server {task.name} does not carry the lock "'
                f'{task.params["reason"]}" any more; audit again'
            )
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when that lock is not there."""
        if self._there(task):
            return steps.Observation.SAFE
        return steps.Observation.DONE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Take it off, and no other."""
        if self._there(task):
            self._clouds.compute.unlock(task.subject)
        return {}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Lock it again with the same reason, unless it is locked."""
        if not _view(self._clouds, task).locked:
            self._clouds.compute.lock(task.subject, task.params['reason'])

    def _there(self, task: steps.Task) -> bool:
        view = _view(self._clouds, task)
        wanted = task.params['reason']
        return bool(view.locked) and view.locked_reason == wanted


def _view(clouds: session.Clouds, task: steps.Task) -> facts.ApiView:
    view = clouds.compute.server(task.subject)
    if view is None:
        raise exceptions.RowMismatch(
            f'nova does not know server {task.name} ({task.subject}) any '
            f'more; make a new plan'
        )
    return view


def _ours(view: facts.ApiView, task: steps.Task) -> bool:
    return bool(view.locked) and view.locked_reason == reason(task)


def _take_off(clouds: session.Clouds, task: steps.Task) -> bool:
    ours = _ours(_view(clouds, task), task)
    if ours:
        clouds.compute.unlock(task.subject)
    return ours

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

Locks are looked at in the cell database: nova's API asks neutron for ports
and security groups whenever it shows a server.
"""

from collections.abc import Mapping
from typing import Any

from osc_recovery.cloud import session
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import base


def reason(task: steps.Task) -> str:
    """The reason of our own lock, which ``openstack server show`` shows."""
    return f'osc-recovery {task.run_id}'


class _Locking:
    """What the steps here have in common.  Params: cell."""

    def __init__(
        self,
        cells: Mapping[str, nova_cell.NovaCell],
        clouds: session.Clouds,
    ) -> None:
        self._cells = cells
        self._clouds = clouds

    def _found(self, task: steps.Task) -> nova_cell.ServerLock:
        """The lock as it is; raises RowMismatch when the server is gone."""
        found = self._cells[task.params['cell']].lock_of(task.subject)
        if found is None:
            raise exceptions.RowMismatch(
                f'nova does not know server {task.name} ({task.subject}) any '
                f'more; make a new plan'
            )
        return found

    def _take_off(self, task: steps.Task, wanted: str) -> bool:
        """Unlock it if it carries the lock with this reason."""
        there = self._carries(task, wanted)
        if there:
            self._clouds.compute.unlock(task.subject)
        return there

    def _carries(self, task: steps.Task, wanted: str) -> bool:
        found = self._found(task)
        return found.locked and found.reason == wanted


class Lock(_Locking):
    """Keep owners from acting on a server (POST action lock, 2.73)."""

    kind = 'lock'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Note whether the server is locked already."""
        return {'locked': self._found(task).locked}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when it is locked, by us or by anybody."""
        if self._found(task).locked:
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
            self._take_off(task, reason(task))


class Unlock(_Locking, base.ForwardOnly):
    """Give a server back to its owner, if the lock is ours."""

    kind = 'unlock'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Nothing has to be known before."""
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when the server does not carry our lock."""
        if self._carries(task, reason(task)):
            return steps.Observation.SAFE
        return steps.Observation.DONE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Take our lock off, and no other."""
        return {'unlocked': self._take_off(task, reason(task))}


class ReleaseLock(_Locking):
    """Take off a lock that a run which is over left behind.

    Params: cell; reason, that of the lock.
    """

    kind = 'release-lock'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Raise RowMismatch when it is another lock now."""
        if not self._carries(task, task.params['reason']):
            raise exceptions.RowMismatch(
                f'server {task.name} does not carry the lock "'
                f'{task.params["reason"]}" any more; audit again'
            )
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when that lock is not there."""
        if self._carries(task, task.params['reason']):
            return steps.Observation.SAFE
        return steps.Observation.DONE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Take it off, and no other."""
        self._take_off(task, task.params['reason'])
        return {}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Lock it again with the same reason, unless it is locked."""
        if not self._found(task).locked:
            self._clouds.compute.lock(task.subject, task.params['reason'])

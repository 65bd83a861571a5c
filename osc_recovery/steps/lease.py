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

"""The lease of a host: its run's name in services.disabled_reason.

The journal's own lease excludes whoever shares the journal.  This one
excludes operators with journals of their own, because it stands where all
of them look.  It is a step of the run, not of a server: scenarios/lease.py
takes it before the first of them and gives it back after the last.
"""

from collections.abc import Mapping
from typing import Any

from osc_recovery.db import leases as db
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import leases
from osc_recovery.model import steps

#: the name under which an operator passes it: --override lease-held
GATE = 'lease-held'


class Lease:
    """Write the run's name into the row; params: cell, host, who, since.

    The intent holds ``before``, the reason that comes back at the end, and
    ``texts``, the names that the run itself has written: it may have been
    gone on with by somebody else.
    """

    kind = 'lease'

    def __init__(self, cells: Mapping[str, nova_cell.NovaCell]) -> None:
        self._cells = cells

    def prepare(
        self, task: steps.Task, former: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Read what stands there; raises Held when that is another run.

        ``former`` is the intent of a former process of this run.
        """
        found = self._require(task)
        texts = list((former or {}).get('texts', ()))
        before, theirs = found.text, leases.parse(found.text)
        if former and found.text in texts:
            before = former['before']
        elif theirs is not None and GATE not in task.params['override']:
            raise held(task.params['host'], theirs)
        elif theirs is not None:
            # What it would have brought back is not known here.
            before = None
            if found.disabled:
                before = leases.closed(theirs.run_id, theirs.who)
        return {
            'before': before,
            'found': found.text,
            'texts': [*texts, _text(task)],
        }

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Done when this run's name stands there; never has to be asked."""
        found = self.read(task)
        if found is not None and found.text == intent['texts'][-1]:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        """Put the name there; raises Held when somebody else was first."""
        wanted = intent['texts'][-1]
        found = db.swap(
            self._cell(task), task.params['host'], intent['found'], wanted
        )
        if found != wanted:
            raise _taken(task.params['host'], found)
        return {}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """Bring the former reason back, if this run's name stands there."""
        found = self.read(task)
        if found is not None and found.text in intent['texts']:
            host, before = task.params['host'], intent['before']
            db.swap(self._cell(task), host, found.text, before)

    def check(self, task: steps.Task) -> None:
        """Raise Held when another run has taken the host.

        A reason of any other kind is not a run: an operator may write what
        they like, and enabling the service empties it.
        """
        found = self.read(task)
        theirs = leases.parse(found.text if found else None)
        if theirs is not None and theirs.run_id != task.run_id:
            raise held(task.params['host'], theirs)

    def read(self, task: steps.Task) -> db.Reason | None:
        """What stands there; None when the service has no row."""
        return db.read(self._cell(task), task.params['host'])

    def _require(self, task: steps.Task) -> db.Reason:
        found = self.read(task)
        if found is None:
            raise exceptions.RowMismatch(
                'the cell database has no nova-compute service on '
                f'{task.params["host"]} '
                'any more; look at "openstack compute service list"'
            )
        return found

    def _cell(self, task: steps.Task) -> nova_cell.NovaCell:
        return self._cells[task.params['cell']]


def held(host: str, lease: leases.HostLease) -> exceptions.Held:
    """The refusal: who, since when, how to look, what if it is dead."""
    run = lease.run_id
    return exceptions.Held(
        f'Host {host} is held by run {run} of {lease.who} since '
        f'{lease.since}, which keeps another journal than this one (it '
        'stands in the disabled reason of nova-compute there). Look where '
        f'that run was started: "openstack recovery run show {run}". If its '
        'process is dead, resume or abandon it there: "openstack recovery '
        f'run abandon {run}". Only if that journal is lost: --override '
        f'{GATE} --reason <text>.'
    )


def _taken(host: str, found: str | None) -> exceptions.Held:
    theirs = leases.parse(found)
    if theirs is not None:
        return held(host, theirs)
    return exceptions.Held(
        f'The disabled reason of nova-compute on {host} was changed this '
        f'very moment, to {found!r}: nothing was changed. Try again.'
    )


def _text(task: steps.Task) -> str:
    params = task.params
    return leases.text(task.run_id, params['who'], params['since'])

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

"""Every kind of step, by the name under which plans mention it."""

from collections.abc import Mapping

from osc_recovery.cloud import session
from osc_recovery.db import cinder as cinder_db
from osc_recovery.db import nova_cell
from osc_recovery.model import steps
from osc_recovery.steps import activate
from osc_recovery.steps import allocate
from osc_recovery.steps import attach
from osc_recovery.steps import base
from osc_recovery.steps import bind
from osc_recovery.steps import detach
from osc_recovery.steps import fence
from osc_recovery.steps import lock
from osc_recovery.steps import move
from osc_recovery.steps import ports
from osc_recovery.steps import reattach
from osc_recovery.steps import row
from osc_recovery.steps import start
from osc_recovery.steps import state
from osc_recovery.steps import stop

_DEFAULTS = base.Settings()


def registry(
    cells: Mapping[str, nova_cell.NovaCell],
    cinder: cinder_db.Cinder | None,
    clouds: session.Clouds,
    settings: base.Settings = _DEFAULTS,
) -> dict[str, steps.Step]:
    """The steps that change databases and services, by their kind.

    ``cells`` are the cell databases by cell uuid.
    """
    made: tuple[steps.Step, ...] = (
        lock.Lock(cells, clouds),
        lock.Unlock(cells, clouds),
        allocate.Allocate(clouds),
        bind.Bind(clouds),
        move.Move(cells),
        attach.Attach(cells, cinder, clouds, settings),
        activate.Activate(clouds),
        start.Start(cells, clouds, settings),
        fence.Down(clouds),
        fence.Disable(clouds),
        lock.ReleaseLock(cells, clouds),
        allocate.Reallocate(clouds),
        row.SetRow(cells),
        reattach.Reattach(cells, cinder, clouds, settings),
        detach.DropAttachment(cells, clouds),
        ports.SettlePort(clouds),
        stop.Stop(cells, clouds, settings),
        state.ResetState(cells, clouds),
    )
    return {step.kind: step for step in made}

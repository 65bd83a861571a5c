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

"""The steps of a repair: done, gone on with, and taken back."""

from typing import Any, ClassVar

from osc_recovery.cloud import errors
from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.model import steps
from osc_recovery.steps import allocate
from osc_recovery.steps import base as step_base
from osc_recovery.steps import detach
from osc_recovery.steps import lock
from osc_recovery.steps import ports
from osc_recovery.steps import reattach
from osc_recovery.steps import row
from osc_recovery.steps import state
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

_SOURCE = fakes.PROVIDERS[storage.SOURCE]
_TARGET = fakes.PROVIDERS[storage.TARGET]
_RESOURCES = {'VCPU': 1, 'MEMORY_MB': 64}
_REASON = 'osc-recovery r-20200101-dead'
_ROW: dict[str, Any] = {
    'cell': fakes.CELL,
    'expected': {
        'host': storage.SOURCE,
        'node': storage.SOURCE,
        'vm_state': 'active',
        'task_state': None,
    },
    'values': {'node': 'compute2.example.org'},
    'retire': None,
    'tombstone': None,
}


def _allocation(
    before: dict[str, Any], after: dict[str, Any], gone: bool = False
) -> dict[str, Any]:
    return {
        'before': before,
        'after': after,
        'project_id': 'owner',
        'user_id': 'somebody',
        'gone': gone,
    }


class TestReallocate(base.RoundTrip):
    """From two providers to one."""

    params: ClassVar[dict[str, Any]] = _allocation(
        {_SOURCE: _RESOURCES, _TARGET: _RESOURCES}, {_SOURCE: _RESOURCES}
    )
    changes = ('put_allocation',)

    def make(self, world: Any) -> steps.Step:
        return allocate.Reallocate(world)

    def world(self) -> fakes.World:
        world = fakes.World()
        world.placement.held = dict(self.params['before'])
        return world


class TestAllocate(TestReallocate):
    """From none to one."""

    params: ClassVar[dict[str, Any]] = _allocation({}, {_SOURCE: _RESOURCES})


class TestRelease(TestReallocate):
    """From one to none: its server is gone."""

    params: ClassVar[dict[str, Any]] = _allocation(
        {_SOURCE: _RESOURCES}, {}, gone=True
    )

    def world(self) -> fakes.World:
        world = super().world()
        world.compute.gone = True
        return world


class TestAllocations(base.StepTestCase):
    def test_the_server_is_there_after_all(self) -> None:
        world: Any = fakes.World()
        params = _allocation(world.placement.held, {}, gone=True)
        error = self.assertRaises(
            exceptions.RowMismatch,
            allocate.Reallocate(world).prepare,
            world.task(**params),
        )
        self.assertIn('after all', str(error))

    def test_the_owner_of_nothing(self) -> None:
        """placement does not tell whose a consumer without resources is."""
        world: Any = fakes.World()
        sent: list[facts.Allocation] = []
        world.placement.allocation = lambda uuid: facts.Allocation(
            uuid, None, '', '', {}
        )
        world.placement.put_allocation = sent.append
        params = _allocation({}, {_SOURCE: _RESOURCES})
        step, task = self.prepared(
            world, lambda made: allocate.Reallocate(world), params
        )
        step.act(task, world.intent)
        self.assertEqual(
            ('owner', 'somebody', None),
            (sent[0].project_id, sent[0].user_id, sent[0].generation),
        )


class TestReleaseLock(base.RoundTrip):
    params: ClassVar[dict[str, Any]] = {
        'cell': fakes.CELL,
        'reason': _REASON,
    }
    changes = ('unlock',)

    def make(self, world: Any) -> steps.Step:
        return lock.ReleaseLock(world.cells, world)

    def world(self) -> fakes.World:
        world = fakes.World()
        world.compute.locked, world.compute.reason = True, _REASON
        return world

    def test_another_lock(self) -> None:
        for locked, reason in ((False, None), (True, 'mine'), (True, None)):
            world = self.world()
            step, task = self.prepared(world, self.make, self.params)
            world.compute.locked, world.compute.reason = locked, reason
            self.assertRaises(exceptions.RowMismatch, step.prepare, task)
            step.act(task, {})
            self.assertEqual((locked, reason), world.image()['lock'])


class TestSetRow(base.RoundTrip):
    params = _ROW
    changes = ('change',)

    def make(self, world: Any) -> steps.Step:
        return row.SetRow(world.cells)

    def test_changed_since(self) -> None:
        world = self.world()
        world.cell.instance['vm_state'] = 'error'
        self.assertRaises(
            exceptions.RowMismatch,
            self.make(world).prepare,
            world.task(**self.params),
        )


class TestTombstone(TestSetRow):
    params: ClassVar[dict[str, Any]] = {**_ROW, 'tombstone': {'source': {}}}

    def test_its_uuid_is_in_the_intent(self) -> None:
        world = self.clean()
        self.assertEqual([world.intent['tombstone']], world.cell.tombstones)


class TestResetState(base.RoundTrip):
    params: ClassVar[dict[str, Any]] = {
        **_ROW,
        'values': {'vm_state': 'error', 'task_state': None},
    }
    changes = ('reset_state',)

    def make(self, world: Any) -> steps.Step:
        return state.ResetState(world.cells, world)


class TestSettlePort(base.Journey):
    """The leftover of a move that failed."""

    params: ClassVar[dict[str, Any]] = {
        'port': fakes.PORT,
        'target': storage.SOURCE,
        'leftovers': [storage.TARGET],
        'rebind': False,
        'device_owner': None,
    }
    changes: tuple[str, ...] = ('delete_binding',)

    def make(self, world: Any) -> steps.Step:
        return ports.SettlePort(world)

    def world(self) -> fakes.World:
        world = fakes.World()
        world.network.found[storage.TARGET] = ('INACTIVE', 'unbound')
        return world

    def go_on(self, world: fakes.World, task: steps.Task) -> None:
        """Acting again is always safe."""
        step = self.make(world)
        self.assertEqual(steps.Observation.SAFE, step.observe(task, {}))
        step.act(task, dict(world.intent))

    def test_clean(self) -> None:
        world = self.world()
        self.run_to(world, None)
        self.assertEqual(['source'], [*map(_place, world.network.found)])

    def test_undo_is_refused(self) -> None:
        world = self.world()
        error = self.assertRaises(
            exceptions.StepFailed,
            self.make(world).undo,
            world.task(**self.params),
            {},
        )
        self.assertEqual('no-return', error.cause)

    def test_active_elsewhere(self) -> None:
        world = self.world()
        world.network.found = {storage.TARGET: ('ACTIVE', 'ovs')}
        task = world.task(**self.params)
        error = self.assertRaises(
            exceptions.RowMismatch, self.make(world).act, task, {}
        )
        self.assertIn(storage.TARGET, str(error))


class TestRebind(TestSettlePort):
    """A binding that failed, and the owner of another zone."""

    params: ClassVar[dict[str, Any]] = {
        **TestSettlePort.params,
        'rebind': True,
        'device_owner': 'compute:az2',
    }

    def world(self) -> fakes.World:
        world = super().world()
        world.network.dead.clear()
        world.network.found[storage.SOURCE] = ('ACTIVE', 'binding_failed')
        return world

    def test_bound(self) -> None:
        world = self.world()
        self.run_to(world, None)
        self.assertEqual(
            {storage.SOURCE: ('ACTIVE', 'ovs')}, world.network.found
        )
        self.assertEqual('compute:az2', world.network.owner)

    def test_still_not_bound(self) -> None:
        world = self.world()
        world.network.dead.add(storage.SOURCE)
        task = world.task(**self.params)
        error = self.assertRaises(
            exceptions.StepFailed, self.make(world).act, task, {}
        )
        self.assertEqual('binding-failed', error.cause)


class TestDropAttachment(base.Journey):
    params: ClassVar[dict[str, Any]] = {
        'cell': fakes.CELL,
        'volume': storage.VOLUME,
        'attachment': storage.OLD,
    }
    changes = ('delete_attachment',)

    def make(self, world: Any) -> steps.Step:
        return detach.DropAttachment(world.cells, world)

    def world(self) -> fakes.World:
        world = fakes.World()
        world.cell.mapping['attachment_id'] = 'another'
        return world

    def test_withdrawn(self) -> None:
        world = self.clean()
        self.assertEqual({}, world.volume.rows)
        self.assertEqual(set(), world.volume.exports)

    def test_named_after_all(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        world.cell.mapping['attachment_id'] = storage.OLD
        for method in (step.prepare, lambda t: step.act(t, {})):
            self.assertRaises(exceptions.RowMismatch, method, task)
        self.assertIn(storage.OLD, world.volume.rows)


class TestReattach(base.RoundTrip):
    """cinder forgot the attachment that the mapping names."""

    params: ClassVar[dict[str, Any]] = {
        'cell': fakes.CELL,
        'mapping': 88,
        'volume': storage.VOLUME,
        'attachment': storage.OLD,
        'device': '/dev/sda',
        'connector': storage.connector(storage.SOURCE),
        'connection_digest': None,
        'source_connector': {},
    }
    changes = (
        'create_attachment',
        'repoint_mapping',
        'update_attachment',
        'set_connection',
        'complete_attachment',
    )

    def make(self, world: Any) -> steps.Step:
        return reattach.Reattach(
            world.cells, world.volume, world, step_base.Settings()
        )

    def world(self) -> fakes.World:
        world = fakes.World()
        world.volume.rows.clear()
        world.volume.exports.clear()
        world.cell.mapping['connection_info'] = None
        world.cell.mapping['attachment_id'] = self.params['attachment']
        return world

    def test_attached(self) -> None:
        world = self.clean()
        ((new, found),) = world.volume.rows.items()
        self.assertEqual('attached', found.status)
        self.assertEqual(new, world.cell.mapping['attachment_id'])
        self.assertEqual(
            storage.stored(new, storage.SOURCE),
            world.cell.mapping['connection_info'],
        )

    def test_changed_since(self) -> None:
        def there(world: fakes.World) -> None:
            world.volume.rows[storage.OLD] = storage.Attachment('attached')

        def renamed(world: fakes.World) -> None:
            world.cell.mapping['attachment_id'] = 'another'

        for change in (there, renamed):
            world = self.world()
            change(world)
            self.assertRaises(
                exceptions.RowMismatch,
                self.make(world).prepare,
                world.task(**self.params),
            )

    def test_not_reserved(self) -> None:
        world = self.world()
        before = world.image()
        step, task = self.prepared(world, self.make, self.params)
        world.failing['create_attachment'] = errors.Refused('in-use', 'x', 400)
        self.assertRaises(errors.Refused, step.act, task, world.intent)
        step.undo(task, world.intent)
        self.assertEqual(before, world.image())

    def test_somebody_else_attached_it(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        world.cell.mapping['attachment_id'] = 'another'
        self.assertRaises(exceptions.RowMismatch, step.undo, task, {})


class TestReattachUnnamed(TestReattach):
    """The mapping names no attachment at all."""

    params: ClassVar[dict[str, Any]] = {
        **TestReattach.params,
        'attachment': None,
    }

    def test_changed_since(self) -> None:
        world = self.world()
        world.cell.mapping['attachment_id'] = 'another'
        self.assertRaises(
            exceptions.RowMismatch,
            self.make(world).prepare,
            world.task(**self.params),
        )


def _place(host: str) -> str:
    return {storage.SOURCE: 'source', storage.TARGET: 'target'}[host]

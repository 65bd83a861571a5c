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

"""Moving an attachment, and back, from wherever it stands."""

import json
from typing import Any, ClassVar

from osc_recovery.cloud import errors
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import attach
from osc_recovery.steps import base as step_base
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes
from osc_recovery.tests.unit.steps import storage

_PARAMS: dict[str, Any] = {
    'cell': fakes.CELL,
    'mapping': 88,
    'volume': storage.VOLUME,
    'attachment': storage.OLD,
    'device': '/dev/sda',
    'connector': storage.connector(storage.TARGET),
    'connection_digest': storage.digest(
        storage.stored(storage.OLD, storage.SOURCE)
    ),
    'source_connector': storage.connector(storage.SOURCE, '/dev/sda'),
}


class TestAttach(base.RoundTrip):
    params = _PARAMS
    changes = (
        'create_attachment',
        'repoint_mapping',
        'delete_attachment',
        'update_attachment',
        'set_connection',
        'complete_attachment',
    )

    def make(self, world: Any) -> steps.Step:
        return attach.Attach(
            world.cells, world.volume, world, step_base.Settings()
        )

    def test_everything_names_the_target(self) -> None:
        world = self.clean()
        (row,) = world.volume.rows.values()
        self.assertEqual(
            storage.connector(storage.TARGET, '/dev/sda'), row.connector
        )
        self.assertEqual('attached', row.status)
        self.assertEqual({storage.TARGET}, world.volume.exports)
        self.assertEqual(
            storage.stored('new-1', storage.TARGET),
            world.cell.mapping['connection_info'],
        )
        self.assertEqual('new-1', world.cell.mapping['attachment_id'])

    def test_old_one_stays_while_it_can(self) -> None:
        """Undone before its deletion, the attachment is the same one."""
        for position in range(6):
            world = self.world()
            task, died = self.run_to(world, position)
            self.assertTrue(died)
            self.make(world).undo(task, dict(world.intent))
            self.assertEqual([storage.OLD], list(world.volume.rows))

    def test_untouched_mapping_stays_untouched(self) -> None:
        """libvirt's data.device_path is nowhere else to be had."""
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        world.cell.mapping['connection_info'] = '{"data": "device_path"}'
        step.undo(task, world.intent)
        self.assertEqual(
            '{"data": "device_path"}', world.cell.mapping['connection_info']
        )

    def test_blank_attachment_is_adopted(self) -> None:
        """A crash left it between cinder's answer and the journal."""
        world = self.world()
        task, died = self.run_to(world, 2)
        self.assertTrue(died)
        self.assertNotIn('new', world.intent)
        self.assertIn('new-1', world.volume.rows)
        self.go_on(world, task)
        self.assertEqual(['new-1'], list(world.volume.rows))

    def test_secrets_stay_out_of_the_journal(self) -> None:
        world = self.world()
        step, task = self.prepared(world, self.make, self.params)
        outcome = step.act(task, world.intent)
        step.undo(task, world.intent)
        self.assertIn(storage.SECRET, world.cell.mapping['connection_info'])
        self.assertNotIn(storage.SECRET, json.dumps([world.intent, outcome]))


class TestMultiattach(TestAttach):
    """nova's flag in connection_info is kept."""

    def world(self) -> fakes.World:
        world = fakes.World()
        world.volume.multiattach = True
        text = world.cell.mapping['connection_info']
        info = {**json.loads(text), 'multiattach': True}
        world.cell.mapping['connection_info'] = json.dumps(info)
        return world

    params: ClassVar[dict[str, Any]] = {
        **_PARAMS,
        'connection_digest': storage.digest(
            json.dumps(
                {
                    **json.loads(storage.stored(storage.OLD, storage.SOURCE)),
                    'multiattach': True,
                }
            )
        ),
    }

    def test_everything_names_the_target(self) -> None:
        info = json.loads(self.clean().cell.mapping['connection_info'])
        self.assertIs(True, info['multiattach'])

    def test_another_server_is_attaching(self) -> None:
        """cinder reserves nothing meanwhile; that passes, or is told."""
        for patience, waits in ((30.0, 3), (-1.0, 0)):
            world: Any = self.world()
            slept: list[float] = []

            def sleep(
                seconds: float,
                world: Any = world,
                slept: list[float] = slept,
            ) -> None:
                slept.append(seconds)
                if len(slept) == 3:
                    world.failing.clear()

            step = attach.Attach(
                world.cells,
                world.volume,
                world,
                step_base.Settings(step_timeout=patience),
                sleep,
            )
            _, task = self.prepared(world, self.make, self.params)
            world.failing['create_attachment'] = errors.Refused(
                'attaching', 'volume-refused', 400
            )
            if waits:
                step.act(task, world.intent)
            else:
                self.assertRaises(errors.Refused, step.act, task, world.intent)
            self.assertEqual([1.0] * waits, slept)


class TestWithoutCinderDatabase(TestAttach):
    """The API tells what is needed."""

    def make(self, world: Any) -> steps.Step:
        return attach.Attach(world.cells, None, world, step_base.Settings())


class TestRefusals(base.StepTestCase):
    """What stops it."""

    def make(self, world: Any) -> steps.Step:
        return attach.Attach(
            world.cells, world.volume, world, step_base.Settings()
        )

    def test_changed_since_plan(self) -> None:
        def deleted(world: fakes.World) -> None:
            world.cell.mapping['deleted'] = True

        def other_attachment(world: fakes.World) -> None:
            world.cell.mapping['attachment_id'] = 'other'

        def other_connection(world: fakes.World) -> None:
            world.cell.mapping['connection_info'] = '{}'

        def no_attachment(world: fakes.World) -> None:
            world.volume.rows.clear()

        def other_connector(world: fakes.World) -> None:
            world.volume.rows[storage.OLD].connector = {'host': 'x'}

        for change in (
            deleted,
            other_attachment,
            other_connection,
            no_attachment,
            other_connector,
        ):
            world = fakes.World()
            change(world)
            error = self.assertRaises(
                exceptions.RowMismatch,
                self.make(world).prepare,
                world.task(**_PARAMS),
            )
            self.assertEqual('changed-since-plan', error.cause)

    def test_unknown_attachment_on_the_way(self) -> None:
        world = fakes.World()
        step, task = self.prepared(world, self.make, _PARAMS)
        world.cell.mapping['attachment_id'] = 'other'
        self.assertEqual(
            steps.Observation.ASK, step.observe(task, world.intent)
        )
        for change in (step.act, step.undo):
            self.assertRaises(
                exceptions.RowMismatch, change, task, world.intent
            )
        self.assertEqual('other', world.cell.mapping['attachment_id'])

    def test_array_fails(self) -> None:
        """cinder cannot export to the target: the source has it again."""
        world = fakes.World()
        before = world.image()
        step, task = self.prepared(world, self.make, _PARAMS)
        world.failing['update_attachment'] = errors.unavailable(
            'volume', 'connect', 'it answered 500'
        )
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertEqual('volume-unavailable', error.cause)
        world.volume.rows['new-1'].status = 'error_attaching'
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertEqual('volume-error', error.cause)
        world.failing.clear()
        step.undo(task, world.intent)
        self.assertEqual(before, world.image())

    def test_refused_reservation(self) -> None:
        """Only for a multiattach volume would waiting help."""
        for multiattach, status in ((False, 400), (True, 404)):
            world = fakes.World()
            step, task = self.prepared(world, self.make, _PARAMS)
            world.intent['multiattach'] = multiattach
            world.failing['create_attachment'] = errors.Refused(
                'no', 'volume-refused', status
            )
            self.assertRaises(errors.Refused, step.act, task, world.intent)

    def test_no_connection_info(self) -> None:
        world = fakes.World()
        step, task = self.prepared(world, self.make, _PARAMS)
        world.volume.rows = {'new-1': storage.Attachment('attaching')}
        world.intent['new'] = 'new-1'
        error = self.assertRaises(
            exceptions.StepFailed, step.act, task, world.intent
        )
        self.assertIn('attachment show new-1', str(error))

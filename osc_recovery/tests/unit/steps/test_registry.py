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

"""Every kind that a plan can name has its step."""

from typing import Any

from osc_recovery.steps import registry
from osc_recovery.tests.unit.steps import base
from osc_recovery.tests.unit.steps import fakes


class TestRegistry(base.StepTestCase):
    def test_kinds(self) -> None:
        world: Any = fakes.World()
        made = registry.registry(world.cells, None, world)
        self.assertEqual(
            {
                'activate',
                'allocate',
                'attach',
                'bind',
                'drop-attachment',
                'fence-disable',
                'fence-down',
                'lock',
                'move',
                'reallocate',
                'reattach',
                'release-lock',
                'reset-state',
                'set-row',
                'settle-port',
                'start',
                'stop',
                'unlock',
            },
            set(made),
        )
        for kind, step in made.items():
            self.assertEqual(kind, step.kind)
            for name in ('prepare', 'observe', 'act', 'undo'):
                self.assertTrue(callable(getattr(step, name)))

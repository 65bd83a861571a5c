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

"""Which states can be set, how, and which not."""

import dataclasses
from typing import Any

from osc_recovery.model import facts
from osc_recovery.planning import commands
from osc_recovery.planning import server_set
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making

ACTIVE = making.change(builders.server(), api=None, locked=False)
UP = builders.host('kvm1')
DEAD = builders.dead('kvm1')
SILENT = dataclasses.replace(UP, up=False)


def server(**changes: Any) -> facts.Server:
    """The server, running on kvm1."""
    return making.change(ACTIVE, **changes)


def planned(
    row: facts.Server, host: facts.Host | None, *accept: str, **wish: Any
) -> Any:
    """The plan."""
    made = server_set.Wish(row.uuid, accept=frozenset(accept), **wish)
    return server_set.plan(row, host, made, 'now')


OFF = {'vm_state': 'stopped', 'power_state': 4}
TASK = {'task_state': 'powering-off'}

#: the row, its host, what is wanted, the step, what it sets
DONE: tuple[tuple[Any, Any, Any, str, Any], ...] = (
    (server(), UP, {'vm_state': 'error'}, 'reset-state', ('error', 1, None)),
    (
        server(vm_state='error'),
        UP,
        {'vm_state': 'active'},
        'reset-state',
        ('active', 1, None),
    ),
    (
        server(vm_state='rescued'),
        UP,
        {'vm_state': 'error'},
        'reset-state',
        ('error', 1, None),
    ),
    (
        server(power_state=4),
        UP,
        {'vm_state': 'stopped'},
        'set-row',
        ('stopped', 4, None),
    ),
    (
        server(),
        DEAD,
        {'vm_state': 'stopped'},
        'set-row',
        ('stopped', 4, None),
    ),
    (
        server(vm_state='stopped'),
        DEAD,
        {'power_state': 'shutdown'},
        'set-row',
        ('stopped', 4, None),
    ),
    (
        server(),
        DEAD,
        {'vm_state': 'error', 'power_state': 'shutdown'},
        'set-row',
        ('error', 4, None),
    ),
    (
        server(**TASK),
        DEAD,
        {'clear_task': True},
        'reset-state',
        ('active', 1, None),
    ),
    (
        server(**OFF, **TASK),
        DEAD,
        {'clear_task': True},
        'set-row',
        ('stopped', 4, None),
    ),
)
#: the row, its host, what is wanted, what stands in the way
REFUSED: tuple[tuple[Any, Any, Any, set[str]], ...] = (
    (server(), UP, {'vm_state': 'stopped'}, {'guest-running'}),
    (server(), SILENT, {'vm_state': 'stopped'}, {'fence-missing'}),
    (
        server(vm_state='error', power_state=4),
        UP,
        {'vm_state': 'active'},
        {'guest-not-running'},
    ),
    (
        server(vm_state='error'),
        DEAD,
        {'vm_state': 'active'},
        {'guest-not-running'},
    ),
    (
        server(vm_state='error'),
        UP,
        {'power_state': 'shutdown'},
        {'power-of-host'},
    ),
    (
        server(vm_state='error', power_state=4),
        DEAD,
        {'power_state': 'running'},
        {'guest-not-running'},
    ),
    (server(), DEAD, {'power_state': 'shutdown'}, {'state-unfit'}),
    (
        server(),
        DEAD,
        {'vm_state': 'stopped', 'power_state': 'running'},
        {'state-unfit', 'guest-not-running'},
    ),
    (server(**TASK), UP, {'clear_task': True}, {'task-may-run'}),
    (
        server(task_state='deleting'),
        DEAD,
        {'clear_task': True},
        {'deleting'},
    ),
    *(
        (server(vm_state=state), DEAD, {'vm_state': wanted}, {'state-unfit'})
        for state in ('resized', 'shelved', 'shelved_offloaded', 'soft-delete')
        for wanted in ('stopped', 'error')
    ),
    (
        server(vm_state='rescued'),
        DEAD,
        {'vm_state': 'stopped'},
        {'state-unfit'},
    ),
    (
        server(vm_state='building'),
        DEAD,
        {'vm_state': 'stopped'},
        {'state-unfit'},
    ),
    (server(hidden=True), UP, {'vm_state': 'error'}, {'hidden'}),
    (
        server(
            migrations=(
                facts.Migration(
                    *(7, 'm', 'resize', 'migrating'),
                    *('kvm1', 'kvm1', 'kvm2', 'kvm2'),
                ),
            )
        ),
        UP,
        {'vm_state': 'error'},
        {'migration-in-flight'},
    ),
)


class ServerSetTestCase(base.TestCase):
    def test_done(self) -> None:
        for row, host, wish, kind, states in DONE:
            with self.subTest(states=states, wish=wish):
                plan = planned(row, host, **wish)
                (made,) = plan.runnable
                first, last = made.steps
                self.assertEqual((kind, 'audit'), (first.kind, last.kind))
                after = {**first.params['expected'], **first.params['values']}
                self.assertEqual(
                    states,
                    tuple(
                        after[name]
                        for name in ('vm_state', 'power_state', 'task_state')
                    ),
                )
                self.assertEqual('kvm1', first.params['expected']['host'])
                self.assertTrue(commands.describe(plan))

    def test_refused(self) -> None:
        for row, host, wish, codes in REFUSED:
            with self.subTest(codes=codes, wish=wish):
                plan = planned(row, host, **wish)
                self.assertEqual((), plan.runnable)
                found = {f.code for f in plan.servers[0].findings if f.blocks}
                self.assertEqual(codes, found)

    def test_consent(self) -> None:
        plan = planned(server(**TASK), UP, 'task-may-run', clear_task=True)
        self.assertEqual(1, len(plan.runnable))

    def test_nothing_to_do(self) -> None:
        self.assertEqual((), planned(server(), UP, vm_state='active').servers)
        self.assertEqual((), planned(server(), UP, clear_task=True).servers)

    def test_on_no_host(self) -> None:
        """A build that failed: the lease is the server's own."""
        row = server(host=None, node=None, vm_state='error', power_state=0)
        plan = planned(row, None, vm_state='stopped')
        self.assertEqual(row.uuid, plan.host)

    def test_of_plan(self) -> None:
        plan = planned(server(), UP, vm_state='error', power_state=None)
        wish = server_set.of_plan(plan)
        again = server_set.plan(server(), UP, wish, 'now')
        self.assertEqual(plan, again)

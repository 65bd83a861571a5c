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


"""A world in a file, and steps that change it: what the engine is tried on.

The world survives the death of a process that works in it, as a cloud
does, and keeps a ledger of every act with the process that did it.
"""

from collections.abc import Callable, Iterator
import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import time
from typing import Any

from osc_recovery import exceptions
from osc_recovery.model import codec
from osc_recovery.model import plans
from osc_recovery.model import results
from osc_recovery.model import steps

DEADLINE = 20.0  # seconds that anything here waits


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'waited in vain for {what}')
        time.sleep(0.005)


class World:
    """Values by subject and key, things, requests, faults and a ledger."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        if not path.exists():
            self._write(
                {
                    'values': {},
                    'things': {},
                    'requests': {},
                    'faults': {},
                    'ledger': [],
                }
            )

    @contextlib.contextmanager
    def open(self) -> Iterator[dict[str, Any]]:
        """The whole world, for one change at a time."""
        with open(self._path.with_suffix('.lock'), 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            data = json.loads(self._path.read_text())
            yield data
            self._write(data)

    def read(self) -> dict[str, Any]:
        """The world as it is."""
        made: dict[str, Any] = json.loads(self._path.read_text())
        return made

    def ledger(self, act: str) -> list[str]:
        """The subjects of every act of one name, in order."""
        return [e['subject'] for e in self.read()['ledger'] if e['act'] == act]

    def fault(
        self,
        kind: str,
        method: str,
        *,
        subject: str = '*',
        times: int = 1,
        error: str = 'StepFailed',
        cause: str = 'broken',
        message: str = 'it is broken',
    ) -> None:
        """Make a step's method raise an error, some times over."""
        with self.open() as data:
            data['faults'][f'{subject}:{kind}:{method}'] = {
                'times': times,
                'error': error,
                'cause': cause,
                'message': message,
            }

    def condition(self) -> dict[str, Any]:
        """What has to be the same after a crash as without one.

        The ids of things are left out, they are made up anew each time,
        and so are values that went back to none.
        """
        data = self.read()
        things = sorted(t['subject'] for t in data['things'].values())
        values = {
            subject: kept
            for subject, keys in data['values'].items()
            if (kept := _lasting(keys))
        }
        return {
            'values': values,
            'things': things,
            'requests': data['requests'],
        }

    def _write(self, data: dict[str, Any]) -> None:
        made = self._path.with_suffix('.new')
        made.write_text(json.dumps(data))
        os.replace(made, self._path)


def _lasting(keys: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in keys.items()
        if key != 'thing' and value is not None
    }


def note(data: dict[str, Any], act: str, subject: str) -> None:
    """Write an act into the ledger, together with what it changes."""
    data['ledger'].append({'act': act, 'subject': subject})


class Fake:
    """What the fake steps have in common: faults and gates."""

    kind = ''

    def __init__(self, world: World) -> None:
        self.world = world

    def stumble(self, task: steps.Task, method: str) -> None:
        """Raise the error that the test ordered for this call."""
        with self.world.open() as data:
            note(data, f'{self.kind}.{method}', task.subject)
            fault = self._fault(data['faults'], task.subject, method)
        if fault is None:
            return
        if fault['error'] == 'StepFailed':
            raise exceptions.StepFailed(fault['message'], fault['cause'])
        error = getattr(exceptions, fault['error'], None)
        raise (error or ValueError)(fault['message'])

    def _fault(
        self, faults: dict[str, Any], subject: str, method: str
    ) -> dict[str, Any] | None:
        for who in (subject, '*'):
            key = f'{who}:{self.kind}:{method}'
            if key in faults and faults[key]['times'] > 0:
                faults[key]['times'] -= 1
                found: dict[str, Any] = faults[key]
                return found
        return None

    def wait_at_gate(self, task: steps.Task) -> None:
        """Wait until the test opens the gate that the plan names."""
        gate = task.params.get('gate')
        if gate:
            with self.world.open() as data:
                note(data, f'{self.kind}.waits', task.subject)
            wait_for(pathlib.Path(gate).exists, f'gate {gate}')

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        """Nothing to fix beforehand."""
        self.stumble(task, 'prepare')
        return {}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        """Acting again is safe."""
        self.stumble(task, 'observe')
        return steps.Observation.SAFE

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        """A final step is never undone."""
        raise AssertionError(f'{self.kind} was undone')


class SetValue(Fake):
    """Changes a value, as the cell's row of a server; exact to undo."""

    kind = 'set'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        self.stumble(task, 'prepare')
        before = self._value(task)
        if before != task.params['old']:
            raise exceptions.RowMismatch(f'{task.name} has changed')
        return {'before': before}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        self.stumble(task, 'observe')
        value = self._value(task)
        if value == task.params['new']:
            return steps.Observation.DONE
        if value == intent['before']:
            return steps.Observation.SAFE
        return steps.Observation.ASK

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        self.wait_at_gate(task)
        self.stumble(task, 'act')
        self._put(task, task.params['new'])
        return {'was': intent['before']}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        self.stumble(task, 'undo')
        self._put(task, intent['before'])

    def _value(self, task: steps.Task) -> Any:
        keys = self.world.read()['values'].get(task.subject, {})
        return keys.get(task.params['key'])

    def _put(self, task: steps.Task, value: Any) -> None:
        with self.world.open() as data:
            note(data, 'put', task.subject)
            keys = data['values'].setdefault(task.subject, {})
            keys[task.params['key']] = value


class MakeThing(Fake):
    """Makes a thing whose id is not known before, as an attachment's.

    Making it twice leaves one behind: its id is remembered at once, and
    one that a crash left without an owner is adopted.
    """

    kind = 'make'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        self.stumble(task, 'prepare')
        return {'made': None}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        self.stumble(task, 'observe')
        keys = self.world.read()['values'].get(task.subject, {})
        if intent['made'] and keys.get('thing') == intent['made']:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        self.wait_at_gate(task)
        self.stumble(task, 'act')
        made = intent['made'] or self._adopt(task) or self._make(task)
        task.remember({'made': made})
        with self.world.open() as data:
            data['values'].setdefault(task.subject, {})['thing'] = made
        return {'thing': made}

    def undo(self, task: steps.Task, intent: dict[str, Any]) -> None:
        self.stumble(task, 'undo')
        with self.world.open() as data:
            data['values'].get(task.subject, {}).pop('thing', None)
            for made, thing in list(data['things'].items()):
                if thing['subject'] == task.subject:
                    del data['things'][made]

    def _adopt(self, task: steps.Task) -> str | None:
        for made, thing in self.world.read()['things'].items():
            if thing['subject'] == task.subject:
                return str(made)
        return None

    def _make(self, task: steps.Task) -> str:
        made = os.urandom(4).hex()
        with self.world.open() as data:
            note(data, 'made', task.subject)
            data['things'][made] = {'subject': task.subject}
        return made


class Activate(Fake):
    """The point of no return: convergent, never undone."""

    kind = 'activate'

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        self.wait_at_gate(task)
        self.stumble(task, 'act')
        with self.world.open() as data:
            keys = data['values'].setdefault(task.subject, {})
            keys['active'] = task.params.get('target', '')
        return {}


class SendOnce(Fake):
    """Sends a request that must never be sent twice, as a start."""

    kind = 'send'

    def prepare(self, task: steps.Task) -> dict[str, Any]:
        self.stumble(task, 'prepare')
        return {'known': self._requests(task)}

    def observe(
        self, task: steps.Task, intent: dict[str, Any]
    ) -> steps.Observation:
        self.stumble(task, 'observe')
        if self._requests(task) > intent['known']:
            return steps.Observation.DONE
        return steps.Observation.SAFE

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        self.wait_at_gate(task)
        self.stumble(task, 'act')
        with self.world.open() as data:
            note(data, 'sent', task.subject)
            sent = data['requests'].get(task.subject, 0)
            data['requests'][task.subject] = sent + 1
        return {}

    def _requests(self, task: steps.Task) -> int:
        found: int = self.world.read()['requests'].get(task.subject, 0)
        return found


class Verify(Fake):
    """Looks whether the server is what it should be."""

    kind = 'verify'

    def act(self, task: steps.Task, intent: dict[str, Any]) -> dict[str, Any]:
        self.stumble(task, 'act')
        values = self.world.read()['values'].get(task.subject, {})
        whole = 'active' in values
        verdict = results.Verdict.OK if whole else results.Verdict.WRONG
        check = results.Check('active', verdict, found=str(values))
        if not whole:
            error = exceptions.Unverified('it is not active')
            error.checks = (check,)  # type: ignore[attr-defined]
            raise error
        return {'checks': [codec.encode(check)]}


FAKES = (SetValue, MakeThing, Activate, SendOnce, Verify)


def registry(path: pathlib.Path) -> dict[str, Any]:
    """All the fakes, in the world of a file."""
    world = World(path)
    return {fake.kind: fake(world) for fake in FAKES}


def server_plan(
    name: str,
    *,
    target: str | None = 'target1',
    kinds: tuple[str, ...] = ('set', 'make', 'activate', 'send', 'verify'),
    gates: dict[str, str] | None = None,
    **changes: Any,
) -> plans.ServerPlan:
    """A plan that takes a server through fake steps of these kinds.

    ``gates`` names the file that a step of a kind waits for.
    """
    specs = []
    for number, kind in zip(itertools.count(), kinds):
        params = {'key': f'key{number}', 'old': None, 'new': number}
        if kind == 'activate':
            params = {'target': target}
        if gates and kind in gates:
            params['gate'] = gates[kind]
        final = kind in ('activate', 'send')
        specs.append(steps.StepSpec(kind, params, final))
    values: dict[str, Any] = {
        'uuid': f'uuid-{name}',
        'name': name,
        'target': target,
        'method': 'fake',
        'start': True,
        'steps': tuple(specs),
        'findings': (),
        'fingerprint': '',
        **changes,
    }
    return plans.ServerPlan(**values)


def plan(*servers: plans.ServerPlan, host: str = 'dead1') -> plans.Plan:
    """A plan for some servers of a dead host."""
    return plans.Plan(
        scenario='fake',
        host=host,
        cell='cell1',
        created_at='',
        parameters={},
        frame={},
        fingerprint='',
        findings=(),
        servers=servers,
    )

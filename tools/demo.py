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

"""Loses a host of a disposable cloud and brings its servers back.

Every command that is shown is run, as a process of its own.  With --guide
the statement of nova's old guide is run first on one server, to show what
it leaves.  Exits with 1 when anything disagrees.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from typing import Any

from osc_recovery import exceptions
from osc_recovery.sandbox import api as apis
from osc_recovery.sandbox import controller

DEAD = 'host1'
REAL = (
    'real: keystone, placement, glance, neutron, cinder, nova; '
    'simulated: hypervisor, storage, agents'
)


class Disagreement(Exception):
    """The cloud is not as it should be."""


class Story:
    """Tells, runs and checks."""

    def __init__(self, sandbox: controller.Sandbox) -> None:
        self.sandbox = sandbox
        self._chapter = 0
        self._environ = _environ(sandbox)

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        self._chapter += 1
        _say(f'\n== {self._chapter}. {title}\n')

    def tell(self, text: str) -> None:
        """Say a sentence."""
        _say(text)

    def run(self, command: str, *, code: int = 0) -> None:
        """Show a command and run it; another exit code is a disagreement."""
        _say(f'\n$ {command}')
        done = subprocess.run(
            _argv(command), env=self._environ, stdin=subprocess.DEVNULL
        )
        if done.returncode != code:
            raise Disagreement(
                f'{command}: exit code {done.returncode}, expected {code}'
            )

    def ask(self, command: str) -> Any:
        """Run a command quietly and return its JSON."""
        done = subprocess.run(
            [*_argv(command), '-f', 'json'],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def expect(self, what: str, right: bool) -> None:
        """Check a fact and say so."""
        _say(f'  {"ok " if right else "NOT"}  {what}')
        if not right:
            raise Disagreement(what)


def main() -> int:
    """Tell the story in a sandbox that is gone afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--guide', action='store_true')
    parser.add_argument('--servers', type=int, default=6)
    args = parser.parse_args()
    started = time.monotonic()
    parent = pathlib.Path(tempfile.mkdtemp(prefix='recovery-demo-'))
    directory = parent / 'sandbox'
    try:
        story = Story(_create(directory, args.servers))
        if args.guide:
            guide(story)
        recovery(story)
    except (Disagreement, exceptions.RecoveryError) as exc:
        _say(f'\nThe demo failed: {exc}')
        return 1
    except KeyboardInterrupt:
        _say('\nInterrupted.')
        return 1
    finally:
        _clean_up(directory, parent)
    _say(f'\nThis took {time.monotonic() - started:.0f} s. {REAL}')
    return 0


def recovery(story: Story) -> None:
    """A host dies, its servers move, it returns."""
    sandbox = story.sandbox
    story.chapter('A cloud')
    story.run('openstack recovery host list')
    story.run(f'openstack recovery server list --host {DEAD}')
    before = _servers(story)
    story.chapter(f'{DEAD} loses its power')
    story.run(
        f'openstack recovery sandbox host stop {DEAD} '
        f'--directory {sandbox.directory}'
    )
    story.tell('Nothing moves before somebody has said how they know it:')
    story.run(f'openstack recovery host relocate {DEAD} --dry-run', code=10)
    story.chapter('The fence')
    story.run(
        f'openstack recovery host fence {DEAD} '
        '--statement "PDU outlet 7 is off" --yes'
    )
    story.chapter('The servers move')
    story.run(f'openstack recovery host relocate {DEAD} --yes')
    story.run('openstack recovery run list')
    _check_moved(story, before)
    story.chapter(f'{DEAD} returns')
    _return(story)
    _check_moved(story, before)
    old = set(sandbox.guests(DEAD))
    story.expect(f'{DEAD} has destroyed its old copies', not old & set(before))
    if old:
        story.tell("  (the guide's copy is still there: no row tells of it)")
    story.expect('nothing ran twice', not sandbox.violations())
    story.run('openstack recovery host list')


def guide(story: Story) -> None:
    """What the guide's UPDATE leaves behind."""
    story.chapter("nova's guide, followed by hand")
    sandbox = story.sandbox
    uuid = _lonely_server(sandbox)
    story.tell(
        f'nova-compute on {DEAD} does not answer; its guests run on. '
        'To nova that is the same as a dead host.'
    )
    story.run(
        f'openstack recovery sandbox host stop {DEAD} --service-only '
        f'--directory {sandbox.directory}'
    )
    _update(story, uuid)
    story.run(f'openstack server reboot --hard {uuid}')
    apis.wait(
        'the second copy', lambda: len(_running(sandbox, uuid)) == 2 or None
    )
    story.tell(
        f'The guest now runs on {" and ".join(_running(sandbox, uuid))}, '
        'with one disk between them:'
    )
    for violation in sandbox.violations():
        story.tell(f'  {json.dumps(violation)}')
    story.expect(
        'a split brain',
        'split-brain' in {v.get('kind') for v in sandbox.violations()},
    )
    story.tell('The tool refuses, whatever is stated:')
    sandbox.start_host(DEAD)
    story.run(
        f'openstack recovery host fence {DEAD} --statement "it is dead" --yes',
        code=10,
    )
    story.run(f'openstack server delete --wait {uuid}')
    sandbox.clear_violations()


def _update(story: Story, uuid: str) -> None:
    statement = "UPDATE instances SET host = 'host2' WHERE uuid = "
    story.tell(f"\nmysql> {statement}'{uuid}';")
    path = story.sandbox.directory / 'db' / 'nova_cell1.db'
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as database:
        with database:
            database.execute(f'{statement}?', (uuid,))


def _lonely_server(sandbox: controller.Sandbox) -> str:
    """A server without a network: with one, the guide does not even boot."""
    api = sandbox.api()
    flavors = api.compute.get('/flavors').json()['flavors']
    images = api.image.get('/v2/images').json()['images']
    body = {
        'name': 'guide-1',
        'flavorRef': next(f['id'] for f in flavors if f['name'] == 'tiny'),
        'imageRef': images[0]['id'],
        'networks': 'none',
        'host': DEAD,
    }
    made = api.compute.post('/servers', json={'server': body}).json()
    uuid: str = made['server']['id']
    apis.wait(
        'guide-1',
        lambda: (
            api.compute.get(f'/servers/{uuid}').json()['server']['status']
            == 'ACTIVE'
            or None
        ),
    )
    return uuid


def _running(sandbox: controller.Sandbox, uuid: str) -> list[str]:
    return [
        host
        for host in sandbox.hosts
        if sandbox.guests(host).get(uuid) == 'running'
    ]


def _return(story: Story) -> None:
    """The host starts while forced down; then a stock command trusts it."""
    sandbox = story.sandbox
    waiting = sandbox.waiting(DEAD)
    story.expect(f'no call waits in the queue of {DEAD}', not waiting)
    story.run(
        f'openstack recovery sandbox host start {DEAD} '
        f'--directory {sandbox.directory}'
    )
    story.tell('Still forced down, nova destroys the copies that it finds:')
    apis.wait(
        'the evacuations to be completed',
        lambda: (
            {
                row['Status']
                for row in story.ask(
                    'openstack server migration list --type evacuation'
                )
            }
            == {'completed'}
            or None
        ),
    )
    story.run(
        'openstack server migration list --type evacuation '
        '-c "Server UUID" -c "Source Compute" -c "Dest Compute" -c Status'
    )
    story.run(f'openstack compute service set --up {DEAD} nova-compute')
    story.run(f'openstack compute service set --enable {DEAD} nova-compute')


def _servers(story: Story) -> dict[str, str]:
    """The state of each server of the host, by uuid."""
    listed = story.ask(f'openstack recovery server list --host {DEAD}')
    return {row['ID']: row['VM State'] for row in listed}


def _check_moved(story: Story, before: dict[str, str]) -> None:
    """Every server is elsewhere, in the state it had, running once."""
    wrong = []
    answer = story.sandbox.api().compute.get('/servers/detail?all_tenants=1')
    servers = {s['id']: s for s in answer.json()['servers']}
    for uuid, state in before.items():
        shown = servers[uuid]
        running = _running(story.sandbox, uuid)
        now = shown['OS-EXT-STS:vm_state']
        host = shown['OS-EXT-SRV-ATTR:host']
        wanted = [host] if state == 'active' else []
        if now != state or host == DEAD or running != wanted:
            wrong.append(f'{uuid}: {now} on {host}, running on {running}')
    story.expect(
        f'{len(before)} servers elsewhere, each as it was, none twice'
        + ''.join(f'\n       {line}' for line in wrong),
        not wrong,
    )


def _create(directory: pathlib.Path, servers: int) -> controller.Sandbox:
    command = (
        f'openstack recovery sandbox create --servers {servers} '
        f'--directory {directory} -c hosts -c servers -c memory_mib'
    )
    _say(f'$ {command}')
    done = subprocess.run(_argv(command), stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Disagreement('the sandbox could not be made')
    return controller.Sandbox.load(directory)


def _clean_up(directory: pathlib.Path, parent: pathlib.Path) -> None:
    with contextlib.suppress(exceptions.RecoveryError):
        controller.Sandbox.delete(directory)
    shutil.rmtree(parent, ignore_errors=True)


def _argv(command: str) -> list[str]:
    program, *rest = shlex.split(command)
    return [str(pathlib.Path(sys.executable).with_name(program)), *rest]


def _environ(sandbox: controller.Sandbox) -> dict[str, str]:
    """What sourcing the openrc does."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('OS_', 'OSC_'))
    }
    done = subprocess.run(
        ['/bin/sh', '-c', f'. {shlex.quote(str(sandbox.openrc))} && env -0'],
        env=kept,
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (item.partition('=') for item in done.stdout.split('\0') if item)
    return {name: value for name, _, value in pairs}


def _say(text: str) -> None:
    sys.stdout.write(f'{text}\n')
    sys.stdout.flush()


if __name__ == '__main__':
    sys.exit(main())

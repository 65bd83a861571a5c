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


"""Makes and removes virtual hosts and users of a RabbitMQ server.

AMQP itself cannot. The management API can, and so can rabbitmqctl on the
broker's own machine; both read the same definitions.
"""

from collections.abc import Sequence
import json
import shutil
import subprocess
from typing import Any, Protocol

import requests
import sqlalchemy

from osc_recovery import exceptions
from osc_recovery.sandbox import backends

MANAGEMENT_PORT = 15672
TIMEOUT = 60
"""Seconds for one request or command."""
LOOPBACK = ('127.0.0.1', 'localhost', '::1')
CONTROL = 'rabbitmqctl'


class Tool(Protocol):
    """One of the two ways."""

    def load(self, definitions: dict[str, Any]) -> None:
        """Make what the definitions name.

        :raises RecoveryError: it was refused
        """

    def names(self, kind: str) -> list[str]:
        """Every name of a kind: ``vhost`` or ``user``."""

    def delete(self, kind: str, name: str) -> None:
        """Remove one of them."""


class Admin:
    """What a sandbox has on the server."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool

    def add(self, account: backends.Account, hosts: Sequence[str]) -> None:
        """Make a user and virtual hosts in which it may do everything."""
        everything = dict.fromkeys(('configure', 'write', 'read'), '.*')
        self._tool.load(
            {
                'vhosts': [{'name': host} for host in hosts],
                'users': [
                    {
                        'name': account.name,
                        'password': account.password,
                        'tags': '',
                    }
                ],
                'permissions': [
                    {'user': account.name, 'vhost': host, **everything}
                    for host in hosts
                ],
            }
        )

    def hosts(self, account: backends.Account) -> list[str]:
        """Every virtual host of a sandbox."""
        found = self._tool.names('vhost')
        return [host for host in found if host.startswith(f'{account.name}_')]

    def remove(self, account: backends.Account) -> None:
        """Remove the user and every virtual host of its name."""
        for host in self.hosts(account):
            self._tool.delete('vhost', host)
        if account.name in self._tool.names('user'):
            self._tool.delete('user', account.name)


class Management:
    """The management API."""

    def __init__(self, url: sqlalchemy.URL) -> None:
        self._base = f'http://{url.host}:{MANAGEMENT_PORT}/api'
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (url.username or '', str(url.password or ''))

    @property
    def usable(self) -> bool:
        """Whether it is there and the user is an administrator."""
        try:
            found = self._session.get(f'{self._base}/users', timeout=TIMEOUT)
        except requests.RequestException:
            return False
        return bool(found.ok)

    def load(self, definitions: dict[str, Any]) -> None:
        """Make what the definitions name."""
        self._request('POST', 'definitions', json=definitions)

    def names(self, kind: str) -> list[str]:
        """Every name of a kind."""
        return [one['name'] for one in self._request('GET', f'{kind}s').json()]

    def delete(self, kind: str, name: str) -> None:
        """Remove one of them."""
        self._request('DELETE', f'{kind}s/{name}')

    def _request(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._session.request(
                method, f'{self._base}/{path}', timeout=TIMEOUT, **more
            )
            answer.raise_for_status()
        except requests.RequestException as exc:
            raise exceptions.RecoveryError(
                f"The broker's management API does not do {method} {path}: "
                f'{exc}'
            ) from None
        return answer


class Control:
    """rabbitmqctl, which reaches the broker of its own machine."""

    @property
    def usable(self) -> bool:
        """Whether it is there and may talk to the broker."""
        try:
            self.names('vhost')
        except exceptions.RecoveryError:
            return False
        return True

    def load(self, definitions: dict[str, Any]) -> None:
        """Make what the definitions name; passwords on standard input."""
        self._run('import_definitions', text=json.dumps(definitions))

    def names(self, kind: str) -> list[str]:
        """Every name of a kind."""
        listed = self._run(f'list_{kind}s', '--formatter', 'json')
        column = 'name' if kind == 'vhost' else kind
        return [str(row[column]) for row in json.loads(listed)]

    def delete(self, kind: str, name: str) -> None:
        """Remove one of them."""
        self._run(f'delete_{kind}', name)

    def _run(self, *arguments: str, text: str = '') -> str:
        program = shutil.which(CONTROL)
        if program is None:
            raise exceptions.RecoveryError(f'There is no {CONTROL}.')
        try:
            done = subprocess.run(  # noqa: S603 - our own command line
                [program, '--quiet', *arguments],
                input=text,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise exceptions.RecoveryError(
                f'{CONTROL} {arguments[0]} failed: {type(exc).__name__}'
            ) from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ['no reason given']
            raise exceptions.RecoveryError(
                f'{CONTROL} {arguments[0]} failed: {lines[-1]}'
            )
        return done.stdout


def find(url: sqlalchemy.URL) -> Admin:
    """Whatever makes virtual hosts on that broker.

    :raises RecoveryError: nothing does
    """
    management = Management(url)
    if management.usable:
        return Admin(management)
    control = Control()
    if url.host in LOOPBACK and control.usable:
        return Admin(control)
    raise exceptions.RecoveryError(
        f'A sandbox needs virtual hosts of its own on the broker at '
        f'{url.host}, and nothing there makes them: neither does the '
        f'management API at port {MANAGEMENT_PORT} know {url.username} as an '
        f'administrator, nor can {CONTROL} be run here. Enable the plugin '
        'rabbitmq_management, or run this on the machine of the broker as a '
        f'user who may use {CONTROL}.'
    )

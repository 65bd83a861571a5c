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

"""The file that says what a sandbox is and whether it is complete."""

import dataclasses
import json
import os
import pathlib
import secrets
from typing import Any

from osc_recovery import exceptions
from osc_recovery.sandbox import backends as backend_servers
from osc_recovery.sandbox import processes
from osc_recovery.sandbox import shape as shapes

CREATING = 'creating'
READY = 'ready'

VERSION = 1


def _password() -> str:
    return secrets.token_hex(16)


@dataclasses.dataclass
class State:
    """Everything that cannot be derived from the directory's name."""

    shape: shapes.Shape
    status: str = CREATING
    creator: processes.Process | None = None
    environment: str = ''
    ports: dict[str, int] = dataclasses.field(default_factory=dict)
    admin_password: str = dataclasses.field(
        default_factory=_password, repr=False
    )
    service_password: str = dataclasses.field(
        default_factory=_password, repr=False
    )
    backends: backend_servers.Backends = dataclasses.field(
        default_factory=backend_servers.Backends
    )
    token: str = dataclasses.field(
        default_factory=lambda: secrets.token_hex(4)
    )
    backend_password: str = dataclasses.field(
        default_factory=_password, repr=False
    )

    @property
    def account(self) -> backend_servers.Account:
        """The user that this sandbox, and no other, has on the servers."""
        return backend_servers.Account(
            f'recovery_{self.token}', self.backend_password
        )

    @property
    def being_made(self) -> bool:
        """Whether somebody is at work on it right now."""
        return (
            self.status == CREATING
            and self.creator is not None
            and self.creator.alive
        )

    def claim(self, path: pathlib.Path) -> bool:
        """Write the file if there is none; returns whether this was so."""
        mine = path.with_suffix(f'.{os.getpid()}')
        self.write(mine)
        try:
            # Unlike a rename, a link replaces nothing.
            os.link(mine, path)
        except FileExistsError:
            return False
        finally:
            mine.unlink()
        return True

    def write(self, path: pathlib.Path) -> None:
        """Replace the file, readable by its owner only."""
        temporary = path.with_suffix('.new')
        temporary.touch(mode=0o600)
        value = {'version': VERSION, **dataclasses.asdict(self)}
        temporary.write_text(json.dumps(value, indent=1) + '\n')
        temporary.replace(path)

    @classmethod
    def read(cls, path: pathlib.Path) -> 'State | None':
        """What the file says; None when there is no such file.

        :raises UsageError: it is not the file of a sandbox
        """
        try:
            found: dict[str, Any] = json.loads(path.read_text())
            if found.pop('version') != VERSION:
                raise ValueError('another version')
            creator = found.pop('creator')
            return cls(
                shape=shapes.Shape(**found.pop('shape')),
                creator=creator and processes.Process(**creator),
                backends=backend_servers.Backends(**found.pop('backends', {})),
                **found,
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise exceptions.UsageError(
                f'{path} is not the description of a sandbox that this '
                'version made.'
            ) from exc

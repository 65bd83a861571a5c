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


"""Which servers a sandbox uses in place of its own files and hub."""

import dataclasses
import os

import sqlalchemy
from sqlalchemy import exc as sa_exc

from osc_recovery import exceptions

DATABASE_VARIABLE = 'OSC_RECOVERY_SANDBOX_DATABASE_URL'
TRANSPORT_VARIABLE = 'OSC_RECOVERY_SANDBOX_TRANSPORT_URL'

DATABASE_EXAMPLE = 'mysql+pymysql://root@127.0.0.1:3306/'
TRANSPORT_EXAMPLE = 'rabbit://guest:guest@127.0.0.1:5672/'


@dataclasses.dataclass(frozen=True)
class Backends:
    """A database server and a broker, by URL; empty for the sandbox's own.

    The URLs are those of users who may make others: a sandbox makes
    databases, virtual hosts and users of its own there.
    """

    database: str = dataclasses.field(default='', repr=False)
    transport: str = dataclasses.field(default='', repr=False)

    def __post_init__(self) -> None:
        for url, schemes, variable, example in (
            (
                self.database,
                ('mysql', 'mysql+pymysql'),
                DATABASE_VARIABLE,
                DATABASE_EXAMPLE,
            ),
            (
                self.transport,
                ('rabbit',),
                TRANSPORT_VARIABLE,
                TRANSPORT_EXAMPLE,
            ),
        ):
            if url and not _is_good(url, schemes):
                raise exceptions.UsageError(
                    f'{variable} is not the URL of a server that a sandbox '
                    f'can use. It looks like {example}.'
                )

    @classmethod
    def from_environment(cls) -> 'Backends':
        """What the environment names.

        :raises UsageError: it names something that is no such server
        """
        return cls(
            database=os.environ.get(DATABASE_VARIABLE, ''),
            transport=os.environ.get(TRANSPORT_VARIABLE, ''),
        )


@dataclasses.dataclass(frozen=True)
class Account:
    """The user that one sandbox has on each of the servers.

    Everything that belongs to the sandbox there is named after it.
    """

    name: str
    password: str = dataclasses.field(repr=False)


def _is_good(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parsed = sqlalchemy.make_url(url)
    except (sa_exc.ArgumentError, ValueError):
        return False
    return parsed.drivername in schemes and bool(parsed.host)

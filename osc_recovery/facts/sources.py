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

"""What facts are read from, and the questions that got no answer."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent import futures
import contextlib
import dataclasses
from typing import Generic, ParamSpec, TypeVar

from osc_recovery.cloud import session
from osc_recovery.db import cinder
from osc_recovery.db import nova_api
from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.model import facts

T = TypeVar('T')
P = ParamSpec('P')

#: API calls under way at a time: enough to hide latency, and few enough
#: for services that have just lost a part of their cloud
THREADS = 8


@dataclasses.dataclass(frozen=True)
class Sources:
    """The databases and services of one cloud, and the operator's word.

    ``clouds`` is None where the APIs cannot be used, for the reason in
    ``no_clouds``; ``cinder_db`` is None where no cinder.conf is known.
    ``fences`` reads the journal.  Intervals are in seconds.
    """

    cells: Mapping[str, nova_cell.NovaCell]
    api_db: nova_api.NovaApi
    cinder_db: cinder.Cinder | None = None
    clouds: session.Clouds | None = None
    no_clouds: str = 'the APIs were not asked'
    fences: Callable[[], Mapping[str, facts.Fence]] = dict
    default_zone: str = 'nova'
    shared_instances: tuple[str, ...] = ()
    connectors_dir: str | None = None
    report_interval: float = 10
    service_down_time: float = 60
    agent_report_interval: float = 30

    def api(self, question: Callable[[session.Clouds], T]) -> 'Answer[T]':
        """Ask one of the services; the answer says why there is none."""
        if self.clouds is None:
            return Answer(reason=self.no_clouds)
        return ask(question, self.clouds)


@dataclasses.dataclass(frozen=True)
class Answer(Generic[T]):
    """What a source said, or why it said nothing."""

    value: T | None = None
    reason: str = ''
    error: exceptions.RecoveryError | None = None

    def known(self, default: T) -> T:
        """The value, or a default where there is none."""
        return default if self.value is None else self.value


def ask(
    question: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> Answer[T]:
    """Ask one source; a service that fails is an answer without a value.

    Reading goes on without it: whoever needs the answer raises ``error``.
    """
    try:
        return Answer(question(*args, **kwargs))
    except exceptions.RecoveryError as exc:
        return Answer(reason=str(exc), error=exc)


@contextlib.contextmanager
def asking() -> Iterator['Asking']:
    """Ask several sources at the same time."""
    with futures.ThreadPoolExecutor(THREADS) as pool:
        yield Asking(pool)


class Asking:
    """Work that runs in threads while others are asked."""

    def __init__(self, pool: futures.Executor) -> None:
        self._pool = pool

    def do(
        self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> 'futures.Future[T]':
        """Start it; does not wait."""
        return self._pool.submit(work, *args, **kwargs)


def missing(fields: tuple[str, ...], reason: str) -> tuple[str, ...]:
    """Entries of an ``unknown`` tuple: ``<field>: <reason>``."""
    return tuple(f'{field}: {reason}' for field in fields)


def reasons(unknown: Iterable[str]) -> tuple[str, ...]:
    """The reasons in ``unknown`` tuples, each once, with what they hide."""
    fields: dict[str, list[str]] = {}
    for entry in unknown:
        field, _, reason = entry.partition(': ')
        fields.setdefault(reason, []).append(field)
    return tuple(
        f'{", ".join(dict.fromkeys(hidden))} not read: {reason}'
        for reason, hidden in fields.items()
    )

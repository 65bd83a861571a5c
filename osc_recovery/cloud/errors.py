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

"""Turns what services and their clients say into our exceptions."""

from collections.abc import Iterator
import contextlib
import re
from typing import Any

from keystoneauth1 import exceptions as ksa_exceptions
import requests

from osc_recovery import exceptions

#: the project's name as an operator knows it, by service type
PROJECTS = {
    'compute': 'nova',
    'network': 'neutron',
    'placement': 'placement',
    'volume': 'cinder',
}
_LONGEST = 300
#: what keystoneauth makes of requests' ConnectionError
_NO_CONNECTION = re.compile(r'Unable to establish connection to (\S+?):? ')
_ERRNO = re.compile(r'\[Errno -?\d+\] ([^\'")]+)')


class NoClientError(Exception):
    """For :func:`translated` where no client but keystoneauth is used."""


class CloudUnavailable(exceptions.StepFailed, exceptions.ServiceUnavailable):
    """A service did not answer, or answered that it cannot."""


class Refused(exceptions.StepFailed):
    """A service understood a call and said no; ``status`` is HTTP's."""

    def __init__(self, message: str, cause: str, status: int) -> None:
        super().__init__(message, cause)
        self.status = status


def unavailable(service: str, what: str, why: str) -> CloudUnavailable:
    """The error of a service (by service type) that does not work.

    ``cause`` is '<service type>-unavailable', so that a number of them in
    a row pauses a run.
    """
    return CloudUnavailable(
        f'{PROJECTS[service]} could not {what}: {one_line(why)}; check '
        f'that the service works, then try again',
        cause=f'{service}-unavailable',
    )


def refused(
    service: str, what: str, status: int, why: str, cause: str = ''
) -> Refused:
    """The error of a call that a service refused."""
    return Refused(
        f'{PROJECTS[service]} refused to {what} ({status}: {one_line(why)})',
        cause or f'{service}-refused',
        status,
    )


def from_status(
    service: str, what: str, status: int, why: str
) -> CloudUnavailable | Refused:
    """The error that an HTTP status above 399 stands for.

    401 counts as unavailable: keystoneauth has already tried with a new
    token, so that every further call would fail alike.
    """
    if status == 401 or status == 429 or status >= 500:
        return unavailable(service, what, f'it answered {status} {why}')
    return refused(service, what, status, why)


@contextlib.contextmanager
def translated(
    service: str, what: str, client_error: type[Exception]
) -> Iterator[None]:
    """Raise our errors for those of keystoneauth and of a client.

    ``what`` completes "nova could not ...". ``client_error`` is the base
    of the client's own exceptions, which carry ``code`` and ``message``.
    """
    try:
        yield
    except ksa_exceptions.ClientException as exc:
        raise unavailable(service, what, without_answer(exc)) from exc
    except client_error as exc:
        error: Any = exc
        raise from_status(
            service, what, int(error.code), str(error.message)
        ) from exc


def without_answer(exc: ksa_exceptions.ClientException) -> str:
    """Why there was no answer, without the tail of nested exceptions."""
    text = str(exc)
    found = _NO_CONNECTION.match(text)
    if found is None:
        return text
    errno = _ERRNO.search(text)
    detail = f' ({errno.group(1)})' if errno else ''
    return f'no connection to {found.group(1)}{detail}'


def reason(response: requests.Response) -> str:
    """The sentence in which a service says what is wrong."""
    return _problem(response)[1] or response.reason or ''


def code(response: requests.Response) -> str:
    """The code with which a service names the kind of an error, or ''."""
    return _problem(response)[0]


def _problem(response: requests.Response) -> tuple[str, str]:
    """Code and sentence: in NeutronError, or in placement's list."""
    try:
        body = response.json()
    except ValueError:
        return '', ''
    if not isinstance(body, dict):
        return '', ''
    if isinstance(body.get('NeutronError'), dict):
        error = body['NeutronError']
        return str(error.get('type', '')), str(error.get('message', ''))
    for error in body.get('errors') or ():
        return str(error.get('code', '')), str(error.get('detail', ''))
    return '', ''


def one_line(text: str) -> str:
    """The text on one line, cut at a length that a terminal bears."""
    line = ' '.join(str(text).split()).rstrip('.;: ')
    return line if len(line) <= _LONGEST else line[:_LONGEST] + '...'

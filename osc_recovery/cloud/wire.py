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

"""The way to one service: counted, with a time limit, bodies never logged."""

import collections
import datetime
import email.utils
import logging
import threading
import time
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import session as ksa_session
import requests

from osc_recovery.cloud import errors

LOG = logging.getLogger(__name__)

#: seconds that a service has for connecting, and for each answer, unless the
#: operator has set another limit (api_timeout in clouds.yaml)
TIMEOUT = 60.0


class Tally:
    """How many requests went to which service, by HTTP method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str]] = (
            collections.Counter()
        )

    def add(self, service: str, method: str) -> None:
        """Count one request."""
        with self._lock:
            self._counts[service, method] += 1

    def counts(self) -> dict[tuple[str, str], int]:
        """The counts so far, by service type and method."""
        with self._lock:
            return dict(self._counts)


class Wire(adapter.Adapter):
    """An adapter that clients can use as their session, too.

    keystoneauth logs the bodies of requests and answers under --debug, and
    those of cinder hold CHAP passwords, those of nova user data: here only
    method, path and status are logged.
    """

    def __init__(
        self,
        session: ksa_session.Session,
        service: str,
        tally: Tally,
        **filters: Any,
    ) -> None:
        super().__init__(session, **filters)
        # The session's limit also holds when it fetches a new token.
        if session.timeout is None:
            session.timeout = TIMEOUT
        self.service = service
        self._tally = tally
        self._date: tuple[datetime.datetime, float] | None = None

    def request(
        self, url: str, method: str, **kwargs: Any
    ) -> requests.Response:
        """Send a request; raises what keystoneauth raises."""
        kwargs['log'] = False
        self._tally.add(self.service, method)
        started = time.monotonic()
        status = 'no answer'
        try:
            response = super().request(url, method, **kwargs)
            status = str(response.status_code)
        finally:
            LOG.debug(
                '%s: %s %s: %s after %.0f ms',
                self.service,
                method,
                url,
                status,
                (time.monotonic() - started) * 1000,
            )
        self._keep_date(response)
        return response

    def call(
        self,
        method: str,
        url: str,
        what: str,
        allow: tuple[int, ...] = (),
        **kwargs: Any,
    ) -> requests.Response:
        """Send a request; ``what`` completes "neutron could not ...".

        Raises CloudUnavailable when there is no answer or one that blames
        the service, Refused for other statuses above 399 that are not in
        ``allow``.
        """
        try:
            response = self.request(url, method, raise_exc=False, **kwargs)
        except ksa_exceptions.ClientException as exc:
            why = errors.without_answer(exc)
            raise errors.unavailable(self.service, what, why) from exc
        status = response.status_code
        if status >= 400 and status not in allow:
            raise errors.from_status(
                self.service, what, status, errors.reason(response)
            )
        return response

    def now(self) -> datetime.datetime | None:
        """The service's clock, in UTC and to a second; None: not yet known.

        It is the Date of the latest answer, carried on by our own clock,
        whose absolute value nothing depends on.
        """
        if self._date is None:
            return None
        date, seen = self._date
        return date + datetime.timedelta(seconds=time.monotonic() - seen)

    def _keep_date(self, response: requests.Response) -> None:
        text = response.headers.get('Date')
        if not text:
            return
        try:
            date = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        self._date = (date, time.monotonic())

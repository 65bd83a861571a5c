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

"""The sandbox's own clients: plain requests to its services."""

from collections.abc import Callable
import threading
import time
from typing import Any, TypeVar

from keystoneauth1 import adapter
from keystoneauth1.identity import v3
from keystoneauth1 import session
import requests

from osc_recovery import exceptions
from osc_recovery.sandbox import endpoints
from osc_recovery.sandbox import state as states

T = TypeVar('T')

COMPUTE_VERSION = '2.90'
VOLUME_VERSION = '3.59'
PLACEMENT_VERSION = '1.36'


class Service(adapter.Adapter):
    """An adapter whose errors say what the service answered."""

    def request(self, url: str, method: str, **kwargs: Any) -> Any:
        """Send a request.

        :raises RecoveryError: the answer is an error
        """
        response = super().request(url, method, raise_exc=False, **kwargs)
        if response.status_code >= 400:
            raise exceptions.RecoveryError(
                f'{self.service_type}: {method} {url} was answered '
                f'{response.status_code}: {response.text[:500]}'
            )
        return response


class Api:
    """An adapter per service, as an administrator within one project."""

    def __init__(self, state: states.State, project: str) -> None:
        plain = requests.Session()
        # No proxy leads to the loopback interface.
        plain.trust_env = False
        plain.mount('http://', requests.adapters.HTTPAdapter(pool_maxsize=8))
        self._session = session.Session(
            v3.Password(
                auth_url=endpoints.url(endpoints.IDENTITY, state.ports),
                username='admin',
                password=state.admin_password,
                project_name=project,
                user_domain_name='Default',
                project_domain_name='Default',
            ),
            session=plain,
            timeout=120,
        )
        self.compute = self._adapter('compute', COMPUTE_VERSION)
        self.volume = self._adapter('block-storage', VOLUME_VERSION)
        self.placement = self._adapter('placement', PLACEMENT_VERSION)
        self.image = self._adapter('image')
        self.network = self._adapter('network')

    def _adapter(
        self, service_type: str, microversion: str | None = None
    ) -> Service:
        return Service(
            self._session,
            service_type=service_type,
            interface='public',
            region_name=endpoints.REGION,
            default_microversion=microversion,
        )


def wait(
    what: str,
    look: Callable[[], T | None],
    timeout: float = 300,
    interval: float = 0.5,
) -> T:
    """Look until something is found.

    :param timeout: seconds until giving up
    :param interval: seconds between two looks
    :raises RecoveryError: nothing was found in time
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise exceptions.RecoveryError(
                f'The sandbox waited {timeout:.0f} s for {what} in vain.'
            )
        pause.wait(interval)

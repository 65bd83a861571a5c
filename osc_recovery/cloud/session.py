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

"""The services of one cloud, each reached on first use."""

from collections.abc import Callable
import functools

from keystoneauth1 import session as ksa_session

from osc_recovery.cloud import compute
from osc_recovery.cloud import network
from osc_recovery.cloud import placement
from osc_recovery.cloud import volume
from osc_recovery.cloud import wire


class Clouds:
    """nova, cinder, neutron and placement of one region.

    ``overrides`` gives the endpoint that the operator configured for a
    service type instead of the catalog's, or None.  ``service_auth`` is a
    session with credentials that hold neutron's role ``service``, or None.
    """

    def __init__(
        self,
        session: ksa_session.Session,
        region_name: str | None,
        interface: str | None,
        overrides: Callable[[str], str | None],
        service_auth: ksa_session.Session | None = None,
    ) -> None:
        self._session = session
        self._region_name = region_name
        self._interface = interface
        self._overrides = overrides
        self._service_auth = service_auth
        self._tally = wire.Tally()

    @functools.cached_property
    def compute(self) -> compute.Compute:
        """nova."""
        return compute.Compute(self._wire('compute', 'compute'))

    @functools.cached_property
    def volume(self) -> volume.Volume:
        """cinder."""
        return volume.Volume(self._wire('volume', volume.SERVICE_TYPE))

    @functools.cached_property
    def network(self) -> network.Network:
        """neutron, also with the credentials of the service role."""
        service = None
        if self._service_auth is not None:
            service = self._wire('network', 'network', self._service_auth)
        return network.Network(self._wire('network', 'network'), service)

    @functools.cached_property
    def placement(self) -> placement.Placement:
        """placement."""
        return placement.Placement(self._wire('placement', 'placement'))

    @property
    def requests(self) -> dict[tuple[str, str], int]:
        """How many requests were sent, by service type and method."""
        return self._tally.counts()

    def _wire(
        self,
        service: str,
        service_type: str,
        session: ksa_session.Session | None = None,
    ) -> wire.Wire:
        return wire.Wire(
            session or self._session,
            service,
            self._tally,
            service_type=service_type,
            region_name=self._region_name,
            interface=self._interface or 'public',
            endpoint_override=self._overrides(service) or None,
        )

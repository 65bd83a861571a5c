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

"""Stand-ins for the layer 2 agents of every live host."""

import logging
import pathlib
import threading
import time
from typing import Any

from neutron_lib import context
from neutron_lib.plugins import directory
from oslo_utils import timeutils

from . import power
from . import wiring

LOG = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two heartbeats."""


def state_of(host: str, first: bool) -> dict[str, Any]:
    """What an Open vSwitch agent reports."""
    return {
        'agent_type': 'Open vSwitch agent',
        'binary': 'neutron-openvswitch-agent',
        'host': host,
        'topic': 'N/A',
        'start_flag': first,
        'configurations': {
            'tunnel_types': ['vxlan'],
            'tunneling_ip': '127.0.0.1',
            'bridge_mappings': {},
            'datapath_type': 'system',
            'ovs_hybrid_plug': False,
            'integration_bridge': 'br-int',
        },
    }


def report(host: str, first: bool) -> None:
    """Send one heartbeat."""
    directory.get_plugin().create_or_update_agent(
        context.get_admin_context(),
        state_of(host, first),
        timeutils.utcnow(),
    )


class Agents:
    """The agents of all hosts."""

    def __init__(self, hosts: pathlib.Path) -> None:
        self._hosts = hosts
        self._wiring = wiring.Wiring(hosts)
        self._reporting: set[str] = set()

    def act(self) -> None:
        """Report and wire ports, once, for every host that has power."""
        live = power.live_hosts(self._hosts)
        for host in live:
            report(host, first=host not in self._reporting)
        self._reporting = set(live)
        self._wiring.update(live)

    def run(self) -> None:
        """Act for ever."""
        while True:
            try:
                self.act()
            except Exception:
                # Whatever went wrong, the thread has to live on: a silent
                # agent means a dead host.
                LOG.exception('the agents could not do their work')
            time.sleep(INTERVAL)


def start(hosts: pathlib.Path) -> None:
    """Run in a thread of its own."""
    threading.Thread(target=Agents(hosts).run, daemon=True).start()

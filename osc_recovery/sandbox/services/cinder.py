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

"""Cinder's API, scheduler and volume service in one process.

``python -m recovery_sandbox.cinder <descriptor> --config-file <file>``
"""

import os
import shlex
import sys
import threading
from typing import Any

os.environ['OS_CINDER_DISABLE_EVENTLET_PATCHING'] = 'true'

from cinder import monkey_patch

monkey_patch.patch()

# Registers command line options, which has to come before the parsing that
# importing the API does.
from cinder.cmd import volume as volume_command  # noqa: E402
from cinder.common import constants  # noqa: E402
from cinder import service  # noqa: E402
from cinder import utils  # noqa: E402
import os_brick  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_privsep import priv_context  # noqa: E402

from . import sqlite  # noqa: E402
from . import wsgi  # noqa: E402


class Service(service.Service):
    """Heartbeats of its own although several services share the process.

    cinder keeps ``service_id`` on the class, one process a service.
    """

    _reporting = threading.Lock()

    def report_state(self) -> None:
        """Report as this service."""
        with self._reporting:
            service.Service.service_id = self.origin_service_id
            super().report_state()


def start(**arguments: Any) -> None:
    """Start one service in this process."""
    Service.create(**arguments).start()


def main() -> None:
    """Start the scheduler and every backend, then serve the API."""
    descriptor = int(sys.argv[1])
    sys.argv = ['cinder', *sys.argv[2:]]
    sqlite.install()
    from cinder.wsgi import api

    conf = cfg.CONF
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    os_brick.setup(conf)
    start(binary=constants.SCHEDULER_BINARY)
    for backend in conf.enabled_backends:
        conf.register_opt(volume_command.host_opt, group=backend)
        start(
            host=f'{conf.host}@{backend}',
            service_name=backend,
            binary=constants.VOLUME_BINARY,
            coordination=True,
        )
    wsgi.serve(api.application, descriptor)


if __name__ == '__main__':
    main()

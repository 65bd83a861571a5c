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

"""Neutron's API with stand-ins for the hosts' layer 2 agents.

``python -m recovery_sandbox.neutron <descriptor> <hosts-directory>``; the
configuration is named in the environment, as neutron expects.
"""

import pathlib
import sys

from . import sqlite
from . import workers
from . import wsgi


def main() -> None:
    """Start the stand-ins and serve the API."""
    descriptor, hosts = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    sys.argv = ['neutron-api']
    # One process would use one processor alone, and every move of a server
    # waits for neutron.
    let_go = workers.split()
    sqlite.install()
    from neutron import policy
    from neutron.wsgi import api

    from . import agents

    # What comes while the first request has them read would find rules
    # missing, and see empty lists.
    policy.init()

    if let_go:
        agents.start(hosts)
        let_go()
    wsgi.serve(api.application, descriptor)


if __name__ == '__main__':
    main()

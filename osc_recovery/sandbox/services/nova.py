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

"""Starts a stock nova service: conductor, scheduler or compute.

``python -m recovery_sandbox.nova <service> --config-file ...`` runs the
``main()`` of ``nova.cmd.<service>``.
"""

import sys

from nova import monkey_patch

monkey_patch.patch(backend='threading')

import importlib  # noqa: E402
from typing import Any  # noqa: E402

from nova import service  # noqa: E402
import nova.virt  # noqa: E402

from . import sqlite  # noqa: E402


def _serve_in_this_process(server: Any, workers: Any = None) -> None:
    """Replaces nova.service.serve, which forks a worker.

    One worker is all that a sandbox needs, and its parent would double the
    memory; nova-compute itself asks for no_fork.
    """
    _serve(server, workers=1, no_fork=True)


_serve = service.serve


def main() -> None:
    """Run the service that the command line names."""
    name = sys.argv[1]
    sys.argv = [f'nova-{name}', *sys.argv[2:]]
    if name == 'compute':
        from . import hypervisor

        # nova loads drivers from under nova.virt and from nowhere else.
        nova.virt.recovery_sandbox = hypervisor
        sys.modules['nova.virt.recovery_sandbox'] = hypervisor
    else:
        sqlite.install()
        service.serve = _serve_in_this_process
    importlib.import_module(f'nova.cmd.{name}').main()


if __name__ == '__main__':
    main()

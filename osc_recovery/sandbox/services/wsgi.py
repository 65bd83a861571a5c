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

"""Serves a stock WSGI application with waitress.

``python -m recovery_sandbox.wsgi <descriptor> <module>`` serves
``<module>.application`` on an inherited socket that listens already;
keystone, placement, glance and nova's API need nothing more.
"""

import importlib
import os
import signal
import socket
import sys
from typing import Any

import waitress

from . import sqlite

THREADS = 6


def die_quickly() -> None:
    """Let SIGTERM end the process: nothing here is worth a farewell."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


def serve(application: Any, descriptor: int) -> None:
    """Serve on the inherited socket until killed."""
    die_quickly()
    waitress.serve(
        application,
        sockets=[socket.socket(fileno=descriptor)],
        threads=THREADS,
        ident=None,
        channel_timeout=600,
        clear_untrusted_proxy_headers=False,
    )


def main() -> None:
    """Import the application and serve it."""
    descriptor, module = int(sys.argv[1]), sys.argv[2]
    # The applications parse sys.argv as if they were started by their own.
    sys.argv = [module]
    sqlite.install()
    serve(importlib.import_module(module).application, descriptor)


if __name__ == '__main__':
    main()

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

"""Which of the sandbox's hosts have power.

A host is a directory; a file ``off`` in it means that its power is cut.
Standard library only: the controller uses it too.
"""

import pathlib

OFF = 'off'


def live_hosts(hosts: pathlib.Path) -> list[str]:
    """The names of the hosts that have power, sorted."""
    return sorted(
        path.name
        for path in hosts.iterdir()
        if path.is_dir() and not (path / OFF).exists()
    )


def is_on(host: pathlib.Path) -> bool:
    """Whether the host has power."""
    return not (host / OFF).exists()


def cut(host: pathlib.Path) -> None:
    """Take the host's power away."""
    (host / OFF).touch()


def restore(host: pathlib.Path) -> None:
    """Give the host power again."""
    (host / OFF).unlink(missing_ok=True)

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

"""Finds a driver by its name; entry points of osc_recovery.fencing."""

from typing import Any

from oslo_config import cfg
from stevedore import driver as stevedore_driver
from stevedore import exception as stevedore_exceptions

from osc_recovery import exceptions
from osc_recovery.fencing import base


def load(name: str, conf: cfg.ConfigOpts, host: str) -> base.Driver:
    """The driver of that name for a host.

    Raises UsageError when no such driver is installed, and what the driver
    itself raises about the host.
    """
    try:
        found: stevedore_driver.DriverManager[Any] = (
            stevedore_driver.DriverManager(base.NAMESPACE, name)
        )
    except stevedore_exceptions.NoMatches:
        raise exceptions.UsageError(
            f'There is no way to fence that is called {name}: it is not '
            f'among the entry points of {base.NAMESPACE}.'
        ) from None
    made: base.Driver = found.driver(conf, host)
    return made

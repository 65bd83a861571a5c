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

"""Runs the ``main()`` of a stock command.

``python -m recovery_sandbox.run <module> <argument> ...`` needs no script,
whose first line would name the place where the environment was made.
"""

import importlib
import sys


def main() -> None:
    """Call the module's main() as if its script had been started."""
    module = sys.argv[1]
    sys.argv = [module, *sys.argv[2:]]
    sys.exit(importlib.import_module(module).main())


if __name__ == '__main__':
    main()

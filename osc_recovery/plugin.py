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

"""What OpenStackClient imports on every call: nothing heavy here."""

import argparse
import os
from typing import Any

from osc_lib import utils

DEFAULT_API_VERSION = '1'
API_VERSION_OPTION = 'os_recovery_api_version'
API_NAME = 'recovery'
API_VERSIONS = ('1',)


def make_client(instance: Any) -> Any:
    """Build the client of a client manager; nothing is connected yet."""
    from osc_recovery import client

    return client.RecoveryClient(instance)


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Add the plug-in's global options."""
    parser.add_argument(
        '--os-recovery-api-version',
        metavar='<recovery-api-version>',
        default=utils.env('OS_RECOVERY_API_VERSION'),
        help=argparse.SUPPRESS,
    )
    parser.add_argument(
        '--recovery-config',
        metavar='<file>',
        default=os.environ.get('OSC_RECOVERY_CONFIG'),
        help=(
            "osc-recovery's configuration file "
            '(Env: OSC_RECOVERY_CONFIG; '
            'default: /etc/osc-recovery/recovery.conf)'
        ),
    )
    return parser

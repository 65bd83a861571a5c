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

"""host return: a repaired host goes back into service."""

import argparse

from osc_recovery.commands import confirm
from osc_recovery.commands import writing
from osc_recovery.model import plans

#: seconds: time to walk to a console
WAIT = 1800


class ReturnHost(writing.Write):
    """Let a repaired host go back into service

    Run it while nova-compute is stopped on the host. What waits for the
    host in the message broker is thrown away, because it may start copies
    of servers that live elsewhere by now. Then you are told to start
    nova-compute, nova destroys its copies of what was moved, and the host
    is un-forced, enabled and read back. Whatever could run a server twice
    or destroy one is refused, with the reason.

    With --never the host is given up instead: what placement, nova and
    neutron keep of it is deleted, when no server is left there.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host and what the operator may choose."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'host', metavar='<host>', help='Compute host that was repaired'
        )
        parser.add_argument(
            '--wait',
            metavar='<seconds>',
            type=int,
            default=WAIT,
            help=(
                'How long to wait until you have started nova-compute '
                f'(default: {WAIT}); the run then pauses and can be resumed'
            ),
        )
        parser.add_argument(
            '--keep-disabled',
            action='store_true',
            help='Leave the service disabled, so that nothing is scheduled',
        )
        parser.add_argument(
            '--never',
            action='store_true',
            help=(
                'The host does not return: delete its service, its provider, '
                'its network agents and the allocations that were left there'
            ),
        )
        confirm.add_accept(parser)
        return parser

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Look at everything that would happen when it returns."""
        if parsed_args.never:
            return self.recovery.host_removal().plan(
                parsed_args.host, frozenset(parsed_args.accept)
            )
        return self.recovery.host_return().plan(
            parsed_args.host,
            wait=parsed_args.wait,
            enable=not parsed_args.keep_disabled,
            accept=frozenset(parsed_args.accept),
        )

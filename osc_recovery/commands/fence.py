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
"""host fence: makes sure that a host is dead before its servers move."""

import argparse

from osc_recovery.commands import confirm
from osc_recovery.commands import writing
from osc_recovery import exceptions
from osc_recovery.model import plans

CHECK_COLUMNS = ('Host', 'Agent', 'Program', 'Power', 'Answer')


class FenceHost(writing.Write):
    """Make sure that a host is dead, force its service down and disable it

    The fence agent that is configured for the host cuts its power, and is
    asked until it says that the host is off. Without an agent, or when
    the power was cut by hand, --statement says how you know that the host
    is dead; a host that still reports, from nova, neutron or cinder, is then
    refused whatever is stated. Nothing moves a server without a recorded
    fence, which is kept for ever.

    With --check the agent is only asked: exit code 0 when the host is off,
    10 when it is on, 1 when the agent gave no clear answer.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host, and what is known about it."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'host', metavar='<host>', help='Compute host to fence'
        )
        way = parser.add_mutually_exclusive_group()
        way.add_argument(
            '--agent',
            action='store_true',
            help=(
                'Have its fence agent cut the power (default, where one is '
                'configured)'
            ),
        )
        way.add_argument(
            '--statement',
            metavar='<text>',
            help=(
                'How you know that the host has no power and no guest runs '
                'there, e.g. "BMC says off, rack 12 unplugged"; its agent is '
                'not used'
            ),
        )
        way.add_argument(
            '--check',
            action='store_true',
            help='Only ask the fence agent for the power; change nothing',
        )
        confirm.add_accept(parser)
        confirm.add_override(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Fence, or only ask."""
        if parsed_args.check:
            return self.check(parsed_args)
        return super().take_action(parsed_args)

    def check(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Ask the agent; no plan is made and nothing is recorded."""
        found = self.recovery.fencing().check(parsed_args.host)
        if not found.off:
            self.exit_code = exceptions.ExitCode.BLOCKED
        row = (found.host, found.agent, found.program, found.power, found.said)
        return CHECK_COLUMNS, [row]

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Look whether the host is alive, and plan the fence."""
        return self.recovery.fencing().plan(
            parsed_args.host,
            statement=parsed_args.statement,
            accept=frozenset(parsed_args.accept),
            override=confirm.override_of(parsed_args),
        )

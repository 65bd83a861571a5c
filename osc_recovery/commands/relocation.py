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

"""host fence, host relocate: what writes to a failed host's servers."""

import argparse

from osc_recovery.commands import arguments
from osc_recovery.commands import confirm
from osc_recovery.commands import writing
from osc_recovery.model import plans


class FenceHost(writing.Write):
    """Record that a host is dead, force its service down and disable it

    Nothing moves a server without a recorded fence. The statement is kept
    for ever, with who made it and when. A host that still reports, from
    nova, neutron or cinder, is refused whatever is stated.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host and the statement."""
        parser = super().get_parser(prog_name)
        arguments.add_dead_host(parser)
        parser.add_argument(
            '--statement',
            metavar='<text>',
            required=True,
            help=(
                'How you know that the host has no power and no guest runs '
                'there, e.g. "BMC says off, rack 12 unplugged"'
            ),
        )
        confirm.add_accept(parser)
        return parser

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Look whether the host is alive, and plan the fence."""
        return self.recovery.fencing().plan(
            parsed_args.host,
            parsed_args.statement,
            frozenset(parsed_args.accept),
        )


class RelocateHost(writing.Write):
    """Move the servers of a dead host to other hosts through the database

    For a host that was fenced with "recovery host fence". Every server is
    moved in placement, nova, cinder and neutron, started again if it was
    running, and read back from all of them. Servers that cannot be moved
    safely are named with the reason and left alone.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host and what the operator may choose."""
        parser = super().get_parser(prog_name)
        arguments.add_dead_host(parser)
        arguments.add_choice(
            parser,
            target=(
                'Host to move servers to (repeat for several; default: '
                'proposed from what placement offers in the same cell)'
            ),
            server='Server to move, by name or ID (repeat; default: all)',
            power='Start what was running (default), or leave all stopped',
        )
        parser.add_argument(
            '--concurrency',
            metavar='<number>',
            type=int,
            help='Servers worked on at a time (default: [engine] concurrency)',
        )
        return parser

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Read every service and plan each server's way."""
        return self.recovery.relocation().plan(
            parsed_args.host, **arguments.chosen(parsed_args)
        )

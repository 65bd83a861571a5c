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
"""host evacuate: lets nova rebuild a dead host's servers elsewhere."""

import argparse

from osc_recovery.commands import arguments
from osc_recovery.commands import writing
from osc_recovery.model import plans


class EvacuateHost(writing.Write):
    """Evacuate the servers of a dead host with nova

    For a host that was fenced with "recovery host fence". What ran runs
    again and what was stopped stays stopped. Servers with the highest
    number in their metadata (recovery_priority, see [evacuate]
    priority_key) go first; members of an anti-affinity group go one after
    the other. A server whose disk is not known to be shared would lose its
    data and is left alone without your consent.

    Without --target nova's scheduler chooses, unless it could choose a host
    that does not share the disks: then the plan names the target.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host and what the operator may choose."""
        parser = super().get_parser(prog_name)
        arguments.add_dead_host(parser)
        arguments.add_choice(
            parser,
            target=(
                'Host to evacuate to (repeat for several; default: the '
                "choice of nova's scheduler)"
            ),
            server='Server to evacuate, by name or ID (repeat; default: all)',
            power='Run what was running (default), or leave all stopped',
        )
        parser.add_argument(
            '--concurrency',
            metavar='<number>',
            type=positive,
            help='Servers under way at a time (default: [engine] concurrency)',
        )
        parser.add_argument(
            '--per-target',
            metavar='<number>',
            type=positive,
            help=(
                'Servers under way to one target at a time; the plan then '
                'names the targets (default: [engine] per_target)'
            ),
        )
        parser.add_argument(
            '--stagger',
            metavar='<seconds>',
            type=seconds,
            help='Time between two submissions (default: none)',
        )
        return parser

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Read every service and plan each server's way."""
        return self.recovery.evacuation().plan(
            parsed_args.host,
            per_target=parsed_args.per_target,
            stagger=parsed_args.stagger,
            **arguments.chosen(parsed_args),
        )


def positive(text: str) -> int:
    """A number of servers; raises ArgumentTypeError."""
    if not text.isdigit() or not 1 <= int(text) <= 128:
        raise argparse.ArgumentTypeError(f'{text} is no number from 1 to 128')
    return int(text)


def seconds(text: str) -> float:
    """A time; raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(
            f'{text} is no number of seconds from 0 to 3600'
        )
    return value

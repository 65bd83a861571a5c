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

"""consistency audit, consistency repair: where the services disagree."""

import argparse

from osc_recovery.commands import base
from osc_recovery.commands import confirm
from osc_recovery.commands import writing
from osc_recovery import exceptions
from osc_recovery.model import plans

COLUMNS = ('Server', 'Name', 'Host', 'Code', 'Fact', 'Remedy')


class AuditConsistency(base.Lister):
    """List where nova, placement, neutron and cinder disagree

    Reads only. Without options every host and server is looked at. Ends
    with 0 when all agree, and with 16 when anything disagrees or could not
    be read.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the choice of hosts or servers."""
        parser = super().get_parser(prog_name)
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            '--host',
            metavar='<host>',
            action='append',
            default=[],
            help='Compute host with its servers (repeat; default: all)',
        )
        which.add_argument(
            '--server',
            metavar='<server>',
            action='append',
            default=[],
            help=(
                'Server: ID, unique name, instance name or EC2 ID (repeat '
                'for several)'
            ),
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Read every service and compare."""
        found = self.recovery.consistency().audit(
            tuple(parsed_args.host), tuple(parsed_args.server)
        )
        if found:
            self.exit_code = exceptions.ExitCode.UNVERIFIED
        return COLUMNS, [
            (
                subject.uuid,
                subject.name,
                subject.host,
                defect.code,
                defect.finding.fact,
                defect.finding.remedy,
            )
            for subject in found
            for defect in subject.defects
        ]


class RepairConsistency(writing.Write):
    """Mend what an audit finds about one host's servers

    The audit is made first; its findings become a plan, which is shown,
    confirmed, journaled and verified by the audit itself. A server with a
    finding that cannot be mended is left out with the remedy.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the choice of a host or of servers."""
        parser = super().get_parser(prog_name)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            '--host',
            metavar='<host>',
            help='Compute host: its servers, and what placement keeps for it',
        )
        which.add_argument(
            '--server',
            metavar='<server>',
            action='append',
            default=[],
            help='Server to mend (repeat for several of one host)',
        )
        confirm.add_accept(parser)
        return parser

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Audit, and plan what mends it."""
        return self.recovery.consistency().plan(
            host=parsed_args.host or '',
            servers=tuple(parsed_args.server),
            accept=frozenset(parsed_args.accept),
        )

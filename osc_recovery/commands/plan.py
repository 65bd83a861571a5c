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

"""plan show, plan apply: plans that were saved to a file."""

import argparse
import sys

from osc_recovery.commands import base
from osc_recovery.commands import writing
from osc_recovery.model import plans


class ShowPlan(base.Lister):
    """Show a saved plan

    With --commands every API call and SQL statement that it will send, in
    order, with secrets masked.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the file."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'plan', metavar='<file>', help='File written by --save'
        )
        parser.add_argument(
            '--commands',
            action='store_true',
            help='Show every call and statement instead of the servers',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Read the file and lay it out; nothing else is asked."""
        plan = self.recovery.load_plan(parsed_args.plan)
        if parsed_args.commands:
            return (
                ('Server', 'Step', 'Command'),
                list(self.recovery.plan_commands(plan)),
            )
        sys.stderr.write(self.recovery.describe_plan(plan, servers=False))
        return writing.plan_table(plan)


class ApplyPlan(writing.Write):
    """Carry out a saved plan

    The facts are read again first: a plan whose frame has changed is
    refused, a server that has changed is left out.
    """

    auth_required = False
    recheck = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the file."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'plan', metavar='<file>', help='File written by --save'
        )
        return parser

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Read the file; the facts are compared when it is carried out."""
        return self.recovery.load_plan(parsed_args.plan)

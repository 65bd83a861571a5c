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

"""server set: states that nova's own commands cannot set."""

import argparse

from osc_recovery.commands import arguments
from osc_recovery.commands import confirm
from osc_recovery.commands import writing
from osc_recovery.model import plans


class SetServer(writing.Write):
    """Set the states of a server that its row has wrong

    Only combinations that can be true: active with running, stopped with
    shutdown, error with either. By nova's API where that does it, else in
    the database, compared with the values that were read. A guest that runs
    is not called stopped.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the server and its states."""
        parser = super().get_parser(prog_name)
        arguments.add_server(parser)
        parser.add_argument(
            '--vm-state',
            choices=['active', 'stopped', 'error'],
            help='State to call the server; also ends its task',
        )
        parser.add_argument(
            '--power-state',
            choices=['running', 'shutdown'],
            help='Power state of a server whose host is not up',
        )
        parser.add_argument(
            '--task-state',
            choices=['none'],
            help='End a task that nothing works on any more',
        )
        confirm.add_accept(parser)
        return parser

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Read the server and its host, and plan the change."""
        return self.recovery.server_states().plan(
            parsed_args.server,
            vm_state=parsed_args.vm_state,
            power_state=parsed_args.power_state,
            clear_task=parsed_args.task_state == 'none',
            accept=frozenset(parsed_args.accept),
        )

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

"""run list, show, resume, revert, abandon: what was done, and going on."""

import argparse
from typing import Any

from osc_recovery.commands import base
from osc_recovery.commands import confirm
from osc_recovery.commands import progress
from osc_recovery.commands import writing


class ListRun(base.Lister):
    """List the runs of this journal, newest first"""

    auth_required = False

    def take_action(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Read the journal."""
        return (
            ('ID', 'Scenario', 'Host', 'State', 'Operator', 'Created At'),
            [
                (
                    run.id,
                    run.scenario,
                    run.host,
                    run.state.value,
                    run.process.operator,
                    run.created_at,
                )
                for run in self.recovery.runner().runs()
            ],
        )


class ShowRun(base.ShowOne):
    """Show a run: its servers, its steps and what verification saw"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the run."""
        parser = super().get_parser(prog_name)
        add_run(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Read the journal."""
        shown = self.recovery.runner().report(parsed_args.run)
        return tuple(shown), tuple(shown.values())


class ResumeRun(writing.Write):
    """Go on with a run that was interrupted

    A step whose outcome is not known is looked at before it is done: no
    server is started twice.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the run; there is no new plan to dry-run or to save."""
        parser = base.Lister.get_parser(self, prog_name)
        add_run(parser)
        add_process_gone(parser)
        confirm.add_accept(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Resume, drawing the progress."""
        runner = self.recovery.runner()
        total = len(runner.plan_of(parsed_args.run).servers)
        with progress.drawn(total) as listener:
            return self.tell(
                runner.resume(
                    parsed_args.run,
                    listener,
                    process_gone=parsed_args.process_gone,
                    accept=frozenset(parsed_args.accept),
                )
            )


class RevertRun(writing.Write):
    """Undo a run

    The servers of an unfinished run that have not passed the point of no
    return are brought back exactly. A finished relocation is reverted by
    a relocation in reverse, once the source is up again.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the run."""
        parser = base.Lister.get_parser(self, prog_name)
        add_run(parser)
        add_process_gone(parser)
        parser.add_argument(
            '--yes',
            action='store_true',
            help='Do not ask for confirmation',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> writing.Table:
        """Ask, then undo."""
        runner = self.recovery.runner()
        plan = runner.plan_of(parsed_args.run)
        confirm.ask(
            plan.host,
            f'Run {parsed_args.run} of host {plan.host} will be reverted.',
            assume_yes=parsed_args.yes,
        )
        with progress.drawn(len(plan.servers)) as listener:
            return self.tell(
                runner.revert(
                    parsed_args.run,
                    listener,
                    process_gone=parsed_args.process_gone,
                )
            )


class AbandonRun(base.Command):
    """Release the host of a run whose process is gone

    Nothing is undone: look at the run first and prefer to resume or to
    revert it.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the run."""
        parser = super().get_parser(prog_name)
        add_run(parser)
        add_process_gone(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Release the lease."""
        self.recovery.runner().abandon(
            parsed_args.run, process_gone=parsed_args.process_gone
        )


def add_run(parser: argparse.ArgumentParser) -> None:
    """The argument that names a run."""
    parser.add_argument(
        'run', metavar='<run>', help='ID of the run, or its beginning'
    )


def add_process_gone(parser: argparse.ArgumentParser) -> None:
    """The operator's word about a process that cannot be seen from here."""
    parser.add_argument(
        '--process-gone',
        action='store_true',
        help=(
            'You have seen that the process which worked on the run, on '
            'another machine or in another container, is gone'
        ),
    )

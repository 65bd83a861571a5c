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

"""The way every command that writes goes: plan, show, ask, run, tell."""

import argparse
from collections.abc import Sequence
import sys
from typing import Any

from osc_recovery.commands import base
from osc_recovery.commands import confirm
from osc_recovery.commands import progress
from osc_recovery import exceptions
from osc_recovery.model import plans
from osc_recovery.model import results

PLAN_COLUMNS = ('Server', 'Name', 'Target', 'Method', 'Start', 'Findings')
RESULT_COLUMNS = (
    'Server',
    'Name',
    'State',
    'Seconds',
    'Verified',
    'Message',
)

Table = tuple[Sequence[str], list[tuple[Any, ...]]]

_EXIT = {
    results.RunState.DONE: exceptions.ExitCode.DONE,
    results.RunState.PARTLY: exceptions.ExitCode.PARTLY_DONE,
    results.RunState.FAILED: exceptions.ExitCode.FAILED,
    results.RunState.PAUSED: exceptions.ExitCode.INTERRUPTED,
    results.RunState.UNVERIFIED: exceptions.ExitCode.UNVERIFIED,
}


class Write(base.Lister):
    """A command that makes a plan and carries it out."""

    #: a server that changed since is left out only when the plan is old
    recheck = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options that every writing command has."""
        parser = super().get_parser(prog_name)
        confirm.add_options(parser)
        return parser

    def make_plan(self, parsed_args: argparse.Namespace) -> plans.Plan:
        """Read the facts and make the plan; changes nothing."""
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        """Plan, show, ask, run, tell."""
        host = getattr(parsed_args, 'host', None)
        if host and not parsed_args.dry_run:
            self.recovery.runner().refuse_held(
                host, getattr(parsed_args, 'override', ())
            )
        plan = self.make_plan(parsed_args)
        shown = not parsed_args.dry_run
        sys.stderr.write(self.recovery.describe_plan(plan, servers=shown))
        if parsed_args.save:
            self.recovery.save_plan(plan, parsed_args.save)
        if parsed_args.dry_run:
            self.exit_code = verdict(plan)
            return PLAN_COLUMNS, plan_rows(plan)
        refuse(plan)
        asked = not parsed_args.yes
        confirm.ask(plan.host, self.sentence(plan), assume_yes=not asked)
        return self.carry_out(plan, recheck=asked or self.recheck)

    def sentence(self, plan: plans.Plan) -> str:
        """What the operator is asked to confirm."""
        return (
            f'{plan.scenario} of host {plan.host}: '
            f'{len(plan.runnable)} of {len(plan.servers)} to be worked on.'
        )

    def carry_out(self, plan: plans.Plan, *, recheck: bool) -> Table:
        """Run the plan, drawing its progress."""
        with progress.drawn(len(plan.runnable)) as listener:
            result = self.recovery.runner().start(
                plan, listener, recheck=recheck
            )
        return self.tell(result)

    def tell(self, result: results.RunResult) -> Table:
        """The result as rows; the exit code follows the run's state."""
        self.exit_code = _EXIT[result.state]
        sys.stderr.write(self.recovery.describe_result(result))
        return RESULT_COLUMNS, [
            (
                s.uuid,
                s.name,
                s.state.value,
                round(s.seconds, 1),
                self.recovery.verified(s),
                s.message,
            )
            for s in result.servers
        ]


def refuse(plan: plans.Plan) -> None:
    """Raise Blocked or NothingToDo when nothing of the plan can run."""
    code = verdict(plan)
    if code is exceptions.ExitCode.NOTHING_TO_DO:
        raise exceptions.NothingToDo(
            f'Nothing to do: there is no server to work on at {plan.host}.'
        )
    if code is exceptions.ExitCode.BLOCKED:
        found = [f for f in plan.findings if f.blocks]
        what = (
            f'{found[0].fact} {found[0].remedy}'
            if found
            else ('every server is blocked; see the findings above.')
        )
        raise exceptions.Blocked(f'Blocked, nothing was changed: {what}')


def verdict(plan: plans.Plan) -> exceptions.ExitCode:
    """The exit code of a plan that is only shown."""
    if plan.blocked:
        return exceptions.ExitCode.BLOCKED
    if not plan.servers:
        return exceptions.ExitCode.NOTHING_TO_DO
    if not plan.runnable:
        return exceptions.ExitCode.BLOCKED
    return exceptions.ExitCode.DONE


def plan_rows(plan: plans.Plan) -> list[tuple[Any, ...]]:
    """A plan as rows, one a server."""
    return [
        (
            server.uuid,
            server.name,
            server.target or '',
            'blocked' if server.blocked else server.method,
            'yes' if server.start else 'no',
            ', '.join(f.code for f in server.findings),
        )
        for server in plan.servers
    ]

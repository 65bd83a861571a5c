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

"""Asks before anything is written: type the host's name, or say --yes."""

import argparse
import sys

from osc_recovery import exceptions
from osc_recovery.model import findings


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that writes."""
    parser.add_argument(
        '--yes',
        action='store_true',
        help='Do not ask for confirmation; findings still need --accept',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='Show the plan and stop; nothing is changed',
    )
    parser.add_argument(
        '--save',
        metavar='<file>',
        help='Write the plan to this file, for "plan apply"',
    )


def add_accept(parser: argparse.ArgumentParser) -> None:
    """The option that consents to findings."""
    parser.add_argument(
        '--accept',
        metavar='<finding-code>',
        action='append',
        default=[],
        help='Accept a finding that needs consent, by its code (repeat)',
    )


def add_override(parser: argparse.ArgumentParser) -> None:
    """The options that pass a safety gate, recorded for ever."""
    parser.add_argument(
        '--override',
        metavar='<gate>',
        action='append',
        default=[],
        help='Pass a safety gate, by its finding code (repeat)',
    )
    parser.add_argument(
        '--reason',
        metavar='<text>',
        default='',
        help='Why a gate is passed; recorded for ever, with your name',
    )


def override_of(parsed_args: argparse.Namespace) -> findings.Override:
    """What was given with --override and --reason."""
    return findings.Override(
        frozenset(parsed_args.override), parsed_args.reason
    )


def ask(name: str, sentence: str, *, assume_yes: bool) -> None:
    """Return when the operator typed ``name``; raise UsageError otherwise.

    Without a terminal nobody can answer: then only --yes goes on.
    """
    if assume_yes:
        return
    if not sys.stdin.isatty():
        raise exceptions.UsageError(
            'There is no terminal to ask for confirmation: nothing was '
            'changed. Look at the plan with --dry-run, then add --yes.'
        )
    sys.stderr.write(f'{sentence}\n')
    sys.stderr.write(f'Type {name} to go on: ')
    sys.stderr.flush()
    try:
        answer = input()
    except EOFError:
        answer = ''
    except KeyboardInterrupt:
        sys.stderr.write('\n')
        answer = ''
    if answer.strip() != name:
        raise exceptions.UsageError('Not confirmed: nothing was changed.')

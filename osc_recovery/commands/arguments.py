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

"""Arguments that several commands have."""

import argparse
from typing import Any

from osc_recovery.commands import confirm


def add_dead_host(parser: argparse.ArgumentParser) -> None:
    """The host that a command is about."""
    parser.add_argument(
        'host', metavar='<host>', help='Compute host that is dead'
    )


def add_server(parser: argparse.ArgumentParser) -> None:
    """The one server that a command is about."""
    parser.add_argument(
        'server',
        metavar='<server>',
        help=(
            'Server: ID, unique name, instance name (instance-0000000a) '
            'or EC2 ID (i-000015b9)'
        ),
    )


def add_choice(
    parser: argparse.ArgumentParser, *, target: str, server: str, power: str
) -> None:
    """What may be chosen where the servers of a host go elsewhere.

    ``target``, ``server`` and ``power`` are the help of these options.
    """
    for name, metavar, text in (
        ('--target', '<host>', target),
        ('--server', '<server>', server),
    ):
        parser.add_argument(
            name, metavar=metavar, action='append', default=[], help=text
        )
    parser.add_argument(
        '--power', choices=['keep', 'off'], default='keep', help=power
    )
    confirm.add_accept(parser)


def chosen(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """What was chosen, as the scenarios take it."""
    return {
        'targets': tuple(parsed_args.target),
        'servers': tuple(parsed_args.server),
        'keep_power': parsed_args.power == 'keep',
        'accept': frozenset(parsed_args.accept),
        'concurrency': parsed_args.concurrency,
    }

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

"""What setup.cfg announces exists and keeps the rules for commands.

OpenStackClient only warns of a command that cannot be loaded, and the command
reference leaves it out, so that nobody would notice.
"""

import argparse
import collections.abc
import configparser
import importlib
import pathlib
import typing as ty

from osc_recovery.tests.unit import base

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMMANDS = 'openstack.recovery.v1'
# These print nothing, as OpenStackClient's delete commands do.
SILENT = (
    *('recovery_run_abandon', 'recovery_sandbox_delete'),
    *('recovery_sandbox_host_start', 'recovery_sandbox_host_stop'),
)
# cliff's own, on every command.
FOREIGN_GROUPS = ('output formatters', 'table formatter', 'csv formatter')


def entry_points(group: str) -> dict[str, str]:
    """Read the entry points of a group from setup.cfg."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / 'setup.cfg', encoding='utf-8')
    lines = parser['options.entry_points'][group].strip().splitlines()
    pairs = [line.partition('=') for line in lines]
    return {name.strip(): target.strip() for name, _, target in pairs}


def load(target: str) -> ty.Any:
    """Import what an entry point names."""
    module, _, attribute = target.partition(':')
    loaded = importlib.import_module(module)
    return getattr(loaded, attribute) if attribute else loaded


def own_actions(
    parser: argparse.ArgumentParser,
) -> collections.abc.Iterator[argparse.Action]:
    """The arguments that the command itself has added."""
    for group in parser._action_groups:
        title = group.title or ''
        if title not in FOREIGN_GROUPS and not title.endswith(' formatter'):
            for action in group._group_actions:
                if not isinstance(action, argparse._HelpAction):
                    yield action


class EntryPointTestCase(base.TestCase):
    """Everything that is announced can be imported."""

    def test_plugin(self) -> None:
        plugin = load(entry_points('openstack.cli.extension')['recovery'])
        self.assertEqual('recovery', plugin.API_NAME)

    def test_options(self) -> None:
        target = entry_points('oslo.config.opts')['osc_recovery']
        for group, options in load(target)():
            self.assertNotEqual([], options, group)

    def test_commands(self) -> None:
        for name, target in entry_points(COMMANDS).items():
            with self.subTest(name):
                prefix, *nouns, verb = name.split('_')
                self.assertEqual('recovery', prefix)
                words = [verb, *nouns]
                class_name = ''.join(word.capitalize() for word in words)
                self.assertEqual(class_name, load(target).__name__)


class CommandTestCase(base.TestCase):
    """Every command keeps the rules of HACKING.rst."""

    def setUp(self) -> None:
        super().setUp()
        self.parsers = {}
        for name, target in entry_points(COMMANDS).items():
            command = load(target)(None, None)
            self.parsers[name] = command.get_parser(name.replace('_', ' '))

    def test_help(self) -> None:
        for name, target in entry_points(COMMANDS).items():
            with self.subTest(name):
                first = (load(target).__doc__ or '').splitlines()[0]
                self.assertRegex(first, r'^[A-Z].*[^.]$')

    def test_arguments(self) -> None:
        for name, parser in self.parsers.items():
            for action in own_actions(parser):
                with self.subTest(name, argument=action.dest):
                    self.assertTrue(action.help)
                    for option in action.option_strings:
                        self.assertRegex(option, r'^--[a-z][a-z-]+$')
                    if action.metavar is not None:
                        metavar = str(action.metavar)
                        self.assertRegex(metavar, r'^<[a-z][a-z-]*>$')

    def test_json(self) -> None:
        for name, parser in self.parsers.items():
            with self.subTest(name):
                formats = [
                    action.choices or ()
                    for action in parser._actions
                    if '--format' in action.option_strings
                ]
                if formats or name not in SILENT:
                    self.assertEqual(1, len(formats))
                    self.assertIn('json', formats[0])

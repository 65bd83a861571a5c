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

"""The base of every command: exit codes, and errors in one clear line."""

import argparse
import logging
from typing import TYPE_CHECKING, Any

from osc_lib.command import command

from osc_recovery.commands import arguments
from osc_recovery import exceptions

if TYPE_CHECKING:
    from osc_recovery import client

LOG = logging.getLogger(__name__)


class Command(command.Command):
    """A command that ends with the exit code its exception carries.

    cliff turns every exception into 1 and the display commands into 0; a
    script that recovers a cloud has to tell more apart (exceptions.py).
    A command that prints its result and yet ends with another code sets
    ``exit_code``.
    """

    exit_code: exceptions.ExitCode = exceptions.ExitCode.DONE

    @property
    def recovery(self) -> 'client.RecoveryClient':
        """The plug-in's client, with the configuration file named."""
        manager: Any = self.app.client_manager
        made: client.RecoveryClient = manager.recovery
        made.use_config(self.app.options.recovery_config)
        return made

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; an error of ours becomes its exit code."""
        config = getattr(self.app.options, 'recovery_config', None)
        ours = argparse.Namespace(recovery_config=config)
        try:
            arguments.refuse_passwords(parsed_args, ours)
            code = super().run(parsed_args)
        except exceptions.RecoveryError as exc:
            LOG.error('%s', exc)
            LOG.debug('the traceback', exc_info=True)
            return int(exc.exit_code)
        return code or int(self.exit_code)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Do what the command is for."""
        raise NotImplementedError


class ShowOne(Command, command.ShowOne):
    """A command that shows one object."""


class Lister(Command, command.Lister):
    """A command that lists objects."""

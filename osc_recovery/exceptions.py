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

"""An exception per exit code; the docstring is the default message."""

import enum


class ExitCode(enum.IntEnum):
    """What the process tells the shell that started it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BLOCKED = 10
    PARTLY_DONE = 11
    NOTHING_TO_DO = 12
    FACTS_CHANGED = 13
    HELD = 14
    INTERRUPTED = 15
    UNVERIFIED = 16


class RecoveryError(Exception):
    """The command failed."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__class__.__doc__)


class UsageError(RecoveryError):
    """The command was given something that it cannot use."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """The configuration is missing, unreadable or wrong."""


class Blocked(RecoveryError):
    """Findings stand in the way; nothing was changed."""

    exit_code = ExitCode.BLOCKED


class PartlyDone(RecoveryError):
    """Some of the servers were not recovered."""

    exit_code = ExitCode.PARTLY_DONE


class NothingToDo(RecoveryError):
    """There is nothing to do."""

    exit_code = ExitCode.NOTHING_TO_DO


class FactsChanged(RecoveryError):
    """The facts have changed since the plan was made."""

    exit_code = ExitCode.FACTS_CHANGED


class Held(RecoveryError):
    """Another run holds the host."""

    exit_code = ExitCode.HELD


class Interrupted(RecoveryError):
    """The run was interrupted and can be resumed."""

    exit_code = ExitCode.INTERRUPTED


class Unverified(RecoveryError):
    """The work is done but verification disagrees or could not look."""

    exit_code = ExitCode.UNVERIFIED


class StepFailed(RecoveryError):
    """A step did not do what it should.

    ``cause`` groups failures that have one reason, such as
    ``placement-unavailable``: a number of them in a row pauses the run.
    """

    def __init__(self, message: str, cause: str = 'step-failed') -> None:
        super().__init__(message)
        self.cause = cause


class RowMismatch(StepFailed):
    """A database row no longer holds the values that the plan expects."""

    def __init__(self, message: str) -> None:
        super().__init__(message, cause='changed-since-plan')


class ServiceUnavailable(RecoveryError):
    """A service or a database did not answer."""

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


"""Reads configuration files with oslo.config; an error is one clear line.

oslo.config's own messages quote the line or the value that is wrong, and
that may be a password; ours name the file and the option and no value.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import glob
import os
from typing import Any

from oslo_config import cfg

from osc_recovery import exceptions


def parse(
    conf: cfg.ConfigOpts,
    files: Sequence[str],
    directories: Sequence[str] = (),
) -> None:
    """Let ``conf`` read these files and directories, in that order.

    The environment is no source of values: ours is not that of the
    service whose file is read.  Raises ConfigError when something named
    is missing, unreadable or malformed.
    """
    for directory in directories:
        if not os.path.isdir(directory):
            raise exceptions.ConfigError(
                f'{directory}: no such configuration directory'
            )
    try:
        conf(
            args=[],
            project='osc-recovery',
            default_config_files=list(files),
            default_config_dirs=list(directories),
            use_env=False,
        )
    except cfg.ConfigFilesNotFoundError as exc:
        raise exceptions.ConfigError(
            f'{_names(exc.config_files)}: no such configuration file'
        ) from None
    except cfg.ConfigFilesPermissionDeniedError as exc:
        raise exceptions.ConfigError(
            f'{_names(exc.config_files)}: permission to read the '
            'configuration file is denied'
        ) from None
    except cfg.ConfigFileParseError as exc:
        raise exceptions.ConfigError(_malformed(exc)) from None
    except (cfg.Error, OSError, ValueError) as exc:
        raise exceptions.ConfigError(
            f'{_names([*files, *directories])}: the configuration cannot '
            f'be read ({type(exc).__name__})'
        ) from None


def value(
    conf: cfg.ConfigOpts, group: str, option: str, needed: str = ''
) -> Any:
    """The value of a registered option; ``needed`` describes a good one.

    ``$name`` in it stands for another option of the same files, registered
    or not.  Raises ConfigError, which names file, group and option.
    """
    while True:
        try:
            if group == 'DEFAULT':
                return conf[option]
            return conf[group][option]
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError) as exc:
            # The name may be a piece of a password with a bare dollar sign.
            if not _register(conf, group, exc):
                raise exceptions.ConfigError(
                    f'{where(conf, group, option)} refers with "$" to an '
                    'option that these files do not set (a dollar sign '
                    'itself is written "$$")'
                ) from None
        except (cfg.Error, ValueError, RecursionError):
            hint = f': {needed} is needed' if needed else ''
            raise exceptions.ConfigError(
                f'{where(conf, group, option)} has a wrong value{hint}'
            ) from None


def where(conf: cfg.ConfigOpts, group: str, option: str) -> str:
    """How a message names an option: files, group, name."""
    return f'{_names(sources(conf))}: [{group}] {option}'


def sources(conf: cfg.ConfigOpts) -> list[str]:
    """The files and directories that were read."""
    return [*conf.default_config_files, *conf.default_config_dirs]


def first_existing(paths: Iterable[str]) -> list[str]:
    """The first of these files that exists, as a list, or nothing."""
    for path in paths:
        expanded = os.path.expanduser(path)
        if os.path.exists(expanded):
            return [expanded]
    return []


def expand(paths: Iterable[str]) -> list[str]:
    """The same paths with ``~`` replaced."""
    return [os.path.expanduser(path) for path in paths]


def _names(paths: Iterable[str]) -> str:
    return ', '.join(paths) or 'the built-in defaults'


def _malformed(exc: cfg.ConfigFileParseError) -> str:
    """The file and the line's number; oslo.config quotes the line."""
    cause = exc.__context__
    number = getattr(cause, 'lineno', None)
    place = f', line {number}' if number else ''
    return f'{exc.config_file}{place}: the configuration file is malformed'


def _register(
    conf: cfg.ConfigOpts,
    group: str,
    exc: cfg.NoSuchOptError | cfg.NoSuchGroupError,
) -> bool:
    """Register what a ``$name`` asks for; False if it is not set.

    oslo.config substitutes registered options only, and a service registers
    hundreds; here the files tell which of them matter.
    """
    sections = _sections(conf)
    if isinstance(exc, cfg.NoSuchGroupError):
        known = exc.group_name in sections
        if known:
            conf.register_group(cfg.OptGroup(exc.group_name))
        return known
    section, _, option = exc.opt_name.rpartition('.')
    for candidate in (section,) if section else (group, 'DEFAULT'):
        if option in sections.get(candidate, {}):
            conf.register_opt(
                cfg.StrOpt(option),
                group=None if candidate == 'DEFAULT' else candidate,
            )
            return True
    return False


def _sections(conf: cfg.ConfigOpts) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    paths = list(conf.default_config_files)
    for directory in conf.default_config_dirs:
        paths += sorted(glob.glob(os.path.join(directory, '*.conf')))
    for path in paths:
        cfg.ConfigParser(path, sections).parse()
    return sections

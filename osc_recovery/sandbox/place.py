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

"""The directory of a sandbox: found, claimed, cleared."""

import os
import pathlib
import shutil

from osc_recovery import exceptions
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import processes
from osc_recovery.sandbox import state as states


def find(
    directory: str | os.PathLike[str] | None, name: str | None
) -> layouts.Layout:
    """The place of a sandbox, by directory, by name, or the usual one."""
    if directory is not None:
        return layouts.Layout(pathlib.Path(directory))
    return layouts.Layout(layouts.default_directory(name))


def claim(layout: layouts.Layout, state: states.State) -> bool:
    """Take an empty directory; False when a sandbox has it.

    :raises UsageError: something else has it
    """
    directory = layout.directory
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not layout.state.exists() and any(directory.iterdir()):
        raise exceptions.UsageError(
            f'{directory} is not empty and holds no sandbox. Choose another '
            'directory.'
        )
    return state.claim(layout.state)


def being_made(layout: layouts.Layout, state: states.State) -> str:
    """A sentence that says who is at work there."""
    pid = state.creator.pid if state.creator else '?'
    return (
        f'The sandbox in {layout.directory} is being made by process {pid}. '
        'Wait for it or stop that process.'
    )


def kill_all(layout: layouts.Layout) -> bool:
    """Kill every process that was ever started for that directory.

    A process may be without a pid file because its maker was killed, and
    without a marker because it has written over its environment.
    """
    killed = False
    while found := {
        *processes.recorded(layout.run),
        *processes.marked(layout.directory),
    }:
        for process in found:
            process.kill()
            killed = True
    return killed


def remove(layout: layouts.Layout) -> None:
    """Remove the directory with everything in it."""
    # The file that says what this is goes last: a deletion that is killed
    # can be repeated.
    for path in layout.directory.iterdir():
        if path == layout.state:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    layout.state.unlink()
    layout.directory.rmdir()

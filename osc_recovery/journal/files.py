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

"""Makes the file of an SQLite journal readable by its owner only."""

import errno
import os
import pathlib
import stat

from sqlalchemy.engine import url as sa_url

from osc_recovery import exceptions

_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700


def prepare(url: sa_url.URL) -> None:
    """Create the file and its directory before SQLite does.

    SQLite would give the file the mode that the umask leaves; its -wal and
    -shm files take the mode of the file.  Directories that are already
    there stay as they are.  Raises ConfigError when the file cannot be
    used.
    """
    if url.get_backend_name() != 'sqlite':
        return
    if not url.database or url.database == ':memory:':
        return
    path = pathlib.Path(url.database)
    try:
        _make_directories(path.parent)
        _make_private(path)
    except OSError as exc:
        raise exceptions.ConfigError(
            f'The journal {path} cannot be used ({exc.strerror}): set '
            '[journal] connection to a place that you may write to.'
        ) from exc


def _make_directories(directory: pathlib.Path) -> None:
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for made in reversed(missing):
        made.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)


def _make_private(path: pathlib.Path) -> None:
    """Make the file, or set its mode, without opening one that is there.

    To close any descriptor of a file drops all of the process's locks on
    it (fcntl(2)): another process would then take away the log of an
    SQLite database that a connection of ours has open.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _FILE_MODE))
    except FileExistsError:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(
                errno.EISDIR, os.strerror(errno.EISDIR)
            ) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(
                errno.EACCES, os.strerror(errno.EACCES)
            ) from None
    if stat.S_IMODE(path.stat().st_mode) != _FILE_MODE:
        path.chmod(_FILE_MODE)

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

"""The Python environment that holds the real services, cached.

It is made under a temporary name and renamed when it is complete, so that a
killed installation is never taken for one. It is keyed by what went into
it: the constraints, the package list and the Python that runs it.
"""

from collections.abc import Iterator
import contextlib
import fcntl
import hashlib
import importlib.resources
import os
import pathlib
import platform
import shutil
import subprocess
import sys

from osc_recovery import exceptions
from osc_recovery.sandbox import events
from osc_recovery.sandbox import processes

PACKAGES = (
    'cinder',
    'glance',
    'keystone',
    'neutron',
    'nova',
    'openstack-placement',
    'pymysql',
    'waitress',
)

STAGE = 'environment'

# Settings of the caller that would install other versions or elsewhere.
ELSEWHERE = frozenset(
    {
        'PIP_CONSTRAINT',
        'PIP_PREFIX',
        'PIP_TARGET',
        'PIP_USER',
        'PYTHONHOME',
        'PYTHONPATH',
    }
)


def constraints() -> str:
    """The versions that the sandbox was tried with."""
    package = importlib.resources.files('osc_recovery.sandbox')
    return (package / 'constraints.txt').read_text()


def digest(*parts: str) -> str:
    """A short key for what these texts describe."""
    joined = '\0'.join(parts).encode()
    return hashlib.sha256(joined).hexdigest()[:16]


def key() -> str:
    """The key of the environment that this Python would make."""
    return digest(
        constraints(), *PACKAGES, platform.python_version(), sys.base_prefix
    )


@contextlib.contextmanager
def cache_lock(
    path: pathlib.Path, progress: events.Progress
) -> Iterator[None]:
    """Hold the cache entry; the kernel lets go when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix('.lock').open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = 'Waiting for somebody else who makes the same'
            progress(events.Event(STAGE, text))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_leftovers(path: pathlib.Path) -> None:
    """Remove what killed attempts left; the lock must be held."""
    for leftover in path.parent.glob(f'{path.name}.incomplete-*'):
        # The installer of a killed attempt may live on for a while.
        shutil.rmtree(leftover, ignore_errors=True)


class Environment:
    """A finished environment."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.python = path / 'bin' / 'python'

    def data(self, name: str) -> pathlib.Path:
        """A configuration file that a package installed under etc/."""
        return self.path / 'etc' / name


def ensure(
    cache: pathlib.Path, marker: str, progress: events.Progress
) -> Environment:
    """The cached environment, made when there is none.

    :param marker: the sandbox's directory, for finding a stray installer
    :raises RecoveryError: the installation failed
    """
    path = cache / f'environment-{key()}'
    if path.exists():
        return Environment(path)
    with cache_lock(path, progress):
        if not path.exists():
            remove_leftovers(path)
            incomplete = path.with_name(
                f'{path.name}.incomplete-{os.getpid()}'
            )
            _install(incomplete, marker, progress)
            incomplete.rename(path)
    return Environment(path)


def _install(
    path: pathlib.Path, marker: str, progress: events.Progress
) -> None:
    progress(events.Event(STAGE, 'Making a virtual environment'))
    # Imported late: half a second that no other command should pay.
    import virtualenv

    virtualenv.cli_run(
        [
            *('--python', sys.executable),
            *('--quiet', '--no-periodic-update'),
            str(path),
        ],
        setup_logging=False,
    )
    pinned = path / 'constraints.txt'
    pinned.write_text(constraints())
    log = path / 'install.log'
    command = [
        str(path / 'bin' / 'python'),
        '-m',
        'pip',
        'install',
        '--no-input',
        '--disable-pip-version-check',
        '--constraint',
        str(pinned),
        *PACKAGES,
    ]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ELSEWHERE
    }
    environment[processes.MARKER] = marker
    with subprocess.Popen(  # noqa: S603 - our own command line
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as pip:
        _follow(pip, log, progress)
    if pip.returncode:
        raise exceptions.RecoveryError(
            'The services could not be installed. The end of what pip '
            f'said:\n{processes.tail(log)}'
        )


def _follow(
    pip: 'subprocess.Popen[str]', log: pathlib.Path, progress: events.Progress
) -> None:
    total = len(constraints().splitlines())
    collected = 0
    assert pip.stdout is not None  # noqa: S101
    with log.open('w') as output:
        for line in pip.stdout:
            output.write(line)
            if line.startswith('Collecting '):
                collected += 1
                if collected % 10:
                    continue
                text = 'Fetching packages'
            elif line.startswith('Installing collected'):
                text = 'Installing'
            else:
                continue
            done = min(collected, total)
            progress(events.Event(STAGE, text, done, total))

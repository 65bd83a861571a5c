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

"""The synced databases, made once and copied into each sandbox.

Here are the files; mariadb_template.py has what a server needs. Nothing in
them depends on a sandbox's directory, ports or passwords: those are written
when a sandbox is made (services/identity.py, services/cells.py).
"""

from collections.abc import Mapping, Sequence
import concurrent.futures
import os
import pathlib
import shutil

from osc_recovery import exceptions
from osc_recovery.sandbox import environment as environments
from osc_recovery.sandbox import events
from osc_recovery.sandbox import library
from osc_recovery.sandbox import processes

STAGE = 'databases'

CELL = 'nova_cell'
"""The template of every cell's database: all cells have one schema."""

# The option that names each project's database, by file under etc/.
OPTIONS: Mapping[str, Sequence[tuple[str, str]]] = {
    'keystone': [('database', 'keystone')],
    'placement': [('placement_database', 'placement')],
    'glance': [('database', 'glance')],
    'cinder': [('database', 'cinder')],
    'neutron': [('database', 'neutron')],
    'nova': [('database', CELL), ('api_database', 'nova_api')],
}

Lanes = Sequence[Sequence[tuple[str, Sequence[str]]]]
"""Each lane runs beside the others; its commands run in order."""

NOVA: Sequence[tuple[str, Sequence[str]]] = (
    ('nova', ('nova.cmd.manage', 'api_db', 'sync')),
    ('nova', ('nova.cmd.manage', 'db', 'sync', '--local_cell')),
    ('glance', ('glance.cmd.manage', 'db_sync')),
)
OTHERS: Sequence[tuple[str, Sequence[str]]] = (
    ('keystone', ('keystone.cmd.manage', 'db_sync')),
    ('cinder', ('cinder.cmd.manage', 'db', 'sync')),
    ('placement', ('placement.cmd.manage', 'db', 'sync')),
)
NEUTRON = 'neutron.db.migration.cli'
# Neutron's migrations cannot run on SQLite: without arguments its tables
# are made by services/neutron_schema.py.
LANES: Lanes = (
    NOVA,
    (*OTHERS, ('neutron', ()), ('neutron', (NEUTRON, 'stamp', 'heads'))),
)
SERVER_LANES: Lanes = (
    (*NOVA, *OTHERS),
    (('neutron', (NEUTRON, 'upgrade', 'heads')),),
)


def url(directory: pathlib.Path, name: str) -> str:
    """The URL of a database file."""
    return f'sqlite:///{directory / name}.db?timeout=60'


def key() -> str:
    """The key of the template that belongs to today's environment."""
    recipe = pathlib.Path(__file__)
    schema = recipe.with_name('services') / 'neutron_schema.py'
    return environments.digest(
        environments.key(), recipe.read_text(), schema.read_text()
    )


def ensure(
    cache: pathlib.Path,
    environment: environments.Environment,
    marker: str,
    progress: events.Progress,
) -> pathlib.Path:
    """The directory with the cached databases, made when there is none.

    :raises RecoveryError: a synchronisation failed
    """
    path = cache / f'databases-{key()}'
    if path.exists():
        return path
    with environments.cache_lock(path, progress):
        if not path.exists():
            environments.remove_leftovers(path)
            work = path.with_name(f'{path.name}.incomplete-{os.getpid()}')
            db = work / 'db'
            db.mkdir(parents=True)
            names = [name for found in OPTIONS.values() for _, name in found]
            urls = {name: url(db, name) for name in names}
            synchronise(work, environment, marker, urls, LANES, progress)
            db.rename(path)
            shutil.rmtree(work)
    return path


def provision(
    template: pathlib.Path, db: pathlib.Path, names: set[str]
) -> None:
    """Copy the template; ``names`` are the cell databases to make of it."""
    db.mkdir()
    for source in template.glob('*.db'):
        if source.stem == CELL:
            for name in sorted(names):
                shutil.copyfile(source, db / f'{name}.db')
        else:
            shutil.copyfile(source, db / source.name)


def synchronise(
    work: pathlib.Path,
    environment: environments.Environment,
    marker: str,
    urls: Mapping[str, str],
    lanes: Lanes,
    progress: events.Progress,
) -> None:
    """Make every project's tables.

    :param work: a directory for what the commands read and write
    :param urls: of the databases that OPTIONS names; they exist
    :raises RecoveryError: a synchronisation failed, with the end of its log
    """
    for name in ('etc', 'log', 'var/tmp'):
        (work / name).mkdir(parents=True)
    library.install(work / 'lib')
    for project, options in OPTIONS.items():
        text = ''.join(
            f'[{section}]\nconnection = {urls[database]}\n'
            for section, database in options
        )
        path = work / 'etc' / f'{project}.conf'
        path.touch(mode=0o600)
        path.write_text(text)
    maker = _Maker(work, environment, marker, urls, lanes, progress)
    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        for result in [pool.submit(maker.lane, lane) for lane in lanes]:
            result.result()


class _Maker:
    def __init__(
        self,
        work: pathlib.Path,
        environment: environments.Environment,
        marker: str,
        urls: Mapping[str, str],
        lanes: Lanes,
        progress: events.Progress,
    ) -> None:
        self._work = work
        self._environment = environment
        self._variables = library.variables(work, marker)
        self._urls = urls
        self._total = sum(len(lane) for lane in lanes)
        self._progress = progress
        self._done = 0

    def lane(self, steps: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Run the commands of a lane in order."""
        for project, arguments in steps:
            self._run(project, arguments)

    def _run(self, project: str, arguments: Sequence[str]) -> None:
        text = f"Making {project}'s tables"
        self._progress(events.Event(STAGE, text, self._done, self._total))
        log = self._work / 'log' / f'{project}.log'
        command = self._command(project, arguments)
        if not processes.run(command, self._variables, log, self._work):
            raise exceptions.RecoveryError(
                f"{project}'s tables could not be made. The end of "
                f'{log}:\n{processes.tail(log)}'
            )
        self._done += 1

    def _command(self, project: str, arguments: Sequence[str]) -> list[str]:
        python = self._environment.python
        if not arguments:
            return library.command(
                python, 'neutron_schema', self._urls[project]
            )
        module, *rest = arguments
        conf = self._work / 'etc' / f'{project}.conf'
        return library.command(
            python, 'run', module, '--config-file', conf, *rest
        )

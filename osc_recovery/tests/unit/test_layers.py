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

"""Who may import whom, checked on the syntax trees of every module.

An import counts wherever it stands: at the top, in a function, under
TYPE_CHECKING, or as a constant handed to importlib.
"""

import ast
import collections.abc
import dataclasses
import os
import pathlib
import sys

import testtools

ROOT = pathlib.Path(__file__).resolve().parents[3]
PACKAGE = 'osc_recovery'
SERVICES = 'sandbox.services'
# Runs under the sandbox's own Python too.
ROWS = 'tests.functional.nova_rows'

# What each part may import besides itself and what everyone may import. A
# name stands for everything below it.
EVERYONE = ('exceptions', 'model')
ALLOWED: dict[str, tuple[str, ...]] = {
    'plugin': ('client',),
    'commands': ('client',),
    'client': ('scenarios', 'sandbox', 'conf'),
    'scenarios': (
        *('facts', 'planning', 'execution', 'steps', 'db', 'cloud', 'hosts'),
        *('fencing', 'journal', 'snapshot', 'reports', 'conf', 'sandbox'),
    ),
    'facts': ('db', 'cloud', 'hosts'),
    'steps': ('db', 'cloud', 'hosts', 'fencing'),
    'execution': ('journal',),
    'journal': ('db.engine',),
    'db': ('conf',),
    'cloud': ('conf',),
    'hosts': ('conf',),
    'fencing': ('conf',),
    'planning': (),
    'snapshot': (),
    'reports': (),
    'conf': (),
    'sandbox': (),
    'exceptions': (),
    'model': (),
}
# Server projects; their client libraries have other names.
SERVERS = (
    *('aodh', 'barbican', 'blazar', 'cinder', 'cyborg', 'designate'),
    *('glance', 'heat', 'ironic', 'keystone', 'magnum', 'manila', 'masakari'),
    *('neutron', 'nova', 'nova_powervm', 'octavia', 'placement', 'trove'),
    *('watcher', 'zun'),
)
# What would let the outside world into a plan.
IMPURE = (
    *('asyncio', 'ftplib', 'getpass', 'http', 'multiprocessing', 'os'),
    *('pathlib', 'random', 'secrets', 'select', 'selectors', 'shutil'),
    *('signal', 'smtplib', 'socket', 'socketserver', 'sqlite3', 'ssl'),
    *('subprocess', 'tempfile', 'threading', 'time', 'urllib.request'),
)
IMPURE_CALLS = (
    *('date.today', 'datetime.now', 'datetime.today', 'datetime.utcnow'),
    *('uuid.getnode', 'uuid.uuid1', 'uuid.uuid4'),
)
PURE = 'planning knows no clock, randomness, network or database'
TERMINAL = ('input', 'print')


@dataclasses.dataclass(frozen=True)
class Offence:
    """One thing that a module does against a rule."""

    path: str
    line: int
    what: str
    rule: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: {self.what}: {self.rule}'


def _below(name: str, parents: collections.abc.Iterable[str]) -> bool:
    return any(name == up or name.startswith(up + '.') for up in parents)


def _constant_argument(node: ast.Call) -> str | None:
    if node.args and isinstance(node.args[0], ast.Constant):
        value = node.args[0].value
        return value if isinstance(value, str) else None
    return None


def _imports(module: str, node: ast.AST) -> list[str]:
    """Name what a node imports, relative imports resolved."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parts = [node.module or '']
        if node.level:
            # module names a package's __init__ as package.__init__, so that
            # one dot always takes one name away.
            parts = [*module.split('.')[: -node.level], *parts]
        base = '.'.join(filter(None, parts))
        return [f'{base}.{alias.name}' for alias in node.names]
    if isinstance(node, ast.Call):
        function = ast.unparse(node.func)
        name = _constant_argument(node)
        if name and function in (
            *('__import__', 'import_module', 'importlib.import_module'),
            *('importutils.import_module', 'importutils.try_import'),
        ):
            return [name]
    return []


def _part(module: str) -> str:
    """Name the part of the project that a module belongs to."""
    below = module.removeprefix(PACKAGE + '.')
    if _below(below, [SERVICES, ROWS]):
        return SERVICES
    return below.split('.')[0]


def _broken_by_own(part: str, target: str) -> str | None:
    """Which rule forbids importing this module of the project, if any."""
    if part == SERVICES:
        if _below(target, [SERVICES]):
            return None
        return "sandbox/services runs under the sandbox's own Python"
    if part in ('tests', ''):
        return None
    allowed = (part, *ALLOWED.get(part, ()))
    if part != 'model':
        allowed += EVERYONE
    if _below(target, allowed):
        return None
    return f'{part} may import of this project only {", ".join(allowed)}'


def _broken_by_other(part: str, target: str) -> str | None:
    """Which rule forbids importing this foreign module, if any."""
    top = target.split('.')[0]
    standard = top in sys.stdlib_module_names
    if top == 'eventlet':
        return 'nothing imports eventlet'
    if top in SERVERS and part != SERVICES:
        return 'server projects are imported in sandbox/services only'
    if part == 'model' and not standard:
        return 'model imports the standard library only'
    if part == 'planning':
        if not standard or _below(target, (*IMPURE, *IMPURE_CALLS)):
            return PURE
    return None


def _broken_by_use(part: str, node: ast.AST) -> tuple[str, str] | None:
    """Which name a node uses where it must not, and the rule, if any."""
    if isinstance(node, ast.Name) and node.id in TERMINAL:
        if part != 'commands':
            return node.id, 'print and input stand in commands only'
    if part == 'planning' and isinstance(node, ast.Attribute):
        # datetime.datetime.now and datetime.now alike.
        name = '.'.join(ast.unparse(node).split('.')[-2:])
        if name in IMPURE_CALLS:
            return name, PURE
    return None


def check(path: str, source: str) -> list[Offence]:
    """Hold a module against the rules.

    :param path: where it is, seen from the root of the checkout
    """
    module = path.removesuffix('.py').replace('/', '.')
    part = _part(module.removesuffix('.__init__'))
    offences = []
    for node in ast.walk(ast.parse(source, path)):
        found = []
        for target in _imports(module, node):
            if _below(target, [PACKAGE]):
                own = target.removeprefix(PACKAGE).removeprefix('.')
                found.append((target, own and _broken_by_own(part, own)))
            else:
                found.append((target, _broken_by_other(part, target)))
        used = _broken_by_use(part, node)
        if used:
            found.append(used)
        offences += [
            Offence(path, getattr(node, 'lineno', 0), what, rule)
            for what, rule in found
            if rule
        ]
    return offences


def _modules() -> list[str]:
    """Every module of the project, seen from the root of the checkout."""
    return sorted(
        os.path.relpath(path, ROOT) for path in (ROOT / PACKAGE).rglob('*.py')
    )


class ProjectTestCase(testtools.TestCase):
    """The project keeps its own rules."""

    def test_rules_are_kept(self) -> None:
        offences = [
            offence
            for path in _modules()
            for offence in check(path, (ROOT / path).read_text('utf-8'))
        ]
        if offences:
            self.fail('\n'.join(['', *map(str, offences)]))

    def test_every_part_has_a_rule(self) -> None:
        parts = {path.split('/')[1].removesuffix('.py') for path in _modules()}
        self.assertEqual(set(), parts - {*ALLOWED, '__init__', 'tests'})

    def test_modules_are_found(self) -> None:
        self.assertIn('osc_recovery/tests/unit/test_layers.py', _modules())


# What a module says, and what of it is forbidden there.
OFFENDERS = (
    # Relative, nested, dynamic, hidden from the running program.
    ('db/a.py', 'from .. import steps', 'osc_recovery.steps'),
    ('db/__init__.py', 'from .. import steps', 'osc_recovery.steps'),
    ('db/a.py', 'from ..steps import move', 'osc_recovery.steps.move'),
    ('facts/a.py', 'import osc_recovery.steps', 'osc_recovery.steps'),
    (
        'facts/a.py',
        'def f():\n    import osc_recovery.journal.store',
        'osc_recovery.journal.store',
    ),
    (
        'model/a.py',
        'import typing\nif typing.TYPE_CHECKING:\n    import sqlalchemy',
        'sqlalchemy',
    ),
    (
        'planning/a.py',
        "import importlib\nimportlib.import_module('osc_recovery.db')",
        'osc_recovery.db',
    ),
    ('db/a.py', "__import__('osc_recovery.steps')", 'osc_recovery.steps'),
    # Part by part.
    ('model/a.py', 'from osc_recovery import exceptions', None),
    ('exceptions.py', 'from osc_recovery import conf', None),
    ('planning/a.py', 'from osc_recovery.facts import servers', None),
    ('planning/checks/a.py', 'import osc_recovery.snapshot', None),
    ('snapshot/a.py', 'from osc_recovery.db import cinder', None),
    ('reports/a.py', 'from osc_recovery.journal import store', None),
    ('execution/a.py', 'from osc_recovery.steps import move', None),
    ('journal/a.py', 'from osc_recovery.db import nova_cell', None),
    ('journal/a.py', 'import osc_recovery.db', None),
    ('conf/a.py', 'from osc_recovery.db import engine', None),
    ('cloud/a.py', 'from osc_recovery.db import engine', None),
    ('hosts/a.py', 'from osc_recovery.cloud import compute', None),
    ('fencing/a.py', 'from osc_recovery.hosts import runner', None),
    ('facts/a.py', 'from osc_recovery.planning import planner', None),
    ('steps/a.py', 'from osc_recovery.journal import store', None),
    ('scenarios/a.py', 'from osc_recovery import client', None),
    ('scenarios/a.py', 'from osc_recovery.commands import base', None),
    ('client.py', 'from osc_recovery.db import engine', None),
    ('commands/a.py', 'from osc_recovery.scenarios import fence', None),
    ('plugin.py', 'from osc_recovery import conf', None),
    ('sandbox/a.py', 'from osc_recovery import scenarios', None),
    ('sandbox/services/a.py', 'from osc_recovery import model', None),
    ('sandbox/services/a.py', 'from ... import exceptions', None),
    # Foreign modules.
    ('sandbox/a.py', 'import nova.conf', 'nova.conf'),
    ('tests/unit/a.py', 'from cinder import db', 'cinder.db'),
    ('tests/functional/rows.py', 'import nova.objects', 'nova.objects'),
    ('sandbox/services/a.py', 'import eventlet', 'eventlet'),
    ('db/a.py', 'from eventlet.green import os', 'eventlet.green.os'),
    # Purity.
    ('planning/a.py', 'import time', 'time'),
    ('planning/a.py', 'from uuid import uuid4', 'uuid.uuid4'),
    ('planning/a.py', 'import urllib.request', 'urllib.request'),
    ('planning/a.py', 'import sqlalchemy', 'sqlalchemy'),
    ('planning/a.py', 'x.datetime.now()', 'datetime.now'),
    ('planning/a.py', 'uuid.uuid4()', 'uuid.uuid4'),
    # The terminal.
    ('execution/a.py', "print('done')", 'print'),
    ('scenarios/a.py', 'ask = input', 'input'),
)
INNOCENT = (
    ('db/a.py', 'from osc_recovery import conf, exceptions, model'),
    ('db/__init__.py', 'from . import engine'),
    ('journal/a.py', 'from osc_recovery.db import engine'),
    ('model/a.py', 'import dataclasses\nfrom . import facts'),
    ('planning/a.py', 'import datetime\nx: datetime.datetime'),
    ('planning/a.py', 'import uuid, urllib.parse\nuuid.UUID(x)'),
    ('commands/a.py', "from osc_recovery import client\nprint('done')"),
    ('cloud/a.py', 'import novaclient.client, cinderclient, placement_x'),
    ('sandbox/services/a.py', 'import nova.conf\nfrom . import hub'),
    ('tests/functional/nova_rows.py', 'from nova import objects'),
    ('tests/unit/a.py', 'from osc_recovery.commands import base'),
    ('db/a.py', "log('print and import eventlet')"),
)


class CheckerTestCase(testtools.TestCase):
    """The rules are enforced, and nothing beyond them."""

    def test_offenders(self) -> None:
        for path, source, what in OFFENDERS:
            with self.subTest(path=path, source=source):
                path = f'{PACKAGE}/{path}'
                offences = check(path, source)
                self.assertEqual(1, len(offences), str(offences))
                self.assertEqual(path, offences[0].path)
                self.assertEqual(source.count('\n') + 1, offences[0].line)
                if what is not None:
                    self.assertEqual(what, offences[0].what)

    def test_innocent(self) -> None:
        for path, source in INNOCENT:
            with self.subTest(path=path, source=source):
                self.assertEqual([], check(f'{PACKAGE}/{path}', source))

    def test_message(self) -> None:
        offence = check(
            'osc_recovery/execution/engine.py',
            '\nfrom osc_recovery.db import engine\n',
        )[0]
        self.assertEqual(
            'osc_recovery/execution/engine.py:2: osc_recovery.db.engine: '
            'execution may import of this project only execution, journal, '
            'exceptions, model',
            str(offence),
        )

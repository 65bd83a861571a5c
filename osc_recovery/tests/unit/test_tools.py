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

"""The pure parts of the helper programs in tools/."""

import importlib.util
import os
import pathlib
import re
import sys
import textwrap
import types

from osc_recovery.tests.unit import base

TOOLS = pathlib.Path(__file__).resolve().parents[3] / 'tools'
DIGEST = 'ab' * 32


def load_tool(name: str) -> types.ModuleType:
    """Import a program of tools/ under a name that hides nothing."""
    spec = importlib.util.spec_from_file_location(
        f'osc_recovery_tools_{name}', TOOLS / f'{name}.py'
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up while it is made.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tox = load_tool('tox')
ci_summary = load_tool('ci_summary')
update_constraints = load_tool('update_constraints')


class IndexTestCase(base.TestCase):
    """Reading the simple API of a package index."""

    def test_json(self) -> None:
        page = f"""{{"meta": {{"api-version": "1.1"}}, "files": [
            {{"filename": "pip-26.3-py3-none-any.whl",
              "url": "../../packages/pip-26.3-py3-none-any.whl",
              "hashes": {{"sha256": "{DIGEST}"}}, "yanked": false}},
            {{"filename": "pip-26.3.tar.gz", "url": "https://b/pip.tar.gz",
              "hashes": {{}}}}]}}"""
        self.assertEqual(
            [
                (
                    'pip-26.3-py3-none-any.whl',
                    'https://a/packages/pip-26.3-py3-none-any.whl',
                    DIGEST,
                ),
                ('pip-26.3.tar.gz', 'https://b/pip.tar.gz', None),
            ],
            tox.parse_json_index(page, 'https://a/simple/pip/'),
        )

    def test_html(self) -> None:
        page = f"""<!DOCTYPE html><html><body>
            <a name="top">no link</a>
            <a href="/files/pip-26.3-py3-none-any.whl#sha256={DIGEST}"
               data-requires-python="&gt;=3.9">pip-26.3</a><br>
            <a href="pip-1%2Blocal.tar.gz#md5=00">pip-1+local.tar.gz</a>
            """
        self.assertEqual(
            [
                (
                    'pip-26.3-py3-none-any.whl',
                    'https://a/files/pip-26.3-py3-none-any.whl',
                    DIGEST,
                ),
                (
                    'pip-1+local.tar.gz',
                    'https://a/simple/pip/pip-1%2Blocal.tar.gz',
                    None,
                ),
            ],
            tox.parse_html_index(page, 'https://a/simple/pip/'),
        )

    def test_html_base(self) -> None:
        page = '<base href="https://b/x/"><a href="pip-1.tar.gz">pip</a>'
        self.assertEqual(
            'https://b/x/pip-1.tar.gz',
            tox.parse_html_index(page, 'https://a/simple/pip/')[0].url,
        )

    def test_credentials_leave_the_url(self) -> None:
        for url, expected in (
            ('https://a:1/simple', ('https://a:1/simple', None)),
            # "me:p@ss" in base64.
            ('https://me:p%40ss@a/s', ('https://a/s', 'Basic bWU6cEBzcw==')),
        ):
            with self.subTest(url):
                self.assertEqual(expected, tox.split_credentials(url))


class WheelTestCase(base.TestCase):
    """Which file of the index is pip."""

    def _choose(self, *files: tuple[str, str | None]) -> str:
        offered = [
            tox.IndexFile(name, f'https://a/{name}', digest)
            for name, digest in files
        ]
        return str(tox.choose_wheel(offered, 'pip', '26.3').filename)

    def test_none(self) -> None:
        wheel = 'pip-26.3-py3-none-any.whl'
        for files in (
            [],
            [('pip-26.3.tar.gz', DIGEST)],
            [('pip-26.3.1-py3-none-any.whl', DIGEST)],
            [(wheel + '.metadata', DIGEST)],
            [(wheel, None)],
        ):
            with self.subTest(files=files):
                error = self.assertRaises(
                    tox.BootstrapError, self._choose, *files
                )
                self.assertIn(wheel, str(error))
                self.assertIn('PIP_INDEX_URL', str(error))

    def test_exact_version(self) -> None:
        self.assertEqual(
            'pip-26.3-py3-none-any.whl',
            self._choose(
                ('pip-26.3.1-py3-none-any.whl', DIGEST),
                ('pip-26.3.tar.gz', DIGEST),
                ('pip-26.3-py3-none-any.whl', DIGEST),
            ),
        )

    def test_download_is_compared(self) -> None:
        path = self.home / 'pip.whl'
        path.write_bytes(b'not pip')
        index = tox.PackageIndex(self.home.as_uri())
        file = tox.IndexFile('pip.whl', path.as_uri(), DIGEST)
        error = self.assertRaises(tox.BootstrapError, index.download, file)
        self.assertIn('SHA-256', str(error))

    def test_unreadable_index(self) -> None:
        index = tox.PackageIndex((self.home / 'absent').as_uri())
        error = self.assertRaises(tox.BootstrapError, index.files, 'pip')
        self.assertIn('PIP_INDEX_URL', str(error))


class PinTestCase(base.TestCase):
    """Reading a version from the constraints file."""

    def test_pin(self) -> None:
        text = '# pip==1\npip-tools==2\nPip==26.3 ; python_version\ntox==4\n'
        self.assertEqual('26.3', tox.read_pin(text, 'pip'))
        self.assertEqual('4', tox.read_pin(text, 'tox'))
        self.assertRaises(tox.BootstrapError, tox.read_pin, text, 'flake8')

    def test_what_the_bootstrap_needs_is_pinned(self) -> None:
        text = (TOOLS.parent / 'constraints.txt').read_text('utf-8')
        for name in ('pip', 'tox', 'setuptools', 'pbr'):
            with self.subTest(name):
                tox.read_pin(text, name)


class EnvironmentTestCase(base.TestCase):
    """What tox is called with, and where."""

    def test_cloud_credentials_are_left_out(self) -> None:
        self.assertEqual(
            {'HOME': '/h', 'http_proxy': 'p', 'PIP_INDEX_URL': 'i'},
            tox.clean_environment(
                {
                    'HOME': '/h',
                    'OS_CLOUD': 'production',
                    'OS_PASSWORD': 's',
                    'PIP_INDEX_URL': 'i',
                    'PYTHONPATH': '/p',
                    'VIRTUAL_ENV': '/v',
                    'http_proxy': 'p',
                }
            ),
        )

    def test_copy(self) -> None:
        checkout = self.home / 'checkout'
        (checkout / 'pkg').mkdir(parents=True)
        (checkout / '.tox').mkdir()
        (checkout / 'pkg' / 'a.py').write_text('new')
        (checkout / 'pkg').chmod(0o555)
        self.addCleanup((checkout / 'pkg').chmod, 0o755)

        copy = tox.copy_to_cache(checkout)
        (copy / '.tox').mkdir()
        (copy / '.tox' / 'kept').touch()
        (copy / 'pkg' / 'stale.py').touch()
        self.assertEqual(copy, tox.copy_to_cache(checkout))

        found = sorted(str(p.relative_to(copy)) for p in copy.rglob('*'))
        self.assertEqual(
            ['.tox', '.tox/kept', 'pkg', 'pkg/a.py'],
            found,
        )
        self.assertTrue(copy.is_relative_to(os.environ['XDG_CACHE_HOME']))


class ConstraintsTestCase(base.TestCase):
    """Collecting requirements and writing pins."""

    def test_requirements(self) -> None:
        self._write(
            'pyproject.toml', '[build-system]\nrequires = ["pbr>=6"]\n'
        )
        self._write(
            'setup.cfg',
            """
            [options]
            install_requires =
                cliff>=4
            [options.extras_require]
            test =
                stestr
            """,
        )
        self._write(
            'tox.ini',
            """
            [testenv]
            deps =
                -r other.txt
            [testenv:a]
            deps =
                ruff
            [testenv:b]
            deps = {[testenv:a]deps}
            """,
        )
        self.assertEqual(
            ['cliff>=4', 'pbr>=6', 'pip', 'ruff', 'stestr', 'tox'],
            update_constraints.read_requirements(self.home),
        )

    def _write(self, name: str, text: str) -> None:
        (self.home / name).write_text(textwrap.dedent(text))

    def test_every_requirement_is_pinned(self) -> None:
        root = TOOLS.parent
        pins = (root / 'constraints.txt').read_text('utf-8').replace('_', '-')
        for line in update_constraints.read_requirements(root):
            name = re.split(r'[^\w.-]', line)[0].replace('_', '-')
            with self.subTest(name):
                tox.read_pin(pins, name)

    def test_pins(self) -> None:
        names = (('b', '2'), ('A', '1'))
        report = {
            'install': [
                {'metadata': {'name': name, 'version': version}}
                for name, version in names
            ]
        }
        self.assertEqual(
            'A==1\nb==2\n', update_constraints.format_pins(report)
        )


TOTALS = """\
======
Totals
======
Ran: {ran} tests in 1.0 sec.
 - Passed: {passed}
 - Skipped: {skipped}
 - Expected Fail: 0
 - Unexpected Success: {surprise}
 - Failed: {failed}
"""


def totals(
    passed: int, failed: int = 0, skipped: int = 0, surprise: int = 0
) -> str:
    """What stestr prints at its end."""
    return TOTALS.format(
        ran=passed + failed + skipped + surprise,
        passed=passed,
        failed=failed,
        skipped=skipped,
        surprise=surprise,
    )


class SummaryTestCase(base.TestCase):
    """From the output of tox to one line and an exit code."""

    CASES = (
        # expected environments, log, line, exit code
        (
            'py3 pep8',
            'py3: commands[0]> stestr run\n'
            + totals(5, skipped=2)
            + 'py3: OK in 2 seconds\npep8: commands[0]> pre-commit run\n'
            + '  py3: OK (3.75=setup[1.81]+cmd[1.95] seconds)\n'
            + '  pep8: OK (3.75 seconds)\n  congratulations :) (8 seconds)\n',
            '6 passed, 0 failed, 2 skipped',
            0,
        ),
        (
            'py3 functional',
            'py3: commands[0]> stestr run\n'
            + totals(5, failed=1)
            + 'functional: commands[0]> stestr run\n'
            + totals(7, surprise=1)
            + '  py3: FAIL code 1 (3 seconds)\n'
            + '  functional: FAIL code 1 (3 seconds)\n',
            '12 passed, 2 failed',
            1,
        ),
        # In colour.
        (
            'mypy',
            '  \x1b[32mmypy: OK\x1b[39m (1 seconds)\n',
            '1 passed, 0 failed',
            0,
        ),
        # A check failed.
        (
            'mypy',
            '  mypy: FAIL code 1 (1.0 seconds)\n',
            '0 passed, 1 failed',
            1,
        ),
        # Nothing was printed, or not all that was expected.
        ('py3 docs', '', '0 passed, 2 failed', 1),
        ('docs mypy', '  docs: OK (1 seconds)\n', '1 passed, 1 failed', 1),
        # An environment without tests, or with skipped ones only.
        ('py3', '  py3: OK (1 seconds)\n', '0 passed, 1 failed', 1),
        (
            'py3',
            'py3: commands[0]> x\n' + totals(0, skipped=3) + '  py3: OK (1)\n',
            '0 passed, 1 failed, 3 skipped',
            1,
        ),
        # Tests passed, then something else failed.
        (
            'py3',
            'py3: commands[0]> x\n' + totals(4) + '  py3: FAIL code 1 (1)\n',
            '4 passed, 1 failed',
            1,
        ),
        # Stopped before tox could say anything.
        (
            'py3',
            'py3: commands[0]> x\n' + totals(4),
            '4 passed, 1 failed',
            1,
        ),
        # tox skipped it.
        ('docs', '  docs: SKIP (1 seconds)\n', '0 passed, 1 failed', 1),
    )

    def test_cases(self) -> None:
        for expected, log, line, code in self.CASES:
            with self.subTest(log=log):
                found = ci_summary.read_log(log, expected.split())
                self.assertEqual(line, ci_summary.sum_up(found))
                failed = any(each.failed for each in found.values())
                self.assertEqual(code, int(failed))

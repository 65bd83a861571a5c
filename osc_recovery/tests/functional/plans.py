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

"""Plans that change nothing, compared with the findings they should have."""

from collections.abc import Iterable
from collections.abc import Mapping
import json
import pathlib
from typing import Any

import fixtures

from osc_recovery import exceptions
from osc_recovery.model import findings
from osc_recovery.planning import catalogue
from osc_recovery.tests.functional import base

Codes = set[str] | frozenset[str]

STATED = frozenset({'storage-stated'})
#: about the host, in every plan that follows its fence
SILENT = frozenset({'dead-longer-than-24h'})


class PlanTestCase(base.TestCase):
    """Plans that are compared with what they should say."""

    def setUp(self) -> None:
        super().setUp()
        self.shown: set[str] = set()
        self.wrong: list[str] = []
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.source = self.cloud.busiest()
        self.target, self.spare = self.cloud.others(self.source)

    def plan(
        self,
        expected: Mapping[str, Codes],
        *,
        frame: Codes = SILENT,
        targets: Iterable[str] | None = None,
        accept: Codes = frozenset(),
        config: str = '',
    ) -> None:
        """Make a plan for some servers, and note what is wrong with it.

        ``expected`` are the codes of each server, by its uuid, ``frame``
        those about the host; ``targets`` is the one target, if not given.
        """
        path = self.directory / 'plan.json'
        made = self.recovery(
            *('host', 'relocate', self.source, '--dry-run'),
            *('--save', str(path), '-f', 'json'),
            *_options('--server', expected),
            *_options(
                '--target', (self.target,) if targets is None else targets
            ),
            *_options('--accept', accept),
            code=None,
            env={'OSC_RECOVERY_CONFIG': config} if config else None,
        )
        if not path.exists():
            self.fail(made.err)
        plan = json.loads(path.read_text())
        path.unlink()
        blocked = {u for u, c in expected.items() if _blocks(c, accept)}
        self._compare('host', plan['findings'], frame, made)
        for server in plan['servers']:
            codes = expected[server['uuid']]
            self._compare(server['name'], server['findings'], codes, made)
        methods = {row['Server']: row['Method'] for row in made.json()}
        for uuid in expected:
            method = 'blocked' if uuid in blocked else 'relocate'
            self._same(f'{uuid} method', method, methods.get(uuid))
        code = exceptions.ExitCode.DONE
        if blocked == expected.keys() or _blocks(frame, accept):
            code = exceptions.ExitCode.BLOCKED
        self._same(f'exit code for {expected}', code, made.code)

    def _compare(
        self,
        whose: str,
        found: list[dict[str, Any]],
        expected: Codes,
        made: base.Output,
    ) -> None:
        codes = {finding['code'] for finding in found}
        self._same(whose, sorted(expected), sorted(codes))
        self.shown |= codes & set(expected)
        for finding in found:
            for text in (finding['fact'], finding['remedy']):
                if not text or text not in made.err:
                    self.wrong.append(f'{whose}: not shown: {finding}')

    def _same(self, what: str, expected: object, found: object) -> None:
        if expected != found:
            self.wrong.append(f'{what}: expected {expected}, found {found}')


def _options(name: str, values: Iterable[str]) -> list[str]:
    return [word for value in sorted(values) for word in (name, value)]


def _blocks(codes: Codes, accepted: Codes) -> bool:
    severities = {
        catalogue.CODES[code] for code in codes if code not in accepted
    }
    return bool(severities - {findings.Severity.NOTE})

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

"""Whether a run may be gone on with."""

from typing import Any
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.model import facts
from osc_recovery.scenarios import environment
from osc_recovery.scenarios import watch
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders

SILENT = ('agents: neutron does not answer',)
#: what is known of the host, what was accepted, and what is said
BLOCKED: tuple[tuple[dict[str, Any], set[str], str], ...] = (
    ({'alive_evidence': ('nova-compute reported',)}, set(), 'host-alive'),
    (
        {'alive_evidence': ('nova-compute reported',)},
        {'host-alive', 'watcher-silent'},
        'host-alive',
    ),
    ({'fence': None}, set(), 'fence-missing'),
    ({'fence_stale': True}, set(), 'fence-stale'),
    ({'unknown': SILENT}, set(), 'watcher-silent'),
    ({'unknown': SILENT}, {'uefi'}, 'watcher-silent'),
    (
        {'unknown': ('volume_services: no token',)},
        set(),
        'watcher-silent',
    ),
    (
        {'unknown': ('service: database cell1 is away',)},
        {'watcher-silent', 'facts-unknown'},
        'facts-unknown',
    ),
)
ALLOWED: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({}, set()),
    ({'unknown': SILENT}, {'watcher-silent'}),
    # what the steps need they find out for themselves
    ({'unknown': ('provider: placement does not answer',)}, set()),
)


class RequireDeadTestCase(base.TestCase):
    """require_dead, by what two readings of the host say."""

    def require(self, accept: set[str], **changes: Any) -> None:
        host: facts.Host = builders.dead(**changes)
        env = mock.create_autospec(environment.Environment, instance=True)
        with mock.patch.object(
            watch, 'watched', autospec=True, return_value=host
        ):
            watch.require_dead(env, host.name, frozenset(accept))

    def test_blocked(self) -> None:
        for changes, accept, code in BLOCKED:
            with self.subTest(f'{changes} {sorted(accept)}'):
                error = self.assertRaises(
                    exceptions.Blocked, self.require, accept, **changes
                )
                self.assertIn(f'nothing was changed: {code}:', str(error))

    def test_allowed(self) -> None:
        for changes, accept in ALLOWED:
            with self.subTest(f'{changes} {sorted(accept)}'):
                self.require(accept, **changes)

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
"""What a server looks like that nova has evacuated."""

from typing import Any

from osc_recovery.model import codec
from osc_recovery.model import facts
from osc_recovery.model import results
from osc_recovery.planning.checks import whole
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making
from osc_recovery.tests.unit.planning import test_whole

KVM1, KVM2 = builders.dead(), builders.host('kvm2')
BEFORE = builders.server('volume-backed')
NOW = test_whole.WHOLE


def expected(
    before: facts.Server = BEFORE, known: int = 0, **changes: Any
) -> whole.Expectation:
    """What is expected of it, once its host is known."""
    wanted = whole.evacuated(before, KVM1, running=True)
    # it has been in a plan, and in a journal
    wanted = codec.decode(whole.Expectation, codec.encode(wanted))
    return making.change(whole.landed(wanted, KVM2, known), **changes)


def held(**resources: int) -> facts.Server:
    """The server with an allocation on the failed host as well."""
    assert NOW.allocation is not None
    assert BEFORE.allocation is not None
    (source,) = BEFORE.allocation.providers
    kept = resources or BEFORE.allocation.providers[source]
    return making.change(
        NOW,
        allocation=making.change(
            NOW.allocation,
            providers={**NOW.allocation.providers, source: kept},
        ),
    )


class TestLanded(base.TestCase):
    def wrong(
        self, server: facts.Server, wanted: whole.Expectation
    ) -> list[tuple[str, results.Verdict]]:
        return test_whole.wrong(server, wanted)

    def test_whole(self) -> None:
        self.assertEqual([], self.wrong(NOW, expected()))

    def test_nova_keeps_the_allocation_until_the_source_returns(self) -> None:
        self.assertEqual([], self.wrong(held(), expected()))

    def test_another_allocation_there_is_wrong(self) -> None:
        self.assertEqual(
            [('allocation', results.Verdict.WRONG)],
            self.wrong(held(VCPU=99), expected()),
        )

    def test_only_the_old_allocation_is_wrong(self) -> None:
        server = making.change(NOW, allocation=BEFORE.allocation)
        self.assertEqual(
            [('allocation', results.Verdict.WRONG)],
            self.wrong(server, expected()),
        )

    def test_nested_providers_are_added_up(self) -> None:
        assert BEFORE.allocation is not None
        (resources,) = BEFORE.allocation.providers.values()
        first, *rest = resources
        providers = {
            'root': {name: resources[name] for name in rest},
            'nested': {first: resources[first]},
        }
        before = making.change(
            BEFORE,
            allocation=making.change(BEFORE.allocation, providers=providers),
        )
        self.assertEqual([], self.wrong(NOW, expected(before)))

    def test_an_older_row_does_not_stand_for_the_new_one(self) -> None:
        self.assertEqual(
            [('tombstone', results.Verdict.WRONG)],
            self.wrong(NOW, expected(known=1)),
        )

    def test_still_on_the_failed_host(self) -> None:
        names = {name for name, _ in self.wrong(BEFORE, expected())}
        self.assertLessEqual(
            {'host', 'node', 'allocation', 'tombstone', 'binding host'},
            names,
        )

    def test_a_lock_stays_as_it_was(self) -> None:
        for before in (True, False):
            wanted = expected(making.change(BEFORE, locked=before))
            for now in (True, False):
                found = self.wrong(making.change(NOW, locked=now), wanted)
                self.assertEqual(before == now, found == [])

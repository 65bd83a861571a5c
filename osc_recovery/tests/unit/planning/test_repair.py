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

"""What a repair does about each defect, and what it asks before."""

import dataclasses
import json
from typing import Any

from osc_recovery.model import codec
from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.model import findings
from osc_recovery.model import plans
from osc_recovery.planning import commands
from osc_recovery.planning import mending
from osc_recovery.planning import remedies
from osc_recovery.planning import repair
from osc_recovery.planning import volumes
from osc_recovery.tests.unit import base
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making
from osc_recovery.tests.unit.planning import scenes
from osc_recovery.tests.unit.planning import test_consistency as cases
from osc_recovery.tests.unit.planning import test_whole as recorded

WHOLE = scenes.WHOLE
HOST = builders.host('kvm2')
ONE = {'VCPU': 1}
RESTART = ('stop', 'start')
STOPPED = making.change(
    WHOLE,
    vm_state='stopped',
    power_state=4,
    api=making.change(WHOLE.api, vm_state='stopped'),
)


def planned(
    server: facts.Server,
    *accept: str,
    host: facts.Host = HOST,
    scene: model.Scene | None = None,
) -> plans.Plan:
    """The plan of a repair of kvm2."""
    made = scene or scenes.scene(server)
    made = dataclasses.replace(made, hosts={**made.hosts, host.name: host})
    wish = repair.Wish('kvm2', (), frozenset(accept))
    return repair.plan(made, host, wish, 'now', {'cell1': 'x'})


def steps_of(plan: plans.Plan) -> list[str]:
    """The kinds of steps, those that every repair has left out."""
    usual = ('lock', 'audit', 'unlock')
    return [
        spec.kind
        for server in plan.servers
        for spec in server.steps
        if spec.kind not in usual
    ]


def params_of(plan: plans.Plan, kind: str) -> dict[str, Any]:
    """The params of the one step of a kind."""
    (spec,) = [s for p in plan.servers for s in p.steps if s.kind == kind]
    return spec.params


def codes(plan: plans.Plan, severity: str) -> set[str]:
    """The findings of a weight."""
    return {
        f.code
        for f in (
            *plan.findings,
            *(f for s in plan.servers for f in s.findings),
        )
        if f.severity.value == severity
    }


#: name of a case of an audit, the steps, the codes that ask for consent
STEPS: dict[str, tuple[list[str], set[str]]] = {
    'node': (['set-row'], set()),
    'compute_id': (['set-row'], set()),
    'no compute_id': (['set-row'], set()),
    'zone': (['set-row'], set()),
    'nothing allocated': (['reallocate'], set()),
    'allocated elsewhere': (['reallocate'], set()),
    'allocated twice': (['reallocate'], set()),
    'its host would destroy it': (['set-row'], set()),
    'port bound elsewhere': (['bind', 'activate'], set()),
    'port bound to nothing': (['activate'], set()),
    'a binding left': (['settle-port'], set()),
    'binding failed': (['settle-port'], set()),
    'owner': (['settle-port'], set()),
    'attachment without mapping': (
        ['stop', 'drop-attachment', 'start'],
        {'guest-restarts'},
    ),
    'connection_info missing': (
        ['stop', 'attach', 'start'],
        {'guest-restarts'},
    ),
    "connection_info is not cinder's": (
        ['stop', 'attach', 'start'],
        {'guest-restarts'},
    ),
    'connector of another host': (
        ['stop', 'attach', 'start'],
        {'guest-restarts'},
    ),
    'mountpoint': (['stop', 'attach', 'start'], {'guest-restarts'}),
    'lock left': (['release-lock'], {'lock-foreign'}),
    'two places': (
        ['reallocate', 'set-row', 'settle-port'],
        {'copy-possible'},
    ),
    'the guide': (
        [
            *('stop', 'reallocate', 'bind', 'set-row'),
            *('attach',) * len(WHOLE.volume_mappings),
            *('activate', 'start'),
        ],
        {'guest-restarts', 'copy-possible'},
    ),
}
#: what nobody mends
LEFT = {
    'API',
    'API silent',
    'attaching',
    'busy',
    'cinder silent',
    'mapping without attachment',
    'mapping names none',
    'neutron silent',
    'no such host',
    'on no host, and allocated',
    'on no host, and exported',
    'placement silent',
    'power',
    'volume',
}


class RepairTestCase(base.TestCase):
    def test_steps(self) -> None:
        for name, server, wanted in cases.CASES:
            if name not in STEPS:
                continue
            kinds, asked = STEPS[name]
            with self.subTest(name):
                plan = planned(server)
                self.assertEqual(kinds, steps_of(plan))
                self.assertEqual(set(), codes(plan, 'blocker'))
                self.assertEqual(asked, codes(plan, 'consent'))
                self.assertEqual(not asked, bool(plan.runnable))
                self.assertTrue(planned(server, *asked).runnable)
                self.assertEqual(wanted, codes(plan, 'note'))

    def test_what_is_not_mended_blocks(self) -> None:
        for name, server, wanted in cases.CASES:
            if name not in LEFT:
                continue
            with self.subTest(name):
                plan = planned(server, 'guest-restarts')
                self.assertEqual((), plan.runnable)
                self.assertTrue(wanted & codes(plan, 'blocker'))

    def test_every_case_is_one_or_the_other(self) -> None:
        names = {name for name, _, wanted in cases.CASES if wanted}
        self.assertEqual(names, {*STEPS} | LEFT)

    def test_remedies(self) -> None:
        """A remedy names the repair if and only if it mends."""
        for name, server, wanted in cases.CASES:
            if name in STEPS:
                self.assertEqual(set(), wanted - remedies.MENDED, name)

    def test_a_plan_is_json_and_has_words(self) -> None:
        for name, server, _ in cases.CASES:
            plan = planned(server, 'guest-restarts', 'copy-possible')
            text = json.dumps(codec.encode(plan))
            self.assertEqual(
                plan, codec.decode(plans.Plan, json.loads(text)), name
            )
            commands.describe(plan)

    def test_nothing_to_do(self) -> None:
        self.assertEqual((), planned(WHOLE).servers)

    def test_locked_by_the_owner(self) -> None:
        server = making.change(
            WHOLE, zone='az9', locked=True, locked_reason='mine'
        )
        (made,) = planned(server).servers
        self.assertEqual(['set-row', 'audit'], [s.kind for s in made.steps])

    def test_a_stopped_server_needs_no_consent(self) -> None:
        server = recorded.mapping(STOPPED, connection_digest=None)
        plan = planned(server)
        self.assertEqual(['attach'], steps_of(plan))
        self.assertTrue(plan.runnable)

    def test_others_are_not_stopped(self) -> None:
        server = making.change(
            recorded.mapping(WHOLE, connection_digest=None),
            vm_state='paused',
            power_state=3,
            api=making.change(WHOLE.api, vm_state='paused'),
        )
        plan = planned(server)
        self.assertEqual(['attach'], steps_of(plan))
        self.assertEqual({'state-unfit'}, codes(plan, 'blocker'))

    def test_order(self) -> None:
        """What can be undone comes before what cannot."""
        for name, server, _ in cases.CASES:
            for made in planned(server).servers:
                kinds = [spec.kind for spec in made.steps]
                order = [mending.ORDER.index(kind) for kind in kinds]
                self.assertEqual(sorted(order), order, name)


class ParamsTestCase(base.TestCase):
    """What the steps are given."""

    def test_tombstone(self) -> None:
        params = params_of(planned(scenes.guide()), 'set-row')
        self.assertEqual(
            {'host': 'kvm1', 'node': 'kvm1'}, params['tombstone']['source']
        )
        self.assertEqual('kvm2', params['tombstone']['target']['host'])
        self.assertEqual({'node', 'compute_id'}, set(params['values']))
        self.assertEqual('kvm1', params['expected']['node'])
        # nova has stopped it by then
        self.assertEqual('stopped', params['expected']['vm_state'])
        row = making.change(WHOLE, zone='az9')
        params = params_of(planned(row), 'set-row')
        self.assertEqual('active', params['expected']['vm_state'])

    def test_resources(self) -> None:
        """A double keeps its own; none at all gets the flavor's."""
        two = scenes.held(kvm1={'VCPU': 9}, kvm2=ONE)
        here = scenes.provider('kvm2')
        params = params_of(planned(two), 'reallocate')
        self.assertEqual({here: ONE}, params['after'])
        params = params_of(planned(scenes.held()), 'reallocate')
        flavor = WHOLE.flavor
        self.assertEqual(
            {'VCPU': flavor.vcpus, 'MEMORY_MB': flavor.memory_mb},
            params['after'][here],
        )
        server = builders.server('image-backed')
        self.assertEqual(
            server.flavor.root_gb,
            (volumes.resources(server) or {})['DISK_GB'],
        )

    def test_a_special_flavor_is_left_to_nova(self) -> None:
        for key in ('resources:VGPU', 'hw:cpu_policy', 'accel:device_profile'):
            flavor = making.change(WHOLE.flavor, extra_specs={key: '1'})
            server = making.change(scenes.held(), flavor=flavor)
            plan = planned(server)
            self.assertIn('allocation-missing', codes(plan, 'blocker'))

    def test_reattach(self) -> None:
        """Only while cinder calls the volume available."""
        first, *rest = WHOLE.attachments
        server = making.change(WHOLE, attachments=tuple(rest))
        server = making.change(
            server,
            volumes=tuple(
                making.change(v, status='available')
                if v.id == first.volume_id
                else v
                for v in server.volumes
            ),
        )
        plan = planned(server, 'guest-restarts')
        self.assertEqual(['stop', 'reattach', 'start'], steps_of(plan))
        self.assertEqual(set(), codes(plan, 'blocker'))
        params = params_of(plan, 'reattach')
        self.assertEqual(first.id, params['attachment'])
        self.assertEqual('kvm2', params['connector']['host'])

    def test_a_lost_root(self) -> None:
        """The attachments of a server without its root mapping are kept."""
        server = making.change(WHOLE, mappings=())
        plan = planned(server, 'guest-restarts')
        self.assertEqual([], steps_of(plan))
        self.assertIn('attachment-unmapped', codes(plan, 'blocker'))


class GateTestCase(base.TestCase):
    """What stands in the way of a repair."""

    def test_the_host_does_not_work(self) -> None:
        down = dataclasses.replace(HOST, up=False)
        for server in (cases.CASES[13][1], scenes.guide()):
            plan = planned(server, 'guest-restarts', host=down)
            self.assertIn('host-not-up', codes(plan, 'blocker'))
        row = making.change(WHOLE, zone='az9')
        self.assertTrue(planned(row, host=down).runnable)

    def test_no_connector(self) -> None:
        server = recorded.attachment(WHOLE, connector={'host': 'kvm1'})
        plan = planned(server, host=dataclasses.replace(HOST, connector=None))
        self.assertIn('connector-elsewhere', codes(plan, 'blocker'))

    def test_who_may_have_a_copy(self) -> None:
        alive = builders.host('kvm1')
        dead = builders.dead('kvm1')
        open_service = making.change(dead.service, forced_down=False)
        cases_: tuple[tuple[facts.Host, str], ...] = (
            (alive, 'copy-possible'),
            (dead, ''),
            (dataclasses.replace(dead, fence=None), 'fence-missing'),
            (dataclasses.replace(dead, fence_stale=True), 'fence-missing'),
            (dataclasses.replace(dead, service=open_service), 'fence-missing'),
        )
        for other, code in cases_:
            scene = scenes.scene(
                scenes.guide(), hosts={'kvm1': other, 'kvm2': HOST}
            )
            plan = planned(scenes.guide(), 'guest-restarts', scene=scene)
            blocking = {f.code for f in plan.servers[0].findings if f.blocks}
            self.assertEqual({code} - {''}, blocking)

    def test_disks_that_stay_behind(self) -> None:
        other = dataclasses.replace(
            builders.dead('kvm1'), instances_shared=False
        )
        server = making.change(
            scenes.guide(),
            mappings=tuple(
                making.change(m, boot_index=None) for m in WHOLE.mappings
            ),
        )
        scene = scenes.scene(server, hosts={'kvm1': other, 'kvm2': HOST})
        plan = planned(server, 'guest-restarts', scene=scene)
        self.assertIn('storage-unproven', codes(plan, 'blocker'))

    def test_without_the_role(self) -> None:
        for name, ends in (
            ('port bound elsewhere', True),
            ('a binding left', False),
        ):
            (server,) = [s for n, s, _ in cases.CASES if n == name]
            scene = scenes.scene(server, stage_bindings=False)
            plan = planned(server, scene=scene)
            self.assertEqual(ends, bool(plan.runnable), name)
        (server,) = [
            s for n, s, _ in cases.CASES if n == 'port bound elsewhere'
        ]
        scene = scenes.scene(server, stage_bindings=False)
        self.assertEqual(['activate'], steps_of(planned(server, scene=scene)))

    def test_orphans(self) -> None:
        consumers = {'kvm2': {scenes.ORPHAN: ONE}}
        plan = planned(WHOLE, scene=scenes.scene(consumers=consumers))
        (made,) = plan.servers
        self.assertEqual(
            ['reallocate', 'audit'], [spec.kind for spec in made.steps]
        )
        self.assertTrue(plan.runnable)
        self.assertTrue(made.steps[0].params['gone'])

    def test_the_host_itself(self) -> None:
        """A fence that is left stops nothing; a lost provider does."""
        fence = facts.Fence('kvm2', 'statement', 'off', 'ops', 'then')
        row = making.change(WHOLE, zone='az9')
        fenced = dataclasses.replace(HOST, fence=fence)
        plan = planned(row, host=fenced)
        self.assertEqual(
            findings.Severity.NOTE,
            next(f for f in plan.findings if f.code == 'fence-left').severity,
        )
        self.assertTrue(plan.runnable)
        lost = dataclasses.replace(HOST, provider=None)
        self.assertTrue(planned(row, host=lost).blocked)

    def test_what_was_not_read(self) -> None:
        """Another cell is no hindrance, the journal is."""
        row = making.change(WHOLE, zone='az9')
        scene = scenes.scene(row, unknown=('servers: cell2 is away',))
        plan = planned(row, scene=scene)
        self.assertEqual(
            {'facts-unknown', 'zone-differs'}, codes(plan, 'note')
        )
        self.assertTrue(plan.runnable)
        scene = scenes.scene(row, runs=None, unknown=('journal: locked',))
        self.assertTrue(planned(row, scene=scene).blocked)

    def test_fingerprint(self) -> None:
        """Who or what else is wrong makes another plan."""
        first = planned(making.change(WHOLE, zone='az9'))
        again = planned(making.change(WHOLE, zone='az9'))
        other = planned(making.change(WHOLE, zone='az8'))
        self.assertEqual(first, again)
        self.assertNotEqual(
            first.servers[0].fingerprint, other.servers[0].fingerprint
        )
        self.assertEqual(
            repair.Wish('kvm2', (), frozenset()), repair.of_plan(first)
        )

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

"""Scenes for audits: a whole server on kvm2, and ways to spoil it."""

import dataclasses
from typing import Any

from osc_recovery.model import consistency as model
from osc_recovery.model import facts
from osc_recovery.planning import consistency
from osc_recovery.tests.unit.planning import builders
from osc_recovery.tests.unit.planning.cases import making
from osc_recovery.tests.unit.planning import test_whole as recorded

HOST, OTHER = 'kvm2', 'kvm1'
WHOLE = making.change(recorded.WHOLE, locked=False)
RUN = 'r-20261122-4f7c'
ORPHAN = '99999999-9999-4999-8999-999999999999'


def provider(name: str) -> str:
    """The provider of a host."""
    found = builders.host(name).provider
    assert found is not None
    return found.uuid


def scene(server: facts.Server | None = None, **changes: Any) -> model.Scene:
    """The server on kvm2, which is up; so is kvm1."""
    made = model.Scene(
        hosts={name: builders.host(name) for name in (OTHER, HOST)},
        servers=(server or WHOLE,),
        looked_at=(HOST,),
        consumers={HOST: {WHOLE.uuid: {'VCPU': 1}}},
        placed={WHOLE.uuid: HOST},
        runs={},
    )
    return dataclasses.replace(made, **changes)


def held(**resources: dict[str, int]) -> facts.Server:
    """The server with an allocation by host."""
    providers = {provider(name): r for name, r in resources.items()}
    return making.change(
        WHOLE, allocation=making.change(WHOLE.allocation, providers=providers)
    )


def guide(server: facts.Server = WHOLE) -> facts.Server:
    """Only instances.host was changed: everything else says kvm1."""
    node = builders.host(OTHER).node
    assert node is not None
    return making.change(
        server,
        node=node.node,
        compute_id=node.id,
        api=making.change(server.api, node=node.node),
        migrations=(),
        allocation=held(kvm1={'VCPU': 1}).allocation,
        ports=tuple(
            making.change(
                port,
                host=OTHER,
                bindings=(
                    facts.PortBinding(OTHER, 'ACTIVE', 'tap', 'normal'),
                ),
            )
            for port in server.ports
        ),
        attachments=tuple(
            making.change(
                found,
                attached_host=OTHER,
                connector={
                    **builders.connector(OTHER),
                    'mountpoint': found.mountpoint,
                },
            )
            for found in server.attachments
        ),
    )


def codes(server: facts.Server, **changes: Any) -> set[str]:
    """What an audit finds about it."""
    made = scene(server, **changes)
    return {d.code for d in consistency.of_server(server, made)}

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

"""What was read about hosts, servers and the things that hang on them.

Every field is what a service or a database said, unchanged.  Times are ISO
8601 text in UTC, sizes carry their unit in the name, ``None`` means that
the source has no value.  A whole group that could not be read is ``None``
and named in the ``unknown`` tuple of its owner, with the reason.
"""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Cell:
    """A row of cell_mappings, without its secrets."""

    uuid: str
    name: str
    disabled: bool = False

    @property
    def is_cell0(self) -> bool:
        """cell0 holds the servers that were never scheduled."""
        return self.uuid == '00000000-0000-0000-0000-000000000000'


@dataclasses.dataclass(frozen=True)
class ComputeService:
    """A nova-compute row of the services table of a cell database."""

    uuid: str
    host: str
    disabled: bool
    disabled_reason: str | None
    forced_down: bool
    last_seen_up: str | None
    report_count: int
    version: int | None = None


@dataclasses.dataclass(frozen=True)
class ComputeNode:
    """A row of the compute_nodes table of a cell database."""

    id: int
    uuid: str
    host: str
    node: str
    hypervisor_type: str
    cpu_arch: str | None = None


@dataclasses.dataclass(frozen=True)
class Agent:
    """A neutron agent or a cinder service that reports from a host."""

    name: str
    host: str
    heartbeat: str | None
    alive: bool


@dataclasses.dataclass(frozen=True)
class Provider:
    """A placement resource provider with what it has and what is used."""

    uuid: str
    name: str
    generation: int
    capacity: dict[str, int]
    used: dict[str, int]
    max_unit: dict[str, int] = dataclasses.field(default_factory=dict)
    traits: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()

    def free(self, resource_class: str) -> int:
        """Units of a resource class that can still be allocated."""
        return self.capacity.get(resource_class, 0) - self.used.get(
            resource_class, 0
        )


@dataclasses.dataclass(frozen=True)
class Fence:
    """Proof, or a recorded statement, that a host is dead.

    ``last_seen_up`` is when nova-compute had reported last: a later report
    makes the fence stale, whatever the clocks of the machines say.
    """

    host: str
    method: str
    statement: str
    operator: str
    recorded_at: str
    run_id: str = ''
    last_seen_up: str = ''


@dataclasses.dataclass(frozen=True)
class Host:
    """A compute host: service, node, provider and whoever reports there.

    ``alive_evidence`` names every sign that the host still works, seen
    over two report intervals whatever its state says (design: Dead or
    alive).  ``fence_stale``: it was heard of after the fence was recorded.
    ``up`` is what nova's service_is_up says, forced_down included.
    """

    name: str
    cell: Cell
    service: ComputeService
    node: ComputeNode | None
    zone: str
    provider: Provider | None = None
    agents: tuple[Agent, ...] = ()
    volume_services: tuple[Agent, ...] = ()
    alive_evidence: tuple[str, ...] = ()
    fence: Fence | None = None
    fence_stale: bool = False
    connector: dict[str, Any] | None = None
    connector_source: str = ''
    instances_shared: bool = False
    server_count: int = 0
    up: bool | None = None
    unknown: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Flavor:
    """The flavor a server was built with, as instance_extra keeps it."""

    name: str
    vcpus: int
    memory_mb: int
    root_gb: int
    ephemeral_gb: int = 0
    swap_mb: int = 0
    extra_specs: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Mapping:
    """A block device mapping of nova.

    ``connection_digest`` is a SHA-256 of connection_info: the text itself
    may hold CHAP secrets and never leaves the database layer.
    ``connection_differs`` names its keys that cinder's has otherwise, where
    they were compared.
    """

    id: int
    uuid: str
    device_name: str | None
    source_type: str
    destination_type: str
    boot_index: int | None
    volume_id: str | None
    attachment_id: str | None
    connection_digest: str | None
    delete_on_termination: bool = False
    guest_format: str | None = None
    tag: str | None = None
    connection_differs: tuple[str, ...] = ()

    @property
    def is_volume(self) -> bool:
        """Whether cinder holds the device."""
        return self.volume_id is not None

    @property
    def is_root(self) -> bool:
        """Whether the server boots from it."""
        return self.boot_index == 0


@dataclasses.dataclass(frozen=True)
class Attachment:
    """A volume attachment of cinder."""

    id: str
    volume_id: str
    server: str | None
    attached_host: str | None
    mountpoint: str | None
    status: str
    connector: dict[str, Any] | None
    has_connection: bool = False


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume of cinder; ``service_host`` is host@backend#pool."""

    id: str
    name: str | None
    status: str
    attach_status: str | None
    multiattach: bool
    encrypted: bool
    service_host: str | None
    migration_status: str | None = None
    size_gb: int = 0


@dataclasses.dataclass(frozen=True)
class PortBinding:
    """One binding of a port to a host."""

    host: str
    status: str
    vif_type: str
    vnic_type: str


@dataclasses.dataclass(frozen=True)
class Port:
    """A neutron port of a server, with its bindings."""

    id: str
    device_owner: str
    host: str
    vif_type: str
    vnic_type: str
    status: str
    profile: dict[str, Any] = dataclasses.field(default_factory=dict)
    has_resource_request: bool = False
    bindings: tuple[PortBinding, ...] = ()


@dataclasses.dataclass(frozen=True)
class Allocation:
    """What placement has allocated to a server, provider by provider."""

    consumer: str
    generation: int | None
    project_id: str
    user_id: str
    providers: dict[str, dict[str, int]]


@dataclasses.dataclass(frozen=True)
class Migration:
    """A row of the migrations table of a cell database."""

    id: int
    uuid: str | None
    type: str | None
    status: str
    source_host: str | None
    source_node: str | None
    dest_host: str | None
    dest_node: str | None


@dataclasses.dataclass(frozen=True)
class ServerGroup:
    """A server group of nova_api and where its members live."""

    uuid: str
    policy: str
    max_per_host: int | None
    member_hosts: dict[str, str | None]


@dataclasses.dataclass(frozen=True)
class HardwareTies:
    """What binds a server to one host's hardware (instance_extra)."""

    numa_topology: bool = False
    cpu_pinning: bool = False
    pci_requests: int = 0
    pci_devices: int = 0
    resources: bool = False
    migration_context: bool = False
    shares: int = 0


@dataclasses.dataclass(frozen=True)
class ApiView:
    """What nova's API says of a server, to lay beside the database."""

    status: str
    host: str | None
    node: str | None
    vm_state: str | None
    task_state: str | None
    power_state: int | None
    locked: bool | None = None
    locked_reason: str | None = None


@dataclasses.dataclass(frozen=True)
class Server:
    """A server as the databases and services describe it."""

    uuid: str
    name: str
    instance_name: str
    cell: Cell
    project_id: str
    user_id: str
    host: str | None
    node: str | None
    compute_id: int | None
    zone: str | None
    vm_state: str
    power_state: int | None
    task_state: str | None
    locked: bool
    locked_by: str | None
    hidden: bool
    launched: bool
    flavor: Flavor
    ec2_id: str | None = None
    instance_type_id: int | None = None
    locked_reason: str | None = None
    cleaned: bool = False
    deleted: bool = False
    config_drive: bool = False
    image_properties: dict[str, str] = dataclasses.field(default_factory=dict)
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    ties: HardwareTies = HardwareTies()
    pinned_zone: str | None = None
    group: ServerGroup | None = None
    mappings: tuple[Mapping, ...] = ()
    migrations: tuple[Migration, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    volumes: tuple[Volume, ...] = ()
    ports: tuple[Port, ...] = ()
    allocation: Allocation | None = None
    accelerators: int = 0
    api: ApiView | None = None
    mapped_cell: str | None = None
    unknown: tuple[str, ...] = ()

    @property
    def root(self) -> Mapping | None:
        """The mapping the server boots from."""
        return next((m for m in self.mappings if m.is_root), None)

    @property
    def volume_backed(self) -> bool:
        """Whether the root disk is a volume."""
        return self.root is not None and self.root.is_volume

    @property
    def volume_mappings(self) -> tuple[Mapping, ...]:
        """The mappings that cinder holds, in the order of their rows."""
        return tuple(m for m in self.mappings if m.is_volume)

    def attachment(self, mapping: Mapping) -> Attachment | None:
        """Cinder's side of a mapping."""
        return next(
            (a for a in self.attachments if a.id == mapping.attachment_id),
            None,
        )

    def volume(self, volume_id: str) -> Volume | None:
        """The volume with this id, if cinder has it."""
        return next((v for v in self.volumes if v.id == volume_id), None)


@dataclasses.dataclass(frozen=True)
class CloudFacts:
    """Everything a plan is made from.

    ``candidates`` are the hosts of the same cell that placement offers for
    a server, by server uuid; ``stage_bindings`` tells whether credentials
    with neutron's ``service`` role are at hand.  ``volume_services`` are
    all cinder-volume services, ``host`` being host@backend; ``unknown``
    names the services that could not be read.
    """

    source: Host
    hosts: dict[str, Host]
    servers: tuple[Server, ...]
    candidates: dict[str, tuple[str, ...]]
    stage_bindings: bool
    schema: dict[str, str]
    read_at: str = ''
    volume_services: tuple[Agent, ...] = ()
    unknown: tuple[str, ...] = ()

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


"""Understands instance_extra: flavor, and what ties to hardware."""

import re
from typing import Any

from osc_recovery.db import jsontext
from osc_recovery import exceptions
from osc_recovery.model import facts

_PINNED = ('dedicated', 'mixed')
_NAMED = re.compile(r'%\(\w+\)')


def flavor(text: str | None, row: dict[str, Any]) -> facts.Flavor:
    """The current flavor; sizes from the instances row where there is none.

    instance_extra.flavor is ``{"cur": <Flavor>, "old": ..., "new": ...}``
    (nova/objects/instance.py:_save_flavor).
    """
    kept = jsontext.parse(text, 'instance_extra.flavor') or {}
    data = jsontext.fields(kept.get('cur'))
    specs = data.get('extra_specs') or {}
    return facts.Flavor(
        name=data.get('name') or '',
        vcpus=_size(data.get('vcpus'), row['vcpus']),
        memory_mb=_size(data.get('memory_mb'), row['memory_mb']),
        root_gb=_size(data.get('root_gb'), row['root_gb']),
        ephemeral_gb=_size(data.get('ephemeral_gb'), row['ephemeral_gb']),
        swap_mb=_size(data.get('swap'), 0),
        extra_specs={str(k): str(v) for k, v in specs.items()},
    )


def ties(
    row: dict[str, Any], pci_devices: int, shares: int
) -> facts.HardwareTies:
    """What binds the server to hardware, from its instance_extra row.

    What cannot be understood counts as a tie: it must not be lost.
    """
    numa = _stored(row.get('numa_topology'))
    requests = _stored(row.get('pci_requests'))
    return facts.HardwareTies(
        numa_topology=bool(numa),
        cpu_pinning=pinned(numa),
        pci_requests=len(requests or ()),
        pci_devices=pci_devices,
        resources=_has_objects(_stored(row.get('resources'))),
        migration_context=bool(row.get('migration_context')),
        shares=shares,
    )


def pinned(numa: Any) -> bool:
    """Whether a stored InstanceNUMATopology pins CPUs of the host.

    ``pcpuset`` came with InstanceNUMACell 1.5; older cells have the
    policy or only the pinning itself.
    """
    for item in jsontext.fields(numa).get('cells') or ():
        cell = jsontext.fields(item)
        if (
            cell.get('cpu_pinning_raw')
            or cell.get('pcpuset')
            or cell.get('cpu_policy') in _PINNED
        ):
            return True
    return False


def instance_name(template: str, row: dict[str, Any]) -> str:
    """The hypervisor's name of a server, by nova's instance_name_template.

    As nova/objects/instance.py:Instance.name does it.
    """
    if _NAMED.search(template):
        try:
            return str(template % row)
        except KeyError:
            return str(row['uuid'])
    return str(template % row['id'])


def ec2_id(number: int) -> str:
    """The EC2 id of a row of instance_id_mappings (nova/api/ec2)."""
    return f'i-{number:08x}'


def config_drive(value: str | None) -> bool:
    """instances.config_drive is 'True', '' or, long ago, an image's id."""
    return bool(value) and str(value).lower() not in ('0', 'false', 'no')


def _size(value: Any, default: Any) -> int:
    return int(value if value is not None else default or 0)


def _stored(text: str | None) -> Any:
    try:
        return jsontext.parse(text, 'instance_extra')
    except exceptions.RecoveryError:
        return ['not understood']


def _has_objects(value: Any) -> bool:
    """Whether a stored list of objects, if that is what it is, has any."""
    data = jsontext.fields(value)
    return bool(data['objects'] if 'objects' in data else value)

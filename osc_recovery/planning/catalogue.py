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

"""Every finding code with its weight; doc/source/user/findings.rst."""

from collections.abc import Mapping
import types

from osc_recovery.model import findings

_BLOCKER = findings.Severity.BLOCKER
_CONSENT = findings.Severity.CONSENT
_NOTE = findings.Severity.NOTE

#: about the host that failed, and the plan as a whole
FRAME: Mapping[str, findings.Severity] = types.MappingProxyType(
    {
        'cell-disabled': _BLOCKER,
        'cell0': _BLOCKER,
        'dead-longer-than-24h': _NOTE,
        'facts-unknown': _BLOCKER,
        'fence-missing': _BLOCKER,
        'fence-stale': _BLOCKER,
        'host-alive': _BLOCKER,
        'host-not-disabled': _NOTE,
        'host-not-forced-down': _BLOCKER,
        'hypervisor-unsupported': _BLOCKER,
        'node-missing': _BLOCKER,
        'provider-missing': _BLOCKER,
        'schema-unsupported': _BLOCKER,
        'service-missing': _BLOCKER,
        'service-role-missing': _NOTE,
        'target-left-out': _NOTE,
        'watcher-silent': _CONSENT,
    }
)

#: about one server, wherever it goes
SERVER: Mapping[str, findings.Severity] = types.MappingProxyType(
    {
        'accelerators': _BLOCKER,
        'allocation-elsewhere': _BLOCKER,
        'allocation-missing': _BLOCKER,
        'backend-down': _BLOCKER,
        'building': _BLOCKER,
        'cell0': _BLOCKER,
        'cpu-pinning': _BLOCKER,
        'cross-cell': _BLOCKER,
        'database-differs': _BLOCKER,
        'deleted': _BLOCKER,
        'deleting': _BLOCKER,
        'encrypted-volume': _CONSENT,
        'ephemeral-encryption': _BLOCKER,
        'error-state': _NOTE,
        'facts-unknown': _BLOCKER,
        'hidden': _BLOCKER,
        'huge-pages': _BLOCKER,
        'local-disk': _BLOCKER,
        'locked': _NOTE,
        'migration-context': _BLOCKER,
        'migration-in-flight': _BLOCKER,
        'multi-provider-allocation': _BLOCKER,
        'multiattach': _NOTE,
        'node-differs': _BLOCKER,
        'numa-topology': _BLOCKER,
        'other-recovery': _BLOCKER,
        'paused': _CONSENT,
        'pci-devices': _BLOCKER,
        'pci-requests': _BLOCKER,
        'pmem': _BLOCKER,
        'port-elsewhere': _BLOCKER,
        'port-resource-request': _BLOCKER,
        'port-vnic-type': _BLOCKER,
        'rebuilding': _BLOCKER,
        'rescued': _BLOCKER,
        'resized': _BLOCKER,
        'shares': _BLOCKER,
        'shelved': _BLOCKER,
        'shelved-offloaded': _BLOCKER,
        'soft-deleted': _BLOCKER,
        'stale-evacuation': _NOTE,
        'storage-stated': _NOTE,
        'storage-unproven': _BLOCKER,
        'suspended': _CONSENT,
        'task-in-progress': _BLOCKER,
        'task-pending': _CONSENT,
        'uefi': _CONSENT,
        'vgpu': _BLOCKER,
        'volume-migrating': _BLOCKER,
        'volume-state': _BLOCKER,
        'vtpm': _BLOCKER,
    }
)

#: about a target, or about a server on a target
TARGET: Mapping[str, findings.Severity] = types.MappingProxyType(
    {
        'connector-unknown': _BLOCKER,
        'group-policy': _BLOCKER,
        'no-target': _BLOCKER,
        'port-binding-left': _BLOCKER,
        'target-architecture': _BLOCKER,
        'target-disabled': _BLOCKER,
        'target-down': _BLOCKER,
        'target-forced-down': _BLOCKER,
        'target-hypervisor': _BLOCKER,
        'target-is-source': _BLOCKER,
        'target-network': _BLOCKER,
        'target-node-missing': _BLOCKER,
        'target-other-cell': _BLOCKER,
        'target-provider-missing': _BLOCKER,
        'target-storage': _BLOCKER,
        'target-too-small': _BLOCKER,
        'target-traits': _BLOCKER,
        'target-unknown': _BLOCKER,
        'zone-pinned': _BLOCKER,
    }
)

#: what an audit finds, and what a repair or a change of state asks; others
#: of its codes are those of a plan
CONSISTENCY: Mapping[str, findings.Severity] = types.MappingProxyType(
    {
        'allocation-doubled': _BLOCKER,
        'allocation-orphaned': _BLOCKER,
        'attachment-state': _BLOCKER,
        'attachment-unmapped': _BLOCKER,
        'binding-failed': _BLOCKER,
        'binding-left': _BLOCKER,
        'compute-id-differs': _BLOCKER,
        'connection-differs': _BLOCKER,
        'connector-elsewhere': _BLOCKER,
        'copy-possible': _CONSENT,
        'device-differs': _BLOCKER,
        'fence-left': _BLOCKER,
        'guest-not-running': _BLOCKER,
        'guest-restarts': _CONSENT,
        'guest-running': _BLOCKER,
        'host-disputed': _BLOCKER,
        'host-missing': _BLOCKER,
        'host-not-up': _BLOCKER,
        'lock-foreign': _CONSENT,
        'lock-left': _BLOCKER,
        'mapping-unattached': _BLOCKER,
        'owner-differs': _BLOCKER,
        'port-missing': _BLOCKER,
        'power-differs': _BLOCKER,
        'power-of-host': _BLOCKER,
        'run-in-progress': _BLOCKER,
        'server-busy': _BLOCKER,
        'state-unfit': _BLOCKER,
        'task-may-run': _CONSENT,
        'tombstone-missing': _BLOCKER,
        'tombstone-stale': _BLOCKER,
        'two-places': _BLOCKER,
        'zone-differs': _BLOCKER,
    }
)

#: about a server that nova is to evacuate, besides those above
EVACUATION: Mapping[str, findings.Severity] = types.MappingProxyType(
    {
        'affinity-group': _BLOCKER,
        'error-guest-starts': _CONSENT,
        'local-disk-emptied': _CONSENT,
        'migration-accepted': _BLOCKER,
        'power-off-unsupported': _BLOCKER,
        'rebuilt-from-image': _CONSENT,
        'stopped-guest-boots': _CONSENT,
        'target-evacuated': _BLOCKER,
        'vm-state-refused': _BLOCKER,
    }
)

#: about a host that is to return to service
RETURN: Mapping[str, findings.Severity] = types.MappingProxyType(
    {
        'broker-unknown': _BLOCKER,
        'calls-waiting': _NOTE,
        'compute-running': _CONSENT,
        'evacuation-destroys': _CONSENT,
        'evacuation-in-flight': _BLOCKER,
        'host-not-empty': _BLOCKER,
        'migration-unfinished': _CONSENT,
        'moved-without-allocation': _BLOCKER,
        'moved-without-tombstone': _CONSENT,
        'resize-unconfirmed': _NOTE,
        'run-holds-host': _BLOCKER,
        'servers-still-there': _NOTE,
        'volume-services-left': _NOTE,
    }
)

CODES: Mapping[str, findings.Severity] = types.MappingProxyType(
    {
        **FRAME,
        **SERVER,
        **TARGET,
        **CONSISTENCY,
        **EVACUATION,
        **RETURN,
    }
)


def finding(code: str, fact: str, remedy: str) -> findings.Finding:
    """A finding with the weight that its code has.

    The fact becomes a sentence; a remedy that is a command stays as it is,
    to be pasted.  Raises KeyError for a code that is not listed.
    """
    sentence = fact if fact.endswith('.') else f'{fact}.'
    return findings.Finding(code, CODES[code], sentence, remedy)

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

"""What has to be true of a host that is back in service."""

from osc_recovery.model import host_return as model
from osc_recovery.model import results

#: nova keeps its scheduler from a provider with it (os-traits)
DISABLED_TRAIT = 'COMPUTE_STATUS_DISABLED'


def check(
    read: model.ReturnFacts, *, enabled: bool
) -> tuple[results.Check, ...]:
    """Every check; what could not be read is unknown."""
    service = read.host.service
    status = 'disabled' if service.disabled else 'enabled'
    wanted = 'enabled' if enabled else 'disabled'
    checks = [
        _equal('state', 'up', 'up' if read.host.up else 'down', 'services'),
        _equal('forced down', 'no', _yes(service.forced_down), 'services'),
        _equal('status', wanted, status, 'services'),
        _equal(
            'evacuations to clean up',
            'none',
            _names([row.name for row in read.evacuations]),
            'migrations',
        ),
        _queue(read),
        _scheduling(read, enabled=enabled),
        _copies(read),
    ]
    return tuple(checks)


def _queue(read: model.ReturnFacts) -> results.Check:
    if read.queues is None:
        return _unknown('messages taken', 'yes', read.no_queues, 'broker')
    return _equal('messages taken', 'yes', _yes(read.running), 'broker')


def _scheduling(read: model.ReturnFacts, *, enabled: bool) -> results.Check:
    provider, name = read.host.provider, f'trait {DISABLED_TRAIT}'
    wanted = 'absent' if enabled else 'present'
    if provider is None:
        return _unknown(name, wanted, 'no provider was read', 'placement')
    found = 'present' if DISABLED_TRAIT in provider.traits else 'absent'
    return _equal(name, wanted, found, 'placement')


def _copies(read: model.ReturnFacts) -> results.Check:
    """Nothing in any service places here what lives elsewhere."""
    name, where = 'leftovers of moved servers', 'placement, neutron, cinder'
    if read.unknown:
        return _unknown(name, 'none', '; '.join(read.unknown), where)
    found = _names([row.home.name for row in read.moved])
    return _equal(name, 'none', found, where)


def _names(names: list[str]) -> str:
    return ', '.join(names) or 'none'


def _yes(value: bool) -> str:
    return 'yes' if value else 'no'


def _equal(name: str, wanted: str, found: str, where: str) -> results.Check:
    verdict = results.Verdict.OK
    if wanted != found:
        verdict = results.Verdict.WRONG
    return results.Check(name, verdict, wanted, found, where)


def _unknown(name: str, wanted: str, why: str, where: str) -> results.Check:
    return results.Check(name, results.Verdict.UNKNOWN, wanted, why, where)

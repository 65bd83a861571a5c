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

"""Safety gates: blockers that an operator may pass, with a reason."""

from collections.abc import Collection, Iterable

from osc_recovery import exceptions
from osc_recovery.model import findings


def check(override: findings.Override, gates: Collection[str]) -> None:
    """Raise UsageError for a gate that this command does not have.

    ``gates`` are those it has.  A reason has to come with an override, and
    only with one: it is what is read years later.
    """
    for gate in sorted(override.gates - set(gates)):
        known = ', '.join(sorted(gates)) or 'none'
        raise exceptions.UsageError(
            f'{gate} is no gate that can be overridden here: {known}.'
        )
    if override.gates and not override.reason.strip():
        raise exceptions.UsageError(
            '--override needs --reason <text>: why the gate is passed, which '
            'is recorded for ever.'
        )
    if override.reason and not override.gates:
        raise exceptions.UsageError(
            '--reason belongs to --override <gate>; nothing is overridden.'
        )


def passed(
    found: Iterable[findings.Finding],
    override: findings.Override,
    accept: Collection[str],
) -> tuple[findings.Finding, ...]:
    """The findings with what the operator accepts and overrides."""
    return tuple(_answered(f, override, accept) for f in found)


def parameters(override: findings.Override) -> dict[str, object]:
    """What a plan keeps of it, and with it the journal, for ever."""
    return {'override': sorted(override.gates), 'reason': override.reason}


def of_parameters(parameters: dict[str, object]) -> findings.Override:
    """What :func:`parameters` has kept; a plan without it overrides none."""
    gates, reason = parameters.get('override'), parameters.get('reason')
    return findings.Override(
        frozenset(gates if isinstance(gates, list) else ()),
        reason if isinstance(reason, str) else '',
    )


def _answered(
    found: findings.Finding,
    override: findings.Override,
    accept: Collection[str],
) -> findings.Finding:
    if found.code in override.gates:
        return found.override()
    return found.accept() if found.code in accept else found

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

"""What planning found: blockers, consents and notes."""

from collections.abc import Collection
import dataclasses
import enum


class Severity(enum.StrEnum):
    """How much a finding weighs."""

    #: the server (or the whole plan) is left out
    BLOCKER = 'blocker'
    #: the server is left out unless the operator accepts the code
    CONSENT = 'consent'
    #: worth knowing, stops nothing
    NOTE = 'note'


@dataclasses.dataclass(frozen=True)
class Finding:
    """One fact that an operator has to know before the plan runs.

    ``code`` is stable and documented; ``fact`` says what was read and
    where; ``remedy`` says what to do about it.
    """

    code: str
    severity: Severity
    fact: str
    remedy: str
    accepted: bool = False

    @property
    def blocks(self) -> bool:
        """Whether this finding keeps its subject out of the run."""
        if self.severity is Severity.BLOCKER:
            return True
        return self.severity is Severity.CONSENT and not self.accepted

    def accept(self) -> 'Finding':
        """The same finding with the operator's consent."""
        return dataclasses.replace(self, accepted=True)

    def accepted_by(self, codes: Collection[str]) -> 'Finding':
        """The same, with consent if it asks for any and is among them."""
        asks = self.severity is Severity.CONSENT
        return self.accept() if asks and self.code in codes else self

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


"""Times of database rows: naive UTC there, ISO 8601 text here."""

import datetime

UTC = datetime.UTC


def to_text(value: datetime.datetime | None) -> str | None:
    """A DATETIME of nova or cinder as ISO 8601 text with its offset."""
    return None if value is None else value.replace(tzinfo=UTC).isoformat()


def from_text(text: str | None) -> datetime.datetime | None:
    """The DATETIME that :func:`to_text` was given."""
    if text is None:
        return None
    return datetime.datetime.fromisoformat(text).replace(tzinfo=None)


def now() -> datetime.datetime:
    """This moment, as services write it: UTC, whole seconds."""
    return datetime.datetime.now(UTC).replace(microsecond=0, tzinfo=None)

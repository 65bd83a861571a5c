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

"""The journal's clock: UTC, as text that sorts."""

import datetime


def now() -> str:
    """The time in UTC as ISO 8601 with milliseconds."""
    time = datetime.datetime.now(datetime.UTC)
    return time.isoformat(timespec='milliseconds').replace('+00:00', 'Z')


def today() -> str:
    """The date in UTC as it stands in a run's id."""
    return datetime.datetime.now(datetime.UTC).strftime('%Y%m%d')

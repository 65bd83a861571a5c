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

"""Places at which a test lets the process die."""


class Crash(BaseException):
    """The process was killed; no handler of ours may catch it."""


class Points:
    """Counts the points passed, and dies at one of them."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.crash_at: int | None = None
        self.failing: dict[str, Exception] = {}

    def point(self, name: str) -> None:
        """A place where the process may die."""
        if self.crash_at == len(self.passed):
            raise Crash(name)
        self.passed.append(name)

    def change(self, name: str) -> None:
        """Where a change begins: may die, or fail as a service does."""
        self.point(f'before {name}')
        if name in self.failing:
            raise self.failing[name]

    def changed(self, name: str) -> None:
        """Where a change has taken effect."""
        self.point(f'after {name}')

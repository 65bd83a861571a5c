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

"""Plans as files: what --save writes and ``plan show|apply`` read."""

from collections.abc import Iterable
import json
import os
import pathlib
import tempfile

from osc_recovery import exceptions
from osc_recovery.model import codec
from osc_recovery.model import plans
from osc_recovery.planning import commands as planned_commands
from osc_recovery.reports import plan as report

FORMAT = 1


def save(plan: plans.Plan, path: str) -> None:
    """Write a plan, complete or not at all, readable by its owner only.

    Raises UsageError when the file cannot be written.
    """
    target = pathlib.Path(path)
    text = json.dumps(codec.encode(plan), indent=2, sort_keys=True)
    try:
        handle, temporary = tempfile.mkstemp(
            prefix=f'.{target.name}.', dir=target.parent
        )
        with os.fdopen(handle, 'w', encoding='utf-8') as stream:
            stream.write(f'{text}\n')
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as exc:
        raise exceptions.UsageError(
            f'The plan could not be written to {path}: {exc.strerror}.'
        ) from exc


def load(path: str) -> plans.Plan:
    """Read a plan; raises UsageError when it is not one of ours."""
    try:
        data = json.loads(pathlib.Path(path).read_text(encoding='utf-8'))
        if isinstance(data, dict) and data.get('format') != FORMAT:
            raise ValueError(f'format {data.get("format")} is not known')
        return codec.decode(plans.Plan, data)
    except OSError as exc:
        raise exceptions.UsageError(
            f'The plan {path} could not be read: {exc.strerror}.'
        ) from exc
    except (ValueError, UnicodeDecodeError) as exc:
        raise exceptions.UsageError(
            f'{path} is not a plan of this tool: {exc}. '
            'Make one with --dry-run --save <file>.'
        ) from exc


def describe(plan: plans.Plan, *, servers: bool) -> str:
    """A plan in words, for a person who has to decide."""
    return report.text(plan, servers=servers)


def commands(plan: plans.Plan) -> Iterable[tuple[str, str, str]]:
    """Every call and statement of a plan: server, step, command."""
    return planned_commands.describe(plan)

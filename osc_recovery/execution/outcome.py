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


"""What a run comes to, from what its servers came to."""

from collections.abc import Iterable

from osc_recovery.model import results

_WAITING = (results.ServerState.PENDING, results.ServerState.RUNNING)
_UNTOUCHED = (results.ServerState.UNDONE, results.ServerState.LEFT_OUT)


def of_run(servers: Iterable[results.ServerResult]) -> results.RunState:
    """The state of a run that went forward."""
    states = [server.state for server in servers]
    if any(state in _WAITING for state in states):
        return results.RunState.PAUSED
    if results.ServerState.UNVERIFIED in states:
        return results.RunState.UNVERIFIED
    done = states.count(results.ServerState.DONE)
    if done == len(states):
        return results.RunState.DONE
    return results.RunState.PARTLY if done else results.RunState.FAILED


def of_undo(servers: Iterable[results.ServerResult]) -> results.RunState:
    """The state of a run that was reverted."""
    states = [server.state for server in servers]
    if any(state in _WAITING for state in states):
        return results.RunState.PAUSED
    if all(state in _UNTOUCHED for state in states):
        return results.RunState.REVERTED
    return results.RunState.PARTLY

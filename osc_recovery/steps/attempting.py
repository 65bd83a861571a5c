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
"""One server's evacuation: look, submit, wait; and again where that helps.

What it has to know after a crash is in the intent: ``over`` are the rows
of migrations that are none of its business any more, ``sent`` how often
it was submitted, ``open`` whether a submission may still be under way
(since ``at``), ``dead`` the targets that are not to be tried again.
"""

import dataclasses
import datetime
from typing import Any

from osc_recovery.cloud import errors
from osc_recovery.db import evacuating
from osc_recovery import exceptions
from osc_recovery.model import steps
from osc_recovery.steps import tools as shared
from osc_recovery.steps import verdicts

Intent = dict[str, Any]
Verdict = verdicts.Verdict

_CAUSES = {
    Verdict.NO_HOST: 'no-valid-host',
    Verdict.REFUSED: 'evacuation-refused',
    Verdict.FAILED: 'evacuation-failed',
}


class Evacuation:
    """The evacuation of one server, from whatever point on."""

    def __init__(
        self, tools: shared.Tools, task: steps.Task, intent: Intent
    ) -> None:
        self._tools = tools
        self._task = task
        self._intent = intent
        self._pace = tools.pace
        self._source: str = task.params['source']
        self._retries = tools.pace.retries
        self._since = tools.clock()
        self._after = float('-inf')
        self._told = ''

    def run(self) -> dict[str, Any]:
        """Come to an end; raises StepFailed or Interrupted."""
        while True:
            seen = self._look()
            verdict = verdicts.judge(seen, self._source, self._intent['over'])
            if seen is None:
                raise exceptions.StepFailed(
                    f'server {self._task.name} is gone: it was deleted',
                    cause='server-missing',
                )
            if verdict is Verdict.DONE:
                return self._outcome(seen)
            if verdict is Verdict.NONE:
                self._submit(seen)
            elif verdict in _CAUSES:
                self._failed(verdict, seen)
            else:
                self._tell(self._progress(verdict, seen))
                self._look_after(verdict, self._attempt(seen))
                self._pause()

    # looking

    def _look(self) -> evacuating.Seen | None:
        """The server now; an outage of the database is sat out."""
        while True:
            try:
                return self._tools.follower.look(
                    self._task.params['cell'],
                    self._task.subject,
                    after=self._after,
                )
            except exceptions.ServiceUnavailable as exc:
                if self._elapsed() > self._pace.timeout:
                    raise exceptions.StepFailed(
                        f'{exc}', cause='database-unavailable'
                    ) from exc
                self._tell(f'waiting: {exc}')
                self._pause()

    def _attempt(self, seen: evacuating.Seen) -> evacuating.Attempt:
        found = verdicts.newest(seen, self._source, self._intent['over'])
        if found is None:
            raise exceptions.StepFailed(
                f'server {self._task.name} has no evacuation of this run',
                cause='changed-since-plan',
            )
        return found

    def _progress(self, verdict: Verdict, seen: evacuating.Seen) -> str:
        target = self._attempt(seen).target
        on = f' on {target}' if target else ''
        return f'{verdict.value}{on}'

    def _look_after(
        self, verdict: Verdict, attempt: evacuating.Attempt
    ) -> None:
        """Recognise one that will never end, be it lost or stuck."""
        follower, pace = self._tools.follower, self._pace
        cell = self._task.params['cell']
        if verdict is Verdict.CLAIMED and attempt.target:
            if follower.silence(cell, attempt.target) > pace.down_after:
                self._target_died(attempt, attempt.target)
                return
        elif verdict is Verdict.ACCEPTED:
            # looked at from the beginning: silence is counted from then
            silence = follower.conductors_silence()
            patience = max(pace.lost_after, pace.down_after)
            if self._elapsed() > patience and silence < pace.down_after:
                self._lost(attempt)
                return
        if self._elapsed() > pace.timeout:
            raise exceptions.StepFailed(
                f'evacuation {attempt.id} of server {self._task.name} is '
                f'{attempt.status} for {self._elapsed():.0f} s: look at '
                f'"openstack server event list {self._task.subject}" and '
                f'at nova\'s logs on {attempt.target or "the controllers"}, '
                'then resume the run',
                cause='evacuation-timeout',
            )

    # failures

    def _failed(self, verdict: Verdict, seen: evacuating.Seen) -> None:
        """Try again where a host gave up before it began anything.

        Else StepFailed is raised.  When nothing was begun the server gets
        its state back: in ``error`` nova would start it whatever it was.
        """
        attempt = self._attempt(seen)
        cell = self._tools.cells[self._task.params['cell']]
        why = evacuating.fault(cell, self._task.subject) or verdict.value
        if verdict is Verdict.REFUSED and self._retries > 0:
            self._again(attempt, f'{verdict.value}: {why}', attempt.target)
            return
        self._forget(attempt)
        if verdict is not Verdict.FAILED:
            self._tidy(seen)
        where = f' on {attempt.target}' if attempt.target else ''
        text = f'server {self._task.name} was not evacuated{where}: {why}'
        if verdict is Verdict.NO_HOST:
            text += f' {self._explained()}'
        elif verdict is Verdict.FAILED:
            text += (
                f' Make sure that no guest of it was left{where}, put the '
                'cause right, then resume the run'
            )
        raise exceptions.StepFailed(text, cause=_CAUSES[verdict])

    def _explained(self) -> str:
        try:
            return self._tools.around.explain(self._task.subject)
        except exceptions.RecoveryError as exc:
            return f'Why could not be looked at: {exc}'

    def _target_died(self, attempt: evacuating.Attempt, target: str) -> None:
        """Nobody finishes it, and nobody knows whether the guest runs.

        nova-compute on another host would start a second guest on the
        same disk, so the target has to be proven dead first.
        """
        if not self._tools.around.fenced(target):
            raise exceptions.StepFailed(
                f'{target} went down while it rebuilt server '
                f'{self._task.name}, and may run its guest: when it has no '
                f'power, "openstack recovery host fence {target}" and '
                'resume the run, which tries another host',
                cause='target-died',
            )
        if self._retries <= 0:
            raise exceptions.StepFailed(
                f'{target} died while it rebuilt server {self._task.name}; '
                'resume the run to try another host',
                cause='target-died',
            )
        self._again(attempt, f'{target} died', target)

    def _lost(self, attempt: evacuating.Attempt) -> None:
        """nova's conductor lives, and does not know of it any more."""
        for target in self._claimed_by():
            cell = self._task.params['cell']
            silence = self._tools.follower.silence(cell, target)
            if silence > self._pace.down_after:
                # the call waits in the target's queue
                self._target_died(attempt, target)
                return
        if self._retries <= 0:
            raise exceptions.StepFailed(
                f'evacuation {attempt.id} of server {self._task.name} was '
                'lost: nobody works on it; resume the run to submit another',
                cause='evacuation-timeout',
            )
        self._again(attempt, 'nova lost it', None)

    def _claimed_by(self) -> list[str]:
        """The targets for which placement holds an allocation."""
        cell = self._tools.cells[self._task.params['cell']]
        allocation = self._tools.clouds.placement.allocation(
            self._task.subject
        )
        extra = set(allocation.providers) - set(self._task.params['providers'])
        return [
            node.host for node in cell.compute_nodes() if node.uuid in extra
        ]

    def _again(
        self, attempt: evacuating.Attempt, why: str, target: str | None
    ) -> None:
        """Another attempt follows, elsewhere if there is an elsewhere."""
        self._retries -= 1
        self._tell(f'{why}; trying again')
        self._forget(attempt, target)

    def _forget(
        self, attempt: evacuating.Attempt, target: str | None = None
    ) -> None:
        """From now on, after a crash too, this attempt is over."""
        dead = list(self._intent['dead'])
        if target and target not in dead:
            dead.append(target)
        self._remember(
            over=[*self._intent['over'], attempt.id], dead=dead, open=False
        )

    # submitting

    def _submit(self, seen: evacuating.Seen) -> None:
        """Send it, unless one may be under way whose answer got lost."""
        if self._intent.get('open') and not self._outwaited():
            self._pause()
            return
        if seen.host != self._source:
            raise exceptions.StepFailed(
                f'server {self._task.name} is on {seen.host}, and no '
                f'evacuation of this run took it there',
                cause='changed-since-plan',
            )
        self._tidy(seen)
        compute, params = self._tools.clouds.compute, self._task.params
        target = self._target()
        self._remember(
            sent=self._intent['sent'] + 1,
            open=True,
            at=compute.now().isoformat(),
        )
        try:
            compute.evacuate(
                self._task.subject, target, params['microversion']
            )
        except errors.CloudUnavailable as exc:
            # Sent, or not: what is found in the database decides.
            self._retries -= 1
            if self._retries < 0:
                raise
            self._tell(f'{exc}')
        except errors.Refused as exc:
            self._refused(exc)
        else:
            self._tell(f'submitted to {target or "the scheduler"}')
        self._since = self._after = self._tools.clock()

    def _refused(self, error: errors.Refused) -> None:
        """nova said no; perhaps because somebody was faster."""
        self._after = self._tools.clock()
        seen = self._look()
        over = self._intent['over']
        if seen and verdicts.newest(seen, self._source, over):
            return
        self._remember(open=False)
        raise exceptions.StepFailed(f'{error}', cause='evacuation-refused')

    def _outwaited(self) -> bool:
        """Whether a submission without an answer can arrive no more."""
        compute = self._tools.clouds.compute
        try:
            now = compute.now()
        except errors.CloudUnavailable:
            return False
        sent = datetime.datetime.fromisoformat(self._intent['at'])
        # One second more: an HTTP date is whole seconds.
        left = compute.time_limit + 1 - (now - sent).total_seconds()
        if left > 0:
            self._tell(
                f'waiting up to {compute.time_limit:.0f} s: the submission '
                'may be under way'
            )
        return left <= 0

    def _target(self) -> str | None:
        """The planned target, or the next one that is not dead."""
        params, dead = self._task.params, self._intent['dead']
        if params['target'] is None:
            return None
        places: list[str] = [params['target'], *params['others']]
        return next((p for p in places if p not in dead), places[0])

    def _tidy(self, seen: evacuating.Seen) -> None:
        """Take away what former attempts left of state and allocations."""
        params = self._task.params
        left = any(
            attempt.status in evacuating.UNDER_WAY
            and attempt.source == self._source
            for attempt in seen.attempts
        )
        if left or (seen.vm_state, seen.task_state) != (
            params['vm_state'],
            None,
        ):
            cell = self._tools.cells[params['cell']]
            subject, state = self._task.subject, params['vm_state']
            evacuating.give_up(cell, subject, seen, state)
        if self._intent['sent']:
            self._release(set(params['providers']))

    def _release(self, wanted: set[str]) -> None:
        """Give back what was allocated on a former target."""
        placement = self._tools.clouds.placement
        held = placement.allocation(self._task.subject)
        kept = {p: r for p, r in held.providers.items() if p in wanted}
        if kept and kept != held.providers:
            placement.put_allocation(dataclasses.replace(held, providers=kept))

    # the rest

    def _outcome(self, seen: evacuating.Seen) -> dict[str, Any]:
        attempt = self._attempt(seen)
        return {'host': seen.host, 'migration': attempt.id}

    def _elapsed(self) -> float:
        return self._tools.clock() - self._since

    def _remember(self, **values: Any) -> None:
        self._task.remember(values)
        self._intent.update(values)

    def _tell(self, message: str) -> None:
        """Say it once."""
        if message != self._told:
            self._told = message
            self._task.tell(message)

    def _pause(self) -> None:
        """Wait for the next look; nothing is lost by giving that up."""
        if self._task.stop.is_set():
            raise exceptions.Interrupted(
                f'stopped waiting for server {self._task.name}: nova goes '
                'on with it'
            )
        if self._tools.sleep is not None:
            self._tools.sleep(self._pace.poll_interval)
        else:
            self._task.stop.wait(self._pace.poll_interval)

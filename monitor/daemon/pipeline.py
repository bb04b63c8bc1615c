"""Take messages through snapshot, alerts, state and events, one at a time; yields commands, calls nobody back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from monitor.alerting import cycle, deploys, derived
from monitor.alerting.active import ActiveAlerts, Changes
from monitor.alerting.causes import Since
from monitor.alerting.configured import all_stretches, for_config
from monitor.alerting.inputs import Facts
from monitor.alerting.receivers import with_delivery, with_receivers
from monitor.alerting.scopes import Scopes
from monitor.alerting.self_status import SelfStatus
from monitor.alerting.snapshot import (
    Snapshot,
    with_alerts,
    with_derived,
    with_excuse,
    with_missed,
    with_series_left_out,
)
from monitor.alerting.updates import updated
from monitor.collector.reconnect import Reconnects
from monitor.daemon.clock_moves import ClockMoves
from monitor.daemon.commands import (
    Commands,
    ConfirmDeclared,
    RunNow,
    SetPace,
    WakeReceivers,
)
from monitor.daemon.declared_record import DeclaredRecord
from monitor.daemon.latest import Latest
from monitor.daemon.maintenance import Maintenance
from monitor.daemon.messages import (
    Declare,
    DeployFile,
    Missed,
    NewConfig,
    PipelineListener,
    Tick,
    Work,
)
from monitor.daemon.notifying import Notifying
from monitor.daemon.planning import with_moved_plans, with_overdue_plans, with_plans
from monitor.daemon.receiver_moves import settle_receivers
from monitor.daemon.recorded import NOTHING_KEPT, Kept
from monitor.daemon.restoring import detectors_of, restored
from monitor.daemon.sources import Sources
from monitor.model.alerts import Alert, Delivery, Notification
from monitor.model.results import CANCELLED, Failure, Result
from monitor.model.settings import Config, Job, JobKey
from monitor.storage import State
from monitor.timing.clock import SLEPT, SettableClock
from monitor.timing.shift import moved


class Pipeline:
    """The one consumer of the results queue; publishes the newest whole picture to `latest`.

    Owned by one thread, so that nothing in it needs a lock.
    """

    def __init__(
        self,
        clock: SettableClock,
        state: State,
        listener: PipelineListener,
        latest: Latest,
        sources: Sources,
    ) -> None:
        self._config = latest.config
        self._clock = clock
        self._state = state
        self._listener = listener
        self._latest = latest
        self._sources = sources
        self._active = ActiveAlerts()
        self._awake_since = self._took_at = clock.now()
        self._reconnects = Reconnects()
        self._explained: dict[JobKey, datetime] = {}
        """Until when the alert of a root last spoke for a query."""
        self._notifying = Notifying()
        self._maintenance = Maintenance(state, listener)
        self._declared = DeclaredRecord(state, listener, latest)
        # What there was before a configuration whose changes the state has not taken yet.
        self._unsettled: Snapshot | None = None
        self._publish(restored(state, self._active, self.snapshot, self._took_at))
        self._moves = ClockMoves(state, listener)
        self._detectors = detectors_of(state, listener, latest.config, self._took_at)

    @property
    def snapshot(self) -> Snapshot:
        """Return what was last published."""
        return self._latest.snapshot

    def active_alerts(self) -> tuple[Alert, ...]:
        """Return all pending and firing alerts."""
        return self._active.active_alerts()

    def take(self, message: Work) -> Commands:
        """Process one message; yields each command when it is due, to be carried out before the rest is processed.

        So a run is wanted before the disk can refuse what was found, and the receivers' instants have moved
        before anything is said about receivers. What is raised costs the rest of this one message.
        """
        now = self._clock.now()
        if now - self._took_at > SLEPT:
            # A tick each second did not come: we were asleep, and what fell due had no chance yet.
            self._awake_since = now
        self._took_at = now
        with self._active.judged_again_after_a_failure():
            match message:
                case Result():
                    yield from self._take_result(message, now)
                case Missed(job, count):
                    self._publish(with_missed(self.snapshot, job.key, count))
                    self._listener.on_missed(job, count)
                case Delivery():
                    self._publish(with_delivery(self.snapshot, message))
                case NewConfig(config):
                    yield from self._take_config(config, now)
                case Tick():
                    yield from self._follow_clock()
                    yield from self._take_tick(self._took_at)
                case DeployFile(reason):
                    said = deploys.by_file(self._config, self.snapshot, reason, now)
                    self._declared.keep_deploys(said)
                case Declare(request, answer):
                    changes = Changes(self._active)
                    self._declared.take(request, changes, now)
                    key = f"declared@{now.isoformat()}"
                    yield from self._finish(changes, now, run_key=key)
                    yield ConfirmDeclared(answer)
                case _:
                    assert_never(message)

    def _take_result(self, result: Result, now: datetime) -> Commands:
        outcome, key = result.outcome, result.job.key
        if isinstance(outcome, Failure) and outcome.detail == CANCELLED:
            # We are stopping, or the target was removed: that says nothing of the database.
            return
        if result.clock_shift not in (None, self._clock.clock_shift):
            # The clock was set while it ran: its instants do not compare with ours, so it is made again.
            yield RunNow((result.job,))
            return
        update = updated(self.snapshot, result, self._sources.next_run_at(key), now)
        if update is None:
            return
        walked = update if update.positions else None
        if walked is None:
            # Nothing that the disk refuses hides what a run gave.
            self._publish(update.after)
        self._maintenance.ran(update.result, self._config)
        self._listener.on_result(update)
        if update.stretches:
            yield SetPace(update.stretches)
        if update.wanted:
            # Before what the disk can refuse: nothing shows it later.
            yield RunNow(update.wanted)
        facts = self._facts(now, update.after)
        yield from self._judge(facts, update.result, cycle.after_result, Kept(walked))
        for blocked in update.blocked:
            yield from self._take_result(blocked, now)
        due = derived.due_after(update.before, update.after, key[0])
        yield from self._derive(due, now)
        said = deploys.by_result(self._config, self.snapshot, update.result, now)
        self._declared.keep_deploys(said)

    def _derive(self, jobs: Iterable[Job], now: datetime) -> Commands:
        """Compute what is derived from results that are taken, and evaluate its rules."""
        for job in jobs:
            found = derived.derived_result(job, self.snapshot, now)
            if found is None:
                continue
            result = found.result
            self._publish(with_derived(self.snapshot, result, found.expires_at))
            self._maintenance.ran(result, self._config)
            self._listener.on_derived(result)
            facts = self._facts(now)
            yield from self._judge(facts, result, cycle.after_derived, NOTHING_KEPT)

    def _judge(
        self, facts: Facts, result: Result, after: cycle.AfterResult, kept: Kept
    ) -> Commands:
        """Evaluate the rules of what gave a result, and record what changes with what is kept of it."""
        if self._unsettled:
            # The alerts are those of the rules before: the next run finds it again, as all that is refused.
            return
        now, job = facts.now, result.job
        clock_shift = self._moves.clock_shift
        judged = self._detectors.judge(facts, result, self._active, clock_shift)
        changes = after(facts, self._active, judged.result)
        run_key = f"{'/'.join(job.key)}@{result.finished_at.isoformat()}"
        if judged.due:
            kept = replace(kept, memories=judged.due)
        yield from self._finish(changes, now, run_key=run_key, kept=kept)
        self._listener.on_series_left_out(job, judged.left_out)
        self._publish(with_series_left_out(self.snapshot, job.key, judged.left_out))

    def _take_tick(self, now: datetime) -> Commands:
        if before := self._unsettled:
            yield from self._settle(before, now)
        self._declared.tick(now)
        due = cycle.due_targets(self._facts(now), self._active)
        targets = cycle.in_turn(self._facts(now), self._active, due)
        next_run_at = self._sources.next_run_at
        self._publish(with_overdue_plans(self.snapshot, targets, now, next_run_at))
        facts = self._facts(now)
        yield from self._run_again(due, now)
        changes = cycle.at_tick(facts, self._active, self._look_at_ourselves(), targets)
        if self._active.resolved.forget(now):
            self._publish(with_alerts(self.snapshot, self._active.everything()))
        run_key = f"tick@{now.isoformat()}"
        yield from self._finish(changes, now, run_key=run_key, reminds=True)
        self._maintenance.tick(self._config, self.snapshot, now)
        self._latest.evaluated_at = now

    def _take_config(self, config: Config, now: datetime) -> Commands:
        self._config = config
        self._listener.on_config(config)
        self._declared.use(config)
        self._latest.self_status = self._sources.self_status()
        before = self._unsettled or self.snapshot
        snapshot = for_config(self.snapshot, config, now)
        self._publish(with_plans(snapshot, config.jobs, self._sources.next_run_at))
        self._explained = {
            key: at for key, at in self._explained.items() if key in snapshot.queries
        }
        yield SetPace(all_stretches(snapshot))
        yield from self._settle(before, now)

    def _settle(self, before: Snapshot, now: datetime) -> Commands:
        """Let what is kept be as the configuration has it; again at each tick until the state has taken that."""
        self._unsettled = None
        try:
            self._declared.keep_deploys(deploys.of_targets(self.snapshot))
            changes = cycle.after_reload(self._config, self._active, now)
            self._active.keep_scopes(Scopes(self._config))
            kept = settle_receivers(
                self._state, self._listener, self._config.receivers, changes, now
            )
            kept = replace(kept, memories=self._detectors.keep(self._config))
            run_key = f"reload@{now.isoformat()}"
            yield from self._finish(changes, now, run_key=run_key, kept=kept)
            if kept.renamed:
                yield WakeReceivers()
        except sqlite3.Error:
            self._unsettled = before
            raise
        # What is new here, or judged by other rules, need not wait for the next result of its inputs.
        yield from self._derive(derived.changed_by(before, self.snapshot), now)

    def _finish(
        self,
        changes: Changes,
        now: datetime,
        *,
        run_key: str,
        reminds: bool = False,
        kept: Kept = NOTHING_KEPT,
    ) -> Commands:
        """Record what changed as a whole, then let it be in force, then show it, then log it.

        What cannot be recorded is not in force: the next run finds it again, and it is announced then. So it is
        with what a walk read, whose position is recorded with what was found there: it is read again.
        """
        self._explained.update(changes.explained)
        for scope, error in changes.failed:
            self._listener.on_unevaluated(scope, error)
        self._declared.mark(changes, now)
        receivers = self._config.receivers
        notices = self._notifying.notices(
            self._state, changes, receivers, run_key=run_key, now=now, reminds=reminds
        )
        if notices.marks:
            kept = replace(kept, marks={**kept.marks, **notices.marks})
        if changes.is_empty and kept.is_empty:
            self._accept(changes)
            return
        yield from self._moves.record(self._active.active, self.snapshot.declared)
        self._record(changes, notices.notifications, kept)
        if changes.is_empty:
            return
        self._publish(with_alerts(self.snapshot, self._active.everything()))
        self._listener.on_transitions(tuple(changes.transitions))
        self._listener.on_refused(notices.refused)
        yield WakeReceivers()

    def _record(
        self, changes: Changes, notifications: tuple[Notification, ...], kept: Kept
    ) -> None:
        """Record what changed with what is kept of the result, and let both be in force."""
        kept.record(
            self._state, changes, notifications, self._moves.marks(self._took_at)
        )
        self._detectors.note_written(kept.memories, self._moves.steady(self._took_at))
        if kept.walked is not None:
            self._publish(kept.walked.after)
        self._accept(changes)

    def _accept(self, changes: Changes) -> None:
        self._active.accept(changes)
        self._declared.accept(changes)

    def _facts(self, now: datetime, snapshot: Snapshot | None = None) -> Facts:
        since = Since(now, self._awake_since, self._explained)
        return Facts(self._config, snapshot or self.snapshot, since)

    def _run_again(self, targets: Iterable[str], now: datetime) -> Commands:
        """Try those of these targets that are lost, and run what failed of what is over."""
        if jobs := self._reconnects.due(self.snapshot, now, targets):
            yield RunNow(tuple(jobs))
        if jobs := self._reconnects.due_again(self.snapshot, now, targets):
            # None counts as failing before it has failed once more.
            self._publish(with_excuse(self.snapshot, jobs, now))
            yield RunNow(tuple(jobs))

    def _look_at_ourselves(self) -> SelfStatus:
        """Return how the monitor does; shows how the receivers of this configuration do."""
        receivers = self._sources.receivers_of(self._config)
        self._publish(with_receivers(self.snapshot, receivers))
        status = self._latest.self_status = self._sources.self_status()
        return replace(status, receivers=receivers, room=self._state.disk_usage)

    def _follow_clock(self) -> Commands:
        """Move every instant that is kept, if the clock that gave them was set."""
        if by := self._clock.catch_up():
            self._move(by)
        yield from self._moves.record(self._active.active, self.snapshot.declared)

    def _move(self, by: timedelta) -> None:
        self._publish(with_moved_plans(self.snapshot, by, self._sources.next_run_at))
        self._active.move(by)
        self._explained = moved(self._explained, by)
        self._reconnects = Reconnects()
        self._maintenance.begin_again()
        self._declared.look_again()
        now = self._clock.now()
        self._awake_since = self._took_at = self._latest.evaluated_at = now
        self._moves.add(by)

    def _publish(self, snapshot: Snapshot) -> None:
        self._latest.snapshot = snapshot

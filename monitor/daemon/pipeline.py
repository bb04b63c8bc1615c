"""Take results from the queue, one thread for all: snapshot, alerts, state, notifications; no way back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.alerting.active import Draft, Standing
from monitor.alerting.blocking import blocked, missing_for, newly_blocked
from monitor.alerting.denials import with_seen
from monitor.alerting.evaluate import evaluate, hold, retire
from monitor.alerting.inputs import (
    Judgement,
    held_by_schema,
    held_until_next_run,
    of_itself,
    of_limits,
    of_monitor,
    of_queries,
    of_result,
    of_target,
    query_scopes,
    scopes_of,
    wanted_after,
)
from monitor.alerting.ownership import Since, root_of
from monitor.alerting.plans import to_plan_again
from monitor.alerting.resolved import RESOLVED_KEPT
from monitor.alerting.self_status import SelfStatus
from monitor.alerting.snapshot import (
    empty_snapshot,
    for_config,
    with_alerts,
    with_delivery,
    with_excuse,
    with_missed,
    with_next_run,
    with_receiver,
    with_result,
)
from monitor.collector.reconnect import Reconnects
from monitor.daemon.maintenance import ALIVE, Upkeep
from monitor.daemon.messages import Listener, Message, Missed, NewConfig, Stop, Tick
from monitor.model.alerts import (
    Alert,
    AlertState,
    Delivery,
    Notification,
    ReceiverHealth,
    Scope,
)
from monitor.model.errors import SampleError
from monitor.model.results import CANCELLED, Failure, Result
from monitor.model.settings import Config, Every, Job
from monitor.notify import notifications_for, refused_by, told_by, with_told
from monitor.notify.reminders import Reminders
from monitor.storage import State
from monitor.timing.clock import SLEPT, SettableClock
from monitor.timing.shift import moved


class Pipeline:
    """The one consumer of the results queue; `snapshot` is the newest whole picture, for any thread."""

    def __init__(
        self,
        config: Config,
        clock: SettableClock,
        state: State,
        listener: Listener,
        *,
        receivers: Callable[[], Mapping[str, ReceiverHealth]],
        next_run_at: Callable[[tuple[str, str]], datetime | None],
        self_status: Callable[[], SelfStatus] = SelfStatus,
    ) -> None:
        self._config = config
        self._clock = clock
        self._state = state
        self._listener = listener
        self._receivers = receivers
        self._next_run_at = next_run_at
        self._self_status = self_status
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._alerts = Standing()
        self._started_at = self._awake_since = self._took_at = clock.now()
        self._reconnects = Reconnects()
        self._explained: dict[tuple[str, str], datetime] = {}
        self._reminders = Reminders()
        self._unmoved = timedelta(0)
        self._upkeep = Upkeep(state, listener)
        self._thread = threading.Thread(target=self._work, name="pipeline", daemon=True)
        self.judged_at = self._started_at
        """When a tick last went through whole: what depends on time alone has been judged since."""
        self.snapshot = empty_snapshot(config, self._started_at)
        self._restore(self._started_at)

    def start(self) -> None:
        """Begin to take messages; alerts of rules that went while we were down resolve first."""
        self.put(NewConfig(self._config))
        self._thread.start()

    def put(self, message: Message) -> None:
        """Hand over a message; never waits."""
        self._messages.put(message)

    def stop(self, timeout_seconds: float) -> None:
        """Take what is queued, then end."""
        self.put(Stop())
        self._thread.join(timeout_seconds)

    def is_alive(self) -> bool:
        """Tell whether the thread lives."""
        return self._thread.is_alive()

    def active_alerts(self) -> tuple[Alert, ...]:
        """Give all pending and firing alerts."""
        return self._alerts.active_alerts()

    def _work(self) -> None:
        while not isinstance(message := self._messages.get(), Stop):
            try:
                self.take(message)
            # The boundary of the pipe: a bug costs this one message, and is told; the rest is still watched.
            except Exception as error:  # noqa: BLE001
                self._listener.on_crash(message, error)

    def take(self, message: Message) -> None:
        """Take one message through the rest of the pipe."""
        now = self._clock.now()
        if now - self._took_at > SLEPT:
            # A tick each second did not come: we were asleep, and what fell due had no chance yet.
            self._awake_since = now
        self._took_at = now
        if isinstance(message, Result):
            self._take_result(message, now)
        elif isinstance(message, Missed):
            self.snapshot = with_missed(self.snapshot, message.job.key, message.count)
            self._listener.on_missed(message.job, message.count)
        elif isinstance(message, Delivery):
            self.snapshot = with_delivery(self.snapshot, message)
        elif isinstance(message, NewConfig):
            self._take_config(message.config, now)
        elif isinstance(message, Tick):
            if by := self._clock.catch_up():
                self._move(by)
            self._record_move()
            self._take_tick(self._took_at)

    def _restore(self, now: datetime) -> None:
        """Take up the alerts where the state has them; nothing is announced again."""
        alive_at = self._state.read_mark(ALIVE)
        gap = now - alive_at if alive_at is not None else timedelta(0)
        resolved = self._state.recently_resolved(now - RESOLVED_KEPT)
        self._alerts.restore(self._state.active_alerts(), resolved, gap)
        if gap < -SLEPT:
            # The clock was set back while we were down: all that is kept was of its future.
            self._alerts.move(gap)
            self._state.move(gap, self._alerts.active)
        # With the clocks of what is pending moved, or a second restart would forget the first one's gap.
        self._state.record(self._alerts.active, (), (), marks={ALIVE: now})
        self.snapshot = with_alerts(self.snapshot, self._alerts.everything())

    def _move(self, by: timedelta) -> None:
        """Move every instant that is kept, since the clock that gave them was wrong by this much."""
        self.snapshot = moved(self.snapshot, by)
        self._alerts.move(by)
        self._explained = moved(self._explained, by)
        self._reconnects = Reconnects()
        self._upkeep.begin_anew()
        self._awake_since = self._took_at = self.judged_at = self._clock.now()
        for job in self._config.jobs:
            # A cron is of the wall clock: it did not move with ours.
            if not isinstance(job.query.schedule, Every):
                self.snapshot = with_next_run(
                    self.snapshot, job.key, self._next_run_at(job.key)
                )
        self._unmoved += by

    def _record_move(self) -> None:
        """Move what is on the disk, and then tell of it; tried before all that is recorded."""
        if self._unmoved:
            self._state.move(self._unmoved, self._alerts.active)
            by, self._unmoved = self._unmoved, timedelta(0)
            self._listener.on_clock_moved(by)

    def _take_result(self, result: Result, now: datetime) -> None:
        if isinstance(result.outcome, Failure) and result.outcome.detail == CANCELLED:
            return  # we are stopping, or the target was removed: that says nothing of the database
        if (
            result.clock_shift is not None
            and result.clock_shift != self._clock.clock_shift
        ):
            # The clock was set while it ran: its instants do not compare with ours, so it is made again.
            self._listener.on_wanted([result.job])
            return
        before = self.snapshot
        after = with_result(before, result)
        if after is before:  # of a job that a reload removed or changed meanwhile
            return
        after = with_next_run(after, result.job.key, self._next_run_at(result.job.key))
        self.snapshot = after
        self._upkeep.ran(result.job.key)
        self._listener.on_result(result, before, after)
        if jobs := wanted_after(result, before, after):
            # Before what the disk can refuse: nothing shows it later. After a failure nothing is over.
            self._want(jobs, now, is_over=not isinstance(result.outcome, Failure))
        self.snapshot = with_seen(before, self.snapshot, result.job.key)
        draft = Draft(self._alerts)
        # The target first: what is held is held under its alert.
        result = replace(
            result, job=after.queries[result.job.key].job
        )  # its rules as they are now
        name = result.job.target.name
        self._judge_target(draft, name, now)
        for judgement in (*of_result(result, after), *held_by_schema(result, after)):
            self._judge(draft, judgement, result.scheduled_at)
        for judgement in of_limits(self._config, result.job, draft.left_out):
            self._judge(draft, judgement, result.scheduled_at)
        self._hold_all_of(draft, name)
        self._finish(
            draft,
            now,
            run_key=f"{'/'.join(result.job.key)}@{result.scheduled_at.isoformat()}",
        )
        for job in newly_blocked(result, after, now):
            self._take_result(blocked(job, now, missing_for(job, after, now), now), now)

    def _want(self, jobs: list[Job], now: datetime, *, is_over: bool = True) -> None:
        """Have jobs run at once; where what they failed of is over, none counts as failing before it did."""
        if is_over:
            self.snapshot = with_excuse(self.snapshot, jobs, now)
        self._listener.on_wanted(jobs)

    def _take_tick(self, now: datetime) -> None:
        for key in to_plan_again(self.snapshot, now):
            if (planned_at := self._next_run_at(key)) is not None:
                self.snapshot = with_next_run(self.snapshot, key, planned_at)
        draft = Draft(self._alerts)
        for name in self.snapshot.targets:
            self._judge_target(draft, name, now)
        for judgement in held_until_next_run(self.snapshot, now):
            self._judge(draft, judgement, now)
        if jobs := self._reconnects.due(self.snapshot, now):
            self._listener.on_wanted(jobs)
        if jobs := self._reconnects.due_again(self.snapshot, now):
            self._want(jobs, now)
        for judgement in (
            *of_monitor(
                self._config, self._look_at_receivers(), now, self._state.disk_usage
            ),
            *of_itself(self._config, self._self_status(), now),
        ):
            self._judge(draft, judgement, now)
        if self._alerts.resolved.forget(now):
            self.snapshot = with_alerts(self.snapshot, self._alerts.everything())
        self._finish(draft, now, run_key=f"tick@{now.isoformat()}", reminds=True)
        self._upkeep.tick(self._config, self.snapshot, now)
        self.judged_at = now

    def _look_at_receivers(self) -> Mapping[str, ReceiverHealth]:
        """Note how the receivers of this configuration do; others may be on their way out."""
        known = {receiver.name for receiver in self._config.receivers}
        receivers = {
            name: health for name, health in self._receivers().items() if name in known
        }
        for name, health in receivers.items():
            self.snapshot = with_receiver(self.snapshot, name, health)
        return receivers

    def _take_config(self, config: Config, now: datetime) -> None:
        """Resolve what the new configuration has no rule for; what did not change goes on untouched."""
        draft = Draft(self._alerts)
        self._config = config
        self.snapshot = for_config(self.snapshot, config, now)
        for job in config.jobs:
            self.snapshot = with_next_run(
                self.snapshot, job.key, self._next_run_at(job.key)
            )
        self._explained = {
            key: at
            for key, at in self._explained.items()
            if key in self.snapshot.queries
        }
        scopes = scopes_of(config)
        draft.rename(draft.scopes() - scopes, query_scopes(config))
        for scope in draft.scopes() - scopes:
            draft.apply(scope, retire(draft.of(scope), now=now, reason="rule_removed"))
        self._alerts.judged &= scopes
        self._finish(draft, now, run_key=f"reload@{now.isoformat()}")

    def _judge_target(self, draft: Draft, name: str, now: datetime) -> None:
        """Judge the rules about a target, and then those about its queries: the first may speak for these."""
        for judgement in of_target(self._config, self.snapshot, name, now):
            self._judge(draft, judgement, now)
        since = Since(now, self._awake_since, self._explained)
        for judgement in of_queries(
            self._config, self.snapshot, name, since, alerts_of=draft.of
        ):
            if judgement.root:
                self._explained[name, judgement.scope.subject] = now
            self._judge(draft, judgement, now)

    def _judge(self, draft: Draft, judgement: Judgement, now: datetime) -> None:
        scope = judgement.scope
        active = draft.of(scope)
        if judgement.success is None:
            if active:
                root = judgement.root
                if root is None:
                    root = root_of(
                        scope,
                        judgement.needs,
                        self.snapshot,
                        draft.alerts_on(scope.target),
                    )
                draft.put(scope, hold(active, muted_by=root or None))
            return
        try:
            evaluation = evaluate(
                judgement.rule,
                scope,
                active,
                judgement.success,
                now=now,
                is_first=draft.is_first(scope),
                target_labels=judgement.target_labels,
                parameters=judgement.parameters,
                runbook_base_url=self._config.runbook_base_for(judgement.rule.runbook),
            )
        except SampleError as error:
            draft.put(scope, hold(active, muted_by=None))
            self._listener.on_unjudged(scope, error)
            return
        draft.judged.add(scope)
        draft.apply(scope, evaluation)

    def _hold_all_of(self, draft: Draft, target: str) -> None:
        """Hold every alert whose data went with the target, not only those of the query that noticed."""
        if self.snapshot.targets[target].up is not False:
            return
        own = {rule.name for rule in self._config.own_rules}
        scope = Scope("", target, "")
        root = (
            root_of(scope, frozenset(), self.snapshot, draft.alerts_on(target)) or None
        )
        for scope in draft.scopes_on(target):
            if scope.rule not in own:
                draft.put(scope, hold(draft.of(scope), muted_by=root))

    def _finish(
        self, draft: Draft, now: datetime, *, run_key: str, reminds: bool = False
    ) -> None:
        """Record the draft as a whole, then let it stand, then show it, then tell of it.

        What cannot be recorded does not stand: the next run finds it again, and it is told then.
        """
        transitions = tuple(draft.transitions)
        receivers = self._config.receivers
        full = self._state.bound_outbox(now) if transitions or reminds else frozenset()
        notifications = notifications_for(
            receivers, transitions, run_key=run_key, now=now, full=full
        )
        _note_told(draft, notifications)
        if reminds:
            active = {scope: draft.of(scope) for scope in draft.scopes()}
            reminders = self._reminders.due(receivers, active, now=now, full=full)
            _note_told(draft, reminders)
            notifications += reminders
        if draft.changed or transitions:
            self._record_move()
            self._state.record(draft.changed, transitions, notifications)
            self._alerts.accept(draft)
            self.snapshot = with_alerts(self.snapshot, self._alerts.everything())
            self._listener.on_transitions(transitions)
            self._listener.on_refused(refused_by(receivers, transitions, full))
        else:
            self._alerts.accept(draft)


def _note_told(draft: Draft, notifications: tuple[Notification, ...]) -> None:
    """Note in the draft's firing alerts who has notifications of them, recorded with these as one."""
    alerts = (alert for notification in notifications for alert in notification.alerts)
    told = told_by(notifications)
    for scope in {alert.scope for alert in alerts if alert.state is AlertState.FIRING}:
        noted = {
            labels: with_told(alert, told) for labels, alert in draft.of(scope).items()
        }
        draft.put(scope, noted)

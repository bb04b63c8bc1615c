"""Log and count what happens, as it happens: the listener of the pipeline and of the deliveries."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import assert_never

from monitor.alerting.snapshot import Snapshot
from monitor.alerting.updates import Update
from monitor.collector.run_totals import RunTotals
from monitor.daemon.cursor_news import cursor_news
from monitor.daemon.delivery_events import DeliveryEvents
from monitor.daemon.item_news import ItemNews, item_fields
from monitor.daemon.missed_runs import MissedRuns
from monitor.daemon.server_changes import ServerChanges
from monitor.model.alerts import Change, Scope, Transition
from monitor.model.deferral import Deferred
from monitor.model.errors import SampleError
from monitor.model.kills import Kill
from monitor.model.results import Blocked, Failure, Result, Success, reason_and_message
from monitor.model.settings import Config, Job
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.dedup import Deduplicator, Fields
from monitor.telemetry.log import Level, Log, alert_fields, level_of_severity
from monitor.timing.clock import Clock


class Events(DeliveryEvents):
    """Writes each event once and counts it. Nothing else in the program follows from it.

    Called by the pipeline's thread; of deliveries, kills and heartbeats by their own.
    """

    def __init__(self, log: Log, telemetry: Telemetry, clock: Clock) -> None:
        super().__init__(log, telemetry)
        self._clock = clock
        self._runs = Deduplicator()
        self._unevaluated = Deduplicator()
        self._kills = Deduplicator()
        self._limited: set[tuple[str, ...]] = set()
        """Rules of which it was told that some series have no place, with their targets and queries."""
        self._servers = ServerChanges()
        self._items = ItemNews()
        self._totals = RunTotals()
        self._missed = MissedRuns()
        # Kills come from the threads that kill.
        self._lock = threading.Lock()

    def on_result(self, update: Update) -> None:
        """Count and log a run; log also when its target was lost or came back."""
        result, before, after = update.result, update.before, update.after
        # A blocked run was not made: it counts as none.
        if not isinstance(result.outcome, Blocked):
            self._telemetry.run_finished(result)
        self._log_contact(result, before, after)
        self._log_pace(result.job.target.name, before, after)
        target, query = result.job.key
        for news in self._servers.news(after.targets[target]):
            self._log.event(news.event, news.level, target=target, **news.fields)
        key = result.job.key
        for news in (
            *self._servers.zone_news(result.job, result.server),
            *cursor_news(before.position_of(key), after.position_of(key)),
            *self._items.news(result),
        ):
            self._log.event(
                news.event, news.level, target=target, query=query, **news.fields
            )
        self._log_run(result)
        if (totals := self._totals.add(result)) is not None:
            self._log.info("runs.summarized", **totals.fields())

    def on_derived(self, result: Result) -> None:
        """Count and log what a derived value came to."""
        self._telemetry.run_finished(result)
        self._log_run(result)

    def on_config(self, config: Config) -> None:
        """Forget what the configuration has no more: of what comes back the first error is logged again."""
        targets = {target.name for target in config.targets}
        keys = {job.key for job in config.jobs}
        self._servers.keep(targets, keys)
        self._items.keep(keys)
        self._missed.keep(keys)
        self._totals.keep(targets)
        self.keep_receivers({receiver.name for receiver in config.receivers})
        self._limited = {one for one in self._limited if one[1:] in keys}
        # The alerts of the monitor itself are of no target.
        with_scopes = {"", *targets}
        with self._lock:
            self._runs.keep(lambda subject: subject in keys)
            self._unevaluated.keep(lambda subject: subject[1] in with_scopes)
            self._kills.keep(lambda subject: subject[0] in targets)

    def on_missed(self, job: Job, count: int) -> None:
        """Count runs that were due and not made, and log them once an hour."""
        self._telemetry.missed(job, count)
        target, query = job.key
        missed = self._missed.count_to_write(job.key, count, self._clock.now())
        if missed:
            self._log.warning("run.missed", target=target, query=query, count=missed)

    def on_transitions(self, transitions: tuple[Transition, ...]) -> None:
        """Log alerts that changed."""
        for transition in transitions:
            level: Level = "info"
            if transition.change is Change.FIRED:
                level = level_of_severity(transition.alert.severity)
            fields = alert_fields(transition)
            self._log.event(f"alert.{transition.change}", level, **fields)

    def on_refused(self, counts: Mapping[str, int]) -> None:
        """Count alerts that wait outside of a full outbox; the receiver's own alert reports them."""
        for receiver, count in counts.items():
            self._telemetry.refused(receiver, count)

    def on_lost_disk(self, message: str) -> None:
        """Log that the state cannot be written to its disk; from whichever thread wrote."""
        self._log.error(
            "state.degraded",
            message=f"the state cannot be written ({message}): it is in memory until the disk takes it again",
        )

    def on_disk_back(self) -> None:
        """Log that the state is on the disk again."""
        self._log.warning("state.recovered", message="the state is on the disk again")

    def on_unreadable(self, warning: str) -> None:
        """Log a part of the state that could not be read."""
        self._log.error("state.degraded", message=warning)

    def on_clock_moved(self, by: timedelta) -> None:
        """Log that the machine's clock was set."""
        message = (
            "the machine's clock was set; all times that are kept were moved with it"
        )
        self._log.warning(
            "clock.stepped", message=message, by_seconds=round(by.total_seconds(), 3)
        )
        self._telemetry.move(by)
        self._totals.move(by)
        self._items.move(by)
        self._missed.move(by)
        self.move_deliveries(by)
        with self._lock:
            for repeats in (
                self._runs,
                self._unevaluated,
                self._kills,
            ):
                repeats.move(by)

    def on_crash(self, message: object, error: Exception) -> None:
        """Count and log a bug with its trace, and what was lost by it."""
        self._telemetry.crashed()
        lost = (
            message.job.key if isinstance(message, Result) else type(message).__name__
        )
        self._log.error("pipeline.failed", lost=lost, exc_info=error)

    def on_unevaluated(self, scope: Scope, error: SampleError) -> None:
        """Count and log a rule whose findings could not become alerts; its alerts are held."""
        self._telemetry.unjudged((scope.target, scope.subject))
        subject = (scope.rule, scope.target, scope.subject)
        repeats = self._unevaluated.failed(
            subject, "bad_result", str(error), self._clock.now()
        )
        if repeats:
            self._log.error(
                "rule.failed",
                rule=scope.rule,
                target=scope.target,
                query=scope.subject,
                **repeats,
            )

    def on_series_left_out(self, job: Job, counts: Mapping[str, int]) -> None:
        """Log, once, each rule that remembers as many series as it may, so that some are not judged."""
        target, query = job.key
        for rule, count in counts.items():
            if (rule, *job.key) not in self._limited:
                self._limited.add((rule, *job.key))
                self._log.warning(
                    "rule.limited",
                    rule=rule,
                    target=target,
                    query=query,
                    left_out=count,
                )

    def on_kill(self, kill: Kill) -> None:
        """Count and log an attempt to stop a statement on its server; a success only after failures."""
        self._telemetry.killed(kill)
        subject = (kill.target,)
        with self._lock:
            if kill.reason:
                repeats = self._kills.failed(
                    subject, kill.reason, kill.message, self._clock.now()
                )
            else:
                repeats = self._kills.succeeded(subject)
        if repeats and kill.reason:
            self._log.warning("kill.failed", target=kill.target, **repeats)
        elif repeats:
            self._log.info("kill.succeeded", target=kill.target, **repeats)

    def _log_run(self, result: Result) -> None:
        target, query = result.job.key
        fields: dict[str, object] = {
            "target": target,
            "query": query,
            "scheduled_at": result.scheduled_at,
            "duration_seconds": round(result.duration_seconds, 6),
        }
        match result.outcome:
            case Success() as success:
                self._log_success(result, success, fields)
            case Failure() as failure:
                fields["code"] = failure.code
                self._log_without_data("run.failed", result, fields)
            case Blocked():
                self._log_without_data("run.blocked", result, fields)
            case Deferred():
                self._log_without_data("run.deferred", result, fields, "info")
            case _:
                assert_never(result.outcome)

    def _log_success(self, result: Result, success: Success, fields: Fields) -> None:
        after_failures = self._runs.succeeded(result.job.key)
        # Thousands a day: worth a line only after a failure; an hour's totals are logged.
        self._log.event(
            "run.finished",
            "info" if after_failures else "debug",
            **fields,
            rows=success.row_count,
            samples=len(success.samples),
            **item_fields(success),
            **(after_failures or {}),
        )
        target, query = result.job.key
        for message in success.evidence_errors:
            self._log.warning(
                "evidence.failed", target=target, query=query, message=message
            )

    def _log_without_data(
        self, event: str, result: Result, fields: Fields, level: Level = "warning"
    ) -> None:
        reason, message = reason_and_message(result.outcome)
        repeats = self._runs.failed(result.job.key, reason, message, result.finished_at)
        if repeats:
            self._log.event(event, level, **fields, **repeats)

    def _log_pace(self, name: str, before: Snapshot, after: Snapshot) -> None:
        """Log that intervals of a target are stretched, by how much, and that they are not any more."""
        was, now = before.targets[name].load, after.targets[name]
        if was.stretch == now.load.stretch:
            return
        at = self._clock.now()
        is_stretched = now.load.stretch > 1
        self._log.event(
            "load.stretched" if is_stretched else "load.restored",
            "warning" if is_stretched else "info",
            target=name,
            stretch=now.load.stretch,
            spent_seconds=round(now.load.spent_seconds(at), 3),
            budget_seconds=round(now.target.load.budget_seconds, 3),
        )

    def _log_contact(self, result: Result, before: Snapshot, after: Snapshot) -> None:
        name = result.job.target.name
        was, now = before.targets[name], after.targets[name]
        if was.up is not False and now.up is False and now.last_failure is not None:
            failure = now.last_failure
            self._log.error(
                "target.lost",
                target=name,
                reason=str(failure.reason),
                detail=failure.detail,
                message=failure.message,
            )
        elif was.up is False and now.up:
            since = was.lost_since
            seconds = (result.finished_at - since).total_seconds() if since else None
            server = f"{now.server.flavor} {now.server.version}" if now.server else None
            self._log.info(
                "target.recovered", target=name, server=server, lost_seconds=seconds
            )

"""Keep the state between results: that we live, what ran last, a lost disk tried again, history dropped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.daemon.trends import Trends
from monitor.model.alerts import Alert, AlertState, Delivery, Scope
from monitor.model.results import Result, reason_and_message
from monitor.model.settings import Config, JobKey, Labels
from monitor.notify.routing import notified_once
from monitor.storage import LastResult, State

ALIVE = "alive"
"""The mark in the state that says when we were last known to run."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
# By so much at most a pending alert's `for` is longer after a crash: its clock runs from the last mark.
_ALIVE_EVERY = timedelta(seconds=10)
# SQLite goes on writing to a file that was removed or replaced, and says nothing.
_DISK_LOOKED_AT_EVERY = timedelta(seconds=10)
# What is in memory only goes with the process: a disk that was full for a moment is taken again at once, one
# that is gone costs an attempt a minute.
_DISK_TRIED_AFTER = timedelta(seconds=1)
_MAX_DISK_PAUSE = timedelta(minutes=1)
_TIDY_EVERY = timedelta(hours=1)


class MaintenanceListener(Protocol):
    """Called about the state in the pipeline's thread; must be quick and never raise."""

    def on_disk_back(self) -> None:
        """Log that the state is on the disk again."""

    def on_given_up(self, delivery: Delivery) -> None:
        """Log a notification that nobody will get any more."""

    def on_unreadable(self, warning: str) -> None:
        """Log a part of the state that could not be read."""


class Maintenance:
    """What the state needs beside results; owned by the pipeline's thread."""

    def __init__(self, state: State, listener: MaintenanceListener) -> None:
        self._state = state
        self._listener = listener
        self._alive_at = self._tidied_at = self._disk_due_at = _LONG_AGO
        self._disk_pause = _DISK_TRIED_AFTER
        self._is_tidy = True
        self._ran: set[JobKey] = set()
        self._reported = 0
        self._trends = Trends(state.trend_slots())

    def begin_again(self) -> None:
        """Do everything at the next tick: the clock was set, and when it was last done says nothing now."""
        self._alive_at = self._tidied_at = self._disk_due_at = _LONG_AGO

    def ran(self, result: Result, config: Config) -> None:
        """Remember that a job has a new result."""
        self._ran.add(result.job.key)
        self._trends.note(result, config)

    def tick(self, config: Config, snapshot: Snapshot, now: datetime) -> None:
        """Do what is due; raises sqlite3.Error when the state takes nothing, and tries again later."""
        self._report_warnings()
        if now - self._alive_at >= _ALIVE_EVERY:
            self._state.write_mark(ALIVE, now)
            self._alive_at = now
            views = [
                snapshot.queries[key] for key in self._ran & snapshot.queries.keys()
            ]
            self._state.save_results([_last_result(view, now) for view in views])
            self._ran.clear()
            self._state.measure()
        self._write_trends(now)
        if now >= self._disk_due_at:
            self._try_disk(snapshot, now)
        if now - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = now
            self._is_tidy = False
        if not self._is_tidy:
            self._is_tidy = self._tidy(config, now)

    def _write_trends(self, now: datetime) -> None:
        """Write what the minute gave that is over, all targets at once."""
        news = self._trends.due(now)
        if news is not None:
            self._state.write_trends(news, now)
            self._trends.note_written()

    def _tidy(self, config: Config, now: datetime) -> bool:
        """Forget a little, or free a little room; returns whether nothing is left to do."""
        names = [receiver.name for receiver in notified_once(config.receivers)]
        forgotten = self._state.prune_before(
            now - config.state.retention,
            receivers=names,
            jobs={job.key for job in config.all_jobs},
            now=now,
        )
        for given_up in forgotten.given_up:
            self._listener.on_given_up(given_up)
        return forgotten.is_all and not self._state.vacuum_step()

    def _try_disk(self, snapshot: Snapshot, now: datetime) -> None:
        """Notice a file that was removed or replaced; go back to a disk that was left, ever more rarely."""
        returned = self._state.try_disk(now)
        # Of a file that was quarantined; before it is said that all is well.
        self._report_warnings()
        if self._state.is_durable:
            self._disk_due_at = now + _DISK_LOOKED_AT_EVERY
            self._disk_pause = _DISK_TRIED_AFTER
        else:
            self._disk_due_at = now + self._disk_pause
            self._disk_pause = min(2 * self._disk_pause, _MAX_DISK_PAUSE)
        if returned is not None:
            for given_up in returned.given_up:
                self._listener.on_given_up(given_up)
            try:
                self._keep_alerts(snapshot)
            finally:
                self._listener.on_disk_back()

    def _report_warnings(self) -> None:
        for warning in self._state.warnings[self._reported :]:
            self._reported += 1
            self._listener.on_unreadable(warning)

    def _keep_alerts(self, snapshot: Snapshot) -> None:
        """Write the active alerts again: of a file that was damaged not every row could be copied."""
        scopes: dict[Scope, dict[Labels, Alert]] = {}
        for alert in snapshot.alerts:
            if alert.state is not AlertState.RESOLVED:
                scopes.setdefault(alert.scope, {})[alert.labels] = alert
        self._state.record(scopes, (), ())


def _last_result(view: QueryView, now: datetime) -> LastResult:
    reason, message = reason_and_message(view.last_word)
    return LastResult(
        target=view.job.target.name,
        query=view.job.query.name,
        run_at=view.last_run_at or now,
        success_at=view.last_success_at,
        status=str(view.status),
        reason=reason,
        message=message,
        consecutive_failures=view.consecutive_failures,
        first_failure_at=view.first_failure_at,
        samples=view.samples,
        sample_count=len(view.samples),
    )

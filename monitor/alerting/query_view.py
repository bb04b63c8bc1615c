"""What is known of one query on one target, as its runs left it; pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from monitor.alerting.failing_items import FailingItems
from monitor.alerting.freshness import expiry, news_until
from monitor.model.alerts import Alert
from monitor.model.deferral import Deferred, stretched
from monitor.model.for_each import ANY_TURNS, Turns
from monitor.model.positions import Position
from monitor.model.results import Failure, Outcome, Result, Sample, Success
from monitor.model.schedules import Cron
from monitor.model.settings import ColumnName, Job

_ALWAYS = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


class QueryStatus(StrEnum):
    """How the last due run of a query went; waiting before its first."""

    OK = "ok"
    FAILED = "failed"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    DEFERRED = "deferred"
    WAITING = "waiting"


_KEPT = (QueryStatus.OK, QueryStatus.SKIPPED, QueryStatus.DEFERRED)


@dataclass(frozen=True, slots=True)
class QueryView:
    """What is known of one job.

    `samples` are those of the last success, and gone as soon as a run gives no data. `data_at`, the
    instant of that success, and `first_failure_at`, of the first failure that no success has ended,
    are the schedule's; `last_…_at` are when runs finished. A blocked run neither fails nor succeeds, and
    one that was put off changes nothing but `deferral`.
    """

    job: Job
    status: QueryStatus = QueryStatus.WAITING
    outcome: Outcome | None = None
    samples: tuple[Sample, ...] = ()
    last_run_at: datetime | None = None
    last_success_at: datetime | None = None
    data_at: datetime | None = None
    first_failure_at: datetime | None = None
    duration_seconds: float | None = None
    consecutive_failures: int = 0
    expires_at: datetime | None = None
    next_run_at: datetime | None = None
    news_until: datetime | None = None
    """Of a cron that waits longer than usual: from when on what it said is not of now."""
    missed: int = 0
    since: datetime | None = None
    """When this view began: at the start, or at the reload that added or changed the job."""
    denied: tuple[Failure, ...] = ()
    """What the server refused to let it see, by the last run that could see that."""
    regained: frozenset[str] = frozenset()
    """Of these tables another query was let see again, and it has not run since."""
    excused_until: datetime | None = None
    """What it failed of is over, and it is being run again: until then, or that run, it does not fail."""
    position: Position | None = None
    """How far a walk has come, as it is recorded."""
    deferral: Deferred | None = None
    """Why its last due run was put off; None where it was made."""
    series_left_out: Mapping[str, int] = field(default_factory=dict)
    """Of rules that remember: how many series of the last result have no place, where it is some."""
    turns: Turns = ANY_TURNS
    """Which of its items go first in its next run, of a query that has some."""
    failing_items: FailingItems = field(default_factory=dict)
    """Those of its items that failed when it last came to them, while others gave data."""
    stretch: int = 1
    """How many times its own interval it has, so that the target's queries stay within their share."""

    def is_next(self, result: Result) -> bool:
        """Return whether a result is one of this job as it is now, and goes on from where its walk stands."""
        if not self.job.runs_as(result.job):
            return False
        position, before = result.position, self.position
        if position is None:
            return True
        if before is None:
            return position.serial == 1
        return position.of == before.of and position.serial == before.serial + 1

    def planned(self, next_run_at: datetime | None) -> QueryView:
        """Return the view with when its job runs next."""
        planned = replace(self, next_run_at=next_run_at)
        # What a cron said holds until its next run, which the plan after a success is the first to show.
        is_cron = isinstance(self.job.query.schedule, Cron)
        if not is_cron or self.data_at is None or self.expires_at is None:
            return planned
        return replace(
            planned,
            expires_at=planned.held_until,
            news_until=planned.said_news_until,
        )

    @property
    def paced(self) -> Job:
        """Return the job with the interval that it has now."""
        return self.job if self.stretch == 1 else stretched(self.job, self.stretch)

    @property
    def is_stretched(self) -> bool:
        """Return whether it runs less often than configured now."""
        return self.paced.query.schedule != self.job.query.schedule

    @property
    def is_put_off(self) -> bool:
        """Return whether its last due run was put off for the server's sake."""
        return self.deferral is not None

    @property
    def waits_for_server(self) -> bool:
        """Return whether its last due run was put off, or failed of a replica that is too late."""
        outcome = self.last_word
        return isinstance(outcome, Deferred | Failure) and outcome.is_for_server

    def waits_for(self, replica_fault: str) -> bool:
        """Return whether it is put off, and its target is a replica with this fault."""
        return self.is_put_off and bool(replica_fault)

    @property
    def last_word(self) -> Outcome | None:
        """Return what became of its last due run, made or not; None before one."""
        return self.deferral or self.outcome

    @property
    def failure(self) -> Failure | None:
        """Return why its last run gave no data; None where it gave some, was blocked, or there was none."""
        return self.outcome if isinstance(self.outcome, Failure) else None

    @property
    def is_well(self) -> bool:
        """Return whether its last due run gave all data, or there was none yet, and nothing is refused to it."""
        last_word = self.last_word
        has_data = last_word is None or isinstance(last_word, Success)
        return has_data and not self.denied and not self.failing_items

    def is_excused_at(self, now: datetime) -> bool:
        """Return whether it is being run again, since what it failed of is over."""
        return _is_ahead(self.excused_until, now)

    def has_rule(self, name: str) -> bool:
        """Return whether a rule of this name belongs to the query."""
        return name in self.job.query.rule_names

    @property
    def columns_seen(self) -> frozenset[ColumnName]:
        """Return the columns of which a schema query's last success said whether they are missing."""
        schema = self.job.query.schema
        if schema is None:
            return frozenset()
        columns: set[ColumnName] = set()
        for sample in self.samples:
            column = schema.column_in(sample.labels)
            if column is not None:
                columns.add(column)
        return frozenset(columns)

    def columns_lacked(self, missing: Set[ColumnName]) -> Set[ColumnName]:
        """Return for want of which of the missing columns its last run gave no data."""
        if self.outcome is None:
            return frozenset()
        # Of a run that failed it is the server's words that say which of them it lacked.
        return self.outcome.columns_lacked(missing)

    def is_about(self, alert: Alert, columns: Set[ColumnName]) -> bool:
        """Return whether it is a schema query whose alert is about one of these columns, or their table."""
        schema = self.job.query.schema
        return schema is not None and schema.is_about(alert.labels, columns)

    def columns_seen_since(self, run: QueryView) -> frozenset[ColumnName]:
        """Return the columns that it has seen after the last run of another query ended."""
        return self.columns_seen if self.has_succeeded_since(run) else frozenset()

    def has_succeeded_since(self, run: QueryView) -> bool:
        """Return whether it gave data after the last run of another query ended."""
        if run.last_run_at is None or self.last_success_at is None:
            return False
        return self.last_success_at > run.last_run_at

    def samples_at(self, now: datetime) -> tuple[Sample, ...]:
        """Return the samples that are still fresh at `now`."""
        return () if _is_over(self.expires_at, now) else self.samples

    @property
    def held_until(self) -> datetime | None:
        """Return until when what the last success said holds, at the interval that it has; None before one."""
        if self.data_at is None:
            return None
        return expiry(self.paced, self.data_at, self.next_run_at)

    @property
    def said_news_until(self) -> datetime | None:
        """Return until when what the last success said is of now; None where that has no end, or before one."""
        if self.data_at is None:
            return None
        return news_until(self.job, self.data_at, self.next_run_at)

    def holds_at(self, now: datetime) -> bool:
        """Return whether what the last success said still holds, also while it fails since."""
        return _is_ahead(self.held_until, now)

    def is_news_at(self, now: datetime) -> bool:
        """Return whether its data is of now, as far as its schedule has anybody look."""
        return not _is_over(self.news_until, now)

    def has_data_at(self, now: datetime) -> bool:
        """Return whether what the last success said can still be relied on: nothing failed since."""
        is_kept = self.status in _KEPT
        return is_kept and _is_ahead(self.expires_at, now)

    def is_between_runs(self, now: datetime) -> bool:
        """Return whether its cron has it wait longer than usual for its next run, and nothing is wrong."""
        if not _is_ahead(self.next_run_at, now):
            return False
        if self.status is QueryStatus.WAITING:
            # By an interval the first run is at once: who waits for that has no data.
            return isinstance(self.job.query.schedule, Cron)
        return self.has_data_at(now) and not self.is_news_at(now)

    def is_unplanned_at(self, now: datetime) -> bool:
        """Return whether its next run is not known, or past.

        The run at the start stands for a slot that follows at once: that slot has no run, and so no result
        that would bring the next plan. What a cron was planned for stays until it has run: by that time it is
        known whether it is overdue.
        """
        return now >= self.unplanned_from

    @property
    def unplanned_from(self) -> datetime:
        """Return from when on its next run is not known, or past; never of a cron that is planned."""
        if self.next_run_at is None:
            return _ALWAYS
        is_cron = isinstance(self.job.query.schedule, Cron)
        return _NEVER if is_cron else self.next_run_at


def _is_ahead(at: datetime | None, now: datetime) -> bool:
    """Return whether an instant is known and to come."""
    return at is not None and now < at


def _is_over(at: datetime | None, now: datetime) -> bool:
    """Return whether an instant is known and past, or now."""
    return at is not None and now >= at

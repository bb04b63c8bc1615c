"""Compute derived values from the latest results of their inputs: to results like those of runs; pure.

What is not known stays so: an input without data makes a failure that names it, and its rules' alerts are held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.alerting.derived_series import derived_success, series_of
from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.counted_from import CountedFrom, counted_since
from monitor.model.derivations import Derivation, DerivedInput
from monitor.model.errors import Reason
from monitor.model.positions import first_read_at
from monitor.model.results import Failure, Result, Success, reason_and_message
from monitor.model.settings import Job, JobKey
from monitor.model.wording import utc_second


@dataclass(frozen=True, slots=True)
class DerivedResult:
    """What one look at the inputs gave, and until when that holds."""

    result: Result
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _InputLook:
    """One input as it is now."""

    input: DerivedInput
    view: QueryView
    data_at: datetime
    too_old_at: datetime

    @property
    def is_waiting(self) -> bool:
        """Return whether nothing became of it yet."""
        return self.view.last_word is None

    @property
    def counted_from(self) -> datetime:
        """Return from when on was counted what it says, at the earliest."""
        read_at = first_read_at(self.view.position, self.data_at)
        outcome = self.view.outcome
        if not isinstance(outcome, Success):
            return read_at
        counted, one = outcome.counted_from, self.input
        since = counted_since(counted, one.metric, one.where)
        return min(read_at, since or read_at)

    def fault(self, now: datetime) -> str:
        """Return why it has no data; empty where it has some, or waits for its first result."""
        if self.is_waiting:
            return ""
        instant = utc_second(self.data_at)
        if not self.view.has_data_at(now):
            reason, message = reason_and_message(self.view.last_word)
            if reason:
                return f"{self.input.words}: {reason}: {message}"
            return f"{self.input.words}: its last data, of {instant}, holds no longer"
        if now >= self.too_old_at:
            return f"{self.input.words}: its data, of {instant}, is too old by max_age"
        return ""


def due_after(before: Snapshot, after: Snapshot, target: str) -> list[Job]:
    """Return the derived values to compute after a result of a target: those with an input that it changed.

    A target that is lost takes the data of all its queries with it.
    """
    due: dict[JobKey, Job] = {}
    for dependence in after.dependents.get(target, ()):
        was = before.queries[dependence.on]
        now = after.queries[dependence.on]
        if _said(was) != _said(now):
            due[dependence.derived] = after.queries[dependence.derived].job
    return list(due.values())


def _said(view: QueryView) -> tuple[object, ...]:
    """Return what of a query bears on what is derived from it."""
    return (view.status, view.data_at, view.samples, view.last_word)


def changed_by(before: Snapshot, after: Snapshot) -> list[Job]:
    """Return the derived values to compute after a reload: those that it added, or that are others now."""
    due: list[Job] = []
    for key in after.derived:
        job = after.queries[key].job
        if before.job_of(key) != job:
            due.append(job)
    return due


def derived_result(job: Job, snapshot: Snapshot, now: datetime) -> DerivedResult | None:
    """Return what a derived value comes to; None while an input has had no result yet, and no other one fails."""
    derivation = job.query.derived_by
    looks = _looks(derivation, snapshot, now)
    faults = [look.fault(now) for look in looks]
    missing = "; ".join(filter(None, faults))
    if missing:
        failure = Failure(Reason.INPUT_MISSING, missing)
        result = Result(job, now, now, now, 0.0, failure)
        return DerivedResult(result)
    if any(look.is_waiting for look in looks):
        return None
    return _computed(job, looks, now)


def _looks(
    derivation: Derivation, snapshot: Snapshot, now: datetime
) -> Sequence[_InputLook]:
    looks: list[_InputLook] = []
    for one in derivation.inputs:
        view = snapshot.queries[one.key]
        data_at = view.data_at or now
        too_old_at = derivation.too_old_at(data_at)
        looks.append(_InputLook(one, view, data_at, too_old_at))
    return looks


def _computed(job: Job, looks: Sequence[_InputLook], now: datetime) -> DerivedResult:
    derivation = job.query.derived_by
    series = {
        look.input.name: series_of(look.input, look.view, derivation) for look in looks
    }
    metric = job.query.name
    success = derived_success(metric, derivation, series)
    counted_at = min(look.counted_from for look in looks)
    success = replace(success, counted_from=(CountedFrom(metric, (), counted_at),))
    # Rules compute with the newest instant, which never goes back.
    newest_at = max(look.data_at for look in looks)
    result = Result(job, newest_at, now, now, 0.0, success)
    ends: list[datetime | None] = []
    for look in looks:
        ends.append(look.view.expires_at)
        ends.append(look.too_old_at)
    return DerivedResult(result, min(filter(None, ends), default=None))


def missing_inputs(
    derivation: Derivation, snapshot: Snapshot, now: datetime
) -> list[QueryView]:
    """Return what is known of the inputs' queries that give no data."""
    found: list[QueryView] = []
    for one in derivation.inputs:
        view = snapshot.queries[one.key]
        if not view.has_data_at(now):
            found.append(view)
    return found

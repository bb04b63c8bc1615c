"""Take a run into the views of its target's queries: its own, and those that a loss or a pace changes; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from monitor.alerting.contact import TargetView
from monitor.alerting.failing_items import (
    FailingItems,
    failing_after,
    failing_with_run,
    items_of,
)
from monitor.alerting.freshness import expiry, known_until, news_until
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.model.deferral import Deferred
from monitor.model.errors import Reason
from monitor.model.for_each import Turns
from monitor.model.results import Blocked, Failure, Outcome, Result, Success
from monitor.model.settings import JobKey

_OBJECT_DENIED = (1142, 1143, 1370)
"""A table, a column, a routine: what a GRANT can be given for, by name."""


def views_after(
    own: QueryView,
    views: Iterable[QueryView],
    result: Result,
    target: TargetView,
    next_run_at: datetime | None,
) -> dict[JobKey, QueryView]:
    """Return those views of a target's queries that a run changes, by the keys of their jobs.

    `own` is the view of the job that ran, which runs next at `next_run_at`, and `views` are all of the target;
    `target` is what is known of it after the run, and with it how far intervals are stretched.
    """
    stretch = target.load.stretch_of(own.job)
    changed = {result.job.key: _after_own(own, result, next_run_at, stretch)}
    was_lost = target.was_lost_by(result)
    if target.load.stretch == 1 and not was_lost:
        # So it is nearly always: a run says nothing of the target's other queries.
        return changed
    for view in views:
        if view is own:
            continue
        other = _lost_with_target(view, result) if was_lost else view
        other = _slowed(other, target.load.stretch_of(view.job))
        if other is not view:
            changed[view.job.key] = other
    return changed


def view_after_derived(
    view: QueryView, result: Result, expires_at: datetime | None
) -> QueryView:
    """Return the view of a derived value after it was computed; what it came to holds as long as its inputs do."""
    after = _after_own(view, result, view.next_run_at, view.stretch)
    return after if after.data_at is None else replace(after, expires_at=expires_at)


def _slowed(view: QueryView, stretch: int) -> QueryView:
    """Return the view of a query that did not run, at a longer interval; itself where it is not longer.

    What shrinks does so at its next run: until then none is expected sooner than it was planned.
    """
    if stretch <= view.stretch:
        return view
    slower = replace(view, stretch=stretch)
    if view.expires_at is None or slower.held_until is None:
        return slower
    # What it said last holds until it runs again, which is later now.
    return replace(slower, expires_at=max(view.expires_at, slower.held_until))


def _after_own(
    view: QueryView, result: Result, next_run_at: datetime | None, stretch: int
) -> QueryView:
    outcome = result.outcome
    if isinstance(outcome, Blocked | Deferred):
        planned = replace(view, next_run_at=next_run_at, stretch=stretch)
        if isinstance(outcome, Deferred):
            return _put_off(planned, outcome)
        return _without_data(planned, QueryStatus.BLOCKED, outcome)
    ran = _after_run(view, result, next_run_at, stretch)
    match outcome:
        case Success():
            return _after_success(ran, result, outcome)
        case Failure():
            return _after_failure(ran, result, outcome)
        case _:
            assert_never(outcome)


def _after_run(
    view: QueryView, result: Result, next_run_at: datetime | None, stretch: int
) -> QueryView:
    """Return a view after a run that was made, whatever came of it."""
    turns, failing_items = _items_after(view, result)
    # All at once: of what a result takes, copies of a view are the most.
    return replace(
        view,
        next_run_at=next_run_at,
        stretch=stretch,
        turns=turns,
        failing_items=failing_items,
        outcome=result.outcome,
        last_run_at=result.finished_at,
        duration_seconds=result.duration_seconds,
        regained=frozenset(),
        excused_until=None,
        deferral=None,
    )


def _items_after(view: QueryView, result: Result) -> tuple[Turns, FailingItems]:
    """Return what a run says of the query's items: which go first next time, and which fail."""
    items = items_of(result.outcome)
    if items is not None:
        failing = failing_after(
            view.failing_items,
            items,
            result.scheduled_at,
            view.consecutive_failures,
            is_first=view.last_success_at is None,
        )
        return items.turns, failing
    if isinstance(result.outcome, Success):
        return view.turns, {}
    is_its_own = isinstance(result.outcome, Failure) and not result.outcome.is_of_target
    return view.turns, failing_with_run(view.failing_items, int(is_its_own))


def _put_off(view: QueryView, deferral: Deferred) -> QueryView:
    """Return a view after a run was put off: what its last run said stands for as long as it holds.

    Not what a replica said that is too late now: it may have been past already.
    """
    view = replace(view, status=QueryStatus.DEFERRED, deferral=deferral)
    if deferral.reason == "replica_lagging":
        view = replace(view, samples=(), expires_at=None)
    return view


def _after_success(view: QueryView, result: Result, success: Success) -> QueryView:
    data_at, next_run_at = result.scheduled_at, view.next_run_at
    return replace(
        view,
        status=QueryStatus.OK,
        samples=success.samples,
        data_at=data_at,
        last_success_at=result.finished_at,
        expires_at=expiry(view.paced, data_at, next_run_at),
        news_until=news_until(view.job, data_at, next_run_at),
        first_failure_at=None,
        consecutive_failures=0,
        denied=success.refusals,
        position=success.position or view.position,
    )


def _after_failure(view: QueryView, result: Result, failure: Failure) -> QueryView:
    # What the target explains (lost, full, behind its source) is not a failure of the query.
    is_its_own = not failure.is_of_target
    is_of_object = failure.reason is Reason.ACCESS_DENIED
    if is_of_object and failure.code in _OBJECT_DENIED:
        # A failure of another kind says nothing of what is refused.
        view = replace(view, denied=(failure,))
    return replace(
        _kept_data(_without_data(view, QueryStatus.FAILED, failure), view, failure),
        first_failure_at=view.first_failure_at or result.scheduled_at,
        consecutive_failures=view.consecutive_failures + is_its_own,
    )


def _kept_data(without: QueryView, view: QueryView, failure: Failure) -> QueryView:
    """Return a view after a failure with what its last whole sweep said: a piece that fails does not undo it."""
    until = known_until(view.job, view.position, failure)
    return replace(without, samples=view.samples if until else (), expires_at=until)


def _lost_with_target(view: QueryView, result: Result) -> QueryView:
    """Withdraw what a query gave before its target was lost: it cannot be known any more."""
    if view.status is QueryStatus.WAITING:
        return view
    return replace(
        _without_data(view, QueryStatus.FAILED, result.outcome),
        first_failure_at=view.first_failure_at or result.scheduled_at,
    )


def _without_data(view: QueryView, status: QueryStatus, outcome: Outcome) -> QueryView:
    # Series go at the first failure, not when they are old: docs/adr/0005.
    return replace(
        view,
        status=status,
        outcome=outcome,
        samples=(),
        expires_at=None,
        deferral=None,
    )

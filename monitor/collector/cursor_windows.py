"""Read windows by time, as a whole, where a column cannot serve as cursor; in a run."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.collector.cursor_samples import windows_counted_from
from monitor.collector.fetching import fetch_past_a_lock
from monitor.collector.findings import RunFindings
from monitor.collector.samples import samples_of
from monitor.collector.time_zones import unknown_zone
from monitor.database import Session
from monitor.model.cursor_position import CursorPosition, WindowRead
from monitor.model.errors import QueryError, Reason, SampleError
from monitor.model.results import Rows, Sample, Success
from monitor.model.settings import Metric, Query
from monitor.model.walks import WINDOW_LABEL

READ_EVERY = timedelta(minutes=5)
"""Without an index on the time it costs a pass over the whole table."""


def read_windows(
    query: Query,
    session: Session,
    start: CursorPosition,
    now: datetime | None,
    reason: str,
) -> RunFindings:
    """Return the windows as of the last time that they were read, which may be now.

    `reason` is why nothing can be counted. Raises QueryError as the server answers, and of a query that has no
    other way to read; SampleError where the rows cannot be read.
    """
    if query.fallback is None:
        raise QueryError(Reason.QUERY_ERROR, f"cannot read forward: {reason}")
    last = start.windows
    if last is not None and now is not None and _is_fresh(last, now):
        return _as_before(query, start, replace(last, reason=reason))
    windowed = _windowed(query)
    rows, samples = _read(windowed, session)
    success = Success(samples, len(rows.rows), warnings=rows.warnings)
    if now is not None:
        values = tuple(((one.metric, one.labels), one.value) for one in samples)
        read = WindowRead(reason, now, values)
        success = replace(
            success,
            position=replace(start, windows=read),
            counted_from=windows_counted_from(query.metrics, now),
        )
    return RunFindings(rows, success)


def _is_fresh(last: WindowRead, now: datetime) -> bool:
    return timedelta(0) <= now - last.read_at < READ_EVERY


def _as_before(query: Query, start: CursorPosition, last: WindowRead) -> RunFindings:
    samples = tuple(
        Sample(metric, labels, value) for (metric, labels), value in last.values
    )
    position = replace(start, windows=last)
    counted = windows_counted_from(query.metrics, last.read_at)
    success = Success(samples, 0, position=position, counted_from=counted)
    return RunFindings(Rows((), ()), success)


def _windowed(query: Query) -> Query:
    """Return the query with its other statement, whose rows have a column `window` and one for each metric."""
    metrics = tuple(
        _by_window(metric)
        for metric in query.metrics
        if metric.has_memory and (metric.value or metric.values)
    )
    fallback = query.fallback or query.statement
    return replace(query, statement=fallback, variants={}, walk=None, metrics=metrics)


def _by_window(metric: Metric) -> Metric:
    labels = metric.labels
    if metric.names_windows:
        labels = (*labels, WINDOW_LABEL)
    # What is not of a window stands in the row of one of them.
    null = metric.null if metric.windows else "skip"
    return replace(
        metric, labels=labels, windows=(), distinct=None, is_future=False, null=null
    )


def _read(windowed: Query, session: Session) -> tuple[Rows, tuple[Sample, ...]]:
    ends_at_seconds = time.monotonic() + windowed.timeout.total_seconds()
    statement = windowed.statement_for(session.server.flavor)
    rows = fetch_past_a_lock(session, statement, windowed, ends_at_seconds)
    try:
        return rows, samples_of(windowed, rows)
    except SampleError:
        # NULL is all that is to be seen of a zone that the server does not know
        fault = unknown_zone(windowed, session)
        if fault:
            raise SampleError(fault) from None
        raise

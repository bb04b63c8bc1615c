"""Make the samples of a cursor's run: counters, the last range, windows, what the cursor knows of itself; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.collector.cursor_memory import (
    first_minute,
    is_covered,
    is_estimated,
    labels_within,
    minute_of,
    window_members,
    window_sum,
)
from monitor.collector.cursor_rows import with_values_label
from monitor.model.counted_from import CountedFrom
from monitor.model.cursor_position import CursorMemory, CursorPosition, SeriesKey
from monitor.model.results import Sample
from monitor.model.settings import Labels, Metric, labels_of
from monitor.model.walks import (
    KIND_LABEL,
    WINDOW_LABEL,
    CursorFact,
    Window,
    windows_of_rows,
)


@dataclass(frozen=True, slots=True)
class CursorView:
    """What the samples of one run are made of."""

    now_seconds: float
    """The server's clock."""
    position: CursorPosition
    memory: CursorMemory
    """With the rows that are not counted yet, since they may not be all."""
    range_sums: Mapping[SeriesKey, float] = field(default_factory=dict)
    """What the rows that were counted in this run add up to."""
    behind_seconds: float = 0.0
    """How old what is counted is."""


def samples_of_cursor(metrics: Iterable[Metric], view: CursorView) -> list[Sample]:
    """Return the samples of all metrics, metric by metric; windows only as far as their rows have been read."""
    samples: list[Sample] = []
    for metric in metrics:
        samples.extend(_samples_of(metric, view))
    return samples


def windows_counted_from(
    metrics: Iterable[Metric], read_at: datetime
) -> tuple[CountedFrom, ...]:
    """Return from when on the windows of some metrics count that were read at an instant."""
    counted: list[CountedFrom] = []
    for metric in metrics:
        for window in metric.windows:
            labels = ((WINDOW_LABEL, window.name),) if window.name else ()
            # Minutes are counted whole.
            begins_at = read_at - window.length - timedelta(minutes=1)
            counted.append(CountedFrom(metric.name, labels, begins_at))
    return tuple(counted)


def longest_window(
    metrics: Iterable[Metric], *, of_rows_alone: bool = False
) -> timedelta:
    """Return how far back the metrics reach, or those of them that go by the time of a row; zero where none does."""
    lengths = [timedelta(0)]
    for metric in metrics:
        is_left_out = metric.is_seen & of_rows_alone
        windows = windows_of_rows(metric.windows, is_seen=is_left_out)
        lengths += [window.length for window in windows]
        lengths.append(timedelta(minutes=metric.is_future))
    return max(lengths)


def _samples_of(metric: Metric, view: CursorView) -> Iterator[Sample]:
    if metric.of_cursor is not None:
        yield from _facts(metric, metric.of_cursor, view)
    elif metric.is_seen:
        yield from _of_each(metric, _seen_sums(metric, view), view)
    elif metric.is_future:
        now_minute = minute_of(view.now_seconds)
        for series in _series_of(metric, view, now_minute - 24 * 60):
            value = window_sum(view.memory, series, now_minute)
            yield Sample(metric.name, series[1], value)
    elif metric.windows:
        for window in metric.windows:
            yield from _window_samples(metric, window, view)
    elif metric.kind == "counter":
        yield from _of_each(metric, view.position.totals, view)
    else:
        yield from _of_each(metric, view.range_sums, view)


def _window_samples(
    metric: Metric, window: Window, view: CursorView
) -> Iterator[Sample]:
    after = first_minute(view.now_seconds, window.length)
    if not is_covered(view.memory, after):
        return
    longest = first_minute(view.now_seconds, longest_window((metric,)))
    for series in _series_of(metric, view, longest):
        if metric.distinct is None:
            value = window_sum(view.memory, series, after)
        else:
            value = window_members(view.memory, series, after)
        labels = dict(series[1])
        if window.name:
            labels[WINDOW_LABEL] = window.name
        yield Sample(metric.name, labels_of(labels), value)


def _seen_sums(metric: Metric, view: CursorView) -> dict[SeriesKey, float]:
    """Return what was first read within the window of a metric, by series."""
    after = first_minute(view.now_seconds, longest_window((metric,)))
    return {one: window_sum(view.memory, one, after) for one in view.memory.sums}


def _series_of(metric: Metric, view: CursorView, after_minute: int) -> list[SeriesKey]:
    """Return the series of a metric: one for each label set that had a row behind a minute."""
    if not metric.label_names:
        # It is about all that there is, and 0 where that is nothing.
        return [(metric.name, ())]
    # Of all metrics with these labels: what nobody was seen in, or nothing of the future, is 0 there.
    found = _with_names(metric.labels, labels_within(view.memory, after_minute))
    return [(metric.name, labels) for labels in found]


def _of_each(
    metric: Metric, values: Mapping[SeriesKey, float], view: CursorView
) -> Iterator[Sample]:
    """Yield a sample for every label set that is known of the metric, 0 where nothing was added."""
    for labels in _known_labels(metric, view.position.labels):
        for column in metric.value_columns:
            series = (metric.name, with_values_label(metric, labels, column))
            yield Sample(metric.name, series[1], values.get(series, 0.0))


def _known_labels(metric: Metric, known: Iterable[Labels]) -> list[Labels]:
    return _with_names(metric.labels, known) if metric.labels else [()]


def _with_names(names: Iterable[str], known: Iterable[Labels]) -> list[Labels]:
    """Return those label sets, in order, that have labels of these names and no others."""
    wanted = sorted(names)
    return [labels for labels in sorted(known) if list(dict(labels)) == wanted]


def _facts(metric: Metric, fact: CursorFact, view: CursorView) -> Iterator[Sample]:
    if fact is CursorFact.LEFT_OUT:
        for kind, count in sorted(view.position.left_out.items()):
            yield Sample(metric.name, ((KIND_LABEL, kind),), float(count))
    else:
        yield Sample(metric.name, (), _fact_value(metric, fact, view))


def _fact_value(metric: Metric, fact: CursorFact, view: CursorView) -> float:
    values = {
        CursorFact.LATE_ROWS: view.position.late_rows,
        CursorFact.DROPPED_GAPS: view.position.dropped_gaps,
        CursorFact.RESTARTS: view.position.restarts,
        CursorFact.BEHIND_SECONDS: view.behind_seconds,
        CursorFact.ESTIMATED: is_estimated(view.memory),
        # Each of its kinds is a series.
        CursorFact.LEFT_OUT: sum(view.position.left_out.values()),
        CursorFact.EMPTIED: _seen_sums(metric, view).get((metric.name, ()), 0.0),
    }
    return float(values[fact])

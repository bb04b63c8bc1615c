"""Add up what a cursor's statement gave for one range, by what its file says of the columns; pure.

A row that cannot be true never fails a run: it is left out of what it cannot be part of, and counted by kind.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.collector.cells import CellField, label_of, number_of
from monitor.collector.cursor_memory import MemoryBuilder, member_hash, minute_of
from monitor.model.cursor_position import UNCOVERED, SeriesKey
from monitor.model.errors import SampleError
from monitor.model.results import Cell, Rows
from monitor.model.settings import Labels, Metric, Query, labels_of

MAX_LABEL_SETS = 100
"""Beyond so many every further one is `other`: a label with an id in it must not fill the memory."""
OTHER = "other"
NO_TIME = "time"
"""The kind of rows whose time cannot be read: they are in no window."""
_TIMELESS = -UNCOVERED
ALL_MINUTES = _TIMELESS - 1


@dataclass(slots=True)
class RangeSums:
    """What ranges add up to, as it grows within a run."""

    memory: MemoryBuilder
    """Where the rows' minutes are kept; one to be thrown away where they are kept already."""
    seen: MemoryBuilder | None = None
    """Where is added up what was first read in this run; None where the rows are of before."""
    after_minute: int = ALL_MINUTES
    """Only rows of later minutes are added up; the memory has all."""
    newer_than: float | None = None
    """Only rows of a later time are added up, and not those of the far future: others were, before."""
    horizon_seconds: float = math.inf
    """What is later than that, no row can be."""
    sums: dict[SeriesKey, float] = field(default_factory=dict)
    """Of each series without a window: what the rows add up to."""
    left_out: Counter[str] = field(default_factory=Counter)
    """How many rows were left out of something, by kind."""
    row_count: int = 0
    oldest_minute: int = UNCOVERED
    newest_minute: int = _TIMELESS
    newest_seconds: float = -math.inf
    new_count: int = 0
    """How many rows were added up."""
    has_timeless: bool = False
    """Whether some row had no time that can be read."""

    def note_time(self, seconds: float) -> int:
        """Return the minute of a row's time, which is noted."""
        minute = minute_of(seconds)
        self.oldest_minute = min(minute, self.oldest_minute)
        self.newest_minute = max(minute, self.newest_minute)
        if seconds <= self.horizon_seconds:
            self.newest_seconds = max(seconds, self.newest_seconds)
        return minute

    def is_new(self, seconds: float) -> bool:
        """Return whether a row of this time, in Unix seconds, was not counted before."""
        if self.newer_than is None:
            return True
        return self.newer_than < seconds <= self.horizon_seconds

    def see(self, series: SeriesKey, minute: int, member: Cell) -> None:
        """Note that a member was in a minute of a series; NULL is nobody."""
        if member is not None:
            self.memory.see(series, minute, member_hash(member))


class RowAdder:
    """Adds up rows of one query; knows which label sets there are, and bounds them."""

    def __init__(self, query: Query, time_column: str, known: Sequence[Labels]) -> None:
        self._query = query
        self._metrics = [one for one in query.metrics if one.of_cursor is None]
        self._time_column = time_column
        self._known = dict.fromkeys(known)
        self._labels: dict[tuple[str, Sequence[Cell]], Labels] = {}

    @property
    def known(self) -> tuple[Labels, ...]:
        """Return every label set that a row had."""
        return tuple(self._known)

    def add(self, rows: Rows, to: RangeSums) -> None:
        """Add all rows; SampleError only where a column is not there at all."""
        if not rows.columns:
            return
        self._require_columns(rows)
        for number, cells in enumerate(rows.rows, start=1):
            self._add_row(_Row(rows, cells, number), to)
        to.row_count += len(rows.rows)

    def _require_columns(self, rows: Rows) -> None:
        given = {*rows.columns, ""}
        named = [self._time_column]
        for metric in self._metrics:
            named += _columns_of(metric)
        lacking = [name for name in dict.fromkeys(named) if name not in given]
        if lacking:
            raise SampleError(
                f"{self._query.name} names column {', '.join(lacking)};"
                f" the statement gives {', '.join(rows.columns)}"
            )

    def _add_row(self, row: _Row, to: RangeSums) -> None:
        kinds: set[str] = set()
        when = self._when(row, kinds, to)
        for metric in self._metrics:
            labels = self._labels_of(metric, row, kinds)
            if labels is None:
                continue
            if metric.distinct is None:
                _add_values(metric, labels, row, when, kinds, to)
            else:
                member = row.cell(metric.distinct)
                to.see((metric.name, labels), when.minute, member)
        if when.is_new:
            to.left_out.update(kinds)
            to.new_count += 1

    def _when(self, row: _Row, kinds: set[str], to: RangeSums) -> _RowTime:
        """Return when a row came, in a minute that never was where it has no time that can be read."""
        if not self._time_column:
            return _RowTime(_TIMELESS, is_new=True)
        try:
            seconds = number_of(row.field(self._time_column))
        except SampleError:
            kinds.add(NO_TIME)
            to.has_timeless = True
            return _RowTime(_TIMELESS, is_new=to.is_new(-math.inf))
        return _RowTime(to.note_time(seconds), is_new=to.is_new(seconds))

    def _labels_of(self, metric: Metric, row: _Row, kinds: set[str]) -> Labels | None:
        cells = tuple(row.cell(name) for name in metric.labels)
        key = (metric.name, cells)
        labels = self._labels.get(key)
        if labels is not None:
            return labels
        try:
            pairs = {name: label_of(row.field(name)) for name in metric.labels}
        except SampleError:
            kinds.add("label")
            return None
        labels = self._bounded(labels_of(pairs))
        self._labels[key] = labels
        return labels

    def _bounded(self, labels: Labels) -> Labels:
        if labels in self._known:
            return labels
        if labels and len(self._known) >= MAX_LABEL_SETS:
            labels = tuple((name, OTHER) for name, _ in labels)
        self._known[labels] = None
        return labels


@dataclass(frozen=True, slots=True)
class _RowTime:
    """The minute that a row is of, and whether it was not counted before."""

    minute: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Row:
    rows: Rows
    cells: tuple[Cell, ...]
    number: int

    def cell(self, column: str) -> Cell:
        """Return the cell of a column."""
        return self.cells[self.rows.columns.index(column)]

    def field(self, column: str) -> CellField:
        """Return the cell with what an error has to say of it."""
        position = self.rows.columns.index(column)
        return CellField(
            cell=self.cells[position],
            column=column,
            type=self.rows.types[position],
            row=self.number,
        )


def _add_values(
    metric: Metric,
    labels: Labels,
    row: _Row,
    when: _RowTime,
    kinds: set[str],
    to: RangeSums,
) -> None:
    for column in metric.value_columns:
        value = _value(metric, row, column, kinds)
        if value is None:
            continue
        series = (metric.name, with_values_label(metric, labels, column))
        if metric.is_seen:
            if to.seen is not None and when.is_new:
                to.seen.add_now(series, value)
        elif metric.has_memory:
            to.memory.add(series, when.minute, value, is_future=metric.is_future)
        elif when.is_new and when.minute > to.after_minute:
            to.sums[series] = to.sums.get(series, 0.0) + value


def with_values_label(metric: Metric, labels: Labels, column: str) -> Labels:
    """Return the labels of a value that stands in a column which is a label's value."""
    return labels_of((*labels, *metric.labels_of_column(column)))


def _columns_of(metric: Metric) -> Sequence[str]:
    # What counts once has its value's column in another statement.
    columns = metric.value_columns if metric.distinct is None else (metric.distinct,)
    return (*metric.labels, *columns)


_OF_NULL: Mapping[str, float] = {"zero": 0.0}


def _value(metric: Metric, row: _Row, column: str, kinds: set[str]) -> float | None:
    """Return what a row adds to a metric; None where it adds nothing."""
    cell = row.cell(column)
    if cell is None:
        if metric.null in ("error", "nan"):
            kinds.add("null")
        return _OF_NULL.get(metric.null)
    try:
        value = number_of(row.field(column))
    except SampleError:
        kinds.add("value")
        return None
    if value < 0 and metric.kind == "counter":
        # A counter that goes down reads as a restart, and as its whole value once more.
        kinds.add("negative")
        return None
    return value

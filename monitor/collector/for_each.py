"""Run a query once for each of its items, on one connection within its time; an item that fails fails alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from monitor.collector.evidence import findings_of, look_up
from monitor.collector.fetching import MIN_TRY_SECONDS, fetch_past_a_lock
from monitor.collector.findings import RunFindings
from monitor.collector.items import items_of, of_item
from monitor.collector.one_statement import read_rows
from monitor.database import Session
from monitor.model.errors import QueryError, Reason, SampleError, TargetError
from monitor.model.for_each import (
    FailedItem,
    ForEach,
    ItemOutcomes,
    NoItemError,
    QueryItem,
    Turns,
)
from monitor.model.lower_bounds import LowerBound
from monitor.model.results import (
    ALTERED_SESSION,
    CANCELLED,
    Cell,
    ColumnType,
    EvidenceKey,
    EvidenceRow,
    Rows,
    Sample,
    ServerWarning,
    Success,
)
from monitor.model.settings import Query, labels_of
from monitor.timing.durations import format_duration

_FAIR_SHARE = 0.5
"""Who had so much of a run's time and gave nothing in it is slow; who had less was only late in the row."""
_OF_WHOLE_RUN = frozenset((CANCELLED, ALTERED_SESSION))
"""Details of what is no fault of an item."""


def answer_each(
    query: Query, each: ForEach, session: Session, turns: Turns
) -> RunFindings:
    """Run a query for each of its items; `turns` says who goes first.

    Raises QueryError where that is not of an item: the items cannot be had, the connection is lost, there are
    too many rows; NoItemError where no item gave data; SampleError where a row names no item.
    """
    ends_at_seconds = time.monotonic() + query.timeout.total_seconds()
    session.use_time_zone(query.time_zone)
    items = items_of(query, each, session, ends_at_seconds)
    run = _EachRun(query, each, session, ends_at_seconds)
    for item in turns.in_order(items):
        run.ask(item)
    outcome = run.outcome(items, turns)
    if items and not outcome.well:
        raise NoItemError(outcome, run.errors[0])
    return run.findings(items, outcome)


@dataclass(slots=True)
class _EachRun:
    """What the items gave so far, by their names."""

    query: Query
    each: ForEach
    session: Session
    ends_at_seconds: float
    queries: dict[str, Query] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)
    samples: dict[str, tuple[Sample, ...]] = field(default_factory=dict)
    lower_bounds: list[LowerBound] = field(default_factory=list)
    failed: dict[str, FailedItem] = field(default_factory=dict)
    errors: list[QueryError] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    slow: set[str] = field(default_factory=set)
    row_count: int = 0

    def ask(self, item: QueryItem) -> None:
        """Run the statement for an item in the time that is left, and keep what came of it."""
        left_seconds = self.ends_at_seconds - time.monotonic()
        if left_seconds < MIN_TRY_SECONDS:
            self.waiting.append(item.name)
            self._fail(item, self._no_turn())
            return
        try:
            self._take(item, left_seconds)
        except SampleError as error:
            self._fail(item, QueryError(Reason.BAD_RESULT, str(error)))
        except QueryError as error:
            if isinstance(error, TargetError) or error.detail in _OF_WHOLE_RUN:
                raise
            if error.reason is Reason.TOO_MANY_ROWS:
                raise self._too_many_rows() from None
            self._fail(item, error)
            if error.reason is Reason.TIMEOUT:
                self._note_time(item, left_seconds)

    def outcome(self, items: Sequence[QueryItem], before: Turns) -> ItemOutcomes:
        """Return what became of the items, in their order, and who goes first and last the next time."""
        names = [item.name for item in items]
        failed = [self.failed[name] for name in names if name in self.failed]
        # One that was slow is so until it was asked again.
        still_slow = before.slow.intersection(self.waiting)
        turns = Turns(tuple(self.waiting), still_slow | self.slow)
        return ItemOutcomes(len(items), tuple(failed), turns)

    def findings(
        self, items: Sequence[QueryItem], outcome: ItemOutcomes
    ) -> RunFindings:
        """Return what all items gave together; says nothing about those that failed."""
        samples: list[Sample] = []
        for item in items:
            samples += self.samples.get(item.name, ())
        evidence, errors = self._evidence(tuple(samples))
        silent = [labels_of({self.each.label: one.name}) for one in outcome.failed]
        success = Success(
            tuple(samples),
            self.row_count,
            evidence,
            errors,
            silent=tuple(silent),
            warnings=self._warnings(),
            lower_bounds=tuple(self.lower_bounds),
            items=outcome,
        )
        return RunFindings(self._all_rows(items), success)

    def _take(self, item: QueryItem, left_seconds: float) -> None:
        query = of_item(self.query, self.each, item)
        self.queries[item.name] = query
        # To the hundredth of a second, as a person reads it in an error.
        limit = timedelta(milliseconds=int(left_seconds * 100) * 10)
        asked = replace(query, timeout=limit, max_rows=query.max_rows - self.row_count)
        statement = query.statement_for(self.session.server.flavor)
        rows = fetch_past_a_lock(self.session, statement, asked, self.ends_at_seconds)
        self.row_count += len(rows.rows)
        rows = _with_label(rows, self.each.label, item.name)
        self.rows[item.name] = rows
        read = read_rows(query, self.session, rows)
        self.samples[item.name] = read.samples
        self.lower_bounds += [self._of_item(one, item) for one in read.lower_bounds]

    def _of_item(self, bound: LowerBound, item: QueryItem) -> LowerBound:
        labels = labels_of((*bound.labels, (self.each.label, item.name)))
        return replace(bound, labels=labels)

    def _fail(self, item: QueryItem, error: QueryError) -> None:
        self.failed[item.name] = FailedItem(item.name, error.reason, error.message)
        self.errors.append(error)

    def _note_time(self, item: QueryItem, had_seconds: float) -> None:
        fair_seconds = self.query.timeout.total_seconds() * _FAIR_SHARE
        if had_seconds < fair_seconds:
            self.waiting.append(item.name)
        else:
            self.slow.add(item.name)

    def _no_turn(self) -> QueryError:
        timeout = format_duration(self.query.timeout)
        message = f"its turn did not come within {timeout}"
        return QueryError(Reason.TIMEOUT, message)

    def _too_many_rows(self) -> QueryError:
        message = f"more than {self.query.max_rows} rows (max_rows) of all items"
        return QueryError(Reason.TOO_MANY_ROWS, message)

    def _evidence(
        self, samples: tuple[Sample, ...]
    ) -> tuple[dict[EvidenceKey, tuple[EvidenceRow, ...]], tuple[str, ...]]:
        """Look up examples, after all had their turn: as many as of any query, each with what its item has."""
        found: dict[EvidenceKey, tuple[EvidenceRow, ...]] = {}
        errors: list[str] = []
        for case in findings_of(self.query.rules, samples):
            _, _, sample = case
            name = dict(sample.labels).get(self.each.label, "")
            query = self.queries.get(name, self.query)
            rows, faults = look_up(query, self.session, [case], self.ends_at_seconds)
            found.update(rows)
            errors += faults
        return found, tuple(errors)

    def _warnings(self) -> tuple[ServerWarning, ...]:
        """Return what the server remarked, each once: it remarks the same on each item."""
        warnings: dict[ServerWarning, None] = {}
        for rows in self.rows.values():
            warnings.update(dict.fromkeys(rows.warnings))
        return tuple(warnings)

    def _all_rows(self, items: Sequence[QueryItem]) -> Rows:
        """Return the rows of all items, for people: by all columns that there are, as they came."""
        given = [self.rows[item.name] for item in items if item.name in self.rows]
        columns: dict[str, None] = {}
        for rows in given:
            columns.update(dict.fromkeys(rows.columns))
        joined: list[tuple[Cell, ...]] = []
        for rows in given:
            joined += _in_columns(rows, tuple(columns))
        return Rows(tuple(columns), tuple(joined))


def _with_label(rows: Rows, label: str, name: str) -> Rows:
    """Return rows with the item's name in a column of its own, the first."""
    if label in rows.columns:
        raise SampleError(
            f'the statement gives a column "{label}", which is the label of the items'
        )
    types = (ColumnType.TEXT, *rows.types) if rows.types else ()
    cells = tuple((name, *row) for row in rows.rows)
    return replace(rows, columns=(label, *rows.columns), rows=cells, types=types)


def _in_columns(rows: Rows, columns: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    for row in rows.rows:
        cells = dict(zip(rows.columns, row, strict=True))
        yield tuple(cells.get(column) for column in columns)

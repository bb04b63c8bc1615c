"""Write the metrics of our own as lines: of one query on a target, of one target, of the monitor itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from monitor.alerting.contact import TargetView
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.own_families import (
    MONITOR_METRICS,
    QUERY_ITEMS,
    QUERY_METRICS,
    QUERY_STATUS,
    SERIES_LEFT_OUT,
    TARGET_METRICS,
    ReadMetric,
)
from monitor.telemetry.own_metrics import (
    BUILD_INFO,
    RUN_DURATION,
    Counted,
    Key,
    Owner,
    OwnMetric,
)
from monitor.telemetry.readings import Reading, Series, page_certificate_ends
from monitor.telemetry.text_format import (
    Head,
    LabelledLine,
    LineFormat,
    head,
    labels_text,
)

_Subject = TypeVar("_Subject")


@dataclass(frozen=True, slots=True)
class Column(Generic[_Subject]):
    """One family, and how its lines are written of one subject: a query on a target, a target, the monitor."""

    metric: OwnMetric
    head: Head
    write: Callable[[_Subject], bytes]


@dataclass(frozen=True, slots=True)
class QuerySubject:
    """What the lines of one query on one target are written of."""

    view: QueryView
    statuses: frozenset[QueryStatus]
    """Those that it has been shown with."""
    labels: str
    """Target and query, as they stand in each of its lines."""


def subject_of(view: QueryView, statuses: frozenset[QueryStatus]) -> QuerySubject:
    """Return what the lines of a query on a target are written of."""
    labels = dict(zip(Owner.JOB.labels, view.job.key, strict=True))
    return QuerySubject(view, statuses, labels_text(labels))


class OwnLines:
    """The families of our own, in their order, each with what writes its lines."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self.of_query: Sequence[Column[QuerySubject]] = (
            *self._counted_of_query(),
            self._durations(),
            *[_of_view(one) for one in QUERY_METRICS],
            _statuses(),
            _divided(SERIES_LEFT_OUT),
            _divided(QUERY_ITEMS),
        )
        self.of_target: Sequence[Column[TargetView]] = (
            *[_read(one) for one in TARGET_METRICS],
            *[
                self._counter(one, lambda view: (view.target.name,))
                for one in _counted_by(Owner.TARGET)
            ],
        )
        self.of_monitor: Sequence[Column[Reading]] = (
            self._build_info(),
            *self._counted_all(Owner.RECEIVER, Owner.OUTBOX, Owner.MONITOR),
            *[_read(one) for one in MONITOR_METRICS],
        )

    def _build_info(self) -> Column[Reading]:
        line = _format(BUILD_INFO).line((self._telemetry.monitor_version,), 1)
        return _column(BUILD_INFO, lambda _reading: line.encode())

    def _counted_of_query(self) -> list[Column[QuerySubject]]:
        """Return the counters of queries, the most of all lines: without a label of their own by a shorter way."""
        columns: list[Column[QuerySubject]] = []
        for counted in _counted_by(Owner.JOB):
            if counted.value.is_divided:
                columns.append(self._counter(counted, lambda one: one.view.job.key))
            else:
                columns.append(self._counter_of_query(counted))
        return columns

    def _counter_of_query(self, counted: Counted) -> Column[QuerySubject]:
        line = LabelledLine(counted.value.name).line
        count_of = self._telemetry.count_of

        def write(subject: QuerySubject) -> bytes:
            count = count_of(counted, subject.view.job.key)
            return b"" if count is None else line(subject.labels, count)

        return _column(counted.value, write)

    def _counter(
        self, counted: Counted, key: Callable[[_Subject], Key]
    ) -> Column[_Subject]:
        """Return a counter, written one owner at a time."""
        lines = _writer(counted.value)
        series_of = self._telemetry.series_of
        return _column(
            counted.value, lambda subject: lines(series_of(counted, key(subject)))
        )

    def _counted_all(self, *owners: Owner) -> list[Column[Reading]]:
        """Return the counters of these kinds of owners, written all at once."""

        def column(counted: Counted) -> Column[Reading]:
            lines = _writer(counted.value)
            series = self._telemetry.series
            return _column(counted.value, lambda _reading: lines(series(counted)))

        return [column(one) for one in Counted if one.value.owner in owners]

    def _durations(self) -> Column[QuerySubject]:
        name, labels = RUN_DURATION.name, RUN_DURATION.labels
        bucket = LineFormat(f"{name}_bucket", (*labels, "le"))
        count = LabelledLine(f"{name}_count").line
        total = LabelledLine(f"{name}_sum").line

        def write(subject: QuerySubject) -> bytes:
            key = subject.view.job.key
            durations = self._telemetry.durations_of(key)
            if durations is None:
                return b""
            buckets, sum_seconds = durations
            _bound, runs = buckets[-1]  # it has all of them
            lines = [bucket.line((*key, bound), below) for bound, below in buckets]
            told = count(subject.labels, runs)
            told += total(subject.labels, sum_seconds)
            return "".join(lines).encode() + told

        return _column(RUN_DURATION, write)


def _counted_by(owner: Owner) -> list[Counted]:
    """Return the counters of one kind of owner."""
    return [one for one in Counted if one.value.owner is owner]


def page_certificates(reading: Reading) -> bytes:
    """Return the lines of the page's certificates, which stand among those of the targets."""
    (metric,) = [one for one in TARGET_METRICS if "certificate" in one.labels]
    line = LineFormat(metric.name, ("certificate",)).line
    series = page_certificate_ends(reading)
    return "".join([line(labels[:1], value) for labels, value in series]).encode()


def _statuses() -> Column[QuerySubject]:
    """Return the statuses of a query: the one that holds, and 0 for those that it was shown with.

    All of them would be half a kilobyte for each query of each target. That it waits for its first run is
    over for good once it has run.
    """
    line, ordered = _format(QUERY_STATUS).line, tuple(QueryStatus)

    def write(subject: QuerySubject) -> bytes:
        view = subject.view
        shown = subject.statuses - {QueryStatus.WAITING} | {view.status}
        # In their order; to walk the class itself takes longer than to write the line.
        lines = [
            line((*view.job.key, status.value), status is view.status)
            for status in ordered
            if status in shown
        ]
        return "".join(lines).encode()

    return _column(QUERY_STATUS, write)


def _of_view(metric: ReadMetric[QueryView]) -> Column[QuerySubject]:
    line, read = LabelledLine(metric.name).line, metric.read

    def write(subject: QuerySubject) -> bytes:
        # Its labels are those of the query, whatever else it has.
        series = read(subject.view)
        return b"".join([line(subject.labels, value) for _labels, value in series])

    return _column(metric, write)


def _divided(metric: ReadMetric[QueryView]) -> Column[QuerySubject]:
    """Return a metric of a query that has a label beside target and query."""
    lines, read = _writer(metric), metric.read
    return _column(metric, lambda subject: lines(read(subject.view)))


def _read(metric: ReadMetric[_Subject]) -> Column[_Subject]:
    lines = _writer(metric)
    return _column(metric, lambda subject: lines(metric.read(subject)))


def _column(metric: OwnMetric, write: Callable[[_Subject], bytes]) -> Column[_Subject]:
    return Column(metric, head(metric.name, metric.help, metric.kind), write)


def _writer(metric: OwnMetric) -> Callable[[Series], bytes]:
    line = _format(metric).line

    def lines(series: Iterable[tuple[tuple[str, ...], float]]) -> bytes:
        return "".join([line(labels, value) for labels, value in series]).encode()

    return lines


def _format(metric: OwnMetric) -> LineFormat:
    return LineFormat(metric.name, metric.labels)

"""Choose what is drawn of a query or an alert: its series, the thresholds of its rules, its incidents; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from monitor.alerting.query_view import QueryView
from monitor.model.alerts import Alert, Transition, alerts_that_fired
from monitor.model.conditions import COMPARISONS, Condition
from monitor.model.rules import Rule
from monitor.model.trends import (
    DURATION_METRIC,
    HOUR,
    MINUTE,
    SeriesName,
    TargetTrends,
)
from monitor.model.walks import Sweep
from monitor.web.plots import FiringTime, Plot, PlotSeries, plot_of
from monitor.web.run_times import RunPace, RunTimes, run_times
from monitor.web.views import Scene

_SLACK: Final = 1.5
"""Of an interval: so much later is still the next run, and what is later is a gap; of two minutes a whole one."""
_LEAST_SHARE: Final = 12
"""At least a twelfth of its range is on a plot."""
_SWEEP_SLACK: Final = 3.0
"""A sweep is stretched as its server wants."""
_TWO_SIDED: Final = ("between", "not_between")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """How far back plots go, and by which points."""

    name: str
    """As the address has it."""
    length: timedelta
    span_seconds: int
    text: str


RANGES: Final = (
    TimeRange("day", timedelta(days=1), MINUTE, "Last day"),
    TimeRange("week", timedelta(days=7), HOUR, "Last week"),
)


@dataclass(frozen=True, slots=True)
class PlotSource:
    """What plots are drawn from: what is kept of a target over a range, and what alerts did there."""

    range: TimeRange
    trends: TargetTrends
    transitions: Sequence[Transition]


def range_named(name: str) -> TimeRange:
    """Return the range that an address asks for; the last day where it asks for none that there is."""
    return next((one for one in RANGES if one.name == name), RANGES[0])


def query_plots(view: QueryView, source: PlotSource, scene: Scene) -> tuple[Plot, ...]:
    """Draw the series of a query on a target, a plot for each metric, and how long its runs took."""
    incidents = _incidents(source, scene, view)
    start, end = _ends(source, scene)
    plots = []
    lines = _QueryDrawing.of(view, source)
    for metric, title in _metrics(view, source):
        series = [
            lines.series(name)
            for name in source.trends.slots
            if name.query == view.job.query.name and name.metric == metric
        ]
        rules = [rule for rule in view.job.query.rules if rule.metric == metric]
        plots.append(
            plot_of(
                title,
                series,
                start,
                end,
                thresholds=_thresholds(rules),
                incidents=incidents if rules else (),
            )
        )
    return tuple(plots)


def alert_plot(
    alert: Alert, rule: Rule, view: QueryView, source: PlotSource, scene: Scene
) -> Plot | None:
    """Draw the value that an alert is about, with its threshold; None where nothing is kept of it."""
    own = set(alert.labels)
    names = [
        name
        for name in source.trends.slots
        if name.query == view.job.query.name
        and name.metric == rule.metric
        and set(name.labels) <= own
    ]
    if not names:
        return None
    start, end = _ends(source, scene)
    incidents = [
        one
        for one in _incidents(source, scene, view)
        if one.fingerprint == alert.fingerprint
    ]
    lines = _QueryDrawing.of(view, source)
    series = [lines.series(name) for name in names]
    thresholds = _thresholds([rule])
    return plot_of(
        rule.metric,
        series,
        start,
        end,
        thresholds=thresholds,
        incidents=incidents,
    )


def _metrics(view: QueryView, source: PlotSource) -> Iterator[tuple[str, str]]:
    """Yield the metrics of which something is kept, each with what its plot is called."""
    kept = {
        name.metric for name in source.trends.slots if name.query == view.job.query.name
    }
    for metric in view.job.query.metrics:
        if metric.name in kept:
            yield metric.name, metric.name
    if DURATION_METRIC in kept:
        yield DURATION_METRIC, "Seconds that a run took"


def _ends(source: PlotSource, scene: Scene) -> tuple[datetime, datetime]:
    """Return from when to when is drawn: of a young monitor not the day before it was there."""
    length, rows = source.range.length, source.trends.rows
    first = rows[0][0] if rows else scene.now.timestamp()
    began_at = datetime.fromtimestamp(first, UTC)
    shortest_at = scene.now - length / _LEAST_SHARE
    return max(scene.now - length, min(began_at, shortest_at)), scene.now


@dataclass(frozen=True, slots=True)
class _QueryDrawing:
    """What the lines of one query on a target have in common: when it ran, of which each success is kept."""

    trends: TargetTrends
    max_gap: timedelta
    runs: RunTimes

    @classmethod
    def of(cls, view: QueryView, source: PlotSource) -> _QueryDrawing:
        pace = _pace_of(view, source.range.span_seconds)
        durations = SeriesName(view.job.query.name, DURATION_METRIC, ())
        runs = [point.at_seconds for point in source.trends.points_of(durations)]
        return cls(source.trends, pace.max_gap, run_times(runs, pace))

    def series(self, name: SeriesName) -> PlotSeries:
        labels = ", ".join(f"{key}: {value}" for key, value in name.labels)
        return PlotSeries(
            name=labels or name.metric,
            points=self.trends.points_of(name),
            max_gap=self.max_gap,
            runs=self.runs,
        )


def max_gap(view: QueryView, span_seconds: int) -> timedelta:
    """Return how far apart two points of a query may be that are joined, as it runs now."""
    return _pace_of(view, span_seconds).max_gap


def _pace_of(view: QueryView, span_seconds: int) -> RunPace:
    is_sweep = isinstance(view.job.query.walk, Sweep)
    slack = _SWEEP_SLACK if is_sweep else _SLACK
    period = view.paced.query.schedule.period
    return RunPace(period, timedelta(seconds=span_seconds), slack)


def _thresholds(rules: Sequence[Rule]) -> list[float]:
    """Return the numbers beyond which rules fire; none of rules that compare with something else."""
    found: list[float] = []
    for rule in rules:
        if rule.is_by_value:
            for level in rule.levels:
                found += _numbers(level.condition)
    return list(dict.fromkeys(found))


def _numbers(condition: Condition) -> list[float]:
    if condition.kind not in COMPARISONS:
        return []
    is_range = condition.kind in _TWO_SIDED
    return [condition.threshold, condition.upper] if is_range else [condition.threshold]


def _incidents(source: PlotSource, scene: Scene, view: QueryView) -> list[FiringTime]:
    """Return when alerts of a query on a target fired, those that still do included."""
    target, query = view.job.key
    return [
        FiringTime(
            f"{alert.name} fired",
            alert.fired_at,
            alert.resolved_at or scene.now,
            alert.fingerprint,
        )
        for alert in alerts_that_fired(source.transitions, scene.snapshot.alerts)
        if alert.fired_at is not None
        and (alert.scope.target, alert.scope.subject) == (target, query)
    ]

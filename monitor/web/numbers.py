"""Choose the numbers of the first page that say how the product does, each with its line over a day; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from monitor.alerting.query_view import QueryView
from monitor.model.alerts import Transition
from monitor.model.results import Sample
from monitor.model.settings import Labels
from monitor.model.text_formats import people_number, span
from monitor.model.trends import COST_METRIC, MINUTE, TargetTrends, TrendPoint
from monitor.web.day_strip import DayStrip, Looks, day_strip, fired_on
from monitor.web.plots import Plot, PlotSeries, plot_of
from monitor.web.trend_plots import max_gap
from monitor.web.verdict import Tone
from monitor.web.views import Scene

MAX_PLANS: Final = 20
"""So many the table has; whoever writes plans wrongly may have hundreds."""
SUBSCRIBERS: Final = "token_subscribers"
EVENTS: Final = "token_usage_recent_events"
LAST_USE: Final = "token_usage_last_event_timestamp_seconds"
SILENCE: Final = "token_usage_silence_seconds"

_DAY = timedelta(days=1)
_STATES: Final[dict[str, Tone]] = {
    "ok": "ok",
    "low": "info",
    "empty": "info",
    "negative": "warn",
    "needs_init": "bad",
}
"""The states of a balance, and the colour of one that anybody is in."""
_STATE_WORDS: Final = {"needs_init": "not initialised"}
"""Where people say it otherwise than the label."""
_NEAR_SECONDS = 300
_SHORTEST_SECONDS = 1800
"""Of a day less than that is a dot in an empty box."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_SEEN_LATER: Final = timedelta(minutes=3)
"""A minute is kept when it is over, under its beginning, and lines that are drawn are good for another one."""
_SLACK = timedelta(minutes=10)
"""Lines of a day in so little room: what is shorter is seen on the query's page."""


@dataclass(frozen=True, slots=True)
class NumberTile:
    """One number: what it is, what it was before, and its line."""

    title: str
    value: str
    tone: Tone
    before: str
    query: str
    """The query whose page has more of it; empty of one that is about the monitor."""
    plot: Plot | None


@dataclass(frozen=True, slots=True)
class PlanTable:
    """Subscribers by plan and state."""

    states: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0
    """How many plans more there are."""


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line over a day, None where nothing is kept, and what was a day ago."""

    plot: Plot | None = None
    before: str = ""


@dataclass(frozen=True, slots=True)
class DayLines:
    """The lines of a target over the day before an instant, each drawn once: the page is asked for often."""

    trends: TargetTrends
    at: datetime
    transitions: Sequence[Transition] = ()
    """Of the target's alerts, the newest first."""
    fired_from: datetime = _LONG_AGO
    """From when on all of them are there."""
    drawn: dict[str, DrawnLine] = field(default_factory=dict)
    """By the titles of their tiles; two threads that draw the same one at once draw it alike."""

    def strip(self, target: str, scene: Scene) -> DayStrip | None:
        """Return how the target's day was, half hour by half hour; None where nothing is kept of it yet."""
        if not self.trends.slots:
            return None
        snapshot = scene.snapshot
        seen = [datetime.fromtimestamp(at, UTC) for at, _ in self.trends.rows]
        gaps = [max_gap(view, MINUTE) for view in snapshot.views_of(target)]
        looks = Looks(seen, min(gaps, default=_SLACK) + _SEEN_LATER, self.fired_from)
        fired = fired_on(target, self.transitions, snapshot.alerts, scene.now)
        return day_strip(fired, looks, scene.now)

    def line(
        self, title: str, metric: str, labels: Labels, gap: timedelta
    ) -> DrawnLine:
        """Draw the sum of the series of a metric that have these labels; broken by a longer gap."""
        if title not in self.drawn:
            points = self._summed(metric, set(labels))
            self.drawn[title] = _drawn_line(title, points, self.at, gap)
        return self.drawn[title]

    def _summed(self, metric: str, labels: set[tuple[str, str]]) -> list[TrendPoint]:
        sums: defaultdict[int, float] = defaultdict(float)
        for name in self.trends.slots:
            if name.metric == metric and labels <= set(name.labels):
                for point in self.trends.points_of(name):
                    sums[point.at_seconds] += point.last
        return [TrendPoint(at, sums[at], sums[at], sums[at]) for at in sorted(sums)]


@dataclass(frozen=True, slots=True)
class TileSource:
    """What tiles are made of: the views of the targets that are shown, and what is kept of the only one."""

    views: Sequence[QueryView]
    scene: Scene
    targets: Sequence[str]
    day: DayLines | None
    """None where several targets are shown: their lines would be added up over a thousand."""

    def samples_of(self, metric: str) -> Iterator[Sample]:
        """Yield the samples of a metric that are still fresh."""
        for view in self.views:
            for sample in view.samples_at(self.scene.now):
                if sample.metric == metric:
                    yield sample

    def line(self, title: str, metric: str, *labels: tuple[str, str]) -> DrawnLine:
        """Return a line of the only target that is shown."""
        if self.day is None:
            return DrawnLine()
        view = self.view_of(metric)
        gap = _SLACK if view is None else max(_SLACK, max_gap(view, MINUTE))
        return self.day.line(title, metric, labels, gap)

    def query_of(self, metric: str) -> str:
        """Return the name of the query that exports a metric; empty where none does."""
        view = self.view_of(metric)
        return "" if view is None else view.job.query.name

    def view_of(self, metric: str) -> QueryView | None:
        """Return the first view of the query that exports a metric; None where none does."""
        for view in self.views:
            if any(one.name == metric for one in view.job.query.metrics):
                return view
        return None


def tiles_of(source: TileSource) -> tuple[NumberTile, ...]:
    """Return the numbers of what is watched; none of what no query gives."""
    tiles = [*_subscribers(source), *_usage(source), *_last_use(source), *_cost(source)]
    return tuple(tiles)


def plan_table(source: TileSource) -> PlanTable | None:
    """Return the subscribers by plan and state; None where nobody counts them."""
    counts: defaultdict[str, defaultdict[str, float]] = defaultdict(
        lambda: defaultdict(float)
    )
    for sample in source.samples_of(SUBSCRIBERS):
        labels = dict(sample.labels)
        counts[labels.get("plan", "")][labels.get("status", "")] += sample.value
    if not counts:
        return None
    rows = [
        (plan, *(people_number(by_state[state]) for state in _STATES))
        for plan, by_state in sorted(counts.items())
    ]
    shown = tuple(rows[:MAX_PLANS])
    return PlanTable(tuple(_STATES), shown, len(rows) - len(shown))


def _subscribers(source: TileSource) -> Iterator[NumberTile]:
    samples = list(source.samples_of(SUBSCRIBERS))
    for state, tone in _STATES.items():
        pair = ("status", state)
        found = [sample.value for sample in samples if pair in sample.labels]
        if found:
            title = f"Subscribers {_STATE_WORDS.get(state, state)}"
            line = source.line(title, SUBSCRIBERS, pair)
            query = source.query_of(SUBSCRIBERS)
            shown = tone if sum(found) else "ok"
            yield _tile(title, people_number(sum(found)), line, query, shown)


def _usage(source: TileSource) -> Iterator[NumberTile]:
    pair = ("window", "1h")
    found = [one.value for one in source.samples_of(EVENTS) if pair in one.labels]
    if found:
        title = "Uses in the last hour"
        line = source.line(title, EVENTS, pair)
        query = source.query_of(EVENTS)
        yield _tile(title, people_number(sum(found)), line, query)


def _last_use(source: TileSource) -> Iterator[NumberTile]:
    found = [one.value for one in source.samples_of(LAST_USE)]
    if found:
        age = source.scene.now - datetime.fromtimestamp(min(found), UTC)
        value = f"{span(max(round(age.total_seconds()), 1))} ago"
        title = "Last use" if len(source.targets) == 1 else "Longest without use"
        line = source.line(title, SILENCE)
        query = source.query_of(LAST_USE)
        yield _tile(title, value, DrawnLine(line.plot), query)


def _cost(source: TileSource) -> Iterator[NumberTile]:
    """Yield what the monitor costs: of several targets the one where it is most."""
    targets = source.scene.snapshot.targets
    ratios = [targets[name].load.ratio or 0.0 for name in source.targets]
    if any(ratios):
        which = "Cost" if len(ratios) == 1 else "Highest cost"
        title = f"{which} of the monitor, ms a minute"
        line = source.line(title, COST_METRIC)
        value = people_number(round(max(ratios) * 60_000))
        yield _tile(title, value, line)


def _tile(
    title: str, value: str, line: DrawnLine, query: str = "", tone: Tone = "ok"
) -> NumberTile:
    return NumberTile(
        title=title,
        value=value,
        tone=tone,
        before=line.before,
        query=query,
        plot=line.plot,
    )


def _drawn_line(
    title: str, points: list[TrendPoint], at: datetime, gap: timedelta
) -> DrawnLine:
    if not points or points[-1].at_seconds - points[0].at_seconds < _SHORTEST_SECONDS:
        return DrawnLine()
    plot = plot_of(title, [PlotSeries(title, points, gap)], at - _DAY, at)
    return DrawnLine(plot, _before(points, at))


def _before(points: list[TrendPoint], at: datetime) -> str:
    """Write what it was a day ago, by which today is compared; empty where that is not known."""
    wanted = (at - _DAY).timestamp()
    near = [one for one in points if abs(one.at_seconds - wanted) <= _NEAR_SECONDS]
    return f"{people_number(near[0].last)} a day ago" if near else ""

"""Describe one query for its page: on which targets it runs, and all that is known of it on one of them; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from monitor.alerting.query_view import QueryView
from monitor.alerting.root_alerts import root_of
from monitor.alerting.shown import shown_annotations
from monitor.model.alerts import Scope
from monitor.model.own_alerts import QUERY_FAILING, QUERY_STALE
from monitor.model.settings import Query
from monitor.model.wording import counted
from monitor.timing.durations import format_duration
from monitor.web.plots import Plot
from monitor.web.rule_clocks import RuleClock, rule_clocks
from monitor.web.samples_table import SampleTable, sample_tables
from monitor.web.tables import QueryRow, is_query_well, query_row
from monitor.web.trend_plots import RANGES, PlotSource, TimeRange, query_plots
from monitor.web.verdict import Tone, worst_tone
from monitor.web.views import Scene

MAX_TARGETS = 100
"""Of one query on its page; those without trouble are left out first."""
_OWN: Final = (QUERY_FAILING, QUERY_STALE)
"""The alerts about a query itself, where nothing else speaks for it."""
_NAMED = 2
"""So many of its rules that find something are in the headline."""


@dataclass(frozen=True, slots=True)
class SpeakingAlert:
    """The alert that says why a query gives no data."""

    fingerprint: str
    name: str
    state: str
    summary: str


@dataclass(frozen=True, slots=True)
class QueryDetail:
    """A query on one target."""

    row: QueryRow
    reason: SpeakingAlert | None
    """None where it gives data, or no alert says why it does not."""
    facts: tuple[tuple[str, str], ...]
    rules: tuple[RuleClock, ...]
    tables: tuple[SampleTable, ...]
    sql: str
    plots: tuple[Plot, ...]


@dataclass(frozen=True, slots=True)
class QueryPage:
    """A query on all its targets, those in trouble first, and on one of them in full."""

    now: datetime
    name: str
    summary: str
    tone: Tone
    headline: str
    rows: tuple[QueryRow, ...]
    left_out: int
    detail: QueryDetail
    range: TimeRange
    ranges: tuple[TimeRange, ...] = RANGES


def query_page_of(
    views: list[QueryView],
    chosen: QueryView,
    scene: Scene,
    source: PlotSource,
    sql: str,
) -> QueryPage:
    """Describe a query; `views` has it on each of its targets, `chosen` is the one that is shown in full."""
    rows = [query_row(view, scene.now) for view in views]
    rows.sort(key=lambda row: row.tone == "ok")
    detail = _detail(chosen, scene, source, sql)
    return QueryPage(
        now=scene.now,
        name=detail.row.query,
        summary=detail.row.summary,
        tone=worst_tone(rows[0].tone, *_tones_found(detail.rules)),
        headline=_headline(detail, rows),
        rows=tuple(rows[:MAX_TARGETS]),
        left_out=max(0, len(rows) - MAX_TARGETS),
        detail=detail,
        range=source.range,
    )


def first_in_trouble(views: list[QueryView], now: datetime) -> QueryView:
    """Return the first view that is not well; where all are, the first."""
    return min(views, key=lambda view: query_row(view, now).tone == "ok")


def _tones_found(rules: tuple[RuleClock, ...]) -> list[Tone]:
    """Return the colours of the rules that find something: that one waits for its hour is no trouble."""
    return [rule.tone for rule in rules if rule.alerts]


def _headline(detail: QueryDetail, rows: list[QueryRow]) -> str:
    row = detail.row
    found = [f"{rule.name} {rule.state}" for rule in detail.rules if rule.alerts]
    active = f", {' and '.join(found[:_NAMED])}" if found else ""
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    if len(rows) == 1:
        return f"{row.query} on {row.target}: {row.status}{active}{more}"
    well = sum(one.tone == "ok" for one in rows)
    runs = f"runs well on {well} of {counted(len(rows), 'target')}"
    return f"{row.query} {runs}; on {row.target}: {row.status}{active}{more}"


def _detail(view: QueryView, scene: Scene, source: PlotSource, sql: str) -> QueryDetail:
    query = view.job.query
    return QueryDetail(
        row=query_row(view, scene.now),
        reason=_reason(view, scene),
        facts=tuple(_facts(view)),
        rules=rule_clocks(view, scene),
        tables=sample_tables(view.samples_at(scene.now), query.metrics),
        sql=sql,
        plots=query_plots(view, source, scene),
    )


def _reason(view: QueryView, scene: Scene) -> SpeakingAlert | None:
    if is_query_well(view, scene.now):
        return None
    snapshot, (target, query) = scene.snapshot, view.job.key
    alerts = [one for one in snapshot.alerts if one.scope.target == target]
    active = [alert for alert in alerts if not alert.is_over()]
    lacked = view.columns_lacked(snapshot.missing_columns(target, scene.now))
    root = root_of(Scope("", target, query), lacked, snapshot, active)
    about_it = [
        one for one in active if one.name in _OWN and one.scope.subject == query
    ]
    for alert in [*(one for one in active if one.fingerprint == root), *about_it]:
        summary = shown_annotations(alert).get("summary", "")
        return SpeakingAlert(alert.fingerprint, alert.name, alert.state, summary)
    return None


def _facts(view: QueryView) -> Iterator[tuple[str, str]]:
    """Yield what else is known of a query on a target, each with its name."""
    query = view.job.query
    yield "Defined by", _origin(query)
    if query.derivation is None:
        yield "Time limit", format_duration(query.timeout)
        yield "At most", counted(query.max_rows, "row")
    else:
        yield "Computed as", query.derivation.text
        yield "Inputs", ", ".join(one.words for one in query.derivation.inputs)
    needs = ", ".join(sorted(str(column) for column in query.needs))
    if needs:
        yield "Needs", needs
    if view.consecutive_failures:
        yield "Failures in a row", str(view.consecutive_failures)
    if view.missed:
        yield "Missed runs", str(view.missed)
    if view.outcome is not None and not view.samples:
        yield "Last result", "no samples"


def _origin(query: Query) -> str:
    if query.derivation is not None:
        return query.source.name
    kind = "shipped with the monitor" if query.shipped else "a file of your own"
    return f"{query.source.name}, {kind}"

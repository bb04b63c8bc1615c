"""Answer requests for the pages of one query, target or alert, and of the history; behind the answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from monitor.model.own_alerts import TARGET_DOWN
from monitor.model.settings import Config
from monitor.model.trends import HOUR, MINUTE
from monitor.storage.history_filter import HistoryFilter
from monitor.web.alert_page import (
    MAX_CHANGES,
    MAX_DELIVERIES,
    AlertPast,
    alert_page_of,
    newest_of,
)
from monitor.web.guards import form_headers
from monitor.web.history_csv import history_csv
from monitor.web.history_page import (
    MAX_READ,
    MAX_SHOWN,
    AskedHistory,
    BadFilter,
    asked_history,
    history_page_of,
)
from monitor.web.kept import KeptByTarget
from monitor.web.missing_page import MissingPage, missing_alert, missing_named
from monitor.web.numbers import DayLines
from monitor.web.page import active_groups, page_context
from monitor.web.page_template import PageTemplate
from monitor.web.query_page import first_in_trouble, query_page_of
from monitor.web.target_page import target_page_of
from monitor.web.trend_plots import RANGES, PlotSource, max_gap, range_named
from monitor.web.uptime import (
    MONTH,
    Interval,
    TargetPast,
    down_times,
    is_always_judged,
    looked_at,
    uptime_words,
)
from monitor.web.views import Scene, Views

_MAX_CSV = 10_000
"""As many as are kept."""
_MAX_INCIDENTS = 500
"""Of one target: more bars nobody tells apart."""
_BY_MINUTES = timedelta(hours=25)
"""Of so long it is known by the minute when a target was looked at; of what is older by the hour."""
_ABOVE = "../"
"""From a page such as /queries/NAME to the first one: behind a proxy that may stand below a path."""


class DetailPages:
    """The pages behind the links of the first one; called in threads, several at once."""

    def __init__(self, views: Views, template: PageTemplate) -> None:
        self._views = views
        self._template = template
        self._days: KeptByTarget[DayLines] = KeptByTarget()
        self._uptimes: KeptByTarget[str] = KeptByTarget()

    def query(self, request: Request, scene: Scene) -> Response:
        """Show a query; `?target=NAME` on that target, else on the one where it is worst."""
        name = request.path_params["name"]
        every = scene.snapshot.queries.values()
        views = [view for view in every if view.job.query.name == name]
        if not views:
            known = {view.job.query.name for view in every}
            return self._missing(missing_named("query", "queries", name, known))
        by_target = {view.job.target.name: view for view in views}
        target = request.query_params.get("target")
        if target is not None and target not in by_target:
            return self._missing(missing_named("target", "targets", target, by_target))
        chosen = by_target[target] if target else first_in_trouble(views, scene.now)
        sql = self._views.sql(chosen.job)
        source = self._source(request, chosen.job.target.name, scene)
        page = query_page_of(views, chosen, scene, source, sql)
        return self._page("query", page)

    def target(self, request: Request, scene: Scene) -> Response:
        """Show a target."""
        name = request.path_params["name"]
        view = scene.snapshot.targets.get(name)
        if view is None:
            known = scene.snapshot.targets
            return self._missing(missing_named("target", "targets", name, known))
        own = [alert for alert in scene.snapshot.alerts if alert.scope.target == name]
        groups = active_groups(own, page_context(scene, self._config))
        strip = self._day_of(name, scene).strip(name, scene)
        uptime = self._uptime_of(name, scene)
        page = target_page_of(view, scene, groups, strip, uptime)
        return self._page("target", page)

    def alert(self, request: Request, scene: Scene) -> Response:
        """Show an alert as it is, or as it was when it last changed."""
        fingerprint = request.path_params["fingerprint"]
        wanted = HistoryFilter(fingerprint=fingerprint)
        transitions = self._views.past.transitions(MAX_CHANGES, wanted)
        alert = newest_of(fingerprint, scene, transitions)
        if alert is None:
            return self._missing(missing_alert(fingerprint, scene.snapshot.alerts))
        deliveries = self._views.past.deliveries(MAX_DELIVERIES, wanted=wanted)
        source = self._source(request, alert.scope.target, scene)
        past = AlertPast(transitions, deliveries, source)
        page = alert_page_of(alert, past, page_context(scene, self._config))
        return self._page("alert", page, headers=form_headers(has_form=page.may_write))

    def history(self, request: Request, scene: Scene) -> Response:
        """Show the history, or the part that the address asks for; `?format=csv`: as CSV."""
        asked = asked_history(request.query_params)
        if isinstance(asked, BadFilter):
            bad = MissingPage("There is no such history.", asked.message, (), 0)
            return self._page("missing", bad, status=400, root="")
        if request.query_params.get("format") == "csv":
            return self._csv(asked)
        past = self._views.past
        transitions = past.transitions(MAX_READ + 1, asked.wanted)
        deliveries = past.deliveries(MAX_SHOWN + 1, wanted=asked.wanted)
        page = history_page_of(asked, transitions, deliveries, scene.now)
        return self._page("history", page, root="")

    def day_of_only(self, target: str, scene: Scene) -> DayLines | None:
        """Return the lines of the last day of a target, or of the only one; None of several."""
        names = [target] if target else list(scene.snapshot.targets)
        if len(names) != 1:
            return None
        return self._day_of(names[0], scene)

    def _day_of(self, target: str, scene: Scene) -> DayLines:
        fresh = self._days.fresh(target, scene.now)
        if fresh is not None:
            return fresh
        return self._days.keep(target, self._read_day(target, scene), scene.now)

    def _read_day(self, target: str, scene: Scene) -> DayLines:
        day, past = RANGES[0], self._views.past
        since = scene.now - day.length - timedelta(minutes=5)
        trends = past.trends(target, day.span_seconds, since)
        wanted = HistoryFilter(target=target, since=since)
        transitions = past.transitions(_MAX_INCIDENTS, wanted)
        is_cut = len(transitions) == _MAX_INCIDENTS
        fired_from = transitions[-1].at if is_cut else since
        return DayLines(trends, scene.now, transitions, fired_from)

    def _uptime_of(self, target: str, scene: Scene) -> str:
        if not is_always_judged(TARGET_DOWN, self._config.own_rules):
            # Of losses nothing is known, or only within some hours.
            return ""
        fresh = self._uptimes.fresh(target, scene.now)
        if fresh is not None:
            return fresh
        words = uptime_words(self._read_past(target, scene), scene.now)
        return self._uptimes.keep(target, words, scene.now)

    def _read_past(self, target: str, scene: Scene) -> TargetPast:
        """Read when a target was looked at over the last month, and when it let nobody in."""
        past, by_minutes = self._views.past, scene.now - _BY_MINUTES
        began_at = scene.now - min(MONTH, self._config.state.retention)
        wanted = HistoryFilter(TARGET_DOWN, target, since=began_at)
        transitions = past.transitions(_MAX_INCIDENTS, wanted)
        is_cut = len(transitions) == _MAX_INCIDENTS
        read_from = transitions[-1].at if is_cut else began_at
        down = down_times(target, transitions, scene.snapshot.alerts, scene.now)
        return TargetPast(
            looked=[*self._looked(target, scene, by_minutes, began_at)],
            down=[*down],
            known_from=max(read_from, past.history_cut_at() or began_at),
        )

    def _looked(
        self, target: str, scene: Scene, by_minutes: datetime, began_at: datetime
    ) -> Iterator[Interval]:
        gaps = [max_gap(view, MINUTE) for view in scene.snapshot.views_of(target)]
        holds = min(gaps, default=timedelta(0))
        past, hour_before = self._views.past, began_at - timedelta(hours=1)
        # Without their values: of a month of a thousand series those are megabytes.
        hours = past.trend_times(target, HOUR, hour_before)
        for one in looked_at(hours, HOUR, holds):
            if one.began_at < by_minutes:
                yield one
        minutes = past.trend_times(target, MINUTE, by_minutes)
        yield from looked_at(minutes, MINUTE, holds)

    def _source(self, request: Request, target: str, scene: Scene) -> PlotSource:
        """Return what plots of a target are drawn from; `?range=week`: over the last week."""
        chosen = range_named(request.query_params.get("range", ""))
        since = scene.now - chosen.length
        trends = self._views.past.trends(target, chosen.span_seconds, since)
        wanted = HistoryFilter(target=target, since=since)
        transitions = self._views.past.transitions(_MAX_INCIDENTS, wanted)
        return PlotSource(chosen, trends, transitions)

    def _csv(self, asked: AskedHistory) -> Response:
        transitions = self._views.past.transitions(_MAX_CSV, asked.wanted)
        as_file = {"content-disposition": 'attachment; filename="history.csv"'}
        text = history_csv(transitions)
        return Response(text, media_type="text/csv", headers=as_file)

    @property
    def _config(self) -> Config:
        return self._views.config()

    def _missing(self, page: MissingPage) -> Response:
        return self._page("missing", page, status=404)

    def _page(
        self,
        name: str,
        page: object,
        *,
        status: int = 200,
        root: str = _ABOVE,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        text = self._template.render(name, page, root=root)
        return Response(text, status, media_type="text/html", headers=headers)

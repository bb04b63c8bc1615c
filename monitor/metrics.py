"""Render the snapshot and our own counters as a Prometheus exposition; an edge that only reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Metric, PlatformCollector, ProcessCollector

from monitor.durations import format_duration
from monitor.exposition import EOF, OPENMETRICS, TEXT, prefers_openmetrics, written
from monitor.model.alerts import AlertState
from monitor.model.results import Sample
from monitor.model.settings import Every, Query
from monitor.model.settings import Metric as MetricSettings
from monitor.store import QueryStatus, QueryView, Snapshot
from monitor.telemetry import Telemetry

# What a family that cannot be rendered raises: names and values of the wrong kind, text outside UTF-8.
_UNRENDERABLE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class Exposition:
    """What /metrics gives. A family that cannot be rendered is left out and counted; the rest is whole."""

    def __init__(
        self,
        telemetry: Telemetry,
        snapshot: Callable[[], Snapshot],
        now: Callable[[], datetime],
        *,
        log_dropped: Callable[[], int] = lambda: 0,
        is_durable: Callable[[], bool] = lambda: True,
    ) -> None:
        self._telemetry = telemetry
        self._snapshot = snapshot
        self._now = now
        self._log_dropped = log_dropped
        self._is_durable = is_durable
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        self._skipped = 0

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Give the exposition in the format that the Accept header prefers, and its content type."""
        is_openmetrics = prefers_openmetrics(accept)
        parts: list[bytes] = []
        names: set[str] = set()
        for family in self._families():
            rendered = b"" if family.name in names else _rendered(family, is_openmetrics=is_openmetrics)
            names.add(family.name)
            if rendered:
                parts.append(rendered)
            else:
                self._skipped += 1
        if is_openmetrics:
            return b"".join((*parts, EOF)), OPENMETRICS
        return b"".join(parts), TEXT

    def _families(self) -> Iterator[Metric]:
        snapshot, now = self._snapshot(), self._now()
        yield from self._telemetry.registry.collect()
        yield from own_families(snapshot, self._telemetry.rules)
        yield from self._state_families()
        domain, skipped = domain_families(snapshot, now)
        yield from domain
        self._skipped += skipped
        yield _family(
            "token_monitor_exposition_skipped",
            "Families and series that could not be rendered and were left out, over all scrapes",
            [({}, self._skipped)],
            kind="counter",
        )
        yield from self._process.collect()

    def _state_families(self) -> Iterator[Metric]:
        ok, at = self._telemetry.reload_ok, self._telemetry.reloaded_at
        if ok is not None:
            yield _family(
                "token_monitor_config_last_reload_successful",
                "Whether the last load of the configuration succeeded",
                [({}, float(ok))],
            )
        if at is not None:
            yield _family(
                "token_monitor_config_last_reload_success_timestamp_seconds",
                "When the configuration was last loaded with success",
                [({}, at.timestamp())],
            )
        yield _family(
            "token_monitor_state_durable",
            "Whether alerts and what is due to receivers would outlive this process",
            [({}, float(self._is_durable()))],
        )
        yield _family(
            "token_monitor_log_events_dropped",
            "Log events that could not be written",
            [({}, self._log_dropped())],
            kind="counter",
        )


def domain_families(snapshot: Snapshot, now: datetime) -> tuple[list[Metric], int]:
    """Group the fresh samples of all jobs by metric, each with one HELP; counts what had to be left out.

    Left out: a metric that another query has with another type, and a series that is there already.
    """
    domain = _Domain()
    for view in snapshot.queries.values():
        domain.add(view, view.samples_at(now))
    return domain.families(), domain.skipped


class _Domain:
    """The families of one scrape, as they grow."""

    def __init__(self) -> None:
        self.skipped = 0
        self._families: dict[str, Metric] = {}
        self._queries: dict[str, list[Query]] = {}
        self._seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()

    def add(self, view: QueryView, samples: Iterable[Sample]) -> None:
        """Add the samples of one job."""
        query, target = view.job.query, view.job.target
        open_families = {m.name: self._family(m, query) for m in query.metrics if m.exported}
        for sample in samples:
            if sample.metric not in open_families:
                continue  # it feeds rules only
            family = open_families[sample.metric]
            labels = {**target.labels, **dict(sample.labels), "target": target.name}
            identity = (sample.metric, frozenset(labels.items()))
            # Of a value that is None the library makes a line that breaks the scrape.
            if family is None or identity in self._seen or not isinstance(sample.value, int | float):
                self.skipped += 1
                continue
            self._seen.add(identity)
            readable = {name: _readable(value) for name, value in labels.items()}
            family.add_sample(sample.metric, readable, sample.value)

    def families(self) -> list[Metric]:
        """Give the families that have series, their HELP completed."""
        for name, family in self._families.items():
            text = family.documentation.rstrip(". ")
            family.documentation = f"{text} ({_cadence(self._queries[name])})"
        return [family for family in self._families.values() if family.samples]

    def _family(self, metric: MetricSettings, query: Query) -> Metric | None:
        family = self._families.get(metric.name)
        if family is None:
            if not _METRIC_NAME.fullmatch(metric.name):  # the library would write another name for it
                return None
            family = Metric(metric.name.removesuffix("_total"), metric.help, metric.kind)
            self._families[metric.name] = family
        if family.type != metric.kind:
            return None
        self._queries.setdefault(metric.name, []).append(query)
        return family


def own_families(snapshot: Snapshot, rules: Iterable[tuple[str, str]]) -> Iterator[Metric]:
    """Give what the monitor knows of targets, queries, alerts and receivers, from the snapshot."""
    families = (
        _family(
            "token_monitor_up",
            "Whether the target answered at the last contact",
            [({"target": t.target.name}, float(t.up)) for t in snapshot.targets.values() if t.up is not None],
        ),
        *_query_families(list(snapshot.queries.values())),
        _family("token_monitor_alerts", "Alerts by state", _alert_counts(snapshot, rules)),
        _family(
            "token_monitor_outbox_notifications",
            "Notifications that the receiver has not taken yet",
            [({"receiver": r.name}, r.outbox) for r in snapshot.receivers.values()],
        ),
        _family(
            "token_monitor_outbox_oldest_timestamp_seconds",
            "When the oldest notification in the outbox was created",
            [
                ({"receiver": r.name}, r.oldest_at.timestamp())
                for r in snapshot.receivers.values()
                if r.oldest_at is not None
            ],
        ),
    )
    return (family for family in families if family.samples)


def _query_families(views: list[QueryView]) -> Iterator[Metric]:
    yield _family(
        "token_monitor_query_last_run_timestamp_seconds",
        "When the last run finished",
        [(_job_labels(v), v.last_run_at.timestamp()) for v in views if v.last_run_at],
    )
    yield _family(
        "token_monitor_query_last_success_timestamp_seconds",
        "When the last run that gave data finished",
        [(_job_labels(v), v.last_success_at.timestamp()) for v in views if v.last_success_at],
    )
    yield _family(
        "token_monitor_query_interval_seconds",
        "How often the query runs; absent for cron schedules",
        [
            (_job_labels(v), v.job.query.schedule.interval.total_seconds())
            for v in views
            if isinstance(v.job.query.schedule, Every)
        ],
    )
    yield _family(
        "token_monitor_query_status",
        "How the last due run went: 1 for the status that holds, 0 for the others",
        [
            ({**_job_labels(v), "status": status.value}, float(v.status is status))
            for v in views
            for status in QueryStatus
        ],
    )


def _alert_counts(snapshot: Snapshot, rules: Iterable[tuple[str, str]]) -> list[tuple[dict[str, str], float]]:
    states = (AlertState.PENDING, AlertState.FIRING)
    counts = {(name, state, severity): 0 for name, severity in sorted(rules) for state in states}
    for alert in snapshot.alerts:
        if alert.state in states:
            key = (alert.name, alert.state, alert.severity.value)
            counts[key] = counts.get(key, 0) + 1
    return [
        ({"alertname": name, "state": state.value, "severity": severity}, count)
        for (name, state, severity), count in counts.items()
    ]


def _job_labels(view: QueryView) -> dict[str, str]:
    target, query = view.job.key
    return {"target": target, "query": query}


def _cadence(queries: Iterable[Query]) -> str:
    """Say how old a value can be: the exporter keeps it between runs."""
    intervals = {q.schedule.interval for q in queries if isinstance(q.schedule, Every)}
    crons = sorted({q.schedule.expression for q in queries if not isinstance(q.schedule, Every)})
    parts = [f"cron {expression}" for expression in crons]
    if intervals:
        shortest, longest = format_duration(min(intervals)), format_duration(max(intervals))
        parts.insert(0, f"every {shortest}" if shortest == longest else f"every {shortest} to {longest}")
    return f"as of the last run, {', '.join(parts)}"


def _family(
    name: str, documentation: str, samples: Iterable[tuple[dict[str, str], float]], *, kind: str = "gauge"
) -> Metric:
    family = Metric(name, documentation, kind)
    suffix = "_total" if kind == "counter" else ""
    for labels, value in samples:
        family.add_sample(name + suffix, labels, value)
    return family


def _rendered(family: Metric, *, is_openmetrics: bool) -> bytes:
    """Render one family; empty when it cannot be."""
    try:
        return written(family, is_openmetrics=is_openmetrics)
    except _UNRENDERABLE:
        return b""


def _readable(value: str) -> str:
    """Replace what UTF-8 cannot carry, such as a lone surrogate: it would cost the family."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()

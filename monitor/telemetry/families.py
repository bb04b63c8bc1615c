"""Render the snapshot and our own counters as a Prometheus exposition; an edge that only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Metric,
    PlatformCollector,
    ProcessCollector,
)

from monitor.alerting.contact import TargetView
from monitor.alerting.data_age import confirmed_at
from monitor.alerting.snapshot import QueryStatus, QueryView, ReceiverView, Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.certificates import Certificate
from monitor.model.settings import Every
from monitor.storage.disk_usage import DiskUsage
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import (
    EOF,
    OPENMETRICS,
    TEXT,
    prefers_openmetrics,
    written,
)
from monitor.telemetry.query_families import domain_families

# What a family that cannot be rendered raises: names and values of the wrong kind, text outside UTF-8.
_UNRENDERABLE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)


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
        space: Callable[[], DiskUsage | None] = lambda: None,
        judged_at: Callable[[], datetime] | None = None,
        certificates: Callable[[], Iterable[Certificate]] = tuple,
    ) -> None:
        self._telemetry = telemetry
        self._snapshot = snapshot
        self._now = now
        self._log_dropped = log_dropped
        self._is_durable = is_durable
        self._space = space
        self._judged_at = judged_at or now
        self._certificates = certificates
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
            rendered = (
                b""
                if family.name in names
                else _rendered(family, is_openmetrics=is_openmetrics)
            )
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
        yield from own_families(snapshot, self._telemetry.rules, self._certificates())
        yield from alert_families(snapshot, self._judged_at())
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
        if self._telemetry.heartbeat_at is not None:
            yield _family(
                "token_monitor_heartbeat_last_success_timestamp_seconds",
                "When the heartbeat's address last took one",
                [({}, self._telemetry.heartbeat_at.timestamp())],
            )
        yield _family(
            "token_monitor_state_durable",
            "Whether alerts and what is due to receivers would outlive this process",
            [({}, float(self._is_durable()))],
        )
        if (space := self._space()) is not None:
            yield _family(
                "token_monitor_state_size_bytes",
                "How large the state's files are together",
                [({}, space.size_bytes)],
            )
            yield _family(
                "token_monitor_state_disk_free_bytes",
                "How much is free for us on the disk of the state",
                [({}, space.free_bytes)],
            )
        yield _family(
            "token_monitor_log_events_dropped",
            "Log events that could not be written",
            [({}, self._log_dropped())],
            kind="counter",
        )


def own_families(
    snapshot: Snapshot,
    rules: Iterable[tuple[str, str]],
    certificates: Iterable[Certificate] = (),
) -> Iterator[Metric]:
    """Return what the monitor knows of targets, queries, alerts and receivers, from the snapshot."""
    targets = list(snapshot.targets.values())
    families = (
        _up_family(targets),
        *_server_families(targets, certificates),
        _contact_family(targets),
        *_query_families(list(snapshot.queries.values())),
        _family(
            "token_monitor_alerts", "Alerts by state", _alert_counts(snapshot, rules)
        ),
        *_receiver_families(list(snapshot.receivers.values())),
    )
    return (family for family in families if family.samples)


def _up_family(views: list[TargetView]) -> Metric:
    return _family(
        "token_monitor_up",
        "Whether the target answered at the last contact",
        _known([({"target": view.target.name}, view.up) for view in views]),
    )


def _contact_family(views: list[TargetView]) -> Metric:
    return _family(
        "token_monitor_target_last_contact_timestamp_seconds",
        "When the target last answered",
        _instants([({"target": view.target.name}, view.met_at) for view in views]),
    )


def _receiver_families(views: list[ReceiverView]) -> Iterator[Metric]:
    yield _family(
        "token_monitor_outbox_notifications",
        "Notifications that the receiver has not taken yet",
        [({"receiver": view.name}, view.health.waiting) for view in views],
    )
    yield _family(
        "token_monitor_outbox_oldest_timestamp_seconds",
        "When the oldest notification in the outbox was created",
        _instants([({"receiver": view.name}, view.health.oldest_at) for view in views]),
    )
    yield _family(
        "token_monitor_delivery_last_success_timestamp_seconds",
        "When the receiver last took what it was sent",
        _instants([({"receiver": view.name}, view.taken_at) for view in views]),
    )


def _known(
    pairs: Iterable[tuple[dict[str, str], float | None]],
) -> list[tuple[dict[str, str], float]]:
    """Return the samples without those whose value nobody knows; yes and no as 1 and 0."""
    return [(labels, float(value)) for labels, value in pairs if value is not None]


def _instants(
    pairs: Iterable[tuple[dict[str, str], datetime | None]],
) -> list[tuple[dict[str, str], float]]:
    """Return the samples of instants, but of what has not happened."""
    return [(labels, at.timestamp()) for labels, at in pairs if at is not None]


def _server_families(
    views: list[TargetView], certificates: Iterable[Certificate]
) -> Iterator[Metric]:
    """Give what servers said of themselves; nothing of one that is lost, or did not say."""
    servers = [
        ({"target": view.target.name}, view, view.server)
        for view in views
        if view.up and view.server
    ]
    yield _family(
        "token_monitor_target_clock_offset_seconds",
        "How far the server's clock was ahead of ours at the last contact; below 0: behind",
        _known([(labels, view.clock_offset_seconds) for labels, view, _ in servers]),
    )
    yield _family(
        "token_monitor_target_read_only",
        "Whether the server takes no writes",
        _known([(labels, server.read_only) for labels, _, server in servers]),
    )
    yield _family(
        "token_monitor_target_replica_lag_seconds",
        "How far the replica was behind its source at the last contact",
        _known([(labels, view.replica_lag_seconds) for labels, view, _ in servers]),
    )
    yield _family(
        "token_monitor_certificate_expiry_timestamp_seconds",
        "When a certificate ends: the page's, a target's server's, or the one that we show it",
        [
            ({**labels, "certificate": one.kind}, one.ends_at.timestamp())
            for labels, _, server in servers
            for one in server.certificates
        ]
        + [
            ({"certificate": one.kind}, one.ends_at.timestamp()) for one in certificates
        ],
    )
    yield _family(
        "token_monitor_target_surplus_rights",
        "Rights of the account that are more than reading",
        [
            (labels, len(server.surplus_rights))
            for labels, _, server in servers
            if server.surplus_rights is not None
        ],
    )


def alert_families(snapshot: Snapshot, judged_at: datetime) -> Iterator[Metric]:
    """Give the ages of what is pending or firing, of each rule, state and severity together."""
    groups: dict[tuple[str, str, str], list[Alert]] = {}
    for alert in snapshot.alerts:
        if alert.state in (AlertState.PENDING, AlertState.FIRING):
            key = (alert.name, alert.severity.value, alert.state.value)
            groups.setdefault(key, []).append(alert)
    labelled = [
        ({"alertname": name, "severity": severity, "state": state}, alerts)
        for (name, severity, state), alerts in sorted(groups.items())
    ]
    confirmed = [
        (labels, [confirmed_at(alert, snapshot, judged_at) for alert in alerts])
        for labels, alerts in labelled
    ]
    families = (
        _family(
            "token_monitor_alerts_oldest_active_timestamp_seconds",
            "When the oldest of these alerts began",
            [
                (labels, min(a.active_at for a in alerts).timestamp())
                for labels, alerts in labelled
            ],
        ),
        _family(
            "token_monitor_alerts_oldest_confirmed_timestamp_seconds",
            "When data last confirmed them, of the one where that is longest ago",
            [
                (labels, min(at for at in instants if at is not None).timestamp())
                for labels, instants in confirmed
                if None not in instants
            ],
        ),
        _family(
            "token_monitor_alerts_held",
            "How many of them have no data, and stand as they were",
            [
                (labels, float(sum(alert.held for alert in alerts)))
                for labels, alerts in labelled
            ],
        ),
    )
    return (family for family in families if family.samples)


def _query_families(views: list[QueryView]) -> Iterator[Metric]:
    yield _family(
        "token_monitor_query_last_run_timestamp_seconds",
        "When the last run finished",
        _instants([(_job_labels(view), view.last_run_at) for view in views]),
    )
    yield _family(
        "token_monitor_query_last_success_timestamp_seconds",
        "When the last run that gave data finished",
        _instants([(_job_labels(view), view.last_success_at) for view in views]),
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


def _alert_counts(
    snapshot: Snapshot, rules: Iterable[tuple[str, str]]
) -> list[tuple[dict[str, str], float]]:
    states = (AlertState.PENDING, AlertState.FIRING)
    counts = {
        (name, state, severity): 0
        for name, severity in sorted(rules)
        for state in states
    }
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


def _family(
    name: str,
    documentation: str,
    samples: Iterable[tuple[dict[str, str], float]],
    *,
    kind: str = "gauge",
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

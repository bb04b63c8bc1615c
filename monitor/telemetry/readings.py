"""Read what the monitor knows, as series of its own metrics; between snapshot and lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeAlias, TypeVar

from monitor.alerting.contact import TargetView
from monitor.alerting.failing_items import items_of
from monitor.alerting.query_view import QueryView
from monitor.alerting.shown import confirmed_at
from monitor.alerting.snapshot import ReceiverView, Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.certificates import Certificate
from monitor.model.positions import last_cycle
from monitor.model.results import Server
from monitor.model.shards import Shard
from monitor.model.silences import SilenceState
from monitor.storage.disk_usage import DiskUsage

_View = TypeVar("_View")

Series: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
"""The values of the labels in the order of their names, and the value; an empty label is left out."""

# A resolved one is over: it has a line in the log, and no series.
_COUNTED_STATES = (AlertState.PENDING, AlertState.FIRING)


@dataclass(frozen=True, slots=True)
class MonitorState:
    """What the other parts of the monitor know of themselves when they are asked."""

    is_durable: bool = True
    """Whether alerts, and what is due to receivers, would outlive the process."""
    disk_usage: DiskUsage | None = None
    log_dropped: int = 0
    certificates: tuple[Certificate, ...] = ()
    """Those of the page."""
    evaluated_at: datetime | None = None
    """When the pipeline last judged; None: at the time of the scrape."""


# Without slots: a cached property keeps its value in the object's dict.
@dataclass(frozen=True, eq=False)
class Reading:
    """All that one scrape reads, taken once, so that its families are of one moment."""

    snapshot: Snapshot
    now: datetime
    monitor: MonitorState = MonitorState()
    rules: frozenset[tuple[str, str]] = frozenset()
    """Name and severity of each known rule."""
    reload_ok: bool | None = None
    reloaded_at: datetime | None = None
    heartbeat_at: datetime | None = None
    http_sd_at: datetime | None = None
    contract_ok: bool | None = None
    shard: Shard | None = None

    def is_as(self, other: Reading) -> bool:
        """Return whether another one reads the same; only the instants may differ."""
        # Snapshot and rules are replaced as a whole when they change: nobody need look into them.
        is_same = self.snapshot is other.snapshot and self.rules is other.rules
        return is_same and self._own_facts() == other._own_facts()

    def _own_facts(self) -> tuple[object, ...]:
        reloads = (self.reload_ok, self.reloaded_at)
        lists = (self.http_sd_at, self.contract_ok, self.shard)
        return (self.monitor, *reloads, self.heartbeat_at, *lists)

    @cached_property
    def alert_groups(self) -> dict[tuple[str, str, str], list[Alert]]:
        """Return what is pending or firing, by rule, severity and state, in their order."""
        groups: dict[tuple[str, str, str], list[Alert]] = {}
        for alert in self.snapshot.alerts:
            if alert.state in _COUNTED_STATES:
                key = (alert.name, alert.severity.value, alert.state.value)
                groups.setdefault(key, []).append(alert)
        return dict(sorted(groups.items()))


Read: TypeAlias = Callable[[_View], Series]
"""Gives the series of one query, one target, or of the monitor as a whole."""


def _given(labels: tuple[str, ...], value: float | None) -> Series:
    """Return a series of what is known; None has none."""
    return () if value is None else ((labels, value),)


def of_query(value: Callable[[QueryView], float | None]) -> Read[QueryView]:
    """Read a value of a query on a target; None is left out. Labels: target, query."""

    def read(view: QueryView) -> Series:
        return _given(view.job.key, value(view))

    return read


def of_target(value: Callable[[TargetView], float | None]) -> Read[TargetView]:
    """Read a value of a target; None is left out. Labels: target."""

    def read(view: TargetView) -> Series:
        return _given((view.target.name,), value(view))

    return read


def of_server(value: Callable[[TargetView, Server], float | None]) -> Read[TargetView]:
    """Read what a server said of itself; nothing of one that is lost, or did not say."""

    def of_view(view: TargetView) -> float | None:
        if not view.up or view.server is None:
            return None
        return value(view, view.server)

    return of_target(of_view)


def of_receivers(value: Callable[[ReceiverView], float | None]) -> Read[Reading]:
    """Read a value of each receiver; labels: receiver."""

    def read(reading: Reading) -> Series:
        for view in reading.snapshot.receivers.values():
            yield from _given((view.name,), value(view))

    return read


def of_monitor(value: Callable[[Reading], float | None]) -> Read[Reading]:
    """Read a value of the monitor as a whole; no labels."""

    def read(reading: Reading) -> Series:
        return _given((), value(reading))

    return read


def of_disk(value: Callable[[DiskUsage], float]) -> Read[Reading]:
    """Read a value of the state's disk; nothing where it cannot be looked at."""

    def of_reading(reading: Reading) -> float | None:
        usage = reading.monitor.disk_usage
        return None if usage is None else value(usage)

    return of_monitor(of_reading)


def of_alerts(
    value: Callable[[list[Alert], Reading], float | None],
) -> Read[Reading]:
    """Read a value of what is pending or firing; labels: alertname, severity, state."""

    def read(reading: Reading) -> Series:
        for key, alerts in reading.alert_groups.items():
            yield from _given(key, value(alerts, reading))

    return read


def alert_counts(reading: Reading) -> Series:
    """Count alerts, 0 for every known rule without any; also those of a rule that is not known any more."""
    counts: dict[tuple[str, str, str], int] = {}
    for name, severity in sorted(reading.rules):
        for state in _COUNTED_STATES:
            counts[name, severity, state.value] = 0
    for key, alerts in reading.alert_groups.items():
        counts[key] = len(alerts)
    return counts.items()


def silence_counts(reading: Reading) -> Series:
    """Count silences by their states, 0 where there are none."""
    counts = dict.fromkeys(SilenceState, 0)
    for silence in reading.snapshot.silences.values():
        counts[silence.state_at(reading.now)] += 1
    return [((state.value,), count) for state, count in counts.items()]


def certificate_ends(view: TargetView) -> Series:
    """Yield when the certificates of a server's connection end; labels: certificate, target."""
    if view.up and view.server is not None:
        for one in view.server.certificates:
            yield (one.kind, view.target.name), one.ends_at.timestamp()


def page_certificate_ends(reading: Reading) -> Series:
    """Yield when those of the page end, which have no target."""
    for one in reading.monitor.certificates:
        yield (one.kind, ""), one.ends_at.timestamp()


def interval(view: QueryView) -> float | None:
    """Return how often a query runs; None for a cron, which has no one interval."""
    return view.paced.query.schedule.interval_seconds


def oldest_piece(view: QueryView) -> float | None:
    """Return when the oldest piece of a sweep's last whole cycle was read; None before there is one."""
    cycle = last_cycle(view.position)
    return None if cycle is None else cycle.begun_at.timestamp()


def newest_piece(view: QueryView) -> float | None:
    """Return when the newest piece of a sweep's last whole cycle was read; None before there is one."""
    cycle = last_cycle(view.position)
    return None if cycle is None else cycle.read_at.timestamp()


def series_left_out(view: QueryView) -> Series:
    """Yield how many series each rule that has not enough places leaves out; labels: target, query, rule."""
    for rule, count in view.series_left_out.items():
        yield (*view.job.key, rule), count


def items_by_state(view: QueryView) -> Series:
    """Yield how many items of a query gave data in its last run, and how many none; labels: target, query, state."""
    items = items_of(view.outcome)
    if items is not None:
        yield (*view.job.key, "ok"), items.well
        yield (*view.job.key, "failed"), len(items.failed)


def surplus_rights(_view: TargetView, server: Server) -> float | None:
    """Return how many rights beyond reading the account has; None where SHOW GRANTS did not say."""
    rights = server.surplus_rights
    return None if rights is None else len(rights)


def oldest_active(alerts: list[Alert], _reading: Reading) -> float:
    """Return when the first of the alerts began."""
    return min(alert.active_at for alert in alerts).timestamp()


def oldest_confirmed(alerts: list[Alert], reading: Reading) -> float | None:
    """Return when data last confirmed the one where that is longest ago; None where one never was."""
    evaluated_at = reading.monitor.evaluated_at or reading.now
    instants: list[datetime] = []
    for alert in alerts:
        at = confirmed_at(alert, reading.snapshot, evaluated_at)
        if at is None:
            return None
        instants.append(at)
    return min(instants).timestamp()


def held(alerts: list[Alert], _reading: Reading) -> float:
    """Count the alerts whose rule has no data."""
    return sum(alert.held for alert in alerts)


def shard_info(reading: Reading) -> Series:
    """Yield 1 for the shard that this is; nothing where it watches all targets."""
    shard = reading.shard
    if shard is not None:
        yield (str(shard.index), str(shard.count)), 1


def seconds(at: datetime | None) -> float | None:
    """Return an instant as a metric has it; None for what has not happened."""
    return None if at is None else at.timestamp()

"""Render the snapshot and our own counters as a Prometheus exposition; an edge that only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Metric,
    PlatformCollector,
    ProcessCollector,
)

from monitor.alerting.snapshot import Snapshot
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.own_families import OWN_METRICS, family_of, own_families
from monitor.telemetry.own_metrics import BUILD_INFO, RUN_DURATION, Counted, OwnMetric
from monitor.telemetry.query_families import domain_families
from monitor.telemetry.readings import MonitorState, Reading
from monitor.telemetry.text_format import (
    EOF,
    OPENMETRICS,
    TEXT,
    prefers_openmetrics,
    written,
)

# What a family that cannot be rendered raises: names and values of the wrong kind, text outside UTF-8.
_UNRENDERABLE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)

SKIPPED = OwnMetric(
    "token_monitor_exposition_skipped_total",
    "Families and series that could not be rendered and were left out, over all scrapes",
    (),
    "counter",
)


def declared_metrics() -> tuple[OwnMetric, ...]:
    """Return every metric of our own, which docs/metrics.md has to list."""
    counted = [one.value for one in Counted]
    return (BUILD_INFO, *counted, RUN_DURATION, *OWN_METRICS, SKIPPED)


class Exposition:
    """What /metrics gives. A family that cannot be rendered is left out and counted; the rest is whole.

    It asks no database: `snapshot`, `now` and `monitor` are called once for each scrape, in its thread.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        snapshot: Callable[[], Snapshot],
        now: Callable[[], datetime],
        *,
        monitor: Callable[[], MonitorState] = MonitorState,
    ) -> None:
        self._telemetry = telemetry
        self._snapshot = snapshot
        self._now = now
        self._monitor = monitor
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        self._skipped = 0

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the exposition in the format that the Accept header prefers, and its content type."""
        is_openmetrics = prefers_openmetrics(accept)
        parts: list[bytes] = []
        names: set[str] = set()
        for family in self._families():
            # A second family of one name would have a second HELP, which costs a scraper the whole page.
            is_second = family.name in names
            names.add(family.name)
            part = (
                b"" if is_second else _rendered(family, is_openmetrics=is_openmetrics)
            )
            if part:
                parts.append(part)
            else:
                self._skipped += 1
        if is_openmetrics:
            return b"".join((*parts, EOF)), OPENMETRICS
        return b"".join(parts), TEXT

    def _families(self) -> Iterator[Metric]:
        reading = self._read()
        yield from self._telemetry.registry.collect()
        yield from own_families(reading)
        domain, skipped = domain_families(reading.snapshot, reading.now)
        yield from domain
        self._skipped += skipped
        # After all others, whose failures it counts.
        yield family_of(SKIPPED, [((), self._skipped)])
        yield from self._process.collect()

    def _read(self) -> Reading:
        return Reading(
            snapshot=self._snapshot(),
            now=self._now(),
            monitor=self._monitor(),
            rules=self._telemetry.rules,
            reload_ok=self._telemetry.reload_ok,
            reloaded_at=self._telemetry.reloaded_at,
            heartbeat_at=self._telemetry.heartbeat_at,
            http_sd_at=self._telemetry.http_sd_at,
            shard=self._telemetry.shard,
        )


def _rendered(family: Metric, *, is_openmetrics: bool) -> bytes:
    """Return one family as text; empty when it cannot be."""
    try:
        return written(family, is_openmetrics=is_openmetrics)
    except _UNRENDERABLE:
        return b""

"""Group the samples of all runs into metric families, as on /metrics; between store and metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import assert_never

from prometheus_client import Metric

from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.results import Sample
from monitor.model.schedules import Cron, Every
from monitor.model.settings import Metric as MetricSettings
from monitor.model.settings import Query
from monitor.model.targets import Target
from monitor.model.wording import readable
from monitor.timing.durations import format_duration

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def domain_families(snapshot: Snapshot, now: datetime) -> tuple[list[Metric], int]:
    """Return the fresh samples of all jobs by metric, each with one HELP; counts what had to be left out.

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
        exported = self._families_of(view.job.query)
        for sample in samples:
            # Others feed rules only.
            if sample.metric in exported:
                self._add_sample(sample, exported[sample.metric], view.job.target)

    def families(self) -> list[Metric]:
        """Return the families that have series, their HELP completed."""
        for name, family in self._families.items():
            text = family.documentation.rstrip(". ")
            family.documentation = f"{text} ({_cadence(self._queries[name])})"
        return [family for family in self._families.values() if family.samples]

    def _add_sample(
        self, sample: Sample, family: Metric | None, target: Target
    ) -> None:
        labels = {**target.labels, **dict(sample.labels), "target": target.name}
        if family is None or not self._is_new(sample, labels):
            self.skipped += 1
            return
        # A lone surrogate would cost the whole family.
        written = {name: readable(value) for name, value in labels.items()}
        family.add_sample(sample.metric, written, sample.value)

    def _is_new(self, sample: Sample, labels: Mapping[str, str]) -> bool:
        """Return whether a sample is one that a scraper takes, and the first of its labels."""
        # Of a value that is None the library makes a line that breaks the scrape.
        if not isinstance(sample.value, int | float):
            return False
        # Prometheus takes the first of two equal series without a word, or refuses the page.
        identity = (sample.metric, frozenset(labels.items()))
        is_new = identity not in self._seen
        self._seen.add(identity)
        return is_new

    def _families_of(self, query: Query) -> dict[str, Metric | None]:
        """Return the families of what a query exports, by the names of its metrics."""
        return {
            metric.name: self._family(metric, query)
            for metric in query.metrics
            if metric.exported
        }

    def _family(self, metric: MetricSettings, query: Query) -> Metric | None:
        """Return the family of a metric; None where its samples have no place on the page."""
        if not _METRIC_NAME.fullmatch(metric.name):
            # The library would write another name for it, which may be that of another metric.
            return None
        family = self._families.get(metric.name)
        if family is None:
            family = Metric(_family_name(metric), metric.help, metric.kind)
            self._families[metric.name] = family
        if family.type != metric.kind:
            return None
        self._queries.setdefault(metric.name, []).append(query)
        return family


def _family_name(metric: MetricSettings) -> str:
    """Return the name for HELP and TYPE: only a counter's is without _total, a gauge may end so."""
    if metric.kind == "counter":
        return metric.name.removesuffix("_total")
    return metric.name


def _cadence(queries: Iterable[Query]) -> str:
    """Return how old a value can be: the exporter keeps it between runs."""
    intervals: set[timedelta] = set()
    crons: set[str] = set()
    for query in queries:
        match query.schedule:
            case Every():
                intervals.add(query.schedule.interval)
            case Cron():
                crons.add(f"cron {query.schedule.expression}")
            case _:
                assert_never(query.schedule)
    times = sorted(crons)
    if intervals:
        # One bound where all are alike.
        bounds = sorted({min(intervals), max(intervals)})
        span = " to ".join(map(format_duration, bounds))
        times.insert(0, f"every {span}")
    return f"as of the last run, {', '.join(times)}"

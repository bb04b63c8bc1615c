"""Group the samples of all runs into metric families, as on /metrics; between store and metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from prometheus_client import Metric

from monitor.alerting.snapshot import QueryView, Snapshot
from monitor.model.results import Sample
from monitor.model.settings import Every, Query
from monitor.model.settings import Metric as MetricSettings
from monitor.model.wording import readable
from monitor.timing.durations import format_duration

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


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
        open_families = {
            m.name: self._family(m, query) for m in query.metrics if m.exported
        }
        for sample in samples:
            if sample.metric not in open_families:
                continue  # it feeds rules only
            family = open_families[sample.metric]
            labels = {**target.labels, **dict(sample.labels), "target": target.name}
            identity = (sample.metric, frozenset(labels.items()))
            # Of a value that is None the library makes a line that breaks the scrape.
            if (
                family is None
                or identity in self._seen
                or not isinstance(sample.value, int | float)
            ):
                self.skipped += 1
                continue
            self._seen.add(identity)
            # A lone surrogate would cost the whole family.
            written = {name: readable(value) for name, value in labels.items()}
            family.add_sample(sample.metric, written, sample.value)

    def families(self) -> list[Metric]:
        """Give the families that have series, their HELP completed."""
        for name, family in self._families.items():
            text = family.documentation.rstrip(". ")
            family.documentation = f"{text} ({_cadence(self._queries[name])})"
        return [family for family in self._families.values() if family.samples]

    def _family(self, metric: MetricSettings, query: Query) -> Metric | None:
        family = self._families.get(metric.name)
        if family is None:
            if not _METRIC_NAME.fullmatch(
                metric.name
            ):  # the library would write another name for it
                return None
            # Only a counter's family has the name without it: a gauge may end in _total as in anything.
            name = (
                metric.name.removesuffix("_total")
                if metric.kind == "counter"
                else metric.name
            )
            family = Metric(name, metric.help, metric.kind)
            self._families[metric.name] = family
        if family.type != metric.kind:
            return None
        self._queries.setdefault(metric.name, []).append(query)
        return family


def _cadence(queries: Iterable[Query]) -> str:
    """Say how old a value can be: the exporter keeps it between runs."""
    intervals = {q.schedule.interval for q in queries if isinstance(q.schedule, Every)}
    crons = sorted(
        {q.schedule.expression for q in queries if not isinstance(q.schedule, Every)}
    )
    parts = [f"cron {expression}" for expression in crons]
    if intervals:
        shortest, longest = (
            format_duration(min(intervals)),
            format_duration(max(intervals)),
        )
        parts.insert(
            0,
            f"every {shortest}"
            if shortest == longest
            else f"every {shortest} to {longest}",
        )
    return f"as of the last run, {', '.join(parts)}"

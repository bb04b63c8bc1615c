"""Lay out the families of what queries export: which there are, and which queries share one; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import assert_never

from monitor.model.schedules import Cron, Every, OnResults
from monitor.model.settings import Job, JobKey, Query
from monitor.model.settings import Metric as MetricSettings
from monitor.model.walks import result_interval
from monitor.telemetry.text_format import Head, family_name, head
from monitor.timing.durations import format_duration

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class QueryFamily:
    """One family of /metrics: the samples of one metric, of all targets."""

    head: Head
    kind: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The families of all queries by the names of their metrics, in their order.

    A metric of a job that is in none has no place on the page: its name is taken or not one, or another query
    has it with another type.
    """

    families: Mapping[str, QueryFamily] = field(default_factory=dict)
    shared: Mapping[str, tuple[JobKey, ...]] = field(default_factory=dict)
    """Of a target on which two jobs export one metric, and can give the same series: all its jobs."""

    def sharing(self, key: JobKey) -> tuple[JobKey, ...]:
        """Return the jobs whose samples are to be looked at together with those of this one."""
        return self.shared.get(key[0], (key,))

    def exported(self, query: Query) -> dict[str, str | None]:
        """Return the family of each kind of sample that a query exports; None where it has no place on the page."""
        places: dict[str, str | None] = {}
        for name, metric in _exported(query).items():
            has_place = self.families.get(name, _NO_FAMILY).kind == metric.kind
            family = name if has_place else None
            places.update(dict.fromkeys(metric.sample_names, family))
        return places


_NO_FAMILY = QueryFamily(Head(b"", b""), "")


@dataclass(slots=True)
class _Draft:
    """A family while jobs are added to it."""

    metric: MetricSettings
    queries: dict[int, Query] = field(default_factory=dict)
    """Each once, by its identity: a thousand targets have the same ones."""


def layout_of(jobs: Sequence[Job], taken: Collection[str]) -> Layout:
    """Return the layout for these jobs; `taken` are the names of other families."""
    drafts: dict[str, _Draft] = {}
    for job in jobs:
        for name, metric in _exported(job.query).items():
            draft = drafts.setdefault(name, _Draft(metric))
            draft.queries[id(job.query)] = job.query
    families: dict[str, QueryFamily] = {}
    names = set(taken)
    for name, draft in drafts.items():
        # A second family of one name would have a second HELP, which costs a scraper the whole page.
        own_name = family_name(name, draft.metric.kind)
        if own_name not in names and _METRIC_NAME.fullmatch(name):
            names.add(own_name)
            families[name] = _family(draft)
    return Layout(families, _shared(jobs))


def _exported(query: Query) -> dict[str, MetricSettings]:
    return {metric.name: metric for metric in query.metrics if metric.exported}


def _family(draft: _Draft) -> QueryFamily:
    metric = draft.metric
    text = f"{metric.help.rstrip('. ')} ({_cadence(draft.queries.values())})"
    return QueryFamily(head(metric.name, text, metric.kind), metric.kind)


def _shared(jobs: Sequence[Job]) -> dict[str, tuple[JobKey, ...]]:
    """Return the jobs of each target of which two export one metric."""
    names: dict[str, list[str]] = {}
    keys: dict[str, tuple[JobKey, ...]] = {}
    for job in jobs:
        target = job.target.name
        keys[target] = (*keys.get(target, ()), job.key)
        names.setdefault(target, []).extend(_exported(job.query))
    is_shared = {target: len(set(all_)) < len(all_) for target, all_ in names.items()}
    return {target: keys[target] for target in names if is_shared[target]}


def _cadence(queries: Iterable[Query]) -> str:
    """Return how old a value can be: the exporter keeps it between runs."""
    intervals: set[timedelta] = set()
    times: set[str] = set()
    for query in queries:
        match query.schedule:
            case Every():
                interval = query.schedule.interval
                intervals.add(result_interval(query.walk, interval))
            case Cron():
                times.add(f"cron {query.schedule.expression}")
            case OnResults():
                times.add(query.schedule.words)
            case _:
                assert_never(query.schedule)
    every: list[str] = []
    if intervals:
        # One bound where all are alike.
        bounds = sorted({min(intervals), max(intervals)})
        every.append(f"every {' to '.join(map(format_duration, bounds))}")
    return f"as of the last run, {', '.join([*every, *sorted(times)])}"

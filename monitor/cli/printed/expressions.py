"""Rules as PromQL: which there are, the condition of each, and that it holds while a query gives no data; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.model.detectors import judged_promql
from monitor.model.populations import Population, is_judged_by_share
from monitor.model.settings import Job, Metric, Query, Rule
from monitor.model.wording import format_number

HELD_FOR = "6h"
"""For so long an alert goes on without data: what it was last said of is looked up over this range."""
_STATUS = "token_monitor_query_status"


@dataclass(frozen=True, slots=True)
class PrintedRule:
    """A rule as some targets have it: which metric it judges, and by which query."""

    rule: Rule
    query: Query
    metric: Metric
    targets: tuple[str, ...] = ()
    """Their names, where others have the series and not this rule; empty: all that have the series."""
    population_labels: tuple[str, ...] = ()
    """The labels of the metric that counts of how many its findings are a part."""
    population_query: Query | None = None
    """The query that gives that metric."""


def selector(
    name: str,
    matchers: Mapping[str, str],
    targets: Sequence[str],
    patterns: Sequence[str] = (),
) -> str:
    """Return a series selector, with what is written already in `patterns`; `targets` empty: of all."""
    pairs = [f'{label}="{_escaped(value)}"' for label, value in matchers.items()]
    pairs += patterns
    if targets:
        named = "|".join(_of_pattern(target) for target in targets)
        pairs.append(f'target=~"{named}"')
    return f"{name}{{{','.join(pairs)}}}" if pairs else name


def expression(printed: PrintedRule) -> str:
    """Return the expression of an alert that goes on while its query gives no data.

    A series that is gone because its query failed has not become good: Prometheus would take the alert for
    resolved. So the last value of what fires already counts while the status of the query is not `ok`.
    """
    rule = printed.rule
    if rule.condition.finds_absence:
        return _of_absence(printed)
    series = _series(printed)
    now = judged_promql(rule.detector, series)
    # Of a function over a while there is only a subquery.
    range_ = HELD_FOR if now == series else f"{HELD_FOR}:1m"
    before = f"last_over_time({now}[{range_}])"
    lines = [
        _found(printed, now),
        *_held(printed, _found(printed, before, is_past=True), printed.query),
    ]
    other = printed.population_query
    is_share = is_judged_by_share(rule.population)
    if is_share and other is not None and other.name != printed.query.name:
        # Of what its share is may fail alone: the value is known, and counts.
        lines += _held(printed, _found(printed, now, is_past=True), other)
    return "\n".join(lines)


def _held(printed: PrintedRule, found: str, query: Query) -> list[str]:
    """Return that what fires goes on while a query gives no data, if what is known still says so."""
    ignored = ", ".join(_not_of_series(printed.rule))
    return [
        "or (",
        f"  ({found})",
        f"  and ignoring ({ignored}) {_firing(printed.rule)}",
        f"  unless on (target) {_status_ok(query)}",
        ")",
    ]


def _series(printed: PrintedRule, name: str = "") -> str:
    """Return what a rule is about, of its metric or of what is recorded of that by another name."""
    rule = printed.rule
    where = dict(rule.where)
    return selector(name or rule.metric, where, printed.targets, rule.pattern_matchers)


def _not_of_series(rule: Rule) -> list[str]:
    """Return the labels that Prometheus's own series of an alert has beside those of what it was found in."""
    return ["alertname", "alertstate", "severity", *rule.labels]


def _firing(rule: Rule) -> str:
    """Return Prometheus's own series of what fires, as loud as the rule: not of what only waits for that."""
    labels = {"alertname": rule.name, "alertstate": "firing"}
    return selector("ALERTS", {**labels, "severity": rule.severity.value}, ())


def _found(printed: PrintedRule, series: str, *, is_past: bool = False) -> str:
    """Return what finds, of series as they are or as they were; the population as it was if `is_past`."""
    rule = printed.rule
    found = rule.condition.promql(series)
    going_on = rule.condition.promql_of_going_on(series)
    if going_on:
        ignored = ", ".join(_not_of_series(rule))
        found = f"({found} or ({going_on} and ignoring ({ignored}) {_firing(rule)}))"
    population = rule.population
    if population is None or population.above_share is None:
        return found
    counted = population.metric
    if is_past:
        counted = f"last_over_time({counted}[{HELD_FOR}])"
    return f"{found} and {_share(printed, population, series, counted)}"


def _share(
    printed: PrintedRule, population: Population, series: str, counted: str
) -> str:
    """Return that a value is above its share of a population: of all its series that agree in their labels.

    Those of the scrape, as `instance`, stay: two owners of a target count the same users, each for itself.
    """
    own = set(printed.metric.label_names)
    common = own.difference(dict(printed.rule.where)).intersection(
        printed.population_labels
    )
    apart = ", ".join(sorted(own - common))
    added_up = ", ".join(sorted(set(printed.population_labels) - common))
    share = format_number(population.above_share or 0.0)
    whole = f"{share} * sum without ({added_up}) ({counted})"
    return f"{series} > ignoring ({apart}) group_left () ({whole})"


def _of_absence(printed: PrintedRule) -> str:
    """Return that there are no series although the query gives data, once for each target."""
    rule = printed.rule
    series = _series(printed)
    is_ok = _status_ok(printed.query)
    ignored = ", ".join(_not_of_series(rule))
    return "\n".join(
        [
            f"sum without (query, status) ({is_ok})",
            f"unless on (target) {series}",
            "or (",
            f"  max without ({ignored}) ({_firing(rule)})",
            f"  unless on (target) {is_ok}",
            ")",
        ]
    )


def _status_ok(query: Query) -> str:
    return f"{selector(_STATUS, {'query': query.name, 'status': 'ok'}, ())} == 1"


def burn_rate(
    printed: PrintedRule, objective: float, factor: float, long: str, short: str
) -> str:
    """Return that an error budget is spent so many times too fast, over a long and a short window.

    What is recorded is of all series of the metric, and keeps their labels: a rule takes its own of them.
    """
    metric = printed.metric.name
    allowed = f"{format_number(factor)} * (1 - {format_number(objective)})"
    return "\n".join(
        [
            f"(1 - {_series(printed, recorded(metric, long))}) > {allowed}",
            f"and (1 - {_series(printed, recorded(metric, short))}) > {allowed}",
        ]
    )


def recorded(metric: str, window: str) -> str:
    """Return the name of a recording rule: level, metric, operation (prometheus.io, "Recording rules")."""
    return f"target:{metric}:avg_over_time_{window}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _of_pattern(name: str) -> str:
    """Return the name of a target as a pattern that matches nothing else, within a text in quotes."""
    return "".join(
        one if one.isalnum() or one in "_-" else f"\\\\{one}" for one in name
    )


@dataclass(frozen=True, slots=True)
class SharedRule:
    """A rule of a query, and the names of the targets that have it so."""

    rule: Rule
    query: Query
    targets: list[str] = field(default_factory=list)

    @property
    def judged_metric(self) -> Metric:
        """Return the metric that the rule judges, or one that Prometheus has in its place."""
        by_name = {metric.name: metric for metric in self.query.metrics}
        metric = by_name[self.rule.metric]
        if self.query.schema is None or metric.exported:
            return metric
        # What is found missing is exported column by column, by the first metric that has their labels; a whole
        # table is all of its columns.
        of_column = (self.query.schema.table, self.query.schema.column)
        for other in self.query.exported_metrics:
            if other.label_names == of_column:
                return other
        return metric


def uses_by_query(jobs: Iterable[Job]) -> Mapping[str, list[SharedRule]]:
    """Return the rules of each query that has some, by its name."""
    # Rules and parameters hold mappings, and have no hash; texts name the parameters.
    found: dict[tuple[str, str, str], SharedRule] = {}
    for job in jobs:
        for rule in job.query.rules:
            key = (job.query.name, repr(rule), repr(job.query.parameters))
            use = found.setdefault(key, SharedRule(rule, job.query))
            use.targets.append(job.target.name)
    by_query: dict[str, list[SharedRule]] = defaultdict(list)
    for use in found.values():
        by_query[use.query.name].append(use)
    return by_query

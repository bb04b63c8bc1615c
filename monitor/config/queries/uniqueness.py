"""What two queries cannot both have: a rule of one name, or metrics that share a name on /metrics; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from monitor.config.queries.metric_names import claimed_names
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.toml.problems import Problems
from monitor.model.settings import Metric


def check_unique(
    queries: Iterable[UnboundQuery], own_rules: Iterable[str], problems: Problems
) -> None:
    """Note every name that is taken already, also by one of the monitor's own rules."""
    _check_rule_names(queries, own_rules, problems)
    _check_metric_names(queries, problems)


def _check_rule_names(
    queries: Iterable[UnboundQuery], own_rules: Iterable[str], problems: Problems
) -> None:
    owners = dict.fromkeys(own_rules, "the monitor itself")
    for query in queries:
        us = f'query "{query.name}"'
        for rule in query.active_rules:
            owner = owners.setdefault(rule.rule.name, us)
            if owner != us:
                message = f"the name is taken by a rule of {owner}"
                problems.add(rule.section.origin(), message)


_TAKEN_TOO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "counter": "in OpenMetrics a counter takes the names without _total and with _created too",
        "info": "in OpenMetrics an info takes the name without _info too",
        "histogram": "a histogram takes the names with _bucket, _count, _sum and _created too",
    }
)
"""Which names a metric of a type takes beside its own."""


@dataclass(frozen=True, slots=True)
class _NameOwner:
    """Who has a name on /metrics."""

    query: str
    metric: Metric


def _check_metric_names(queries: Iterable[UnboundQuery], problems: Problems) -> None:
    """Refuse metrics of which /metrics could show one only, in either of its formats."""
    # A family that is given twice breaks the page for a scraper: its # HELP stands there twice.
    owners: dict[str, _NameOwner] = {}
    for query in queries:
        for metric in query.exported_metrics:
            us = _NameOwner(query.name, metric)
            # All names are claimed, and one clash is enough to say.
            claims = [owners.setdefault(name, us) for name in claimed_names(metric)]
            others = [owner for owner in claims if owner is not us]
            if others:
                origin = query.section.origin("metrics", metric.name)
                problems.add(origin, _clash(metric, others[0]))


def _clash(metric: Metric, other: _NameOwner) -> str:
    if other.metric.name == metric.name:
        return f'query "{other.query}" gives this metric already'
    their = f'the {other.metric.kind} {other.metric.name} of query "{other.query}"'
    kind = metric.kind if metric.kind in _TAKEN_TOO else other.metric.kind
    return f"clashes with {their}: {_TAKEN_TOO[kind]}; rename one of the two"

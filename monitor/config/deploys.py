"""`[deploys]`: where deployments are declared, how long they last at most, and whose alerts wait for their end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.config.patterns import matching
from monitor.config.queries.library import Library
from monitor.config.schema import DeploysSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.text_files import below
from monitor.config.toml.validation import check_list, validate
from monitor.model.deploys import DeploySettings
from monitor.model.settings import Query
from monitor.model.walks import DRIFT_FACTS

_OWN: Final = "is about the monitor itself: its alerts never wait"
_SCHEMA: Final = (
    "says what is missing, which fails during a deployment too: its alerts never wait"
)


def read_deploys(
    section: Section,
    base: Path,
    library: Library,
    queries: Iterable[Query],
    problems: Problems,
) -> DeploySettings:
    """Check the table, and find the rules whose alerts wait; `queries` are those that run here."""
    checked = validate(DeploysSchema, section, problems)
    nameable = _nameable(library)
    # Where a query could not be read, what is named may be that one's.
    if not library.is_partial:
        _check(checked, nameable, section, problems)
    return DeploySettings(
        file=below(base, checked.file),
        metric=checked.metric,
        max=checked.max,
        rules=_rules(checked, nameable, queries),
    )


@dataclass(frozen=True, slots=True)
class _Nameable:
    """What the table can name, and what it cannot, each with the reason."""

    rules: frozenset[str]
    metrics: frozenset[str]
    never: Mapping[str, str]

    def rule_fault(self, pattern: str) -> str | None:
        """Return what is wrong with a pattern; None where nothing is."""
        why = self.never.get(pattern)
        if why is not None:
            return f'"{pattern}" {why}'
        if matching([pattern], self.rules):
            return None
        return f'"{pattern}" matches no rule{near_miss(pattern, self.rules)}'


def _nameable(library: Library) -> _Nameable:
    rules: set[str] = set()
    metrics: set[str] = set()
    own = [rule.name for rule in library.own_rules]
    never = dict.fromkeys(own, _OWN)
    for query in library.all_queries:
        names = [one.rule.name for one in query.active_rules]
        metrics.update(one.name for one in query.metrics if one.exported)
        if query.schema is None:
            rules.update(names)
        else:
            never.update(dict.fromkeys(names, _SCHEMA))
    return _Nameable(frozenset(rules), frozenset(metrics), never)


def _check(
    checked: DeploysSchema, nameable: _Nameable, section: Section, problems: Problems
) -> None:
    """Note what is named and is not there, or never waits."""
    named = checked.metric
    if named and named not in nameable.metrics:
        near = near_miss(named, nameable.metrics)
        origin = section.origin("metric")
        problems.add(origin, f'no query has a metric "{named}"{near}')
    patterns = checked.rules or []
    check_list(section, "rules", patterns, nameable.rule_fault, problems)


def _rules(
    checked: DeploysSchema, nameable: _Nameable, queries: Iterable[Query]
) -> frozenset[str]:
    """Return the names of the rules whose alerts wait: those that are listed, or what a deployment changes."""
    if checked.rules is not None:
        return frozenset(matching(checked.rules, nameable.rules))
    return frozenset(_default_rules(queries))


def _default_rules(queries: Iterable[Query]) -> Iterator[str]:
    """Yield the rules about what a deployment changes on purpose: levels, names, and how balances move."""
    for query in queries:
        facts = {metric.name: metric.of_ledger for metric in query.metrics}
        for rule in query.rules:
            if rule.knows_past or facts.get(rule.metric) in DRIFT_FACTS:
                yield rule.name

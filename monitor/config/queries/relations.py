"""Check what rules say of others' rules and metrics: what they explain, without a circle, and populations; pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import partial

from monitor.config.queries.unbound import UnboundQuery, UnboundRule
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import check_list
from monitor.model.cause_graph import circle_in


def check_relations(
    queries: Iterable[UnboundQuery],
    names: AbstractSet[str],
    own_names: Iterable[str],
    problems: Problems,
) -> None:
    """Note what rules explain, or are a share of, that is not there, and one circle of rules that explain each other.

    `names` are those of the rules of all queries, switched off or not, `own_names` those about the monitor itself.
    """
    muting = frozenset((*names, *own_names))
    queries = [*queries]
    metrics = _metrics_of(queries)
    rules: dict[str, UnboundRule] = {}
    for query in queries:
        for rule in query.active_rules:
            rules[rule.rule.name] = rule
            _check_names(query, rule, names, problems)
            if not _is_as_shipped(query, rule, "muted_by"):
                fault = partial(_fault, muting)
                given = rule.rule.muted_by
                check_list(rule.section, "muted_by", given, fault, problems)
            _check_population(query, rule, metrics, problems)
    _check_circle(rules, problems)


def _check_names(
    query: UnboundQuery,
    rule: UnboundRule,
    names: AbstractSet[str],
    problems: Problems,
) -> None:
    if _is_as_shipped(query, rule, "explains"):
        # Who replaces another shipped query may leave that rule out.
        return
    check_explained(rule, names, problems)


def check_explained(
    rule: UnboundRule, names: AbstractSet[str], problems: Problems
) -> None:
    """Note each rule that it explains and that is none of these."""
    fault = partial(_fault, names)
    check_list(rule.section, "explains", rule.rule.explains, fault, problems)


def _check_population(
    query: UnboundQuery,
    rule: UnboundRule,
    metrics: AbstractSet[str],
    problems: Problems,
) -> None:
    """Note a population that no query counts; a shipped file may name what was left out with another one."""
    population = rule.rule.population
    if population is None or query.files.shipped:
        return
    if population.metric not in metrics:
        known = near_miss(population.metric, metrics)
        message = f'unknown metric "{population.metric}"{known}'
        problems.add(rule.section.origin("population"), message)


def _metrics_of(queries: Iterable[UnboundQuery]) -> frozenset[str]:
    metrics: set[str] = set()
    for query in queries:
        metrics.update(metric.name for metric in query.metrics)
    return frozenset(metrics)


def _check_circle(rules: dict[str, UnboundRule], problems: Problems) -> None:
    explains = {name: [*rule.rule.explains] for name, rule in rules.items()}
    for name, rule in rules.items():
        for cause in explains.keys() & set(rule.rule.muted_by):
            explains[cause].append(name)
    circle = circle_in(explains)
    if not circle:
        return
    # From the first by its name, so that it is the same one at each load.
    start = circle.index(min(circle))
    names = [*circle[start:], *circle[:start]]
    words = " explains ".join([*names, names[0]])
    section = rules[names[0]].section
    given = [key for key in ("explains", "muted_by") if key in section.data]
    origin = section.origin(*given[:1])
    problems.add(origin, f"is a circle: {words}")


def _fault(names: AbstractSet[str], name: str) -> str | None:
    if name in names:
        return None
    return f'there is no rule "{name}" of a query{near_miss(name, names)}'


def _is_as_shipped(query: UnboundQuery, rule: UnboundRule, key: str) -> bool:
    """Return whether it is a shipped file that names other rules by a key, and not config.toml."""
    file = query.section.origin().file
    said_by = rule.section.origin(key).file
    return query.files.shipped and said_by == file

"""`[targets.NAME.queries.X]` and `[targets.NAME.rules.X]`: queries as they are on one target; a step of the load."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from monitor.config.queries.library import Library, check_parameters_table
from monitor.config.queries.overrides import Overrides
from monitor.config.queries.reading import read_query
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.queries.uniqueness import check_unique
from monitor.config.targets import TargetEntry
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss

_OF_ALL_QUERIES: Final = "is the same on all targets; write it in [queries.{name}]"
_OF_ALL_RULES: Final = "is the same on all targets; write it in [rules.{name}]"
_RELATIONS: Final = frozenset({"explains", "explains_where", "muted_by"})
"""What rules say of each other: of a name, and not of a rule on a target."""


def queries_on(
    entry: TargetEntry,
    chosen: Iterable[UnboundQuery],
    library: Library,
    base: Path,
    problems: Problems,
) -> list[UnboundQuery]:
    """Return the queries of a target with what its own table lays over them; what is wrong with that is noted."""
    chosen = [*chosen]
    given = overrides_of(entry.section, problems)
    _check_names(given, chosen, library, problems)
    _check_keys(given, problems)
    queries = [_on_target(query, given, base, problems) for query in chosen]
    own_names = [rule.name for rule in library.own_rules]
    enabled = [query for query in queries if query.enabled]
    check_unique(enabled, own_names, problems)
    return queries


def overrides_of(section: Section, problems: Problems) -> Overrides:
    """Return what a target's table says of single queries and rules; a list of queries says which run there."""
    if not isinstance(section.data.get("queries"), Mapping):
        section = section.without("queries")
    return Overrides.of(section, problems)


def _on_target(
    query: UnboundQuery, given: Overrides, base: Path, problems: Problems
) -> UnboundQuery:
    said = given.said_of(query.name, query.section)
    # What is wrong with the query everywhere has been said.
    if not said or not query.is_sound:
        return query
    section = given.over_query(query.name, query.section)
    own = read_query(query.files, section, base, problems)
    own = own.leaving_out(query.left_out)
    text = json.dumps([[one.path[-2:], one.data] for one in said], default=str)
    # What it needs was derived from its statements, which are the same.
    return replace(own, needs=own.needs or query.needs, only_here=text)


@dataclass(frozen=True, slots=True)
class _KnownNames:
    """Names of queries, or of rules: those on the target, and all."""

    here: frozenset[str]
    everywhere: frozenset[str]
    elsewhere_words: str
    """What is said of one that is not on the target."""

    def check(self, key: str, given: Mapping[str, Section], problems: Problems) -> None:
        """Note what is said of names that are none of them."""
        for name in given.keys() - self.here:
            message = self.elsewhere_words
            if name not in self.everywhere:
                known = near_miss(name, self.everywhere)
                message = f"there is no such {key}{known}"
            problems.add(given[name].origin(), message)


def _check_names(
    given: Overrides,
    chosen: Iterable[UnboundQuery],
    library: Library,
    problems: Problems,
) -> None:
    """Note queries and rules that are not there, or not on this target."""
    if library.is_partial:
        return
    here = frozenset(query.name for query in chosen)
    queries = _KnownNames(here, frozenset(library.names), "does not run on this target")
    queries.check("query", given.queries, problems)
    rules_here = _rules_of(library.queries[name] for name in here)
    all_rules = _rules_of(library.queries.values())
    rules = _KnownNames(rules_here, all_rules, "its query does not run on this target")
    of_queries = dict(given.rules)
    for name, about in library.shared_rules.items():
        section = of_queries.pop(name, None)
        if section is not None:
            of_all = _OF_ALL_RULES.format(name=name)
            problems.add(section.origin(), f"is {about}, and {of_all}")
    rules.check("rule", of_queries, problems)


def _rules_of(queries: Iterable[UnboundQuery]) -> frozenset[str]:
    sections = [query.section.at("rules") for query in queries]
    return frozenset().union(*(section.data for section in sections))


def _check_keys(given: Overrides, problems: Problems) -> None:
    """Note what one target cannot have otherwise: metrics have one type and help, rules one order."""
    for name, section in given.queries.items():
        if "metrics" in section.data:
            message = _OF_ALL_QUERIES.format(name=name)
            problems.add(section.origin("metrics"), message)
        check_parameters_table(section, problems)
    for name, section in given.all_rules():
        _check_rule(name, section, problems)


def _check_rule(name: str, section: Section, problems: Problems) -> None:
    for key in section.data.keys() & _RELATIONS:
        message = _OF_ALL_RULES.format(name=name)
        problems.add(section.origin(key), message)

"""All queries that a configuration has: found, overridden from config.toml, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.config.queries.derived import (
    UnboundDerived,
    derived_sections,
    read_derived,
)
from monitor.config.queries.derived_inputs import KnownMetrics
from monitor.config.queries.deriving import (
    Derived,
    DeriveNeeds,
    needs_of_shipped,
    statements_of,
    without_cursor,
)
from monitor.config.queries.files import QueryFiles, find_queries
from monitor.config.queries.folders import Folder
from monitor.config.queries.overrides import Overrides
from monitor.config.queries.own_rules import own_section, read_own_rules
from monitor.config.queries.reading import read_query
from monitor.config.queries.relations import check_relations
from monitor.config.queries.replaced import lost_parts, replaced_parts
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.queries.uniqueness import check_unique
from monitor.config.toml.document import Section, read_document
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.text_files import shown
from monitor.config.toml.wording import found
from monitor.model.settings import Rule
from monitor.timing.durations import format_duration, parse_duration


@dataclass(frozen=True, slots=True)
class Library:
    """What the folders hold. `names` has every query that is there, `queries` those that could be read."""

    names: tuple[str, ...]
    queries: Mapping[str, UnboundQuery]
    declared_by: Mapping[str, frozenset[str]]
    """Which parameters each query declares, also one with problems."""
    own_rules: tuple[Rule, ...]
    notices: tuple[str, ...]
    derived: tuple[UnboundDerived, ...] = ()

    @property
    def all_queries(self) -> tuple[UnboundQuery, ...]:
        """Return those that could be read, and what is derived from them."""
        return (*self.queries.values(), *(one.query for one in self.derived))

    @property
    def shared_rules(self) -> dict[str, str]:
        """Return the rules that are the same on all targets, each with what it is."""
        about = {rule.name: "about the monitor itself" for rule in self.own_rules}
        for one in self.derived:
            about.update(dict.fromkeys(one.rule_names, "of a derived value"))
        return about

    @property
    def is_partial(self) -> bool:
        """Return whether some query's .toml could not be read at all."""
        return len(self.declared_by) < len(self.names)

    @property
    def declared(self) -> frozenset[str]:
        """Return every parameter that some query declares."""
        return frozenset().union(*self.declared_by.values())

    def without_contracts(self) -> Library:
        """Return it with what compares the application's statements switched off: there is none to read."""
        queries = {
            name: query if query.contract is None else replace(query, enabled=False)
            for name, query in self.queries.items()
        }
        return replace(self, queries=queries)

    def with_needs(self, directory: Path, derive: DeriveNeeds) -> Library:
        """Return it with the needs of the queries that list none, and notices of those that must.

        `directory` is that of the state.
        """
        shipped: list[str] = []
        own: dict[str, list[str]] = {}
        for name, query in self.queries.items():
            if not _lacks_needs(query):
                continue
            if query.files.shipped:
                shipped.append(name)
            else:
                own[name] = [one.text for one in statements_of(query)]
        derived = {**needs_of_shipped(shipped), **derive(directory, own)}
        queries = dict(self.queries)
        for name, found_needs in derived.items():
            needs = without_cursor(queries[name], found_needs.needs)
            queries[name] = replace(queries[name], needs=needs)
        notices = (*self.notices, *_asked_for(derived))
        return replace(self, queries=queries, notices=notices)


@dataclass(frozen=True, slots=True)
class FoundQueries:
    """The files of every query by its name, and notices of folders and queries that do not count."""

    files: Mapping[str, QueryFiles]
    notices: tuple[str, ...]
    replaced: frozenset[str]
    """The shipped queries in whose place another one came."""


def read_library(
    config: Section,
    found_queries: FoundQueries,
    left_out: Mapping[str, frozenset[str]],
    base: Path,
    problems: Problems,
) -> Library:
    """Read every query and the monitor's own rules, with what config.toml lays over them.

    `left_out` are rules and metrics that a query is not to have, by its name.
    """
    files = found_queries.files
    overrides = Overrides.of(config, problems)
    sections = {}
    for name, query in files.items():
        section = read_document(query.toml, shown(query.toml, base), problems)
        if section is not None:
            sections[name] = overrides.over_query(name, section)
    own = own_section(problems)
    _check_query_overrides(config, files, problems)
    replaced = replaced_parts(files, sections)
    queries = {}
    for name, section in sections.items():
        read = read_query(files[name], section, base, problems)
        parts = {*left_out.get(name, ()), *replaced.get(name, ())}
        queries[name] = read.leaving_out(parts)
    # A query that is switched off takes no name from one that is on.
    enabled = [query for query in queries.values() if query.enabled]
    known = KnownMetrics.of(enabled, sections, files, config.at("derived").data)
    derived = read_derived(config, known, overrides, base, problems)
    enabled += [one.query for one in derived if one.query.is_runnable]
    check_unique(enabled, own.at("rules").data.keys(), problems)
    with_rules = [*sections.values(), *derived_sections(config)]
    names = _rule_names(with_rules)
    if len(sections) == len(files):  # else a rule may be in a file that was not read
        _check_rule_overrides(config, [*with_rules, own], problems)
        own_names = own.at("rules").data.keys()
        check_relations(enabled, names, own_names, problems)
    return Library(
        names=tuple(files),
        queries=queries,
        declared_by=_declared_by(sections),
        own_rules=read_own_rules(overrides.over_rules(own), names, problems),
        notices=(
            *found_queries.notices,
            *lost_parts(found_queries.replaced, sections),
            *_shortened(queries.values()),
        ),
        derived=derived,
    )


def _declared_by(sections: Mapping[str, Section]) -> dict[str, frozenset[str]]:
    """Return which parameters each query declares."""
    return {
        name: frozenset(section.at("parameters").data)
        for name, section in sections.items()
    }


def _shortened(queries: Iterable[UnboundQuery]) -> Iterator[str]:
    """Yield notices of timeouts that were shortened, as config.toml gives an interval that they do not fit."""
    for query in queries:
        given = query.section.data.get("timeout")
        if given is None or not query.is_sound:
            continue
        if query.timeout < parse_duration(given):
            fits = format_duration(query.timeout)
            yield f'query "{query.name}": its timeout, {given}, does not fit its interval; now {fits}'


def find_all(
    config: Section, folders: Iterable[Folder], base: Path, problems: Problems
) -> FoundQueries:
    """Find every query; of those with one name the one of the last folder counts."""
    notices = []
    files: dict[str, QueryFiles] = {}
    folder_of: dict[str, Folder] = {}
    shipped: set[str] = set()
    config_file = base / config.origin().file
    for folder in folders:
        try:
            queries = find_queries(folder, config_file, base, problems)
        except (OSError, ValueError) as error:  # ValueError: no path can be so
            cause = getattr(error, "strerror", None) or error
            message = f'folder "{folder.name}" cannot be read: {cause}'
            problems.add(_origin_of(folder, config), message)
            continue
        if not queries:
            notices.append(f'folder "{folder.name}" holds no query')
        for query in queries:
            if folder.only and query.name not in folder.only:
                continue
            earlier = folder_of.get(query.name)
            if earlier is not None:
                replaced = f"replaces {_of_owner(earlier)}"
                notices.append(f'query "{query.name}" of {folder.name} {replaced}')
                if earlier.is_shipped:
                    shipped.add(query.name)
            files[query.name] = query
            folder_of[query.name] = folder
    return FoundQueries(files, tuple(notices), frozenset(shipped))


def _of_owner(folder: Folder) -> str:
    """Return what a message calls a query of this folder."""
    return "the shipped one" if folder.is_shipped else f"that of {folder.name}"


def _origin_of(folder: Folder, config: Section) -> Origin:
    if folder.position is None:
        return Origin(folder.name)
    return config.origin("query_dirs", folder.position)


def _rule_names(sections: Iterable[Section]) -> frozenset[str]:
    """Return the names of all rules that some files have, also of those with problems."""
    return frozenset().union(*(section.at("rules").data for section in sections))


def _check_query_overrides(
    config: Section, files: Mapping[str, QueryFiles], problems: Problems
) -> None:
    """Note [queries.NAME] of a query that is not there."""
    for name in config.at("queries").data:
        check_parameters_table(config.at("queries", name), problems)
        if name not in files:
            message = f"there is no such query{near_miss(name, files)}"
            problems.add(config.origin("queries", name), message)


def check_parameters_table(override: Section, problems: Problems) -> None:
    """Note parameters of a query's override that are not a table."""
    parameters = override.data.get("parameters", {})
    if not isinstance(parameters, Mapping):
        message = f"{found(parameters)}; allowed: a table"
        problems.add(override.origin("parameters"), message)


def _check_rule_overrides(
    config: Section, sections: Iterable[Section], problems: Problems
) -> None:
    """Note [rules.NAME] of a rule that is not there."""
    rules = _rule_names(sections)
    for name in config.at("rules").data:
        if name not in rules:
            message = f"there is no such rule{near_miss(name, rules)}"
            problems.add(config.origin("rules", name), message)


def _lacks_needs(query: UnboundQuery) -> bool:
    """Return whether a query lists no needs and may have some."""
    is_listed = "needs" in query.section.data
    words = {token.word for one in statements_of(query) for token in one.tokens}
    return query.is_sound and not is_listed and "FROM" in words


def _asked_for(derived: Mapping[str, Derived]) -> Iterator[str]:
    for name, one in derived.items():
        if one.fault:
            yield (
                f'query "{name}": what it needs cannot be told from its SQL ({one.fault});'
                f' list it in {name}.toml: needs = ["table.column"], or needs = [] for nothing'
            )

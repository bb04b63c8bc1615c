"""All queries that a configuration has: found, overridden from config.toml, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.config.queries.files import QueryFiles, find_queries
from monitor.config.queries.metrics import claimed_names
from monitor.config.queries.own_rules import own_section, read_own_rules
from monitor.config.queries.reading import read_query
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.toml.document import Section, read_document, tables
from monitor.config.toml.overrides import merge
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.text_files import shown
from monitor.config.toml.wording import found
from monitor.model.settings import Metric, Rule
from monitor.timing.durations import format_duration, parse_duration


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of queries, and who named it; nobody did for the shipped one."""

    path: Path
    name: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Library:
    """What the folders hold. `names` has every query that is there, `drafts` those that could be read."""

    names: tuple[str, ...]
    drafts: Mapping[str, UnboundQuery]
    declared_by: Mapping[str, frozenset[str]]
    """Which parameters each query declares, also one with problems."""
    own_rules: tuple[Rule, ...]
    notices: tuple[str, ...]

    @property
    def is_partial(self) -> bool:
        """Tell whether some query's .toml could not be read at all."""
        return len(self.declared_by) < len(self.names)

    @property
    def declared(self) -> frozenset[str]:
        """List every parameter that some query declares."""
        return frozenset().union(*self.declared_by.values())


def read_library(
    config: Section, folders: list[Folder], base: Path, problems: Problems
) -> Library:
    """Read every query and the monitor's own rules, with what config.toml lays over them."""
    files, notices = _find_all(config, folders, base, problems)
    sections = {name: _read(query, base, problems) for name, query in files.items()}
    own = own_section(problems)
    query_overrides = dict(tables(config, "queries", problems))
    rule_overrides = dict(tables(config, "rules", problems))
    merged = {
        name: _merged(section, query_overrides.get(name), rule_overrides)
        for name, section in sections.items()
        if section is not None
    }
    _check_dangling(config, files, merged, own, problems)
    drafts = {}
    for name, section in merged.items():
        draft = read_query(files[name], section, base, problems)
        if draft is not None:
            drafts[name] = draft
    _check_unique(drafts, own, problems)
    return Library(
        names=tuple(files),
        drafts=drafts,
        declared_by={
            name: frozenset(section.at("parameters").data)
            for name, section in merged.items()
        },
        own_rules=read_own_rules(_with_rules(own, rule_overrides), problems)
        if own
        else (),
        notices=(*notices, *_shortened(drafts.values())),
    )


def _shortened(drafts: Iterable[UnboundQuery]) -> list[str]:
    """Say which timeouts were shortened, as config.toml gives an interval that they do not fit."""
    notices = []
    for draft in drafts:
        given = draft.section.data.get("timeout")
        if (
            draft.is_sound
            and given is not None
            and draft.timeout < parse_duration(given)
        ):
            fits = format_duration(draft.timeout)
            notices.append(
                f'query "{draft.name}": its timeout, {given}, does not fit its interval; now {fits}'
            )
    return notices


def _find_all(
    config: Section, folders: list[Folder], base: Path, problems: Problems
) -> tuple[dict[str, QueryFiles], list[str]]:
    files: dict[str, QueryFiles] = {}
    folder_names: dict[str, Folder] = {}
    notices = []
    aside = base / config.origin().file
    for folder in folders:
        is_shipped = folder.position is None
        place = (
            Origin(folder.name)
            if is_shipped
            else config.origin("query_dirs", folder.position or 0)
        )
        try:
            queries = find_queries(
                folder.path, base, problems, shipped=is_shipped, aside=aside
            )
        except (OSError, ValueError) as error:  # ValueError: no path can be so
            said = getattr(error, "strerror", None) or error
            problems.add(place, f'folder "{folder.name}" cannot be read: {said}')
            continue
        if not queries:
            notices.append(f'folder "{folder.name}" holds no query')
        for query in queries:
            earlier = folder_names.get(query.name)
            if earlier is not None:
                other = (
                    "the shipped one"
                    if earlier.position is None
                    else f"that of {earlier.name}"
                )
                notices.append(
                    f'query "{query.name}" of {folder.name} replaces {other}'
                )
            files[query.name] = query
            folder_names[query.name] = folder
    return files, notices


def _read(files: QueryFiles, base: Path, problems: Problems) -> Section | None:
    return read_document(files.toml, shown(files.toml, base), problems)


def _merged(
    section: Section, override: Section | None, rule_overrides: Mapping[str, Section]
) -> Section:
    if override is not None:
        # Its parameters are a layer of values; they declare nothing.
        section = merge(section, override.without("parameters"))
    return _with_rules(section, rule_overrides)


def _with_rules(section: Section, overrides: Mapping[str, Section]) -> Section:
    for name in section.at("rules").data:
        if name in overrides:
            section = merge(section, overrides[name].below("rules", name))
    return section


def _check_dangling(
    config: Section,
    files: Mapping[str, QueryFiles],
    merged: Mapping[str, Section],
    own: Section | None,
    problems: Problems,
) -> None:
    for name in config.at("queries").data:
        parameters = config.at("queries", name).data.get("parameters", {})
        if not isinstance(parameters, Mapping):
            problems.add(
                config.origin("queries", name, "parameters"),
                f"{found(parameters)}; allowed: a table",
            )
        if name not in files:
            problems.add(
                config.origin("queries", name),
                f"there is no such query{near_miss(name, files)}",
            )
    if len(merged) < len(files):
        return  # a rule may be in a file that could not be read
    rules = {
        name
        for section in [*merged.values(), *([own] if own else [])]
        for name in section.at("rules").data
    }
    for name in config.at("rules").data:
        if name not in rules:
            problems.add(
                config.origin("rules", name),
                f"there is no such rule{near_miss(name, rules)}",
            )


def _check_unique(
    drafts: Mapping[str, UnboundQuery], own: Section | None, problems: Problems
) -> None:
    rules: dict[str, str] = {}
    if own is not None:
        rules.update(dict.fromkeys(own.at("rules").data, "the monitor itself"))
    for draft in drafts.values():
        if not draft.enabled:
            continue
        for rule in draft.active_rules:
            owner = rules.setdefault(rule.rule.name, f'query "{draft.name}"')
            if owner != f'query "{draft.name}"':
                problems.add(
                    rule.section.origin(), f"the name is taken by a rule of {owner}"
                )
    _check_metric_names([draft for draft in drafts.values() if draft.enabled], problems)


def _check_metric_names(drafts: Iterable[UnboundQuery], problems: Problems) -> None:
    """Refuse metrics of which /metrics could show one only, in either of its formats."""
    owners: dict[str, tuple[str, Metric]] = {}
    for draft in drafts:
        for metric in draft.metrics:
            if not metric.exported:
                continue
            claimed = sorted(claimed_names(metric))
            others = [owners[name] for name in claimed if name in owners]
            owners.update(
                {name: (draft.name, metric) for name in claimed if name not in owners}
            )
            if others:
                query, other = others[0]
                origin = draft.section.origin("metrics", metric.name)
                problems.add(origin, _clash(metric, query, other))


def _clash(metric: Metric, query: str, other: Metric) -> str:
    if other.name == metric.name:
        return f'query "{query}" gives this metric already'
    return (
        f'clashes with the {other.kind} {other.name} of query "{query}": in OpenMetrics a counter takes the'
        " names without _total and with _created too; rename one of the two"
    )

"""Which queries run on which target, with the values of their parameters; and what runs nowhere; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.config.former_names import parts_left_out
from monitor.config.parameter_layers import (
    check_layers,
    check_target_layer,
    check_thresholds_on,
    values_on_target,
)
from monitor.config.queries.library import Library
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.target_overrides import queries_on
from monitor.config.targets import TargetEntry, check_labels, check_queries
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.model.settings import ColumnName, Scalar


@dataclass(frozen=True, slots=True)
class Selection:
    """What runs on one target, by the queries' names: schema queries first; and the parameters of each."""

    entry: TargetEntry
    queries: Mapping[str, UnboundQuery]
    values: Mapping[str, Mapping[str, Scalar]]

    @property
    def needed_by(self) -> dict[ColumnName, list[str]]:
        """Return which columns are needed, each with the names of the queries that need it."""
        needed_by: dict[ColumnName, list[str]] = {}
        for name, query in self.queries.items():
            for column in query.needed_columns(self.values[name]):
                needed_by.setdefault(column, []).append(name)
        return needed_by

    @property
    def expected_columns(self) -> frozenset[ColumnName]:
        """Return the columns of which a rule of a schema query tells when they are missing."""
        columns: set[ColumnName] = set()
        needed = self.needed_by.keys()
        for name, query in self.queries.items():
            columns |= query.told_columns(self.values[name], needed)
        return frozenset(columns)


def select_queries(
    config: Section,
    library: Library,
    entries: Iterable[TargetEntry],
    base: Path,
    problems: Problems,
) -> list[Selection]:
    """Choose for each target; what config.toml says there of queries, rules and parameters is checked.

    `base` is the folder of config.toml.
    """
    check_layers(config, library, problems)
    selections: list[Selection] = []
    # Targets of one list differ in address and values of labels: what follows is found once for all of them.
    known: dict[tuple[int, frozenset[str]], Selection] = {}
    for entry in entries:
        kind = (id(entry.section), frozenset(entry.labels))
        if kind not in known:
            known[kind] = _select(config, library, entry, base, problems)
        selections.append(replace(known[kind], entry=entry))
    return selections


def _select(
    config: Section,
    library: Library,
    entry: TargetEntry,
    base: Path,
    problems: Problems,
) -> Selection:
    check_queries(entry, library.names, problems)
    check_target_layer(entry, library, problems)
    chosen = queries_on(entry, _chosen(entry, library), library, base, problems)
    # Checked for a query that is switched off too: it may be switched on again.
    values = values_on_target(config, chosen, entry, problems)
    check_thresholds_on(entry, chosen, values, problems)
    check_labels(entry, chosen, problems)
    # Schema queries come first, so that what is missing is known before what needs it runs (ADR 0001).
    ordered = sorted(chosen, key=_schema_queries_first)
    runnable = {
        query.name: query
        for query in ordered
        if query.is_runnable and entry.has_what_it_reads(query)
    }
    return Selection(entry, runnable, values)


def _chosen(entry: TargetEntry, library: Library) -> list[UnboundQuery]:
    """Return what runs on a target, of each query what is wanted there."""
    chosen = []
    for name, query in entry.choose(library.queries).items():
        left_out = parts_left_out(
            (name, query.parts), library.names, entry.patterns, entry.exceptions
        )
        chosen.append(query.leaving_out(left_out))
    return chosen


def _schema_queries_first(query: UnboundQuery) -> tuple[bool, str]:
    return (query.schema is None, query.name)


def notices_of(
    config: Section, library: Library, selections: Iterable[Selection]
) -> Iterator[str]:
    """Yield what is valid and without effect, worth a line at the start and in `validate`; targets first."""
    running: set[str] = set()
    for selection in selections:
        running.update(selection.queries)
        yield from _notices_of_target(selection)
    overridden = config.at("queries").data
    for query in library.queries.values():
        # A shipped query of which nobody said anything may well have no target; of the contract somebody did.
        is_said = query.name in overridden or query.contract is not None
        is_wanted = is_said or not query.files.shipped
        is_idle = query.enabled and query.name not in running
        if is_idle and is_wanted:
            yield f'query "{query.name}" runs on no target'


def _notices_of_target(selection: Selection) -> Iterator[str]:
    target = selection.entry.name
    queries = selection.queries.values()
    if not queries:
        yield f'no query runs on target "{target}"'
    # Noted and not refused: who has no schema query may check before each deployment (ADR 0022).
    if any(query.schema is not None for query in queries):
        return
    names = sorted(query.name for query in queries if query.needs_columns)
    if names:
        need = "needs" if len(names) == 1 else "need"
        yield (
            f'no schema query, such as missing_columns, runs on target "{target}":'
            f" what {', '.join(names)} {need} is looked for by check --schema only,"
            " and no alert tells of a missing column"
        )

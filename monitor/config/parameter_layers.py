"""Values of parameters in config.toml: for all queries, for one query, for one target; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from monitor.config.queries.library import Library
from monitor.config.queries.parameters import resolve
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.targets import TargetEntry
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.model.settings import Scalar


def check_layers(config: Section, library: Library, problems: Problems) -> None:
    """Note what no query declares, of `[parameters]` and of `[queries.NAME.parameters]`."""
    if library.is_partial:
        return  # a query that could not be read may declare it
    _check_declared(
        config.at("parameters"),
        library.declared,
        "no query declares this parameter",
        problems,
    )
    for query, declared in library.declared_by.items():
        _check_declared(
            config.at("queries", query, "parameters"),
            declared,
            "the query does not declare this parameter",
            problems,
        )


def check_target_layer(
    entry: TargetEntry, library: Library, problems: Problems
) -> None:
    """Note what no query on the target declares, of `[targets.NAME.parameters]`."""
    if library.is_partial:
        return
    declared: set[str] = set()
    for names in entry.choose(library.declared_by).values():
        declared |= names
    _check_declared(
        entry.section.at("parameters"),
        declared,
        "no query on this target declares this parameter",
        problems,
    )
    for query, names in library.declared_by.items():
        _check_declared(
            entry.section.at("queries", query, "parameters"),
            names,
            "the query does not declare this parameter",
            problems,
        )


def _check_declared(
    layer: Section, declared: Collection[str], message: str, problems: Problems
) -> None:
    for name in layer.data:
        if name not in declared:
            known = near_miss(name, declared)
            problems.add(layer.origin(name), f"{message}{known}")


def values_on_target(
    config: Section,
    queries: Iterable[UnboundQuery],
    entry: TargetEntry,
    problems: Problems,
) -> dict[str, dict[str, Scalar]]:
    """Return the parameters of each query by its name; the layer that is nearest to the target decides."""
    values = {}
    for query in queries:
        layers = [
            config.at("parameters"),
            config.at("queries", query.name, "parameters"),
            entry.section.at("parameters"),
            entry.section.at("queries", query.name, "parameters"),
        ]
        values[query.name] = resolve(
            query.name,
            query.parameters,
            query.identifiers,
            layers,
            problems,
        )
    return values


def check_thresholds_on(
    entry: TargetEntry,
    queries: Iterable[UnboundQuery],
    values: Mapping[str, Mapping[str, Scalar]],
    problems: Problems,
) -> None:
    """Note thresholds of rules that cannot be with the values that parameters have on a target."""
    for query in queries:
        for rule in query.rules:
            for keys, fault in rule.thresholds.faults(values[query.name]):
                origin = rule.section.origin(*keys)
                problems.add(
                    origin, f'{fault}; with the parameters of target "{entry.name}"'
                )

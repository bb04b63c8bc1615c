"""`inputs` of a derived value: which metrics, of which targets, and which of their series; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Final

from monitor.config.queries.derived_schemas import DerivedInputSchema
from monitor.config.queries.rule_texts import TEXT_NAMES
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import check_table, validate
from monitor.config.toml.wording import found
from monitor.model.settings import Labels, Metric, labels_of

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class GivenInput:
    """One input as config.toml has it: of no query yet, and of each target where it names none."""

    name: str
    metric: str
    labels: tuple[str, ...]
    """Those by which its series differ: without those that `where` says."""
    section: Section
    """The table of all inputs."""
    target: str | None = None
    where: Labels = ()
    absent: float | None = None

    @property
    def words(self) -> str:
        """Return what it is, for people."""
        return f"{self.name} ({self.metric})"


@dataclass(frozen=True, slots=True)
class KnownMetrics:
    """What a derived value can be made of, and what it cannot be called."""

    metrics: Mapping[str, Metric]
    """Those of the queries that could be read and are on."""
    declared: AbstractSet[str]
    """Every metric that some file has, also with problems, or switched off."""
    queries: AbstractSet[str]
    """The names of all queries."""
    derived: AbstractSet[str]
    """The names of all derived values."""
    is_partial: bool
    """Whether some file could not be read, so that it may have any other metric."""

    @classmethod
    def of(
        cls,
        queries: Iterable[UnboundQuery],
        sections: Mapping[str, Section],
        files: Mapping[str, object],
        derived: Mapping[str, object],
    ) -> KnownMetrics:
        """Return those of the queries that are on; `sections` and `files` are of all, as far as they were read."""
        metrics = {one.name: one for query in queries for one in query.exported_metrics}
        declared: set[str] = set()
        for section in sections.values():
            declared.update(section.at("metrics").data)
        is_partial = len(sections) < len(files)
        return cls(metrics, declared, files.keys(), derived.keys(), is_partial)

    def fault(self, name: str) -> str | None:
        """Return what is wrong with the name of a metric; None where nothing is, or another problem says it."""
        if name in self.metrics:
            kind = self.metrics[name].kind
            if kind in ("histogram", "info"):
                return f"{name} is of the type {kind}, and not one number"
            return None
        if name in self.declared or self.is_partial:
            return None
        if name in self.derived:
            return f"{name} is derived itself; write out what it is made of"
        return f'no query has a metric "{name}"{near_miss(name, self.metrics)}'


def read_inputs(
    section: Section, known: KnownMetrics, problems: Problems
) -> tuple[GivenInput, ...] | None:
    """Return the inputs of a derived value; None where one has a problem, or nothing is known of its metric."""
    before = len(problems)
    table = section.at("inputs")
    if "inputs" in section.data and not table.data:
        problems.add(section.origin("inputs"), "is empty; name a metric at least")
    inputs: list[GivenInput] = []
    is_whole = bool(table.data)
    for name, given in table.data.items():
        _check_name(name, table, problems)
        if not isinstance(given, (str, Mapping)):
            allowed = 'the name of a metric, or a table such as { metric = "NAME" }'
            problems.add(table.origin(name), f"{found(given)}; allowed: {allowed}")
            continue
        one = _read(name, given, table, known, problems)
        if one is None:
            is_whole = False
        else:
            inputs.append(one)
    return tuple(inputs) if is_whole and len(problems) == before else None


def _check_name(name: str, table: Section, problems: Problems) -> None:
    if _NAME.fullmatch(name) is None:
        message = "is no name for value; allowed: letters, digits and _, no digit first"
        problems.add(table.origin(name), message)
    elif name in TEXT_NAMES:
        problems.add(table.origin(name), f"{{{name}}} means something else in texts")


def _read(
    name: str,
    given: str | Mapping[str, object],
    table: Section,
    known: KnownMetrics,
    problems: Problems,
) -> GivenInput | None:
    section = table.at(name)
    if isinstance(given, str):
        section = Section({"metric": given}, table.origins, (*table.path, name))
    checked = validate(DerivedInputSchema, section, problems)
    if not isinstance(section.data.get("metric"), str):
        return None
    message = known.fault(checked.metric)
    if message is not None:
        problems.add(section.origin("metric"), message)
    metric = known.metrics.get(checked.metric)
    if metric is None:
        return None
    fault = partial(_where_fault, metric)
    check_table(section, "where", checked.where, fault, problems)
    labels = [label for label in metric.label_names if label not in checked.where]
    if name in labels:
        problems.add(table.origin(name), f"{metric.name} has a label of this name")
    return GivenInput(
        name=name,
        metric=metric.name,
        labels=tuple(labels),
        section=table,
        target=checked.target,
        where=labels_of(checked.where),
        absent=checked.absent,
    )


def _where_fault(metric: Metric, label: str, value: str) -> str | None:
    if label not in metric.label_names:
        return f"is not a label of {metric.name}{near_miss(label, metric.label_names)}"
    known = metric.states if label == metric.name else ()
    if label == metric.values_label:
        known = metric.values
    if known and value not in known:
        return f'"{value}" is never a value of {label}{near_miss(value, known)}'
    return None

"""`[derived.NAME]` of config.toml to values that are bound to no target yet; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from monitor.config.queries.arithmetic import ExpressionError, read_expression
from monitor.config.queries.derived_inputs import GivenInput, KnownMetrics, read_inputs
from monitor.config.queries.derived_schemas import DerivedSchema
from monitor.config.queries.files import QueryFiles
from monitor.config.queries.metric_names import name_faults
from monitor.config.queries.overrides import Overrides
from monitor.config.queries.rule_metrics import RuleSubjects
from monitor.config.queries.rules import read_rules
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.sql.statement import read_template
from monitor.config.toml.document import Section, tables
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import check_list, validate
from monitor.model.derivations import SeriesAggregate
from monitor.model.expressions import Expression
from monitor.model.schedules import OnResults
from monitor.model.settings import Metric

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_OF_STATEMENTS: Final = frozenset(
    {"by", "column", "details", "evidence", "needs", "rate", "repaired"}
)
"""Keys of a rule that are of rows, or of a counter."""


@dataclass(frozen=True, slots=True)
class UnboundDerived:
    """One derived value as config.toml has it: `query` is what of it is like any query, without a statement."""

    query: UnboundQuery
    expression: Expression
    text: str
    inputs: tuple[GivenInput, ...]
    labels: tuple[str, ...]
    aggregate: SeriesAggregate | None
    targets: tuple[str, ...] | None
    """Patterns of the targets that it is of; None: those that have its inputs."""
    max_age: timedelta | None

    @property
    def name(self) -> str:
        """Return its name, which is that of its metric too."""
        return self.query.name

    @property
    def section(self) -> Section:
        """Return its table."""
        return self.query.section

    @property
    def rule_names(self) -> Iterable[str]:
        """Return the names of its rules, also of those with problems."""
        return self.section.at("rules").data

    @property
    def default_targets(self) -> tuple[str, ...]:
        """Return the targets that it can be of where none are said: those that inputs name, or else all."""
        if self.asked_of_each:
            return ("*",)
        return tuple(one.target for one in self.inputs if one.target is not None)

    @property
    def asked_of_each(self) -> tuple[GivenInput, ...]:
        """Return the inputs that name no target: they are of the one that the value is of."""
        return tuple(one for one in self.inputs if one.target is None)


def derived_sections(config: Section) -> list[Section]:
    """Return the tables of all derived values, also of those with problems."""
    return [config.at("derived", name) for name in config.at("derived").data]


def read_derived(
    config: Section,
    known: KnownMetrics,
    overrides: Overrides,
    base: Path,
    problems: Problems,
) -> tuple[UnboundDerived, ...]:
    """Check every derived value; those with problems are left out, or say that they are not sound.

    `base` is the folder of config.toml.
    """
    file = base / config.origin().file
    found = (
        _read(name, overrides.over_rules(section), known, file, problems)
        for name, section in tables(config, "derived", problems)
    )
    return tuple(one for one in found if one is not None)


def _read(
    name: str, section: Section, known: KnownMetrics, file: Path, problems: Problems
) -> UnboundDerived | None:
    before = len(problems)
    for fault in _name_faults(name, known):
        problems.add(section.origin(), fault)
    checked = validate(DerivedSchema, section, problems)
    inputs = read_inputs(section, known, problems)
    expression = _expression(checked, section, problems)
    if inputs is None or expression is None:
        return None
    _check_names(expression, inputs, section, problems)
    before_labels = len(problems)
    labels = _labels(checked, inputs, section, problems)
    if len(problems) == before_labels:
        _check_aggregate(checked, labels, inputs, problems)
    metric = Metric(name=name, help=checked.help, labels=labels, value=name)
    subjects = RuleSubjects({name: metric})
    rules_section = _with_metric(section, name, inputs, problems)
    rules, metrics = read_rules(rules_section, subjects, problems)
    query = replace(
        _query(name, checked, section, file),
        metrics=metrics,
        rules=rules,
        is_sound=len(problems) == before,
    )
    targets = None if checked.targets is None else tuple(checked.targets)
    return UnboundDerived(
        query=query,
        expression=expression,
        text=checked.value,
        inputs=inputs,
        labels=labels,
        aggregate=checked.aggregate,
        targets=targets,
        max_age=checked.max_age,
    )


def _query(
    name: str, checked: DerivedSchema, section: Section, file: Path
) -> UnboundQuery:
    return UnboundQuery(
        files=QueryFiles(name, toml=file, sql=file, shipped=False),
        section=section,
        summary=checked.help,
        enabled=checked.enabled,
        schedule=OnResults(timedelta(0)),
        timeout=timedelta(0),
        max_rows=0,
        needs=(),
        parameters={},
        statement=read_template(""),
        variants={},
        metrics=(),
        rules=(),
        evidence=None,
        schema=None,
    )


def _name_faults(name: str, known: KnownMetrics) -> Iterator[str]:
    if _NAME.fullmatch(name) is None:
        allowed = "small letters, digits and _, a letter first"
        yield f'"{name}" is no name of a derived value; allowed: {allowed}'
        return
    yield from name_faults(name, None)
    if name in known.queries:
        yield "a query has this name; give another one"
    if name in known.declared:
        yield "a metric of a query has this name; give another one"


def _expression(
    checked: DerivedSchema, section: Section, problems: Problems
) -> Expression | None:
    """Return what the value is computed by; None where the file does not say, which is noted."""
    if not isinstance(section.data.get("value"), str):
        return None
    try:
        return read_expression(checked.value)
    except ExpressionError as error:
        problems.add(section.origin("value"), str(error))
        return None


def _check_names(
    expression: Expression,
    inputs: Iterable[GivenInput],
    section: Section,
    problems: Problems,
) -> None:
    """Note names that are no inputs, and inputs that nothing is made of."""
    asked = sorted(expression.names)
    given = [one.name for one in inputs]
    for name in asked:
        if name not in given:
            known = near_miss(name, given)
            problems.add(section.origin("value"), f'"{name}" is no input{known}')
    for name in given:
        if name not in asked:
            problems.add(section.origin("inputs", name), "value does not ask for it")


def _labels(
    checked: DerivedSchema,
    inputs: tuple[GivenInput, ...],
    section: Section,
    problems: Problems,
) -> tuple[str, ...]:
    """Return the labels by which series of the inputs belong together."""
    if not inputs:
        return ()
    if checked.labels is None:
        first, *others = inputs
        return tuple(
            label
            for label in first.labels
            if all(label in other.labels for other in others)
        )

    def fault(label: str) -> str | None:
        for one in inputs:
            if label not in one.labels:
                known = near_miss(label, one.labels)
                return f'"{label}" is not a label of {one.words}{known}'
        return None

    check_list(section, "labels", checked.labels, fault, problems)
    return tuple(dict.fromkeys(checked.labels))


def _check_aggregate(
    checked: DerivedSchema,
    labels: tuple[str, ...],
    inputs: Iterable[GivenInput],
    problems: Problems,
) -> None:
    """Note inputs of which several series would be one."""
    if checked.aggregate is not None:
        return
    for one in inputs:
        left = [label for label in one.labels if label not in labels]
        if left:
            words = ", ".join(left)
            problems.add(
                one.section.origin(one.name),
                f"has more labels than the value: {words}; say by aggregate what becomes of series that"
                " differ in these alone, or choose one of them by where",
            )


def _with_metric(
    section: Section,
    name: str,
    inputs: Iterable[GivenInput],
    problems: Problems,
) -> Section:
    """Return the table with rules that are about its value, and whose texts may name the values of its inputs."""
    rules: dict[str, object] = {}
    for rule, table in section.at("rules").data.items():
        if not isinstance(table, Mapping):
            rules[rule] = table
            continue
        for key in table.keys() & _OF_STATEMENTS:
            problems.add(
                section.origin("rules", rule, key), "a rule of a derived value has none"
            )
        kept = {key: one for key, one in table.items() if key not in _OF_STATEMENTS}
        details = [one.name for one in inputs]
        rules[rule] = {"metric": name, **kept, "details": details}
    if not rules:
        return section
    return Section({**section.data, "rules": rules}, section.origins, section.path)

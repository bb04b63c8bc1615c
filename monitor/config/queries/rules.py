"""`[rules.NAME]` of a query to rules, and the hidden metrics of rules on plain columns; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from monitor.alerting.texts import RESOLVED_SUMMARY
from monitor.config.labels import EMPTY_LABEL, label_fault
from monitor.config.queries.metrics import check_labels
from monitor.config.queries.schema import RuleShape
from monitor.config.sql.statement import Template, read_template
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import validate
from monitor.model.alert_text import names_in
from monitor.model.conditions import CONDITIONS, Condition, ConditionKind
from monitor.model.settings import Metric, Rule, Severity, labels_of

_RULE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_TEXT_NAMES = ("value", "target", "since", "count", "threshold", "query")
_GROUP_NAMES = ("total", "count", "threshold", "target")


@dataclass(frozen=True, slots=True)
class UnboundRule:
    """A checked rule before a target is known: `rule` lacks its needs and its evidence."""

    rule: Rule
    section: Section
    enabled: bool
    details: tuple[str, ...]
    needs: tuple[str, ...]
    evidence: Template | None
    text_names: tuple[str, ...]
    """Every name that its texts ask for."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """What the rules of one query may be about."""

    metrics: Mapping[str, Metric]
    broken: AbstractSet[str] = frozenset()
    """Metrics that the file has, but with problems of their own."""
    parameters: AbstractSet[str] = frozenset()
    has_columns: bool = True


def read_rule(
    name: str, section: Section, subjects: Subjects, problems: Problems
) -> tuple[UnboundRule, Metric] | None:
    """Check one rule; gives it with its metric, hidden if on a column, or None where it has a problem."""
    before = len(problems)
    if _RULE_NAME.fullmatch(name) is None:
        problems.add(
            section.origin(),
            "is not a rule name; allowed: letters and digits, a capital first",
        )
    shape = validate(RuleShape, section, problems)
    condition = _condition(shape, section, problems) if shape else None
    metric = _metric(shape, section, subjects, problems) if shape else None
    if shape is None or metric is None:
        return None
    _check_where(shape, metric, section, problems)
    _check_labels(shape, metric, section, problems)
    _check_details(shape, section, problems)
    names = _check_texts(shape, metric, subjects, section, problems)
    if condition is None or len(problems) > before:
        return None
    draft = UnboundRule(
        rule=_rule(name, shape, metric, condition),
        section=section,
        enabled=shape.enabled,
        details=tuple(shape.details),
        needs=tuple(shape.needs),
        evidence=None if shape.evidence is None else read_template(shape.evidence),
        text_names=names,
    )
    return draft, metric


def with_hidden_names(
    found: Sequence[tuple[UnboundRule, Metric]], exported: Sequence[Metric]
) -> tuple[tuple[UnboundRule, ...], tuple[Metric, ...]]:
    """Name the hidden metrics, one per column and labels, and give each metric its rules' details."""
    metrics = {metric.name: metric for metric in exported}
    hidden: dict[tuple[str, tuple[str, ...]], str] = {}
    drafts = []
    for draft, metric in found:
        name = metric.name
        if not metric.exported:
            key = (metric.name, metric.labels)
            if key not in hidden:
                name = metric.name
                if name in metrics:
                    name = f"{name} by {', '.join(metric.labels) or 'nothing'}"
                hidden[key] = name
                metrics[hidden[key]] = replace(metric, name=hidden[key])
            name = hidden[key]
        if draft.enabled:
            details = dict.fromkeys((*metrics[name].details, *draft.details))
            metrics[name] = replace(metrics[name], details=tuple(details))
        drafts.append(replace(draft, rule=replace(draft.rule, metric=name)))
    return tuple(drafts), tuple(metrics.values())


def _rule(name: str, shape: RuleShape, metric: Metric, condition: Condition) -> Rule:
    return Rule(
        name=name,
        metric=metric.name,
        condition=condition,
        severity=Severity(shape.severity),
        summary=shape.summary,
        group_summary=shape.group_summary,
        resolved_summary=shape.resolved_summary,
        description=shape.description,
        runbook=shape.runbook,
        where=labels_of(shape.where),
        hold=shape.for_ or timedelta(0),
        keep_firing_for=shape.keep_firing_for or timedelta(0),
        max_alerts=shape.max_alerts,
        labels=dict(shape.labels),
        annotations=dict(shape.annotations),
    )


def _condition(
    shape: RuleShape, section: Section, problems: Problems
) -> Condition | None:
    given = [kind for kind in CONDITIONS if kind in section.data]
    if len(given) != 1:
        problems.add(
            section.origin(*given[1:2]), f"give exactly one of {', '.join(CONDITIONS)}"
        )
        return None
    if shape.absent is False:
        problems.add(section.origin("absent"), "false says nothing; allowed: true")
    return _condition_of(given[0], shape)


def _condition_of(kind: ConditionKind, shape: RuleShape) -> Condition | None:
    """Build the condition of the one key that is given; None where its value is not valid."""
    match kind:
        case "above":
            threshold = shape.above
        case "below":
            threshold = shape.below
        case "equals":
            threshold = shape.equals
        case "not_equals":
            threshold = shape.not_equals
        case "absent":
            return None if shape.absent is None else Condition(kind)
        case _:
            assert_never(kind)
    return None if threshold is None else Condition(kind, threshold)


def _metric(
    shape: RuleShape, section: Section, subjects: Subjects, problems: Problems
) -> Metric | None:
    if not subjects.has_columns and "column" in section.data:
        problems.add(
            section.origin("column"),
            "a rule of the monitor itself has a metric, no column",
        )
        return None
    given = [key for key in ("metric", "column") if key in section.data]
    if len(given) != 1:
        problems.add(
            section.origin(*given[1:]), 'give exactly one of "metric" and "column"'
        )
        return None
    if "by" in section.data and "metric" in section.data:
        problems.add(
            section.origin("by"), 'goes with "column" only; a metric has its labels'
        )
    if shape.column is not None:
        return _hidden_metric(shape.column, shape, section, subjects, problems)
    if shape.metric is None or shape.metric in subjects.broken:
        return None
    if shape.metric not in subjects.metrics:
        message = f'unknown metric "{shape.metric}"{near_miss(shape.metric, subjects.metrics)}'
        problems.add(section.origin("metric"), message)
    return subjects.metrics.get(shape.metric)


def _hidden_metric(
    column: str,
    shape: RuleShape,
    section: Section,
    subjects: Subjects,
    problems: Problems,
) -> Metric | None:
    if shape.by is None and subjects.broken:
        return None
    labels = shape.by
    if labels is None:
        labels = list(
            dict.fromkeys(
                label for metric in subjects.metrics.values() for label in metric.labels
            )
        )
    else:
        check_labels(labels, "by", section, problems)
    return Metric(
        name=column,
        help="",
        labels=tuple(labels),
        value=column,
        null="skip",
        exported=False,
    )


def _check_where(
    shape: RuleShape, metric: Metric, section: Section, problems: Problems
) -> None:
    for name, value in shape.where.items():
        if name not in metric.label_names:
            message = (
                f"is not a label of {metric.name}{near_miss(name, metric.label_names)}"
            )
            problems.add(section.origin("where", name), message)
        elif not value:
            problems.add(section.origin("where", name), EMPTY_LABEL)
        elif name == metric.values_label and value not in metric.values:
            message = (
                f'"{value}" is never a value of {name}{near_miss(value, metric.values)}'
            )
            problems.add(section.origin("where", name), message)


def _check_labels(
    shape: RuleShape, metric: Metric, section: Section, problems: Problems
) -> None:
    for name, value in shape.labels.items():
        fault = label_fault(name)
        if fault is None and name in metric.label_names:
            fault = f'"{name}" is already a label of {metric.name}'
        if fault is None and not value:
            fault = EMPTY_LABEL
        if fault is not None:
            problems.add(section.origin("labels", name), fault)
    for name in shape.annotations:
        # A reserved label name is a fine annotation name; a wrong grammar is not.
        fault = label_fault(name)
        if fault is not None and "reserved" not in fault:
            problems.add(
                section.origin("annotations", name), fault.replace("label name", "name")
            )
        if name == RESOLVED_SUMMARY:
            problems.add(
                section.origin("annotations", name),
                "is a key of the rule itself, beside summary",
            )


def _check_details(shape: RuleShape, section: Section, problems: Problems) -> None:
    for position, name in enumerate(shape.details):
        if name in _TEXT_NAMES:
            problems.add(
                section.origin("details", position),
                f"{{{name}}} means something else in texts",
            )


def _check_texts(
    shape: RuleShape,
    metric: Metric,
    subjects: Subjects,
    section: Section,
    problems: Problems,
) -> tuple[str, ...]:
    known = {*metric.label_names, *_TEXT_NAMES, *shape.details, *subjects.parameters}
    texts: dict[tuple[str, ...], str] = {
        ("summary",): shape.summary,
        ("resolved_summary",): shape.resolved_summary,
        ("description",): shape.description,
        ("runbook",): shape.runbook,
        **{("annotations", name): text for name, text in shape.annotations.items()},
    }
    asked: dict[str, None] = {}
    for place, text in texts.items():
        asked.update(dict.fromkeys(_names_in(text, known, section, place, problems)))
    # Of several alerts no detail is known, and no one value.
    of_group = {*metric.label_names, *_GROUP_NAMES, *subjects.parameters}
    names = _names_in(
        shape.group_summary, of_group, section, ("group_summary",), problems
    )
    asked.update(dict.fromkeys(name for name in names if name not in _GROUP_NAMES))
    return tuple(asked)


def _names_in(
    text: str,
    known: AbstractSet[str],
    section: Section,
    place: tuple[str, ...],
    problems: Problems,
) -> tuple[str, ...]:
    try:
        names = names_in(text)
    except ValueError as error:
        problems.add(section.origin(*place), str(error))
        return ()
    for name in names:
        if name not in known:
            problems.add(
                section.origin(*place),
                f"unknown name {{{name}}}{near_miss(name, known)}",
            )
    return names

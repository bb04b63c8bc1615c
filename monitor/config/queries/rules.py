"""`[rules.NAME]` of a query to rules that are bound to no target yet; pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from monitor.alerting.shown import AFFECTED, AT_LEAST, EXPLAINED, LEFT, RESOLVED_SUMMARY
from monitor.config.labels import EMPTY_LABEL, grammar_fault, label_fault
from monitor.config.queries.claims import claim_fault, claims_of
from monitor.config.queries.conditions import (
    check_clear,
    check_share,
    check_thresholds,
    read_detector,
    read_kind,
    thresholds_of,
)
from monitor.config.queries.hours import check_hours
from monitor.config.queries.label_filters import (
    exact_labels,
    patterns_fault,
    patterns_in,
)
from monitor.config.queries.levels import check_levels, with_severity
from monitor.config.queries.rates import check_rated_metric
from monitor.config.queries.rule_metrics import KeptMetrics, RuleSubjects, metric_of
from monitor.config.queries.rule_texts import check_texts, detail_fault
from monitor.config.queries.schema import RuleSchema
from monitor.config.queries.unbound import UnboundRule
from monitor.config.sql.statement import read_template
from monitor.config.toml.document import Section, tables
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import check_list, check_table, validate
from monitor.model.conditions import Condition, ConditionKind
from monitor.model.detectors import Detector
from monitor.model.settings import Metric, Rule, Severity

_OF_QUERIES: Final = frozenset(
    {"needs", "evidence", "repaired", "population", "active", "muted_by", "rate"}
)
_RULE_NAME: Final = re.compile(r"[A-Z][A-Za-z0-9]*")


def read_rules(
    section: Section, subjects: RuleSubjects, problems: Problems
) -> tuple[tuple[UnboundRule, ...], tuple[Metric, ...]]:
    """Check the rules of one file; return those that are right, and all metrics with the hidden ones."""
    metrics = KeptMetrics(subjects.metrics.values())
    rules = []
    for name, table in tables(section, "rules", problems):
        rule = _read_rule(name, table, subjects, metrics, problems)
        if rule is not None:
            rules.append(rule)
    return tuple(rules), metrics.all


def _read_rule(
    name: str,
    section: Section,
    subjects: RuleSubjects,
    metrics: KeptMetrics,
    problems: Problems,
) -> UnboundRule | None:
    """Check one rule and keep its metric; None where it has a problem."""
    before = len(problems)
    _check_keys(name, section, subjects, problems)
    checked = validate(RuleSchema, with_severity(section), problems)
    check_levels(section, problems, of_monitor=subjects.of_monitor)
    are_levels_right = len(problems) == before
    kind = read_kind(section, problems)
    check_share(section, problems)
    detector = thresholds = None
    if kind is not None:
        detector = read_detector(kind, checked, section, subjects.metrics, problems)
        check_clear(kind, section, problems)
        if are_levels_right:
            thresholds = thresholds_of(kind, checked, detector)
    if thresholds is not None:
        check_thresholds(thresholds, subjects.parameters, section, problems)
    metric = metric_of(checked, section, subjects, problems)
    if metric is None:
        return None
    check_rated_metric(metric, section, problems)
    check_hours(checked, section, problems)
    _check_names(checked, metric, section, problems)
    labels = _labels_of_alerts(checked, metric, detector)
    text_names = check_texts(checked, labels, subjects, section, problems)
    if thresholds is None or len(problems) > before:
        return None
    kept_name = metrics.keep(metric, checked.details if checked.enabled else ())
    condition = thresholds.condition(subjects.parameters)
    rule = replace(_rule(name, checked, kept_name, condition), detector=detector)
    return UnboundRule(
        rule=thresholds.put_into(rule, subjects.parameters),
        thresholds=thresholds,
        section=section,
        enabled=checked.enabled,
        needs=tuple(checked.needs),
        evidence=read_template(checked.evidence) if checked.evidence else None,
        repaired=read_template(checked.repaired) if checked.repaired else None,
        text_names=text_names,
        details=tuple(checked.details),
        is_endless=_is_endless(metric, thresholds.kind, detector),
    )


def _is_endless(metric: Metric, kind: ConditionKind, detector: Detector | None) -> bool:
    """Return whether a rule finds a counter above a number, which it is for ever once it was."""
    return metric.kind == "counter" and kind == "above" and detector is None


def _labels_of_alerts(
    checked: RuleSchema, metric: Metric, detector: Detector | None
) -> tuple[str, ...]:
    """Return the labels that the rule's alerts have of its samples."""
    if detector is None or not detector.source.is_total:
        return metric.label_names
    return tuple(name for name, _ in exact_labels(checked.where))


def _check_keys(
    name: str, section: Section, subjects: RuleSubjects, problems: Problems
) -> None:
    if _RULE_NAME.fullmatch(name) is None:
        message = "is not a rule name; allowed: letters and digits, a capital first"
        problems.add(section.origin(), message)
    # The monitor's own rules ask no database: their samples are made from what is known (ADR 0012).
    if subjects.of_monitor:
        for key in section.data.keys() & _OF_QUERIES:
            message = "a rule of the monitor itself has none"
            problems.add(section.origin(key), message)


def _rule(name: str, checked: RuleSchema, metric: str, condition: Condition) -> Rule:
    """Return the rule without what its target decides: the needs and the evidence."""
    return Rule(
        name=name,
        metric=metric,
        condition=condition,
        severity=Severity(checked.severity),
        summary=checked.summary,
        group_summary=checked.group_summary,
        resolved_summary=checked.resolved_summary,
        description=checked.description,
        runbook=checked.runbook,
        where=exact_labels(checked.where),
        patterns=patterns_in(checked.where),
        hold=timedelta(0) if isinstance(checked.for_, dict) else checked.for_,
        keep_firing_for=checked.keep_firing_for,
        max_alerts=checked.max_alerts,
        labels=dict(checked.labels),
        annotations=dict(checked.annotations),
        explains=tuple(dict.fromkeys(checked.explains)),
        explains_where=claims_of(checked.explains_where),
        muted_by=tuple(dict.fromkeys(checked.muted_by)),
        active=checked.active,
    )


def _check_names(
    checked: RuleSchema, metric: Metric, section: Section, problems: Problems
) -> None:
    """Check the names of labels, annotations and columns that a rule gives."""
    fault = partial(_where_fault, metric)
    check_table(section, "where", checked.where, fault, problems)
    rule_label_fault = partial(_rule_label_fault, metric)
    check_table(section, "labels", checked.labels, rule_label_fault, problems)
    claims = checked.explains_where
    check_table(section, "explains_where", claims, claim_fault, problems)
    annotations = checked.annotations
    check_table(section, "annotations", annotations, _annotation_fault, problems)
    check_list(section, "details", checked.details, detail_fault, problems)
    if checked.details and metric.aggregate is not None:
        message = f"{metric.name} is of many rows: no text can name a column of one"
        problems.add(section.origin("details"), message)


def _where_fault(metric: Metric, name: str, value: str | list[str]) -> str | None:
    if name not in metric.label_names:
        known = near_miss(name, metric.label_names)
        return f"is not a label of {metric.name}{known}"
    if isinstance(value, list):
        return patterns_fault(metric, name, value)
    if not value:
        return EMPTY_LABEL
    # Of the label that `values` makes all values are known, so a rule that can never fire is seen.
    if name == metric.values_label and value not in metric.values:
        known = near_miss(value, metric.values)
        return f'"{value}" is never a value of {name}{known}'
    return None


def _rule_label_fault(metric: Metric, name: str, value: str) -> str | None:
    fault = label_fault(name)
    if fault is not None:
        return fault
    if name in metric.label_names:
        return f'"{name}" is already a label of {metric.name}'
    return None if value else EMPTY_LABEL


def _annotation_fault(name: str, _text: str) -> str | None:
    if name == RESOLVED_SUMMARY:
        return "is a key of the rule itself, beside summary"
    if name in (AFFECTED, AT_LEAST, EXPLAINED, LEFT):
        return "is kept by the monitor itself; give another name"
    # A reserved label name is a fine annotation name; a wrong grammar is not.
    fault = grammar_fault(name)
    return None if fault is None else fault.replace("label name", "name")

"""Judge a result by the rules of its query once: without their `for`, and remembering nothing; for `check`; pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from monitor.alerting.evaluate import evaluate
from monitor.alerting.populations import counts_in
from monitor.alerting.rule_input import BoundRule
from monitor.alerting.shown import shown_annotations
from monitor.cli.checked import Checked, Finding
from monitor.model.alerts import Alert, Change, Scope
from monitor.model.errors import Reason, SampleError
from monitor.model.results import Failure, Result, Success
from monitor.model.settings import ColumnName, Rule


def judged(
    result: Result,
    success: Success,
    note: str,
    *,
    missing: AbstractSet[ColumnName],
    runbook_base_url: str,
) -> Checked:
    """Return what the rules find in a result, but for those that lack a column; `note` is said of nothing."""
    found: list[Finding] = []
    for rule in result.job.query.rules:
        if missing.isdisjoint(rule.needs):
            try:
                found.extend(_findings(rule, result, success, runbook_base_url))
            except SampleError as error:
                failure = Failure(Reason.BAD_RESULT, f"{rule.name}: {error}")
                return Checked(replace(result, outcome=failure), tuple(found))
    return Checked(result, tuple(found), note)


def _findings(
    rule: Rule, result: Result, success: Success, runbook_base_url: str
) -> list[Finding]:
    if rule.is_closed_at(result.scheduled_at):
        return []
    # Whoever asks gets all that is found: nothing is kept of it.
    limit = max(1, len(success.samples))
    bound = BoundRule(
        replace(rule.without_holds(), max_alerts=limit),
        Scope(rule.name, *result.job.key),
        result.job.target.labels,
        result.job.query.parameters,
        runbook_base_url,
        counts=counts_in(rule.population, success.samples),
    )
    # Since when it is so cannot be known from one look.
    evaluation = evaluate(bound, {}, success, now=result.scheduled_at, is_first=True)
    return [
        _finding(change.alert)
        for change in evaluation.transitions
        if change.change is Change.FIRED
    ]


def _finding(alert: Alert) -> Finding:
    return Finding(
        alert.severity,
        alert.name,
        dict(alert.labels),
        shown_annotations(alert),
        alert.evidence,
    )

"""Write the texts of an alert from its rule, its labels and its sample; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monitor.alerting.rule_input import BoundRule
from monitor.alerting.shown import (
    AT_LEAST,
    DEPLOYMENT,
    RESOLVED_SUMMARY,
    at_least_text,
    mark_of,
)
from monitor.model.alert_text import names_in, render
from monitor.model.alerts import Alert
from monitor.model.results import Sample
from monitor.model.settings import Labels, Scalar, labels_of
from monitor.model.text_formats import people_text
from monitor.model.wording import format_number


def annotations_of(
    bound: BoundRule, alert: Alert, sample: Sample, *, count: int
) -> Labels:
    """Return the annotations of an alert that a run found; `count`: how many it found of the rule."""
    rule = bound.rule
    exact = _values(bound, alert, sample, count, str)
    values = _values(bound, alert, sample, count, people_text)
    texts = {
        "summary": rule.summary,
        "description": rule.description,
        **rule.annotations,
    }
    if rule.resolved_summary:
        # Kept with the alert: at its end the rule may be another one, or gone.
        texts[RESOLVED_SUMMARY] = rule.resolved_summary
    rendered = {name: _rendered(text, values, exact) for name, text in texts.items()}
    if sample.at_least:
        rendered[AT_LEAST] = mark_of(sample)
    if alert.deploy:
        rendered[DEPLOYMENT] = alert.deploy
    if rule.runbook and bound.runbook_base_url:
        base_url = bound.runbook_base_url.rstrip("/")
        rendered.setdefault("runbook_url", f"{base_url}/{rule.runbook}")
    elif rule.runbook:
        rendered.setdefault("runbook", rule.runbook)
    return labels_of(rendered)


def _rendered(text: str, values: Mapping[str, str], exact: Mapping[str, str]) -> str:
    # Names are checked at load, so one without a value is a label or a detail that is empty.
    return render(text, {**dict.fromkeys(names_in(text), ""), **values}, exact)


def _values(
    bound: BoundRule,
    alert: Alert,
    sample: Sample,
    count: int,
    write: Callable[[str], str],
) -> dict[str, str]:
    """Return what the names in a text stand for; a label wins over a detail, and that over a parameter.

    `write` is given the digits of each number, and returns how it is to be read.
    """
    since = f"{alert.active_at:%Y-%m-%d %H:%M:%S} UTC"
    counts = bound.counts.texts_of(sample)
    value = at_least_text(format_number(sample.value), mark_of(sample))
    return {
        **{name: _scalar(value, write) for name, value in bound.parameters.items()},
        **dict(sample.details),
        **{name: write(text) for name, text in counts.items()},
        **dict(alert.labels),
        "value": write(value),
        "since": f"at least {since}" if alert.since_at_least else since,
        "count": write(str(count)),
        "threshold": write(bound.rule.threshold_text(alert.severity, sample.value)),
        "query": alert.scope.subject,
    }


def _scalar(value: Scalar, write: Callable[[str], str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else write(format_number(value))

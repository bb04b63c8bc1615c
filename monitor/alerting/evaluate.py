"""Judge a rule by a run's samples: alerts begin, fire, are held, resolve; after the results queue; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.alerting.limits import within_limit
from monitor.alerting.severity import SUPERSEDED, with_risen
from monitor.alerting.texts import RESOLVED_SUMMARY
from monitor.model.alert_text import names_in, render
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.errors import SampleError
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels, Rule, Scalar, labels_of
from monitor.model.wording import format_number


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a rule's alerts are after a run, and what changed; in order of their labels."""

    active: dict[Labels, Alert]
    transitions: tuple[Transition, ...]
    left_out: int = 0
    """How many findings are no alerts, since the rule has as many as it may have."""


def matching(rule: Rule, samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Choose the samples that are findings, clockless; for `absent` make up one that stands for the lack."""
    where = set(rule.where)
    mine = [
        sample
        for sample in samples
        if sample.metric == rule.metric and where <= set(sample.labels)
    ]
    if rule.condition.finds_absence:
        return () if mine else (Sample(rule.metric, labels_of(rule.where), 0.0),)
    return tuple(sample for sample in mine if rule.condition.holds(sample.value))


def evaluate(
    rule: Rule,
    scope: Scope,
    active: Mapping[Labels, Alert],
    success: Success,
    *,
    now: datetime,
    is_first: bool,
    target_labels: Mapping[str, str],
    parameters: Mapping[str, Scalar],
    runbook_base_url: str,
) -> Evaluation:
    """Take the alerts of a scope through a successful run; `now` is the run's scheduled instant.

    Pending, firing, resolved and `keep_firing_for` mean what they mean in Prometheus
    (rules/alerting.go, AlertingRule.Eval). SampleError: two findings would be one alert.
    """
    risen = with_risen(
        _found(rule, scope, success, target_labels), active, rule.severity
    )
    found = risen.found
    active = {
        labels: alert
        for labels, alert in active.items()
        if labels not in risen.superseded
    }
    renamed = _renamed(
        rule, active, found, success, alert_labels(rule, scope, (), target_labels)
    )
    unfound = {labels: alert for labels, alert in active.items() if labels not in found}
    kept, resolved = _miss(rule, unfound, renamed, success, now=now)
    chosen = within_limit(
        found, {**active, **risen.successors}, room=rule.max_alerts - len(kept)
    )
    # What was left out until now may have been found for long.
    is_first = is_first or len(active) >= rule.max_alerts
    after: dict[Labels, Alert] = {}
    transitions: list[Transition] = []
    for labels, sample in chosen.items():
        alert = (
            active.get(labels)
            or risen.successors.get(labels)
            or _begin(rule, scope, labels, now=now, is_first=is_first)
        )
        values = _values(rule, alert, sample, parameters, count=len(found))
        annotations = _annotations(rule, values, runbook_base_url)
        seen = _seen(
            rule, replace(alert, scope=scope, annotations=annotations), sample, success
        )
        hold_for = timedelta(0) if labels in risen.at_once else rule.hold
        after[labels], change = _advance(
            seen, hold_for, is_new=labels not in active, now=now
        )
        if change:
            transitions.append(Transition(change, after[labels], now))
    ended = [
        _resolve(alert, now, SUPERSEDED)
        for alert in risen.superseded.values()
        if alert.fired_at
    ]
    transitions = sorted(
        [*transitions, *resolved, *ended],
        key=lambda transition: transition.alert.labels,
    )
    standing = dict(sorted((after | kept).items()))
    return Evaluation(standing, tuple(transitions), len(found) - len(chosen))


def _seen(rule: Rule, alert: Alert, sample: Sample, success: Success) -> Alert:
    """Return an alert as a run that finds it leaves it."""
    return replace(
        alert,
        value=sample.value,
        evidence=success.evidence.get((rule.name, sample.labels), ()),
        peak=rule.condition.worst(alert.peak, sample.value),
        keep_since=None,
        held=False,
        muted_by=None,
    )


def _is_silent(success: Success, labels: Labels) -> bool:
    """Return whether the run says nothing about an alert with these labels."""
    return any(set(unknown) <= set(labels) for unknown in success.silent)


def _miss(
    rule: Rule,
    unfound: Mapping[Labels, Alert],
    renamed: set[Labels],
    success: Success,
    *,
    now: datetime,
) -> tuple[dict[Labels, Alert], list[Transition]]:
    """Keep or resolve what fired and was not found; what was only pending is dropped silently.

    What the run says nothing about is held, pending or firing.
    """
    unjudged = {
        labels: alert
        for labels, alert in unfound.items()
        if _is_silent(success, labels)
    }
    kept = hold(unjudged, muted_by=None)
    resolved: list[Transition] = []
    for labels, alert in unfound.items():
        if labels in unjudged or alert.state is not AlertState.FIRING:
            continue
        keep_since = alert.keep_since or now
        if labels in renamed:
            resolved.append(_resolve(alert, now, "rule_changed"))
        elif now - keep_since < rule.keep_firing_for:
            kept[labels] = replace(
                alert, keep_since=keep_since, held=False, muted_by=None
            )
        else:
            resolved.append(_resolve(alert, now, ""))
    return kept, resolved


def hold(
    active: Mapping[Labels, Alert], *, muted_by: str | None
) -> dict[Labels, Alert]:
    """Freeze the alerts of a scope that has no data; `muted_by` is the root alert's fingerprint, if any."""
    return {
        labels: replace(alert, held=True, muted_by=muted_by)
        for labels, alert in active.items()
    }


def retire(active: Mapping[Labels, Alert], *, now: datetime, reason: str) -> Evaluation:
    """Resolve what fires of a rule that is gone or another one now; `reason`: rule_removed, rule_changed."""
    firing = (
        alert for _, alert in sorted(active.items()) if alert.state is AlertState.FIRING
    )
    return Evaluation({}, tuple(_resolve(alert, now, reason) for alert in firing))


def alert_labels(
    rule: Rule, scope: Scope, sample_labels: Labels, target_labels: Mapping[str, str]
) -> Labels:
    """Make the label set that is the alert's identity.

    A sample's label wins over the rule's and the target's of the same name, so that two samples
    never become one alert; alertname, severity and target win over all.
    """
    target = {"target": scope.target} if scope.target else {}
    fixed = {"alertname": rule.name, "severity": str(rule.severity)} | target
    return labels_of({**rule.labels, **target_labels, **dict(sample_labels), **fixed})


def _found(
    rule: Rule, scope: Scope, success: Success, target_labels: Mapping[str, str]
) -> dict[Labels, Sample]:
    found: dict[Labels, Sample] = {}
    for sample in matching(rule, success.samples):
        labels = alert_labels(rule, scope, sample.labels, target_labels)
        if labels in found:
            shown = ", ".join(f'{name}="{value}"' for name, value in labels)
            raise SampleError(
                f"two samples of {rule.metric} would be one alert: {shown}"
            )
        found[labels] = sample
    return found


def _begin(
    rule: Rule, scope: Scope, labels: Labels, *, now: datetime, is_first: bool
) -> Alert:
    return Alert(
        scope,
        labels,
        rule.severity,
        AlertState.PENDING,
        0.0,
        now,
        since_at_least=is_first,
    )


def _advance(
    alert: Alert, hold_for: timedelta, *, is_new: bool, now: datetime
) -> tuple[Alert, Change | None]:
    if alert.state is AlertState.PENDING and now - alert.active_at >= hold_for:
        return replace(alert, state=AlertState.FIRING, fired_at=now), Change.FIRED
    return alert, Change.PENDING if is_new else None


def _resolve(alert: Alert, now: datetime, reason: str) -> Transition:
    # Never before it fired: Alertmanager refuses an alert that ends before it starts.
    resolved_at = max(now, alert.fired_at or now)
    resolved = replace(
        alert,
        state=AlertState.RESOLVED,
        resolved_at=resolved_at,
        resolve_reason=reason,
        held=False,
        muted_by=None,
    )
    return Transition(Change.RESOLVED, resolved, now)


def _renamed(
    rule: Rule,
    active: Mapping[Labels, Alert],
    found: Mapping[Labels, Sample],
    success: Success,
    fixed: Labels,
) -> set[Labels]:
    """Find alerts that carry labels which the rule or its target no longer gives."""
    samples = [
        *found.values(),
        *(sample for sample in success.samples if sample.metric == rule.metric),
    ]
    in_samples = {name for sample in samples for name, _ in sample.labels}
    # Of another severity it is the same alert, which goes on by its name: see with_risen.
    constant = {
        pair for pair in fixed if pair[0] not in in_samples and pair[0] != "severity"
    }
    new = {
        frozenset(sample.labels)
        for labels, sample in found.items()
        if labels not in active
    }
    renamed = set()
    for labels in active.keys() - found.keys():
        own = frozenset((name, value) for name, value in labels if name in in_samples)
        if not constant <= set(labels) or own in new:
            renamed.add(labels)
    return renamed


def _annotations(
    rule: Rule, values: Mapping[str, str], runbook_base_url: str
) -> Labels:
    texts = {
        "summary": rule.summary,
        "description": rule.description,
        **rule.annotations,
    }
    if rule.resolved_summary:
        texts[RESOLVED_SUMMARY] = rule.resolved_summary
    rendered = {name: _rendered(text, values) for name, text in texts.items()}
    if rule.runbook and runbook_base_url:
        rendered.setdefault(
            "runbook_url", f"{runbook_base_url.rstrip('/')}/{rule.runbook}"
        )
    elif rule.runbook:
        rendered.setdefault("runbook", rule.runbook)
    return labels_of(rendered)


def _rendered(text: str, values: Mapping[str, str]) -> str:
    # Names are checked at load, so one without a value is a label or a detail that is empty.
    return render(text, {**dict.fromkeys(names_in(text), ""), **values})


def _values(
    rule: Rule,
    alert: Alert,
    sample: Sample,
    parameters: Mapping[str, Scalar],
    *,
    count: int,
) -> dict[str, str]:
    since = f"{alert.active_at:%Y-%m-%d %H:%M:%S} UTC"
    return {
        **{name: _scalar(value) for name, value in parameters.items()},
        **dict(sample.details),
        **dict(alert.labels),
        "value": format_number(sample.value),
        "since": f"at least {since}" if alert.since_at_least else since,
        "count": str(count),
        "threshold": rule.condition.threshold_text,
        "query": alert.scope.subject,
    }


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else format_number(value)

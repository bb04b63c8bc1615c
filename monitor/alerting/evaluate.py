"""Evaluate a rule over a run's samples: alerts begin, fire, are held, resolve; after the results queue; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.alerting.affected import Members
from monitor.alerting.annotations import annotations_of
from monitor.alerting.deploys import out_of_deploy, waiting
from monitor.alerting.left import is_of_those_who_left, look_at_left, others_apart
from monitor.alerting.limits import within_limit
from monitor.alerting.louder import as_loud_as_reached
from monitor.alerting.resolved import end_of
from monitor.alerting.rule_input import BoundRule
from monitor.alerting.severity import (
    SUPERSEDED,
    Risen,
    severity_of,
    with_risen,
    without_severity,
)
from monitor.alerting.unfound import Unfound, look_at_unfound
from monitor.model.alerts import Alert, AlertState, Change, Transition
from monitor.model.errors import SampleError
from monitor.model.results import EvidenceRow, Sample, Success
from monitor.model.settings import Labels, Rule, labels_of


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a rule's alerts are after a run, and what changed; in order of their labels."""

    active: dict[Labels, Alert]
    transitions: tuple[Transition, ...]
    left_out: int = 0
    """How many findings are no alerts, since the rule has as many as it may have."""


def matching(rule: Rule, samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Return the samples that are findings, clockless; for `absent` one that stands for the lack."""
    mine = _selected(rule, samples)
    # An error is not an absence: a run that failed never comes here.
    if rule.condition.finds_absence:
        return () if mine else (Sample(rule.metric, labels_of(rule.where), 0.0),)
    return tuple(sample for sample in mine if _is_finding(rule, sample))


def _selected(rule: Rule, samples: Iterable[Sample]) -> list[Sample]:
    """Return the samples that a rule judges."""
    if rule.detector is not None:
        # It has looked at those alone; a total of them lacks the labels that they were chosen by.
        return list(samples)
    return [
        sample
        for sample in samples
        if sample.metric == rule.metric and rule.selects(sample.labels)
    ]


def _is_finding(rule: Rule, sample: Sample) -> bool:
    return rule.condition.holds(sample.value, at_least=sample.at_least)


def evaluate(
    bound: BoundRule,
    active: Mapping[Labels, Alert],
    success: Success,
    *,
    now: datetime,
    is_first: bool,
) -> Evaluation:
    """Evaluate a rule over a successful run: returns what its alerts are then; `now` is the run's scheduled instant.

    They come and go as in Prometheus (rules/alerting.go, AlertingRule.Eval). `is_first`: nobody looked before, so
    that what is found may be older. SampleError: two findings would be one alert.
    """
    rule, active = bound.rule, out_of_deploy(bound.deploy, active)
    all_found = _found(bound, success)
    others = others_apart(rule, active, all_found, now=now)
    found, active = others.found, others.active
    going_on = _going_on(bound, active, found, success)
    spoken = as_loud_as_reached(bound, {**found, **going_on}, active, now)
    risen = with_risen(spoken.found, active)
    found, active = dict(risen.found), risen.rest_of(active)
    gone = _not_found(bound, active, found, success, now)
    # A label that is new at every run would make alerts without end: docs/adr/0020.
    room = rule.max_alerts - len(gone.kept)
    chosen = within_limit(found, {**active, **risen.successors}, room=room)
    # What was left out until now may have been found for long.
    is_first = is_first or len(active) >= rule.max_alerts
    members = Members(rule, [*found.values(), *all_found.values()])
    counts_left = success.left.get(rule.name, {})
    after: dict[Labels, Alert] = {}
    transitions = [*others.resolved, *gone.resolved, *_superseded(risen, now)]
    for labels, sample in chosen.items():
        known = active.get(labels) or risen.successors.get(labels)
        alert = known or _begin(bound, labels, now=now, is_first=is_first)
        since = success.counted_since(sample)
        alert = waiting(bound.deploy, alert, since, is_at_once=labels in risen.at_once)
        seen = _seen(bound, alert, sample, success, count=len(found))
        seen = members.seen(seen, sample, counts_left.get(labels))
        seen = replace(seen, reached=spoken.reached_by(labels))
        is_at_once = labels in risen.at_once or labels in spoken.at_once
        hold_for = timedelta(0) if is_at_once else bound.hold_for(labels)
        is_new = labels not in active
        after[labels], change = _advance(seen, hold_for, is_new=is_new, now=now)
        if change is Change.FIRED:
            after[labels] = members.fired(after[labels], sample)
        if change:
            transitions.append(Transition(change, after[labels], now))
    transitions.sort(key=lambda transition: transition.alert.labels)
    after = dict(sorted((after | gone.kept).items()))
    return Evaluation(after, tuple(transitions), len(found) - len(chosen))


def _not_found(
    bound: BoundRule,
    active: Mapping[Labels, Alert],
    found: Mapping[Labels, Sample],
    success: Success,
    now: datetime,
) -> Unfound:
    """Return what becomes of the alerts that the run does not find."""
    unjudged = set(map(without_severity, bound.labels_unjudged(success)))
    held = {
        labels: active[labels]
        for labels in active.keys() - found.keys()
        if without_severity(labels) in unjudged
    }
    rest = {labels: active[labels] for labels in active.keys() - held.keys()}
    left = look_at_left(bound.rule, rest, found, success, now=now)
    missed = look_at_unfound(bound, left.rest_of(rest), found, success, now=now)
    kept = {**missed.kept, **left.kept, **hold(held, muted_by=None)}
    return Unfound(kept, [*missed.resolved, *left.resolved])


def hold(
    active: Mapping[Labels, Alert], *, muted_by: str | None
) -> dict[Labels, Alert]:
    """Freeze the alerts of a scope that has no data; `muted_by` is the root alert's fingerprint, if any."""
    return {
        labels: replace(alert, held=True, muted_by=muted_by, cause=())
        for labels, alert in active.items()
    }


def begun_anew(active: Mapping[Labels, Alert], at: datetime) -> dict[Labels, Alert]:
    """Return alerts as they are when their rule is judged again: what they wait for begins then."""
    return {labels: _begun_anew(alert, at) for labels, alert in active.items()}


def _begun_anew(alert: Alert, at: datetime) -> Alert:
    reached = [(severity, max(since, at)) for severity, since in alert.reached]
    anew = replace(alert, reached=tuple(reached))
    if alert.is_pending():
        return replace(anew, active_at=max(alert.active_at, at))
    # Who left is not back in the morning: of that the time goes on while nobody judges.
    if alert.keep_since is None or is_of_those_who_left(alert):
        return anew
    return replace(anew, keep_since=max(alert.keep_since, at))


def retire(active: Mapping[Labels, Alert], *, now: datetime, reason: str) -> Evaluation:
    """Resolve what fires of a rule that is gone or another one now; `reason`: rule_removed, rule_changed."""
    firing = (
        alert for _, alert in sorted(active.items()) if alert.state is AlertState.FIRING
    )
    return Evaluation({}, tuple(end_of(alert, now, reason) for alert in firing))


def _found(bound: BoundRule, success: Success) -> dict[Labels, Sample]:
    """Return the findings by the labels of the alerts that they are."""
    found: dict[Labels, Sample] = {}
    findings = matching(bound.rule, bound.judged(success))
    if success.leaves_absence_open(bound.rule):
        findings = ()  # what is lacking may be in what was not counted
    for sample in findings:
        _put(found, bound, sample)
    return found


def _put(found: dict[Labels, Sample], bound: BoundRule, sample: Sample) -> None:
    """Add a finding by the labels of the alert that it is; SampleError where there is one already."""
    labels = bound.alert_labels(sample.labels)
    if labels in found:
        # Whichever was kept, the other one would be lost: the row that came last must not win.
        shown = ", ".join(f'{name}="{value}"' for name, value in labels)
        metric = bound.rule.metric
        raise SampleError(f"two samples of {metric} would be one alert: {shown}")
    found[labels] = sample


def _going_on(
    bound: BoundRule,
    active: Mapping[Labels, Alert],
    found: Mapping[Labels, Sample],
    success: Success,
) -> dict[Labels, Sample]:
    """Return the samples of alerts that fire and go on, though the condition holds no more: not cleared yet."""
    rule = bound.rule
    if rule.condition.clear is None:
        return {}
    firing = {
        without_severity(labels)
        for labels, alert in active.items()
        if alert.is_firing()
    }
    going_on: dict[Labels, Sample] = {}
    for sample in _selected(rule, bound.judged(success)):
        labels = bound.alert_labels(sample.labels)
        is_clear = not rule.condition.goes_on(sample.value)
        if is_clear or labels in found or without_severity(labels) not in firing:
            continue
        _put(going_on, bound, sample)
    return going_on


def _begin(bound: BoundRule, labels: Labels, *, now: datetime, is_first: bool) -> Alert:
    return Alert(
        bound.scope,
        labels,
        severity_of(labels),
        AlertState.PENDING,
        0.0,
        now,
        since_at_least=is_first,
    )


def _seen(
    bound: BoundRule, alert: Alert, sample: Sample, success: Success, *, count: int
) -> Alert:
    """Return an alert as a run that finds it leaves it."""
    rule, learned_from = bound.rule, None
    if rule.name in success.learning:
        learned_from = success.learning[rule.name].began_at
    return replace(
        alert,
        scope=bound.scope,
        value=sample.value,
        annotations=annotations_of(bound, alert, sample, count=count),
        evidence=_evidence_of(rule, alert, sample, success),
        peak=rule.condition.worst(alert.peak, sample.value),
        learned_from=learned_from,
        keep_since=None,
        held=False,
        muted_by=None,
        cause=(),
    )


def _evidence_of(
    rule: Rule, alert: Alert, sample: Sample, success: Success
) -> tuple[EvidenceRow, ...]:
    """Return the examples of what a run found: of a rule that remembers those of the alert that there was."""
    if not _is_finding(rule, sample):
        return alert.evidence  # nothing is looked up where it only goes on
    labels = sample.labels if rule.detector is None else alert.labels
    return success.evidence.get((rule.name, labels), ())


def _advance(
    alert: Alert, hold_for: timedelta, *, is_new: bool, now: datetime
) -> tuple[Alert, Change | None]:
    # Without a `for` this is so at once: an alert fires at the run that begins it.
    if alert.may_fire() and now - alert.active_at >= hold_for:
        return replace(alert, state=AlertState.FIRING, fired_at=now), Change.FIRED
    return alert, Change.PENDING if is_new else None


def _superseded(risen: Risen, now: datetime) -> list[Transition]:
    """Return the ends of the alerts that fired and whose place a louder one takes."""
    return [
        end_of(alert, now, SUPERSEDED)
        for alert in risen.superseded.values()
        if alert.fired_at
    ]

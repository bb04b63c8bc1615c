"""Keep or resolve the alerts that a run did not find, as what it says of them and what their rule remembers; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.alerting.resolved import RULE_CHANGED, end_of
from monitor.alerting.rule_input import BoundRule
from monitor.model.alerts import Alert, AlertState, Transition
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels


@dataclass(frozen=True, slots=True)
class Unfound:
    """What becomes of the alerts that a run did not find."""

    kept: dict[Labels, Alert]
    resolved: list[Transition]


def look_at_unfound(
    bound: BoundRule,
    active: Mapping[Labels, Alert],
    found: Mapping[Labels, Sample],
    success: Success,
    *,
    now: datetime,
) -> Unfound:
    """Keep or resolve what fired and was not found; what was only pending is dropped silently.

    What the run says nothing about is held, pending or firing.
    """
    renamed = _renamed(bound, active, found, success)
    kept: dict[Labels, Alert] = {}
    resolved: list[Transition] = []
    for labels in active.keys() - found.keys():
        alert = active[labels]
        if _is_open(bound, alert, success):
            kept[labels] = replace(alert, held=True, muted_by=None, cause=())
        elif alert.state is not AlertState.FIRING:
            # A pending alert that is gone was never announced: dropped silently, as Prometheus does.
            continue
        elif labels in renamed:
            resolved.append(end_of(alert, now, RULE_CHANGED))
        elif _goes_on_firing(bound, alert, now):
            kept[labels] = _missed(alert, now)
        else:
            resolved.append(end_of(alert, now, _why_over(bound, alert, success)))
    return Unfound(kept, resolved)


def _is_open(bound: BoundRule, alert: Alert, success: Success) -> bool:
    """Return whether that a run has not found an alert says nothing of it."""
    learning = success.learning_of(bound.rule)
    if learning.may_find_again(alert.known_since):
        return True
    return success.says_nothing_of(bound.rule, alert.labels)


def _goes_on_firing(bound: BoundRule, alert: Alert, now: datetime) -> bool:
    """Return whether an alert that is not found does not end yet."""
    keep_since = alert.keep_since or now
    # Counted from the first miss, as Prometheus does.
    if now - keep_since < bound.rule.keep_firing_for:
        return True
    # What was announced before its cause was ends with it: no notice is made of what is muted, and whoever has an
    # incident must be able to close it.
    return alert.is_known() and bound.is_explained(alert.labels)


def _missed(alert: Alert, now: datetime) -> Alert:
    """Return an alert that goes on firing though a run has not found it."""
    return replace(
        alert,
        keep_since=alert.keep_since or now,
        held=False,
        muted_by=None,
        cause=(),
        reached=(),
    )


def _why_over(bound: BoundRule, alert: Alert, success: Success) -> str:
    """Return why an alert ends that a run has not found; empty where that is a repair."""
    learning = success.learning_of(bound.rule)
    if learning.has_forgotten(alert.known_since):
        # What found it is not remembered any more, and nobody knows whether it is over.
        return RULE_CHANGED
    return ""


def _renamed(
    bound: BoundRule,
    active: Mapping[Labels, Alert],
    found: Mapping[Labels, Sample],
    success: Success,
) -> set[Labels]:
    """Return the labels of alerts that carry what the rule or its target no longer gives."""
    metric = bound.rule.metric
    samples = [sample for sample in success.samples if sample.metric == metric]
    varying: set[str] = set()
    for sample in (*samples, *found.values()):
        varying.update(dict(sample.labels))
    constant = _constant_labels(bound, varying)
    new = {
        frozenset(sample.labels)
        for labels, sample in found.items()
        if labels not in active
    }
    renamed: set[Labels] = set()
    for labels in active.keys() - found.keys():
        of_sample = frozenset(pair for pair in labels if pair[0] in varying)
        if not constant <= set(labels) or of_sample in new:
            renamed.add(labels)
    return renamed


def _constant_labels(bound: BoundRule, varying: set[str]) -> set[tuple[str, str]]:
    """Return the labels that each alert of a rule has today, whatever was found."""
    # Of another severity it is the same alert, which goes on by its name: see with_risen.
    left_out = varying | {"severity"}
    return {pair for pair in bound.alert_labels(()) if pair[0] not in left_out}

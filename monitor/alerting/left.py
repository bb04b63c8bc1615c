"""Keep an alert whose users left the population without being repaired: that is no end of what it is about; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from monitor.alerting.affected import MAX_MEMBERS, listed_in
from monitor.alerting.resolved import end_of
from monitor.alerting.severity import without_severity
from monitor.alerting.shown import AFFECTED, LEFT, RESOLVED_SUMMARY, at_least_if
from monitor.model.alerts import Alert, Transition
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels, Rule, labels_of

LEFT_KEPT: Final = timedelta(hours=24)
"""For how long an alert goes on of which some left: then it resolves with the reason `left`."""


@dataclass(slots=True)
class Left:
    """What becomes of alerts that are not found, and of which some left."""

    kept: dict[Labels, Alert] = field(default_factory=dict)
    resolved: list[Transition] = field(default_factory=list)
    labels: set[Labels] = field(default_factory=set)
    """Of all these."""

    def rest_of(self, active: Mapping[Labels, Alert]) -> Mapping[Labels, Alert]:
        """Return the other alerts."""
        rest = active.keys() - self.labels
        return {labels: active[labels] for labels in rest}


def look_at_left(
    rule: Rule,
    active: Mapping[Labels, Alert],
    found: Collection[Labels],
    success: Success,
    *,
    now: datetime,
) -> Left:
    """Return what becomes of those alerts that a run does not find and of which it says who left."""
    left = Left()
    for labels, count in success.left.get(rule.name, {}).items():
        alert = active.get(labels)
        if alert is None or labels in found or count == 0:
            continue
        if success.says_nothing_of(rule, labels):
            continue  # not found is not gone: the others may be there still
        left.labels.add(labels)
        since = alert.keep_since or now
        if count is None:
            # That nobody knows is no repair.
            left.kept[labels] = replace(alert, held=True, muted_by=None, cause=())
        elif now - since < LEFT_KEPT:
            left.kept[labels] = _with_left(alert, count, since)
        else:
            left.resolved.append(end_of(alert, now, LEFT))
    return left


def is_of_those_who_left(alert: Alert) -> bool:
    """Return whether nobody is found of it any more, and it goes on for those who left."""
    return LEFT in dict(alert.annotations)


@dataclass(frozen=True, slots=True)
class Apart:
    """Findings and alerts without those that are another incident than the alert with their labels."""

    found: Mapping[Labels, Sample]
    active: Mapping[Labels, Alert]
    resolved: tuple[Transition, ...]
    """The end of these alerts; what is found begins with the next run, so that one run says one thing of an alert."""


def others_apart(
    rule: Rule,
    active: Mapping[Labels, Alert],
    found: Mapping[Labels, Sample],
    *,
    now: datetime,
) -> Apart:
    """End the alerts that go on for those who left alone where others are found now.

    Else nobody would hear of these: who was told of that alert, or acknowledged it, knows of what is over.
    """
    left = {
        without_severity(labels): alert
        for labels, alert in active.items()
        if is_of_those_who_left(alert)
    }
    if not left:
        # As it is nearly always.
        return Apart(found, active, ())
    rest, ended = dict(found), dict[Labels, Alert]()
    for labels, sample in found.items():
        alert = left.get(without_severity(labels))
        if alert is not None and _are_others(rule, alert, sample):
            del rest[labels]
            ended[alert.labels] = alert
    others = {labels: active[labels] for labels in active.keys() - ended.keys()}
    resolved = tuple(end_of(alert, now, LEFT) for alert in ended.values())
    return Apart(rest, others, resolved)


def _are_others(rule: Rule, alert: Alert, sample: Sample) -> bool:
    # Of more than are kept nobody knows whether they were among them.
    knows_all = len(alert.members) < MAX_MEMBERS
    return knows_all and not set(listed_in(rule, sample)) <= set(alert.members)


def _with_left(alert: Alert, count: int, since: datetime) -> Alert:
    """Return an alert that goes on for those who left; its texts claim no more than that."""
    annotations = dict(alert.annotations)
    counted = alert.peak or 0.0
    # Of more than are known nobody knows how many were repaired.
    number = at_least_if(str(count), is_more=counted > len(alert.members))
    text = f"{number} left, not repaired"
    said = annotations.get("summary", alert.name)
    before = said.removesuffix(f"; {annotations.get(LEFT)}")
    past = annotations.get(RESOLVED_SUMMARY, before)
    annotations.pop("repair", None)
    annotations.pop(AFFECTED, None)
    annotations |= {LEFT: text, "summary": f"{past}; {text}"}
    return replace(
        alert,
        value=float(count),
        annotations=labels_of(annotations),
        keep_since=since,
        held=False,
        muted_by=None,
        cause=(),
    )

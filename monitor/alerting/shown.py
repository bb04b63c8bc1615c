"""Compute what is shown of an alert: its texts, and since when data confirms them; for all who show it; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert
from monitor.model.results import Sample
from monitor.model.wording import format_number
from monitor.timing.durations import format_seconds

RESOLVED_SUMMARY = "resolved_summary"
"""The annotation that keeps a rule's text for the end; shown as the summary then, and never by this name."""

AT_LEAST = "value_is_at_least"
"""The annotation that marks a value of which not all was counted; never shown."""
EXPLAINED = "explained"
"""The annotation of a cause that lists what is muted under it: names, and how many alerts of each."""
AFFECTED = "affected"
"""The annotation that says how many are new, recovered, left and ongoing since an alert fired."""
DEPLOYMENT = "deployment"
"""The annotation that says that an alert waits for the end of a deployment, or remained after one."""
LEFT = "left"
"""The annotation that says how many left without being repaired; also the reason of the end that this comes to."""
_TEXTS = {"": "{}", "true": "at least {}", "so far": "so far at least {}"}
"""How texts say a number, by what that annotation says."""
_MARKS = tuple(_TEXTS)

# What to do while it lasts. A repair that somebody pastes when it is over does harm: filling up every balance
# of 0 once more is a gift to all who have spent theirs.
_ONLY_WHILE_IT_LASTS = frozenset({"description", "repair", EXPLAINED, AFFECTED})


def shown_annotations(alert: Alert) -> dict[str, str]:
    """Return the annotations as people and receivers get them.

    Of an alert that is over the summary is in the past and says for how long, and what to do is left out.
    """
    annotations = dict(alert.annotations)
    past = annotations.pop(RESOLVED_SUMMARY, "")
    annotations.pop(AT_LEAST, None)
    if not alert.is_over():
        return annotations
    summary = annotations.get("summary", alert.name)
    kept = {
        name: text
        for name, text in annotations.items()
        if name not in _ONLY_WHILE_IT_LASTS
    }
    return {**kept, "summary": _over(alert, summary, past)}


def total_text(alerts: Sequence[Alert]) -> str:
    """Return what the values of alerts come to, as texts say it."""
    total = format_number(sum(alert.value for alert in alerts))
    marks = map(_mark, alerts)
    return at_least_text(total, max(marks, key=_MARKS.index, default=""))


def mark_of(sample: Sample) -> str:
    """Return the mark of a value that was counted in part, or is so much so far; empty of one that is whole."""
    return _MARKS[sample.at_least + sample.so_far]


def at_least_if(number: str, *, is_more: bool) -> str:
    """Return a number as texts say it, of which there may be more."""
    return at_least_text(number, _MARKS[is_more])


def at_least_text(number: str, mark: str) -> str:
    """Return a number as texts say it, by its mark."""
    return _TEXTS[mark].format(number)


def explained_text(counts: Mapping[str, int]) -> str:
    """Return which alerts are explained, and how many of each, as that annotation says it."""
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))


def _mark(alert: Alert) -> str:
    return dict(alert.annotations).get(AT_LEAST, "")


def _over(alert: Alert, summary: str, past: str) -> str:
    length = format_seconds(alert.length)
    if alert.resolve_reason == LEFT:
        return f"{summary}, after {length}"
    if alert.resolve_reason:
        # Nobody knows that it is over: its rule went, or is another one now.
        reason = alert.resolve_reason.replace("_", " ")
        return f"No longer judged ({reason}), after {length}: {summary}"
    if past:
        return f"{past}, for {length}"
    return f"Over after {length}: {summary}"


def confirmed_at(
    alert: Alert, snapshot: Snapshot, evaluated_at: datetime
) -> datetime | None:
    """Return when data last said what the alert says; None where none did since the monitor started.

    `evaluated_at` is when the rules about the monitor itself, which need no run, were last evaluated.
    """
    view = snapshot.query_of(alert)
    if view is not None:
        data_at = view.data_at
    elif alert.held:
        # About the monitor itself, and taken over from before its start.
        data_at = None
    else:
        data_at = evaluated_at
    return alert.confirmed_by(data_at, snapshot.root_over(alert))


def is_waiting(alert: Alert, snapshot: Snapshot, now: datetime) -> bool:
    """Return whether an alert is held for no other reason than that its query's next run is still to come."""
    if not alert.is_only_held():
        return False
    view = snapshot.view_behind(alert.scope)
    if view is None:
        return False
    return view.is_between_runs(now)


def opens_at(alert: Alert, snapshot: Snapshot, now: datetime) -> datetime | None:
    """Return when the rule of an alert that is held for the hour is judged again; None of any other."""
    view = snapshot.query_of(alert)
    if view is None or not alert.is_only_held():
        return None
    hours = {rule.name: rule.active for rule in view.job.query.rules}
    active = hours[alert.name]
    return None if active is None else active.next_opening(now)


def is_current(alert: Alert, snapshot: Snapshot, now: datetime) -> bool:
    """Return whether the alert's state is what data says now: not held, and its query still gives data."""
    if alert.is_over():
        return True
    if alert.held:
        return False
    view = snapshot.query_of(alert)
    if view is None:
        return True
    return view.has_data_at(now)

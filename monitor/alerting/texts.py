"""Return what an alert says of itself, while it lasts and when it is over; for all who show it; pure."""

from __future__ import annotations

from datetime import timedelta

from monitor.model.alerts import Alert, AlertState
from monitor.timing.durations import format_seconds

RESOLVED_SUMMARY = "resolved_summary"
"""The annotation that keeps a rule's text for the end; shown as the summary then, and never by this name."""

# What to do while it lasts. A repair that somebody pastes when it is over does harm: filling up every balance
# of 0 once more is a gift to all who have spent theirs.
_ONLY_WHILE_IT_LASTS = frozenset({"description", "repair"})


def shown_annotations(alert: Alert) -> dict[str, str]:
    """Return the annotations as people and receivers get them.

    Of an alert that is over the summary is in the past and says for how long, and what to do is left out.
    """
    annotations = dict(alert.annotations)
    past = annotations.pop(RESOLVED_SUMMARY, "")
    if alert.state is not AlertState.RESOLVED:
        return annotations
    summary = annotations.get("summary", alert.name)
    kept = {
        name: text
        for name, text in annotations.items()
        if name not in _ONLY_WHILE_IT_LASTS
    }
    return {**kept, "summary": _over(alert, summary, past)}


def _over(alert: Alert, summary: str, past: str) -> str:
    length = format_seconds(alert.fired_for or timedelta(0))
    if alert.resolve_reason:
        # Nobody knows that it is over: its rule went, or is another one now.
        reason = alert.resolve_reason.replace("_", " ")
        return f"No longer judged ({reason}), after {length}: {summary}"
    return f"{past}, for {length}" if past else f"Over after {length}: {summary}"

"""Mute what the alert of a cause explains, and list it there: the files' cause graph at work, after all rules; pure.

A cause is an alert that fires, of a rule that names another one in `explains`, on the same target, whose labels
agree where both have them. What it explains goes on being evaluated; only no notice is made of it (docs/adr/0044).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from monitor.alerting.active import Changes
from monitor.alerting.cause_index import CauseIndex
from monitor.alerting.left import is_of_those_who_left
from monitor.alerting.shown import EXPLAINED, explained_text
from monitor.model.alerts import Alert, Scope
from monitor.model.cause_graph import CauseGraph, Claims
from monitor.model.settings import labels_of


def settle_changed(changes: Changes, graph: CauseGraph) -> None:
    """Mute and free what is explained on each target whose alerts were evaluated."""
    for target in tuple(changes.touched):
        settle(changes, target, graph)


def settle_all(changes: Changes, graph: CauseGraph, now: datetime) -> None:
    """Mute and free what is explained by another configuration's rules, on every target."""
    changes.close_causes(graph.hours.closed_at(now))
    for scope in changes.scopes():
        changes.touched.add(scope.target)
        # Its rule may not be in the graph any more, where others look.
        if not graph.causes_of(scope.rule):
            changes.change_each(scope, _without_former_cause)
    settle_changed(changes, graph)


def settle(changes: Changes, target: str, graph: CauseGraph) -> None:
    """Mute and free what is explained on a target, list it under its cause, and have transitions say so."""
    scopes = [scope for scope in changes.scopes_on(target) if graph.has(scope.rule)]
    if not scopes:
        return
    # Causes first: under whom they are themselves decides under whom what they explain is.
    scopes.sort(key=lambda scope: (graph.rank(scope.rule), scope))
    settlement = _Settlement()
    for alert in changes.alerts_on(target):
        settlement.note(alert)
    for scope in scopes:
        causes = causes_of(scope, changes, graph)
        changes.change_each(scope, partial(settlement.settled, causes))
    for scope in scopes:
        changes.change_each(scope, settlement.listed)
    changes.correct_transitions()


def causes_of(scope: Scope, changes: Changes, graph: CauseGraph) -> CauseIndex:
    """Return the alerts that may explain those of a scope, as they are at this moment.

    Nobody hears of a cause outside of its hours: who is to hear of what it explains hears of that. Nor does one
    explain anything that goes on for those who left alone.
    """
    alerts: list[Alert] = []
    claims: dict[str, Claims] = {}
    for cause in changes.judged(graph.causes_of(scope.rule), scope.target):
        scope_of_cause = Scope(cause.name, scope.target, cause.query)
        alerts += changes.of(scope_of_cause).values()
        claims[cause.name] = cause.claims
    alerts = [alert for alert in alerts if not is_of_those_who_left(alert)]
    return CauseIndex(alerts, claims)


@dataclass(slots=True)
class _Settlement:
    """What becomes of the alerts of one target, one after the other, causes first."""

    active: dict[str, Alert] = field(default_factory=dict)
    """All alerts of the target, as they are by now, by fingerprint."""
    muted: defaultdict[str | None, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    """By the fingerprint of the alert under which they are: how many alerts, by their names."""

    def note(self, alert: Alert) -> None:
        """Remember an alert, under which others may be."""
        self.active[alert.fingerprint] = alert

    def settled(self, causes: CauseIndex, alert: Alert) -> Alert:
        """Return an alert as it is under its causes, which are settled, and remember where it is."""
        after = self._under_root(causes, alert)
        self.note(after)
        counts = self.muted[after.muted_by]
        counts[after.name] += 1
        return after

    def listed(self, alert: Alert) -> Alert:
        """Return an alert with what is muted under it in its annotations."""
        annotations = dict(alert.annotations)
        annotations.pop(EXPLAINED, None)
        counts = self.muted[alert.fingerprint]
        if counts:
            annotations[EXPLAINED] = explained_text(counts)
        labels = labels_of(annotations)
        return replace(alert, annotations=labels)

    def _under_root(self, causes: CauseIndex, alert: Alert) -> Alert:
        """Return an alert muted under what explains it, or under what that one is muted under in turn."""
        is_without_data = not alert.cause and alert.muted_by in self.active
        if is_without_data:
            # What keeps its data away is nearer to it than what would explain that data.
            return alert
        fingerprint = causes.root_over(alert.labels)
        root = self.active.get(fingerprint)
        if root is None:
            return _freed(alert)
        return replace(
            alert,
            muted_by=root.fingerprint,
            cause=root.labels,
        )


def _freed(alert: Alert) -> Alert:
    """Return an alert that nothing explains: if it was muted, held until its next run says whether it still holds.

    To announce it at once would be a false page where what explained it was repaired for both.
    """
    if alert.muted_by is None:
        return alert
    return replace(
        alert,
        muted_by=None,
        cause=(),
        held=True,
    )


def _without_former_cause(alert: Alert) -> Alert:
    return _freed(alert) if alert.cause else alert

"""The alerts that resolved of late: shown and re-sent for a while, so many of each rule; pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.model.alerts import Alert, AlertState, Change, Transition
from monitor.model.settings import Labels
from monitor.timing.shift import moved

RESOLVED_KEPT = timedelta(minutes=15)
"""How long a resolved alert is still shown and re-sent, as Prometheus does."""

MAX_RESOLVED = 1000
"""How many of one rule; the older ones end at an Alertmanager by the `endsAt` that they were sent with."""

MOVED = "moved"
"""Why an alert ended whose target another shard watches now: it may go on there, so that nobody is notified."""

RULE_CHANGED = "rule_changed"
"""Why an alert ended whose rule judges something else now, or by what it learned since: who knows if it is over."""


def end_of(alert: Alert, now: datetime, reason: str) -> Transition:
    """Return the transition by which an alert resolves; `reason` is empty where data says so."""
    # Never before it fired: Alertmanager refuses an alert that ends before it starts.
    resolved_at = max(now, alert.fired_at or now)
    resolved = replace(
        alert,
        state=AlertState.RESOLVED,
        resolved_at=resolved_at,
        resolve_reason=reason,
        held=False,
        muted_by=None,
        cause=(),
    )
    return Transition(Change.RESOLVED, resolved, now)


class RecentlyResolved:
    """Resolved alerts by rule and labels, in the order in which they came; one thread's own."""

    def __init__(self) -> None:
        self._by_rule: dict[str, OrderedDict[Labels, Alert]] = {}

    def __iter__(self) -> Iterator[Alert]:
        for of_rule in self._by_rule.values():
            yield from of_rule.values()

    def add(self, alert: Alert) -> None:
        """Keep one, and the oldest of a rule that has too many no longer.

        Not one that moved: an Alertmanager would get its end, while another shard sends that it fires.
        """
        if alert.resolve_reason == MOVED:
            return
        of_rule = self._by_rule.setdefault(alert.name, OrderedDict())
        of_rule[alert.labels] = alert
        of_rule.move_to_end(alert.labels)
        if len(of_rule) > MAX_RESOLVED:
            of_rule.popitem(last=False)

    def remove(self, alert: Alert) -> None:
        """Drop an alert that fires again."""
        if alert.name in self._by_rule:
            self._by_rule[alert.name].pop(alert.labels, None)

    def forget(self, now: datetime) -> bool:
        """Drop what resolved long ago; return whether anything did. Looks at the oldest of each rule only."""
        is_changed = False
        for of_rule in self._by_rule.values():
            while of_rule:
                # They stand in the order in which they came, so that none behind it is older.
                oldest = next(iter(of_rule.values()))
                if not _is_old(oldest, now):
                    break
                of_rule.popitem(last=False)
                is_changed = True
        return is_changed

    def move(self, by: timedelta) -> None:
        """Move all instants: the clock that they were read from was wrong by this much."""
        for of_rule in self._by_rule.values():
            of_rule.update(moved(of_rule, by))


def _is_old(alert: Alert, now: datetime) -> bool:
    return alert.resolved_at is not None and now - alert.resolved_at > RESOLVED_KEPT

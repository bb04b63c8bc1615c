"""Mark the alerts of which notices are held back; between cycle and routing; pure.

A silence changes nothing of what an alert is: it goes on being evaluated, and an Alertmanager goes on getting it.
Only `routing` looks at the mark, as it looks at what an alert is muted under.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain

from monitor.alerting.active import Changes
from monitor.model.alerts import Alert, Scope
from monitor.model.silences import (
    MaintenanceWindow,
    Quieted,
    Silence,
    Silences,
    may_be_silenced,
)

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quieting:
    """What holds notices back at one instant. Equal to another one where it marks the same alerts alike."""

    holding: tuple[tuple[Silence | MaintenanceWindow, Quieted], ...] = ()
    """Silences that are active and windows that are open, each with the mark that it alone makes."""

    @property
    def is_nothing(self) -> bool:
        """Return whether it holds nothing back."""
        return not self.holding

    def over(self, alert: Alert) -> Quieted | None:
        """Return what holds back notices of an alert; None where nothing does."""
        if not may_be_silenced(alert.name):
            return None
        labels = dict(alert.labels)
        marks = [quieted for one, quieted in self.holding if one.fits(labels)]
        if not marks:
            return None
        longest = max(marks, key=lambda quieted: quieted.until or _NEVER)
        ids = chain.from_iterable(quieted.by for quieted in marks)
        return replace(longest, by=tuple(sorted(ids)))


def quieting_at(
    silences: Silences, windows: Iterable[MaintenanceWindow], now: datetime
) -> Quieting:
    """Return what holds notices back at an instant."""
    held = [(one, one.mark) for one in silences.values() if one.is_active(now)]
    opened = [(one, one.mark_at(now)) for one in windows if one.is_open(now)]
    return Quieting((*held, *opened))


def open_windows(quieting: Quieting) -> Mapping[str, MaintenanceWindow]:
    """Return the maintenance windows that are open, by their names."""
    return {
        one.name: one
        for one, _ in quieting.holding
        if isinstance(one, MaintenanceWindow)
    }


def mark(
    changes: Changes, scopes: Iterable[Scope], quieting: Quieting, now: datetime
) -> None:
    """Mark the alerts of some scopes that are silenced, and have transitions say so."""
    for scope in scopes:
        changes.change_each(scope, partial(_marked, quieting, now))
    changes.correct_transitions()


def _marked(quieting: Quieting, now: datetime, alert: Alert) -> Alert:
    silence = quieting.over(alert)
    if silence == alert.silence:
        return alert
    if silence is None:
        return replace(alert, silence=None, unsilenced_at=now)
    return replace(alert, silence=silence)

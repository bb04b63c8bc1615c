"""Describe what alerts did and what receivers took of it, a row for each; for two pages; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from monitor.alerting.shown import shown_annotations
from monitor.model.alerts import Alert, Change, Transition
from monitor.model.text_formats import people_number
from monitor.storage import DeliveryAttempt
from monitor.storage.history import DeliveryOutcome
from monitor.web.alert_groups import SEVERITY_TONES
from monitor.web.verdict import Tone
from monitor.web.words import When, age, duration, when

MAX_EARLIER: Final = 30
"""Of what flapped so many changes are listed; the others are counted."""
_OUTCOME_TONES: Final[Mapping[DeliveryOutcome, Tone]] = {
    "taken": "ok",
    "failed": "warn",
    "given_up": "bad",
}


@dataclass(frozen=True, slots=True)
class PastChange:
    """One transition of an alert."""

    at: When
    change: str
    tone: Tone
    severity: str
    alertname: str
    target: str
    fingerprint: str
    value: str
    summary: str
    note: str
    """Why it resolved other than by data; what explained it; who had silenced or acknowledged it, and why."""
    is_muted: bool
    """It was only a consequence of another one, and nobody was notified."""
    earlier: tuple[PastChange, ...] = ()
    """What the same alert did shortly before, the newest first, where it flapped."""

    @property
    def listed_earlier(self) -> tuple[PastChange, ...]:
        """Return the newest of what is in `earlier`."""
        return self.earlier[:MAX_EARLIER]

    @property
    def times_fired(self) -> int:
        """Return how often the alert fired, with what is in `earlier`."""
        return [one.change for one in (self, *self.earlier)].count(Change.FIRED)

    @property
    def flapping_words(self) -> str:
        """Return how often it fired, and within how long, with what is in `earlier`."""
        length = self.at.at - self.earlier[-1].at.at
        return f"fired {self.times_fired} times within {age(length)}"


@dataclass(frozen=True, slots=True)
class PastDelivery:
    """One attempt at a receiver, or what was given up without one."""

    at: When
    receiver: str
    outcome: str
    tone: Tone
    reason: str
    about: str
    attempts: int
    took: str


def past_change(transition: Transition, now: datetime) -> PastChange:
    """Describe a transition."""
    alert = transition.alert
    is_over = transition.change is Change.RESOLVED
    reason = alert.resolve_reason.replace("_", " ")
    notes = [reason, _muted_words(alert), *alert.declared_words]
    return PastChange(
        at=when(transition.at, now),
        change=transition.change.value,
        tone="ok" if is_over else SEVERITY_TONES[alert.severity],
        severity=alert.severity.value,
        alertname=alert.name,
        target=alert.scope.target,
        fingerprint=alert.fingerprint,
        value=people_number(alert.value),
        summary=shown_annotations(alert).get("summary", ""),
        note="; ".join(filter(None, notes)),
        is_muted=alert.muted_by is not None,
    )


def _muted_words(alert: Alert) -> str:
    """Return under what it was muted then; of what had no data only that is kept."""
    if alert.muted_by is None:
        return ""
    cause = dict(alert.cause).get("alertname", "")
    return f"explained by {cause}" if cause else "muted, without data"


def past_delivery(attempt: DeliveryAttempt, now: datetime) -> PastDelivery:
    """Describe what came of a notification, or of one attempt at it."""
    delivery = attempt.delivery
    reason = f"{delivery.reason}: {delivery.message}" if delivery.reason else ""
    return PastDelivery(
        at=when(delivery.at, now),
        receiver=delivery.receiver,
        outcome=attempt.outcome.replace("_", " "),
        tone=_OUTCOME_TONES[attempt.outcome],
        reason=reason,
        about=attempt.summary,
        attempts=attempt.attempts,
        took=duration(delivery.duration_seconds),
    )

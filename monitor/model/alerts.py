"""Alerts, their transitions, and the notifications due to receivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from monitor.model.own_alerts import WATCHDOG
from monitor.model.results import EvidenceRow
from monitor.model.settings import Labels, Severity
from monitor.model.silences import Acknowledgement, Quieted


class AlertState(StrEnum):
    """Where an alert is in its life."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Change(StrEnum):
    """What a transition did; the past participle in the log event (alert.fired)."""

    PENDING = "pending"
    FIRED = "fired"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What is evaluated together: one rule on one target, about one subject.

    The subject is the query that the rule belongs to; for rules about the monitor itself, the query or
    the receiver that it is about. Data or no data is known for a whole scope, never for a part of it.
    """

    rule: str
    target: str
    subject: str


@dataclass(frozen=True, slots=True)
class FoundAtFiring:
    """Whom an alert found by the run at which it fired: what later runs are compared with."""

    count: float
    listed: int
    """So many of them are known: they are the first of the alert's members."""
    is_exact: bool
    """Whether all were counted; else there were so many at least."""
    is_whole: bool
    """Whether all are known."""
    knows_all: bool
    """Whether everybody is known whom it found since, too."""


@dataclass(frozen=True, slots=True, order=True)
class Unended:
    """As what a receiver knows an alert that got louder when it was not to hear so: it has neither heard that
    the quieter one is over, nor that the louder one fires.
    """

    severity: Severity
    fired_at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """One label set that a rule found. Identity is `labels`; everything else may change.

    `held`: the rule has no data, the state is frozen. `muted_by`: fingerprint of the root alert
    under which it is held, or of the one that explains it. `since_at_least`: the cause may be older
    than what we have seen.
    """

    scope: Scope
    labels: Labels
    severity: Severity
    state: AlertState
    value: float
    active_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    keep_since: datetime | None = None
    annotations: Labels = ()
    evidence: tuple[EvidenceRow, ...] = ()
    since_at_least: bool = False
    held: bool = False
    muted_by: str | None = None
    resolve_reason: str = ""
    """Why it resolved when not by data: rule_changed, rule_removed, moved, left, superseded."""
    peak: float | None = None
    """The worst value since it began; None where the rule's condition knows no worse and better."""
    notified: tuple[tuple[str, datetime], ...] = ()
    """Which receivers were notified of it, and when last, by name; also its name in the state's file."""
    unended: tuple[tuple[str, Unended], ...] = ()
    """Which receivers were notified of a quieter one in whose place it came, and of nothing since, by name."""
    members: tuple[str, ...] = ()
    """The ids of whom it found so far, of a rule that asks who was repaired; kept, and shown to nobody."""
    at_firing: FoundAtFiring | None = None
    """Of a rule that asks who was repaired: whom it found when it fired; None before that."""
    reached: tuple[tuple[str, datetime], ...] = ()
    """Since when the conditions of severities that are louder than its rule's own hold."""
    is_in_deploy: bool = False
    """It waits since a deployment goes on, and would fire or count its `for` else."""
    deploy: str = ""
    """What there is to say of the deployment in which it began; empty where that was none."""
    learned_from: datetime | None = None
    """Of a rule that learns: when that began which it remembered as it last found it."""
    cause: Labels = ()
    """The labels of the alert that explains it, and under which it is muted; empty where none does."""
    silence: Quieted | None = None
    """That notices of it are held back now, by whom and why."""
    unsilenced_at: datetime | None = None
    """When they were last held back no more: who has none since then is to hear that it still fires."""
    acknowledged: Acknowledgement | None = None
    """That somebody knows of it; an alert that is louder is another one, and begins without."""
    fingerprint: str = field(default="", repr=False, compare=False)
    """Alertmanager's fingerprint of the labels: computed once, and carried by every copy of the alert."""

    def __post_init__(self) -> None:
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", fingerprint(self.labels))

    @property
    def name(self) -> str:
        """Return the alert's name, which is its rule's."""
        return self.scope.rule

    @property
    def length(self) -> timedelta:
        """Return how long it fired; zero if it never did, or has not ended yet."""
        return self.fired_for or timedelta(0)

    def is_pending(self) -> bool:
        """Return whether it has not fired yet."""
        return self.state is AlertState.PENDING

    def may_be_acknowledged(self) -> bool:
        """Return whether somebody can say that he knows of it: not of what proves that notices arrive."""
        return self.name != WATCHDOG

    def may_fire(self) -> bool:
        """Return whether it is pending, and waits for no deployment."""
        return self.is_pending() and not self.is_in_deploy

    def is_firing(self) -> bool:
        """Return whether it is neither pending nor over."""
        return self.state is AlertState.FIRING

    def is_over(self) -> bool:
        """Return whether it has resolved."""
        return self.state is AlertState.RESOLVED

    @property
    def known_since(self) -> datetime:
        """Return when what found it last was begun to be learned, or else when it began itself."""
        return self.learned_from or self.active_at

    def has_members(self) -> bool:
        """Return whether it fires, and it can be asked who of those that it found was repaired."""
        return self.is_firing() and bool(self.members)

    def is_only_held(self) -> bool:
        """Return whether it has no data, and no other alert is the reason."""
        return self.held and self.muted_by is None

    def is_heard(self) -> bool:
        """Return whether it speaks: it fires, and under no other alert."""
        return self.is_firing() and self.muted_by is None

    @property
    def silenced_by(self) -> tuple[str, ...]:
        """Return the ids of the silences and windows that hold back notices of it."""
        return () if self.silence is None else self.silence.by

    @property
    def declared_words(self) -> tuple[str, ...]:
        """Return what people said of it: that it is silenced, that somebody knows."""
        return tuple(one.words for one in self._declared)

    @property
    def known_by(self) -> tuple[str, ...]:
        """Return the same in short: what they said, and who."""
        return tuple(one.by_words for one in self._declared)

    @property
    def _declared(self) -> Iterator[Quieted | Acknowledgement]:
        if self.silence is not None:
            yield self.silence
        if self.acknowledged is not None:
            yield self.acknowledged

    def is_known(self) -> bool:
        """Return whether a receiver was notified of it, be it as a quieter one, and waits for its end."""
        return bool(self.notified or self.unended)

    def label(self, name: str) -> str:
        """Return the value of a label; empty where it has none of this name."""
        return dict(self.labels).get(name, "")

    def confirmed_by(
        self, data_at: datetime | None, root: Alert | None
    ) -> datetime | None:
        """Return when data last said what it says; `root` is the alert under which it is muted, if any."""
        if self.is_over():
            return self.resolved_at
        if data_at is None or root is None or self.cause:
            return data_at
        # Its query can run while the rule lacks a column: that data does not speak of this alert.
        return min(data_at, root.active_at)

    def remind_at(self, last_at: datetime, interval: timedelta) -> datetime | None:
        """Return when somebody who was notified of it at an instant is to hear again that it fires; None for never.

        Without an interval nothing is repeated but what a silence held back.
        """
        if self.acknowledged is not None:
            return None
        if self.was_silenced_since(last_at):
            # Who silenced it for two hours did not mean for ever.
            return self.unsilenced_at
        return last_at + interval if interval else None

    def was_silenced_since(self, at: datetime) -> bool:
        """Return whether a silence of it has ended after an instant."""
        return self.unsilenced_at is not None and at < self.unsilenced_at

    @property
    def fired_for(self) -> timedelta | None:
        """Return how long it fired; None if it never did, or has not ended yet."""
        if self.fired_at is None or self.resolved_at is None:
            return None
        return self.resolved_at - self.fired_at


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert changing state; `alert` is as it is after the change."""

    change: Change
    alert: Alert
    at: datetime


def alerts_that_fired(
    transitions: Iterable[Transition], alerts: Iterable[Alert]
) -> list[Alert]:
    """Return the alerts that fired and are over, by their transitions, and those of now; each time once."""
    over = [one.alert for one in transitions if one.change is Change.RESOLVED]
    fired = [alert for alert in [*over, *alerts] if alert.fired_at is not None]
    return [*{(alert.fingerprint, alert.fired_at): alert for alert in fired}.values()]


NoticeGroup: TypeAlias = tuple[str, str, str]
"""A receiver, and the rule and target that one notification to it is about; the target may be empty."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What is due to one receiver: the transitions of one rule, target and run, in one message."""

    receiver: str
    key: str
    """Idempotency key: the same at each attempt."""
    group: Mapping[str, str]
    alerts: tuple[Alert, ...]
    created_at: datetime
    attempts: int = 0
    id: int | None = None
    is_repeat: bool = False
    """Nothing changed: it only says that these still fire."""

    @property
    def about(self) -> NoticeGroup:
        """Return what it is about, and for whom."""
        return self.receiver, self.group["alertname"], self.group.get("target", "")


@dataclass(frozen=True, slots=True)
class Untold:
    """A receiver, and the fingerprint of an alert that fires and of which it did not get what it was to be sent."""

    receiver: str
    fingerprint: str


GivenUp: TypeAlias = Mapping[Untold, datetime]
"""When the newest was made of what was given up: who was notified since then knows the alert."""


@dataclass(frozen=True, slots=True)
class Untaken:
    """A notification that waits and fails at each attempt: since the first of them, and how at the last."""

    since: datetime
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ReceiverHealth:
    """How a receiver does: failing since when and why, how much waits for it, and how long.

    What waits for an Alertmanager are the alerts that none of its addresses took yet.
    """

    failing_since: datetime | None = None
    reason: str = ""
    message: str = ""
    waiting: int = 0
    oldest_at: datetime | None = None
    full_since: datetime | None = None
    """Since when its outbox takes nothing that is new."""
    untaken: Untaken | None = None
    """What fails for longest of what waits, while others are taken."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt at a receiver, and its outcome; `reason` is empty when it was taken."""

    receiver: str
    at: datetime
    duration_seconds: float
    notifications: int = 1
    reason: str = ""
    message: str = ""
    recoverable: bool = True
    is_resend: bool = False
    """Nothing had changed since this address last took what was sent."""
    address: str = ""
    """Host and port, where a receiver has several addresses."""


def fingerprint(labels: Labels) -> str:
    """Hash a label set as Prometheus's `LabelSet.Fingerprint` does: FNV-1a, 64 bits, 16 hex digits."""
    # The offset basis and the prime of FNV-1a. 0xff is in no UTF-8 text, so that it separates name and
    # value; Alertmanager's page and ours show the same fingerprint for the same alert.
    digest = 0xCBF29CE484222325
    for name, value in labels:
        for byte in name.encode() + b"\xff" + value.encode() + b"\xff":
            digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"

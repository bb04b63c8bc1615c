"""Silences, acknowledgements and maintenance: what keeps notices of an alert back, who said so and why; frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, TypeAlias, get_args

from monitor.model.columns import Labels
from monitor.model.label_matchers import LabelMatcher
from monitor.model.label_patterns import LabelPatterns
from monitor.model.own_alerts import is_own
from monitor.model.wording import utc_second
from monitor.timing.active_hours import ActiveHours

MAX_SILENCES: Final = 500
"""So many may be active or pending at once: each alert is compared with each."""
EXPIRED_KEPT: Final = timedelta(days=5)
"""As Alertmanager's --data.retention: for so long a silence that is over can be looked up."""
MAX_EXPIRED: Final = 200
"""Of those the newest; more nobody looks up."""


def may_be_silenced(alertname: str) -> bool:
    """Return whether alerts of this name can be silenced: not those about the monitor itself.

    They say that others may not be told any more, and nobody is to be able to turn that off by mistake.
    """
    return not is_own(alertname)


_WINDOW: Final = "maintenance/"


def is_window(id_: str) -> bool:
    """Return whether an id among those that silence an alert is a maintenance window's."""
    return id_.startswith(_WINDOW)


SilenceRefusal: TypeAlias = Literal[
    "foreign", "password", "invalid", "own_alert", "full", "unknown"
]
"""Why a silence or an acknowledgement that somebody asked for was refused; also a label of the metric."""
SILENCE_REFUSALS: Final = get_args(SilenceRefusal)


class SilenceState(StrEnum):
    """Where a silence is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Quieted:
    """That notices of an alert are held back now, by which silences and windows; who, why, until: of the longest."""

    by: tuple[str, ...]
    who: str = ""
    why: str = ""
    until: datetime | None = None

    @property
    def words(self) -> str:
        """Return it as texts say it."""
        end = "" if self.until is None else f" until {utc_second(self.until)}"
        return f"{self.by_words}{end}{_because(self.why)}"

    @property
    def by_words(self) -> str:
        """Return that, and by whom."""
        return f"silenced by {self.who or 'somebody'}"


@dataclass(frozen=True, slots=True)
class Silence:
    """Notices of the alerts that all matchers fit are held back from its start to its end."""

    id: str
    matchers: tuple[LabelMatcher, ...]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    by: str = ""
    comment: str = ""
    is_started: bool = False
    """Its start was logged."""
    is_over: bool = False
    """Its end was logged."""

    def state_at(self, now: datetime) -> SilenceState:
        """Return where it is in its life at an instant."""
        if self.ends_at <= now:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if self.starts_at <= now else SilenceState.PENDING

    def is_active(self, now: datetime) -> bool:
        """Return whether it holds notices back at an instant."""
        return self.state_at(now) is SilenceState.ACTIVE

    def is_expired(self, now: datetime) -> bool:
        """Return whether it is over."""
        return self.state_at(now) is SilenceState.EXPIRED

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Return whether it is about an alert with these labels."""
        return all(matcher.fits(labels) for matcher in self.matchers)

    @property
    def mark(self) -> Quieted:
        """Return the mark that it makes on alerts."""
        return Quieted((self.id,), self.by, self.comment, self.ends_at)

    @property
    def words(self) -> str:
        """Return what it is about."""
        return ", ".join(map(str, self.matchers))


Silences: TypeAlias = Mapping[str, Silence]
"""By their ids, the oldest first."""


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """`[maintenance.NAME]`: hours of the week or a span of time in which notices of some are held back."""

    name: str
    labels: Labels = ()
    """Those that an alert has to have."""
    match: tuple[LabelPatterns, ...] = ()
    """And the patterns that others have to fit."""
    hours: ActiveHours | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None
    comment: str = ""

    @property
    def id(self) -> str:
        """Return what stands for a silence's id where both can be."""
        return f"{_WINDOW}{self.name}"

    def is_open(self, now: datetime) -> bool:
        """Return whether it is open at an instant."""
        if self.from_at is not None and now < self.from_at:
            return False
        if self.is_over(now):
            return False
        return self.hours is None or self.hours.opened_at(now) is not None

    def is_over(self, now: datetime) -> bool:
        """Return whether it never opens again."""
        return self.until_at is not None and now >= self.until_at

    def closes_at(self, now: datetime) -> datetime | None:
        """Return when one that is open closes; None where nobody can say."""
        ends = [self.until_at]
        if self.hours is not None:
            ends.append(_end_of(self.hours, now))
        return min(filter(None, ends), default=None)

    def mark_at(self, now: datetime) -> Quieted:
        """Return the mark that it makes on alerts while it is open."""
        return Quieted((self.id,), self.id, self.comment, self.closes_at(now))

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Return whether it is about an alert with these labels."""
        if not set(self.labels) <= labels.items():
            return False
        return all(one.fits(labels.get(one.label, "")) for one in self.match)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """That somebody knows of an alert: nobody is reminded of it until it resolves or gets louder."""

    at: datetime
    by: str = ""
    comment: str = ""

    @property
    def words(self) -> str:
        """Return it as texts say it."""
        since, why = utc_second(self.at), _because(self.comment)
        return f"{self.by_words} at {since}{why}"

    @property
    def by_words(self) -> str:
        """Return that, and by whom."""
        return f"acknowledged by {self.by or 'somebody'}"


def _end_of(hours: ActiveHours, now: datetime) -> datetime:
    """Return until when hours stay open, also over windows that meet; within the next days."""
    until = now
    for begin, end in sorted(hours.spans_near(now)):
        if begin <= until < end:
            until = end
    return until


def _because(why: str) -> str:
    return f": {why}" if why else ""


@dataclass(frozen=True, slots=True)
class AddSilence:
    """Somebody wants a silence, in place of another one if it names that."""

    silence: Silence
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class EndSilence:
    """Somebody wants a silence to be over."""

    id: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody knows of an alert that fires; or, `withdraws`, does not care for it after all."""

    fingerprint: str
    by: str = ""
    comment: str = ""
    withdraws: bool = False


SilenceRequest: TypeAlias = AddSilence | EndSilence | Acknowledge


class SilenceChange(StrEnum):
    """What became of a silence; the past participle in the log event (silence.added)."""

    ADDED = "added"
    STARTED = "started"
    ENDED = "ended"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class SilenceNews:
    """What became of one silence, for the log; `by`: who ended it."""

    change: SilenceChange
    silence: Silence
    by: str = ""


@dataclass(frozen=True, slots=True)
class SilenceChanges:
    """Which silences there are from now on, and what is to be told of that."""

    after: Silences
    news: tuple[SilenceNews, ...] = field(default=())

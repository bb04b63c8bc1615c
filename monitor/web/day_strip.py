"""Sum up a target's last day in half hours: whether something fired, and whether anything is known; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from monitor.model.alerts import Alert, Transition, alerts_that_fired
from monitor.model.levels import Severity
from monitor.model.text_formats import span
from monitor.web.verdict import Tone

DAY: Final = timedelta(days=1)
PART: Final = timedelta(minutes=30)
_TONES: Final[dict[Severity, Tone]] = {
    Severity.CRITICAL: "bad",
    Severity.WARNING: "warn",
}
"""What is only information says nothing of how a target does."""
_HEIGHTS: Final[dict[Tone, int]] = {"bad": 24, "warn": 18, "ok": 10, "wait": 3}
"""Told apart by more than their colour."""
_HEIGHT: Final = 24
_MAX_NAMES: Final = 3


@dataclass(frozen=True, slots=True)
class Fired:
    """From when to when an alert fired, or still does."""

    name: str
    tone: Tone
    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class StripPart:
    """Some half hours in a row of which the same is said; where and how large their bar is."""

    tone: Tone
    text: str
    x: int
    width: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class DayStrip:
    """The day before an instant."""

    words: str
    parts: tuple[StripPart, ...]
    size: int = DAY // PART
    """How many half hours there are, each one wide."""


def fired_on(
    target: str,
    transitions: Iterable[Transition],
    alerts: Iterable[Alert],
    now: datetime,
) -> tuple[Fired, ...]:
    """Return what fired on a target and is over, by its transitions, and what does or did of late, by its alerts."""
    return tuple(
        Fired(
            alert.name,
            _TONES[alert.severity],
            alert.fired_at,
            alert.resolved_at or now,
        )
        for alert in alerts_that_fired(transitions, alerts)
        if alert.scope.target == target
        and alert.fired_at is not None
        and alert.severity in _TONES
    )


@dataclass(frozen=True, slots=True)
class Looks:
    """When a target was asked something; what one said holds for `holds`: so long until it is asked again.

    `fired_from`: from when on it is known what fired.
    """

    seen: Sequence[datetime]
    holds: timedelta
    fired_from: datetime

    def cover(self, began_at: datetime, ended_at: datetime) -> bool:
        """Return whether something is known of any instant of a time."""
        if ended_at <= self.fired_from:
            return False
        return any(began_at - self.holds <= at < ended_at for at in self.seen)


def day_strip(fired: Sequence[Fired], looks: Looks, now: datetime) -> DayStrip:
    """Return the strip of the 48 half hours up to the one that goes on."""
    # By the clock's half hours: the page is renewed in place, and what did not change stays.
    begins_at = _half_hour_of(now) + PART - DAY
    halves = [
        _half(begins_at + number * PART, fired, looks) for number in range(DAY // PART)
    ]
    parts = tuple(_joined(halves, begins_at, now))
    return DayStrip(_words(fired, halves, begins_at, now), parts)


@dataclass(frozen=True, slots=True)
class _Half:
    tone: Tone
    names: tuple[str, ...] = ()


def _half_hour_of(now: datetime) -> datetime:
    """Return when the half hour began that goes on."""
    minute = 30 * (now.minute // 30)
    return now.replace(minute=minute, second=0, microsecond=0)


def _half(began_at: datetime, fired: Sequence[Fired], looks: Looks) -> _Half:
    ended_at = began_at + PART
    here = [one for one in fired if one.began_at < ended_at and one.ended_at > began_at]
    if here:
        is_bad = any(one.tone == "bad" for one in here)
        names = dict.fromkeys(one.name for one in here)
        return _Half("bad" if is_bad else "warn", tuple(names))
    return _Half("ok" if looks.cover(began_at, ended_at) else "wait")


def _joined(
    halves: Sequence[_Half], begins_at: datetime, now: datetime
) -> Iterator[StripPart]:
    """Yield a bar for each run of half hours that are alike."""
    first = 0
    for place in range(1, len(halves) + 1):
        if place < len(halves) and halves[place] == halves[first]:
            continue
        half, height = halves[first], _HEIGHTS[halves[first].tone]
        began_at = begins_at + first * PART
        ended_at = min(begins_at + place * PART, now)
        yield StripPart(
            half.tone,
            f"{_clock(began_at)} to {_clock(ended_at)} UTC: {_said(half)}",
            x=first,
            width=place - first,
            y=_HEIGHT - height,
            height=height,
        )
        first = place


def _said(half: _Half) -> str:
    if half.tone == "wait":
        return "nothing is known"
    if half.tone == "ok":
        return "nothing fired"
    more = len(half.names) - _MAX_NAMES
    others = f" and {more} more" if more > 0 else ""
    return f"{', '.join(half.names[:_MAX_NAMES])}{others} fired"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%a %H:%M}"


def _words(
    fired: Sequence[Fired], halves: Sequence[_Half], begins_at: datetime, now: datetime
) -> str:
    since = f"since {_clock(begins_at)} UTC"
    said = f"Nothing fired {since}"
    if any(half.names for half in halves):
        seconds = _seconds_of(fired, begins_at, now)
        said = f"Something fired for {span(seconds)} {since}"
    unseen = sum(half.tone == "wait" for half in halves) * PART
    if not unseen:
        return said
    return f"{said}; for {span(unseen.total_seconds())} nothing is known"


def _seconds_of(fired: Iterable[Fired], begins_at: datetime, now: datetime) -> float:
    """Return for how long at least one of them fired, in seconds."""
    seconds, reached = 0.0, begins_at
    for one in sorted(fired, key=lambda one: one.began_at):
        began_at, ended_at = max(one.began_at, reached), min(one.ended_at, now)
        if ended_at > began_at:
            seconds += (ended_at - began_at).total_seconds()
            reached = ended_at
    return seconds

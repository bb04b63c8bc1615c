"""Compute which share of a day, a week and a month a target was answered by, of what is known of them; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from monitor.model.alerts import Alert, Transition, alerts_that_fired
from monitor.model.own_alerts import TARGET_DOWN
from monitor.model.rules import Rule
from monitor.model.text_formats import people_number, span

MONTH: Final = timedelta(days=30)
_WINDOWS: Final = (
    ("24 h", timedelta(days=1)),
    ("7 d", timedelta(days=7)),
    ("30 d", MONTH),
)
_LATE: Final = timedelta(minutes=5)
"""What is known of the last minutes is written when they are over, and read once a minute."""


class Interval(NamedTuple):
    """From when to when."""

    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class TargetPast:
    """When a target was looked at, and when it let nobody in; both are known from `known_from` on."""

    looked: Sequence[Interval]
    down: Sequence[Interval]
    known_from: datetime


def is_always_judged(name: str, rules: Iterable[Rule]) -> bool:
    """Return whether a rule is among these, and has no hours in which it sees nothing."""
    return any(rule.name == name and rule.active is None for rule in rules)


def looked_at(
    began_seconds: Iterable[int], span_seconds: int, holds: timedelta
) -> Iterator[Interval]:
    """Yield when a target was looked at, by the minutes or hours of which something is kept of it, in Unix time.

    A look holds for `holds`, until the next one.
    """
    length = max(timedelta(seconds=span_seconds), holds)
    for at_seconds in began_seconds:
        at = datetime.fromtimestamp(at_seconds, UTC)
        yield Interval(at, at + length)


def down_times(
    target: str,
    transitions: Iterable[Transition],
    alerts: Iterable[Alert],
    now: datetime,
) -> Iterator[Interval]:
    """Yield when a target let nobody in, by the alerts that told of it."""
    for alert in alerts_that_fired(transitions, alerts):
        is_of_it = alert.name == TARGET_DOWN and alert.scope.target == target
        if is_of_it and alert.fired_at is not None:
            yield _down_time(alert, alert.fired_at, now)


def _down_time(alert: Alert, fired_at: datetime, now: datetime) -> Interval:
    if alert.resolved_at is None:
        return Interval(alert.active_at, now)
    # It is over only after the target has let us in again for as long as it was pending (docs/adr/0024).
    hold = fired_at - alert.active_at
    return Interval(alert.active_at, max(fired_at, alert.resolved_at - hold))


def uptime_words(past: TargetPast, now: datetime) -> str:
    """Write the shares of all windows; empty where nothing is known."""
    if not past.looked:
        # With more than 100 targets nothing is kept of it: losses alone would be a share of 0 %.
        return ""
    known = _merged([*past.looked, *past.down])
    if known and timedelta(0) < now - known[-1].ended_at < _LATE:
        known[-1] = Interval(known[-1].began_at, now)
    down = _merged(past.down)
    shares = []
    for name, length in _WINDOWS:
        window = Interval(max(now - length, past.known_from), now)
        known_seconds = _seconds_within(known, window)
        down_seconds = _seconds_within(down, window)
        shares.append(_WindowShare(name, length, known_seconds, down_seconds))
    return "; ".join(_told(shares))


@dataclass(frozen=True, slots=True)
class _WindowShare:
    """For how long within a window something is known, and for how long of that nobody was let in."""

    name: str
    length: timedelta
    known_seconds: float
    down_seconds: float

    def words(self, *, is_all: bool) -> str:
        """Write the share; `is_all`: no more is known of longer windows."""
        share = _share(1 - self.down_seconds / self.known_seconds)
        # A row of an hour begins with its hour, not with the window.
        if self.length.total_seconds() - self.known_seconds < _LATE.total_seconds():
            return f"{share} of the last {self.name}"
        known = span(self.known_seconds)
        if is_all:
            return f"{share} of the {known} known"
        return f"{share} of the last {self.name} ({known} known)"


def _told(shares: Sequence[_WindowShare]) -> Iterator[str]:
    """Yield what is said of each window, the shortest first; of what is all that is known once."""
    most_seconds = max(share.known_seconds for share in shares)
    for share in shares:
        is_all = share.known_seconds == most_seconds
        if share.known_seconds:
            yield share.words(is_all=is_all)
        if is_all:
            return


def _share(share: float) -> str:
    # Rounded down: what was ever away is never 100 %.
    return f"{people_number(math.floor(share * 10_000) / 100)} %"


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the intervals in their order, those that overlap as one."""
    merged: list[Interval] = []
    for one in sorted(intervals):
        if merged and one.began_at <= merged[-1].ended_at:
            last = merged.pop()
            one = Interval(last.began_at, max(last.ended_at, one.ended_at))
        merged.append(one)
    return merged


def _seconds_within(intervals: Iterable[Interval], window: Interval) -> float:
    return sum(
        max(
            0.0,
            (
                min(one.ended_at, window.ended_at) - max(one.began_at, window.began_at)
            ).total_seconds(),
        )
        for one in intervals
    )

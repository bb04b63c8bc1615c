"""Hours of the week in a time zone, such as `Mon-Fri 08:00-19:00 Europe/Berlin`: when they are open; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from monitor.timing.crontab import end_of_gap

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW: Final = re.compile(
    r"(?:(?P<first>[A-Za-z]{3})(?:-(?P<last>[A-Za-z]{3}))? +)?"
    r"(?P<begin>\d\d:[0-5]\d)-(?P<end>\d\d:[0-5]\d)"
)
_DAY: Final = timedelta(days=1)
_WEEK: Final = len(_DAYS)
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_ALLOWED: Final = (
    '"Mon-Fri 08:00-19:00 Europe/Berlin", several with commas before the zone'
)


@dataclass(frozen=True, slots=True)
class WeekPart:
    """A part of some days of the week; its ends are counted from midnight, and one behind 24 h is on the next day."""

    days: frozenset[int]
    begin: timedelta
    end: timedelta


@dataclass(frozen=True, slots=True)
class ActiveHours:
    """Windows of the week, by the clocks of a zone."""

    windows: tuple[WeekPart, ...]
    zone: str
    text: str
    """As it was written."""

    @property
    def longest(self) -> timedelta | None:
        """Return for how long it is open at a stretch at most, by the clock; None where it is never closed."""
        whole_week = _WEEK * _DAY
        # Of two weeks, so that what reaches over the end of one is whole.
        spans = sorted(
            [*self._spans_of_week(timedelta(0)), *self._spans_of_week(whole_week)]
        )
        opened, closed = spans[0]
        longest = timedelta(0)
        for begin, end in spans:
            if begin > closed:
                opened = begin
            closed = max(closed, end)
            longest = max(longest, closed - opened)
        return None if longest >= whole_week else longest

    def _spans_of_week(
        self, monday: timedelta
    ) -> Iterator[tuple[timedelta, timedelta]]:
        """Yield the windows of the week that begins so long after some Monday."""
        for window in self.windows:
            for day in window.days:
                midnight = monday + day * _DAY
                yield midnight + window.begin, midnight + window.end

    def opened_at(self, at: datetime) -> datetime | None:
        """Return since when it has been open at an instant; None where it is closed.

        Windows that meet are one; what is never closed has been open since the beginning of time.
        """
        if self.longest is None:
            return _EVER
        spans = [*self.spans_near(at)]
        opened = [begin for begin, end in spans if begin <= at < end]
        if not opened:
            return None
        since = min(opened)
        # By their beginnings, the latest first, so that each may reach on to the one before.
        for begin, end in sorted(spans, reverse=True):
            if begin < since <= end:
                since = begin
        return since

    def next_opening(self, at: datetime) -> datetime | None:
        """Return when it is open next; None where it is open at this instant."""
        if self.opened_at(at) is not None:
            return None
        return min(begin for begin, _ in self.spans_near(at) if begin > at)

    def spans_near(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the windows of a week before an instant and of one after it."""
        zone = ZoneInfo(self.zone)
        today = at.astimezone(zone).date()
        for number in range(-_WEEK - 1, _WEEK + 2):
            day = today + number * _DAY
            for window in self.windows:
                if day.weekday() in window.days:
                    begin, _ = _showing(day, window.begin, zone)
                    _, end = _showing(day, window.end, zone)
                    yield begin, end


def read_active_hours(text: str) -> ActiveHours:
    """Read what a rule's `active` says; ValueError says what is wrong with it."""
    *words, zone = text.split() or [""]
    if zone[:1].isdigit():
        words, zone = [*words, zone], "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        message = f'"{zone}" is not a time zone; allowed: an IANA name such as "Europe/Berlin"'
        raise ValueError(message) from None
    parts = " ".join(words).split(",")
    windows = [_window(part.strip()) for part in parts]
    return ActiveHours(
        windows=tuple(windows),
        zone=zone,
        text=" ".join(text.split()),
    )


def _window(text: str) -> WeekPart:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a part of the week; allowed: {_ALLOWED}')
    begin, end = _of_day(match["begin"]), _of_day(match["end"])
    if begin == end:
        raise ValueError(f'"{text}" is empty; a whole day is 00:00-24:00')
    if end < begin:
        end += _DAY  # over midnight
    return WeekPart(_days(match["first"], match["last"]), begin, end)


def _of_day(text: str) -> timedelta:
    hours, minutes = text.split(":")
    length = timedelta(hours=int(hours), minutes=int(minutes))
    if length > _DAY:
        raise ValueError(f'"{text}" is not a time of day; allowed: 00:00 to 24:00')
    return length


def _days(first: str | None, last: str | None) -> frozenset[int]:
    """Return the numbers of the days from one to another, over the end of the week too; without any all."""
    if first is None:
        return frozenset(range(_WEEK))
    begin = _day(first)
    length = (_day(last or first) - begin) % _WEEK + 1
    return frozenset((begin + number) % _WEEK for number in range(length))


def _day(text: str) -> int:
    name = text.capitalize()
    if name not in _DAYS:
        raise ValueError(f'"{text}" is not a day; allowed: {", ".join(_DAYS)}')
    return _DAYS.index(name)


def _showing(
    day: date, since_midnight: timedelta, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """Return the first and the last instant at which clocks show a time; the end of the gap where none do."""
    shown = datetime.combine(day, time.min) + since_midnight
    first = shown.replace(tzinfo=zone).astimezone(UTC)
    last = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first > last:
        first = last = end_of_gap(last, first, zone)
    return first, last

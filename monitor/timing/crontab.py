"""Read a crontab's five fields, and compute when they come next in a time zone; pure.

Read as the crontab of Debian does (crontab(5)): where day and weekday are both given either is enough,
unless one of them begins with `*`; 0 and 7 are Sunday. Around a change of the clocks: what would come in an
hour that comes twice comes once, at its first, but for hours that begin with `*`; what does not exist
comes at the end of the gap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
# 29 February on one of the weekdays: up to 40 years apart where a century's is left out.
_MAX_DAYS_APART = 41 * 366
_MONTHS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MACROS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)
_FORM = 'allowed: five fields, minute hour day month weekday, such as "0 3 * * *"'


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five: what it is called, from where to where it goes, and names for its numbers."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """Say which values it has."""
        said = f"{self.lowest} to {self.highest}"
        return f"{said} or {self.names[0]} to {self.names[-1]}" if self.names else said


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Crontab:
    """The five fields as numbers, weekdays counted from Sunday."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    """Whether day or weekday is enough; else both must hold."""
    twice: bool
    """Whether an hour that comes twice counts twice."""

    def has_day(self, day: date) -> bool:
        """Tell whether it comes at some time of this day."""
        if day.month not in self.months:
            return False
        is_day, is_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (is_day or is_weekday) if self.either else (is_day and is_weekday)

    def next_after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        """Compute the first whole minute after an instant, in UTC; None where none comes."""
        local = instant.astimezone(zone).date()
        # A day before: where the clocks go back over midnight, its last hour comes once more.
        for days in range(-1, _MAX_DAYS_APART):
            day = local + days * _DAY
            if not self.has_day(day):
                continue
            found = self._first_of(day, instant, zone)
            if found is not None:
                # And that of the day after may come before it.
                other = (
                    self._first_of(day + _DAY, instant, zone)
                    if self.has_day(day + _DAY)
                    else None
                )
                return found if other is None else min(found, other)
        return None

    def _first_of(self, day: date, instant: datetime, zone: tzinfo) -> datetime | None:
        """Find the first instant of a day that is later than another instant."""
        midnight = datetime.combine(day, time.min)
        offsets = _offsets_near(midnight, zone)
        passed = instant.astimezone(UTC).replace(tzinfo=None) + min(offsets)
        found: datetime | None = None
        for shown in self._times(midnight):
            if shown <= passed:
                continue
            if found is not None and (shown - max(offsets)).replace(tzinfo=UTC) > found:
                break  # the clocks show all later times later
            later = [at for at in self._instants(shown, zone) if at > instant]
            found = min(later if found is None else [found, *later], default=None)
        return found

    def _times(self, midnight: datetime) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield midnight + timedelta(hours=hour, minutes=minute)

    def _instants(self, shown: datetime, zone: tzinfo) -> tuple[datetime, ...]:
        """Give the instants at which the clocks of a zone show a time, or would if it were not left out."""
        first = shown.replace(tzinfo=zone).astimezone(UTC)
        second = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if first == second:
            return (first,)
        if first < second:
            return (first, second) if self.twice else (first,)
        return (_end_of_gap(second, first, zone),)


def _offsets_near(midnight: datetime, zone: tzinfo) -> set[timedelta]:
    """Give the zone's offsets of a day and of those beside it: more than one where the clocks change."""
    looks = (midnight + days * _DAY for days in (-1, 0, 1, 2))
    return {look.replace(tzinfo=zone).utcoffset() or timedelta(0) for look in looks}


def _end_of_gap(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Find the first minute after the clocks were put forward, between an instant before it and one after."""
    old = before.astimezone(zone).utcoffset()
    minutes = range((after - before) // _MINUTE + 1)
    at = bisect_left(
        minutes,
        1,
        key=lambda minute: (
            (before + minute * _MINUTE).astimezone(zone).utcoffset() != old
        ),
    )
    return before + at * _MINUTE


def read_crontab(expression: str) -> Crontab:
    """Read five fields; ValueError says what is wrong with them, and that they never come."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(_not_five(expression, len(fields)))
    try:
        minutes, hours, days, months, weekdays = map(_numbers, _FIELDS, fields)
    except ValueError as error:
        raise ValueError(
            f'"{expression}" is not a cron expression: {error}; {_FORM}'
        ) from None
    crontab = Crontab(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(weekday % 7 for weekday in weekdays),
        either=not fields[2].startswith("*") and not fields[4].startswith("*"),
        twice=fields[1].startswith("*"),
    )
    if not any(
        crontab.has_day(date(2000, 1, 1) + days * _DAY)
        for days in range(_MAX_DAYS_APART)
    ):
        raise ValueError(f'"{expression}" never comes: there is no such day')
    return crontab


def zone_named(name: str) -> tzinfo:
    """Find a time zone; UTC also where the system has no zone files."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _not_five(expression: str, count: int) -> str:
    macro = _MACROS.get(expression.strip().lower())
    if macro is not None:
        return f'"{expression}" is not a cron expression; write "{macro}"'
    has = f"has {count} field{'' if count == 1 else 's'}"
    seconds = ", and none for seconds" if count == 6 else ""
    return f'"{expression}" is not a cron expression: it {has}{seconds}; {_FORM}'


def _numbers(field: _Field, text: str) -> frozenset[int]:
    return frozenset(
        number for part in text.split(",") for number in _part(field, part)
    )


def _part(field: _Field, text: str) -> range:
    """Read `*`, `5`, `1-5`, `*/2`, `1-9/2`, and `3/2`, which goes on to the highest."""
    span, slash, step_text = text.partition("/")
    step = _step(field, step_text, text) if slash else 1
    first, last = _span(field, span, text)
    if last is None:
        last = field.highest if slash else first
    if last < first:
        raise ValueError(
            f'{field.name} "{text}" ends before it begins; write two, with a comma between'
        )
    return range(first, last + 1, step)


def _span(field: _Field, span: str, text: str) -> tuple[int, int | None]:
    """Read from where to where a part goes; None where it says no end."""
    if span == "*":
        # Of the two numbers of Sunday one is enough.
        return field.lowest, min(
            field.highest, 6
        ) if field.name == "weekday" else field.highest
    start, dash, end = span.partition("-")
    first = _number(field, start, text)
    if not dash:
        return first, None
    if end.lower() == "sun":
        return first, 7  # a week's last day as well as its first
    return first, _number(field, end, text)


def _step(field: _Field, step: str, text: str) -> int:
    most = field.highest - field.lowest
    if not (step.isascii() and step.isdigit()) or not 1 <= int(step) <= most:
        raise ValueError(
            f'{field.name} "{text}" has a step that is not one of 1 to {most}'
        )
    return int(step)


def _number(field: _Field, word: str, text: str) -> int:
    if word.lower() in field.names:
        return field.names.index(word.lower()) + (
            field.lowest if field.name == "month" else 0
        )
    if word.isascii() and word.isdigit() and field.lowest <= int(word) <= field.highest:
        return int(word)
    raise ValueError(f'{field.name} "{text}" is not one of {field.allowed}')

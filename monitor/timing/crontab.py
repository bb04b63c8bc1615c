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

from monitor.timing.zones import utc_offset

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
# 29 February on one of the weekdays: up to 40 years apart where a century's is left out.
_MAX_DAYS_APART = 41 * 366
_MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_WEEKDAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
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
class _CronField:
    """One of the five: what it is called, from where to where it goes, and names for its numbers."""

    name: str
    lowest: int
    highest: int
    names: Mapping[str, int]
    last_of_all: int
    """Where `*` ends: of the two numbers of Sunday one is enough."""

    @property
    def allowed(self) -> str:
        """Return which values it has, in words."""
        numbers = f"{self.lowest} to {self.highest}"
        if not self.names:
            return numbers
        first, *_, last = self.names
        return f"{numbers} or {first} to {last}"


_FIELDS = (
    _CronField("minute", 0, 59, {}, last_of_all=59),
    _CronField("hour", 0, 23, {}, last_of_all=23),
    _CronField("day", 1, 31, {}, last_of_all=31),
    _CronField("month", 1, 12, _MONTHS, last_of_all=12),
    _CronField("weekday", 0, 7, _WEEKDAYS, last_of_all=6),
)


@dataclass(frozen=True, slots=True)
class Crontab:
    """The five fields as numbers, weekdays counted from Sunday."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either_enough: bool
    """Whether day or weekday is enough; else both must hold."""
    counts_twice: bool
    """Whether an hour that comes twice counts twice."""

    def has_day(self, day: date) -> bool:
        """Return whether it comes at some time of this day."""
        if day.month not in self.months:
            return False
        is_day = day.day in self.days
        is_weekday = day.isoweekday() % 7 in self.weekdays
        if self.is_either_enough:
            return is_day or is_weekday
        return is_day and is_weekday

    def next_after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        """Compute the first whole minute after an instant, in UTC; None where none comes."""
        today = instant.astimezone(zone).date()
        # From yesterday on: where the clocks go back over midnight, its last hour comes once more.
        for days in range(-1, _MAX_DAYS_APART):
            day = today + days * _DAY
            first = self._first_of(day, instant, zone)
            if first is not None:
                # There, too, the first of the day after may come before it.
                first_of_next = self._first_of(day + _DAY, instant, zone)
                return min(first, first_of_next or first)
        return None

    def _first_of(self, day: date, instant: datetime, zone: tzinfo) -> datetime | None:
        """Compute the first instant of a day that is later than another instant."""
        if not self.has_day(day):
            return None
        midnight = datetime.combine(day, time.min)
        offsets = _offsets_near(midnight, zone)
        passed = instant.astimezone(UTC).replace(tzinfo=None) + min(offsets)
        later: list[datetime] = []
        for shown in self._times(midnight):
            if shown <= passed:
                continue
            earliest = (shown - max(offsets)).replace(tzinfo=UTC)
            if later and earliest > min(later):
                break  # the clocks show all further times later than what was found
            later += [at for at in self._instants(shown, zone) if at > instant]
        return min(later, default=None)

    def _times(self, midnight: datetime) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield midnight + timedelta(hours=hour, minutes=minute)

    def _instants(self, shown: datetime, zone: tzinfo) -> tuple[datetime, ...]:
        """Return the instants at which the clocks of a zone show a time, or would if it were not left out."""
        first = shown.replace(tzinfo=zone).astimezone(UTC)
        second = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if first > second:
            return (end_of_gap(second, first, zone),)
        if first < second and self.counts_twice:
            return (first, second)
        return (first,)


def _offsets_near(midnight: datetime, zone: tzinfo) -> set[timedelta]:
    """Return the zone's offsets of a day and of those beside it: more than one where the clocks change."""
    midnights = [midnight + days * _DAY for days in (-1, 0, 1, 2)]
    return {utc_offset(one.replace(tzinfo=zone)) for one in midnights}


def end_of_gap(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return the first minute after the clocks were put forward, between an instant before it and one after."""
    offset_before = before.astimezone(zone).utcoffset()

    def is_after_gap(minute: int) -> bool:
        at = before + minute * _MINUTE
        return at.astimezone(zone).utcoffset() != offset_before

    minutes = range((after - before) // _MINUTE + 1)
    first_after = bisect_left(minutes, 1, key=is_after_gap)
    return before + first_after * _MINUTE


def read_crontab(expression: str) -> Crontab:
    """Read five fields; ValueError says what is wrong with them, and that they never come."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(_not_five(expression, len(fields)))
    try:
        minutes, hours, days, months, weekdays = (
            _numbers(field, text) for field, text in zip(_FIELDS, fields, strict=True)
        )
    except ValueError as error:
        raise ValueError(
            f'"{expression}" is not a cron expression: {error}; {_FORM}'
        ) from None
    _, hour_text, day_text, _, weekday_text = fields
    begins_with_star = day_text.startswith("*") or weekday_text.startswith("*")
    crontab = Crontab(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(weekday % 7 for weekday in weekdays),
        is_either_enough=not begins_with_star,
        counts_twice=hour_text.startswith("*"),
    )
    if not _has_some_day(crontab):
        raise ValueError(f'"{expression}" never comes: there is no such day')
    return crontab


def _has_some_day(crontab: Crontab) -> bool:
    day = date(2000, 1, 1)
    for _ in range(_MAX_DAYS_APART):
        if crontab.has_day(day):
            return True
        day += _DAY
    return False


def zone_named(name: str) -> tzinfo:
    """Return a time zone; UTC also where the system has no zone files."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _not_five(expression: str, count: int) -> str:
    macro = _MACROS.get(expression.strip().lower())
    if macro is not None:
        return f'"{expression}" is not a cron expression; write "{macro}"'
    has = "1 field" if count == 1 else f"{count} fields"
    if count == 6:
        # Quartz and Spring begin with seconds.
        has = f"{has}, and none for seconds"
    return f'"{expression}" is not a cron expression: it has {has}; {_FORM}'


def _numbers(field: _CronField, text: str) -> frozenset[int]:
    numbers: set[int] = set()
    for part in text.split(","):
        numbers.update(_part(field, part))
    return frozenset(numbers)


def _part(field: _CronField, text: str) -> range:
    """Read `*`, `5`, `1-5`, `*/2`, `1-9/2`, and `3/2`, which goes on to the highest."""
    span, slash, step_text = text.partition("/")
    step = _step(field, step_text, text) if slash else 1
    first, last = _span(field, span, text, has_step=bool(slash))
    if last < first:
        raise ValueError(
            f'{field.name} "{text}" ends before it begins; write two, with a comma between'
        )
    return range(first, last + 1, step)


def _span(
    field: _CronField, span: str, text: str, *, has_step: bool
) -> tuple[int, int]:
    """Read from where to where a part goes."""
    if span == "*":
        return field.lowest, field.last_of_all
    start, dash, end = span.partition("-")
    first = _number(field, start, text)
    if end.lower() == "sun":
        return first, 7  # a week's last day as well as its first
    if dash:
        return first, _number(field, end, text)
    return first, field.highest if has_step else first


def _step(field: _CronField, step: str, text: str) -> int:
    longest = field.highest - field.lowest
    number = _whole_number(step, 1, longest)
    if number is None:
        raise ValueError(
            f'{field.name} "{text}" has a step that is not one of 1 to {longest}'
        )
    return number


def _number(field: _CronField, word: str, text: str) -> int:
    named = field.names.get(word.lower())
    if named is not None:
        return named
    number = _whole_number(word, field.lowest, field.highest)
    if number is None:
        raise ValueError(f'{field.name} "{text}" is not one of {field.allowed}')
    return number


def _whole_number(word: str, lowest: int, highest: int) -> int | None:
    """Read digits; None where they are something else, or out of bounds."""
    # isdigit() alone also takes ² and digits of other scripts.
    if not (word.isascii() and word.isdigit()):
        return None
    number = int(word)
    return number if lowest <= number <= highest else None

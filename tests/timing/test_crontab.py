"""When a crontab's fields come, against an account that walks minute by minute; and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.slots import next_cron_time
from monitor.model.schedules import Cron
from monitor.timing.crontab import read_crontab

MINUTE = timedelta(minutes=1)
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

CHANGES = [
    ("UTC", "2027-03-01"),
    ("Europe/Berlin", "2027-03-28"),
    ("Europe/Berlin", "2027-10-31"),
    ("America/New_York", "2027-03-14"),
    ("America/New_York", "2027-11-07"),
    ("Australia/Lord_Howe", "2027-04-03"),  # by half an hour
    ("Australia/Lord_Howe", "2027-10-02"),
    ("Pacific/Apia", "2011-12-30"),  # a whole day that never was
    ("Pacific/Apia", "2012-03-31"),
    ("America/Havana", "2027-03-14"),  # no midnight
    ("America/Havana", "2027-11-07"),
    ("Africa/Cairo", "2027-04-30"),
    ("Africa/Cairo", "2027-10-29"),  # back over midnight, into the day before
    ("America/St_Johns", "2010-11-07"),  # from 00:01
    ("Asia/Kathmandu", "1986-01-01"),  # by a quarter
]


@dataclass(frozen=True)
class Expected:
    """One field as text, and what it means to who wrote it."""

    text: str
    values: frozenset[int]


@st.composite
def a_field(
    draw: st.DrawFn, lowest: int, highest: int, names: tuple[str, ...] = ()
) -> Expected:
    def part() -> tuple[str, frozenset[int]]:
        first = draw(st.integers(lowest, highest))
        last = draw(st.integers(first, highest))
        step = draw(st.integers(1, highest - lowest))
        forms = {
            "*": range(lowest, highest + 1),
            f"*/{step}": range(lowest, highest + 1, step),
            f"{first}": range(first, first + 1),
            f"{first}-{last}": range(first, last + 1),
            f"{first}-{last}/{step}": range(first, last + 1, step),
        }
        if names:
            forms[names[first - lowest]] = range(first, first + 1)
            forms[f"{names[first - lowest].upper()}-{last}"] = range(first, last + 1)
        text = draw(st.sampled_from(sorted(forms)))
        return text, frozenset(forms[text])

    parts = [part() for _ in range(draw(st.integers(1, 2)))]
    return Expected(
        ",".join(text for text, _ in parts),
        frozenset().union(*(values for _, values in parts)),
    )


@dataclass(frozen=True)
class Walk:
    """Five fields, and a second account of when they come, from what crontab(5) says."""

    minute: Expected
    hour: Expected
    day: Expected
    month: Expected
    weekday: Expected

    @property
    def text(self) -> str:
        return " ".join(
            f.text for f in (self.minute, self.hour, self.day, self.month, self.weekday)
        )

    def comes_at(self, local: datetime) -> bool:
        is_day = local.day in self.day.values
        is_weekday = int(local.strftime("%w")) in {
            number % 7 for number in self.weekday.values
        }
        if self.day.text.startswith("*") or self.weekday.text.startswith("*"):
            is_right_day = is_day and is_weekday
        else:
            is_right_day = is_day or is_weekday
        is_time = local.minute in self.minute.values and local.hour in self.hour.values
        return is_time and is_right_day and local.month in self.month.values

    def instants(self, start: datetime, days: int, zone: str) -> Iterator[datetime]:
        """Walk minute by minute, and look at the clock on the wall."""
        seen: set[datetime] = set()
        shown = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - MINUTE
        for minute in range(days * 24 * 60):
            now = start + minute * MINUTE
            local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            skipped = shown + MINUTE
            comes = self.comes_at(local) and (
                local not in seen or self.hour.text.startswith("*")
            )
            while not comes and skipped < local:
                comes = self.comes_at(skipped)
                skipped += MINUTE
            if comes:
                yield now
            seen.add(local)
            shown = local


months = a_field(
    1,
    12,
    (
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
    ),
)
walks = st.builds(
    Walk,
    a_field(0, 59),
    a_field(0, 23),
    st.one_of(st.just(Expected("*", frozenset(range(1, 32)))), a_field(1, 31)),
    st.one_of(st.just(Expected("*", frozenset(range(1, 13)))), months),
    st.one_of(st.just(Expected("*", frozenset(range(7)))), a_field(0, 6, WEEKDAYS)),
)


@pytest.mark.slow
@given(
    walks,
    st.sampled_from(CHANGES),
    st.lists(st.integers(0, 4 * 24 * 60 * 60), min_size=1, max_size=8),
)
def test_it_comes_when_the_clock_on_the_wall_says_so_also_where_that_is_changed(
    walk: Walk, change: tuple[str, str], seconds: list[int]
) -> None:
    zone, day = change
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(
        UTC
    ) - timedelta(days=2)
    expected = list(walk.instants(start, 6, zone))
    try:
        crontab = read_crontab(walk.text)
    except ValueError:
        assert expected == []
        return
    for second in seconds:
        after = start + timedelta(days=1, seconds=second)
        coming = [at for at in expected if at > after]
        found = crontab.next_after(after, ZoneInfo(zone))
        if coming:
            assert found == coming[0]
        else:
            assert found is None or found >= start + timedelta(days=6)


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        # 02:30 comes twice: at the first
        ("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00", ["31 00:30", "01 01:30"]),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2027-10-30T23:45",
            ["31 00:30", "31 01:30", "31 02:30"],
        ),
        # 02:30 is not there: at the end of the gap
        ("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00", ["28 01:00", "29 00:30"]),
        ("0 0 * * *", "Africa/Cairo", "2027-04-29T12:00", ["29 22:00", "30 21:00"]),
        (
            "0 3 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00",
            ["29 13:00", "30 10:00", "30 13:00"],
        ),
        # either day or weekday; both where one begins with *
        ("0 0 13 * 5", "UTC", "2027-08-06T12:00", ["13 00:00", "20 00:00"]),
        ("0 0 1 * 1", "UTC", "2027-01-01T12:00", ["04 00:00", "11 00:00"]),
        ("0 0 */2 * 1", "UTC", "2027-01-01T12:00", ["11 00:00", "25 00:00"]),
        ("0 0 * * 7", "UTC", "2027-01-01T12:00", ["03 00:00", "10 00:00"]),
        (
            "0 0 * * fri-sun",
            "UTC",
            "2027-01-01T12:00",
            ["02 00:00", "03 00:00", "08 00:00"],
        ),
        ("0 0 29 feb *", "UTC", "2096-03-01T00:00", ["29 00:00", "29 00:00"]),
        ("0 0 29 2 *", "America/New_York", "2027-01-01T12:00", ["29 05:00"]),
    ],
)
def test_it_comes_as_crontab_says(
    expression: str, zone: str, start: str, expected: list[str]
) -> None:
    cron = Cron(expression, zone)
    at = datetime.fromisoformat(start).replace(tzinfo=UTC)
    found = []
    for _ in expected:
        following = next_cron_time(cron, at)
        assert following is not None
        at = following
        found.append(at.strftime("%d %H:%M"))
    assert found == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 0 30 2 *", '"0 0 30 2 *" never comes: there is no such day'),
        ("0 0 31 4,6,9,11 *", '"0 0 31 4,6,9,11 *" never comes: there is no such day'),
        ("@daily", '"@daily" is not a cron expression; write "0 0 * * *"'),
        ("0 0 3 * * *", "it has 6 fields, and none for seconds; allowed: five fields"),
        ("60 0 * * *", 'minute "60" is not one of 0 to 59; allowed'),
        ("0 0 0 * *", 'day "0" is not one of 1 to 31;'),
        ("0 0 * 0 *", 'month "0" is not one of 1 to 12 or jan to dec;'),
        ("0 0 * * 8", 'weekday "8" is not one of 0 to 7 or sun to sat;'),
        (
            "0 0 * * 5-1",
            'weekday "5-1" ends before it begins; write two, with a comma between;',
        ),
        ("*/60 * * * *", 'minute "*/60" has a step that is not one of 1 to 59;'),
        ("*/0 * * * *", 'minute "*/0" has a step that is not one of 1 to 59;'),
        ("*/ * * * *", "has a step that is not one of"),
        ("1- * * * *", 'minute "1-" is not one of'),
        ("1,,2 * * * *", 'minute "" is not one of'),
        ("٣ * * * *", "is not one of 0 to 59"),
        ("0 0 last * *", 'day "last" is not one of 1 to 31;'),
        ("0 0 ? * *", 'day "?" is not one of 1 to 31;'),
    ],
)
def test_what_is_no_crontab_or_never_comes_is_refused(
    expression: str, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_crontab(expression)


@given(st.text(st.sampled_from("0123456789*/-, ljanfeb"), max_size=20))
def test_rubbish_is_refused_and_nothing_else_is_raised(text: str) -> None:
    try:
        crontab = read_crontab(text)
    except ValueError:
        return
    assert crontab.next_after(datetime(2027, 1, 1, tzinfo=UTC), UTC) is not None

"""Hours of the week: what is open when, by the clocks of a zone, over midnight and where the clocks change."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.timing.active_hours import read_active_hours

BERLIN = ZoneInfo("Europe/Berlin")
WORK = read_active_hours("Mon-Fri 08:00-19:00 Europe/Berlin")


def at(text: str) -> datetime:
    """Return the instant at which clocks in Berlin show this; with a ' behind it the second time."""
    shown = datetime.fromisoformat(text.rstrip("'"))
    fold = int(text.endswith("'"))
    return shown.replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "when", "opened"),
    [
        ("Mon-Fri 08:00-19:00", "2026-11-30 07:59", None),
        ("Mon-Fri 08:00-19:00", "2026-11-30 08:00", "2026-11-30 08:00"),
        ("Mon-Fri 08:00-19:00", "2026-11-30 18:59", "2026-11-30 08:00"),
        ("Mon-Fri 08:00-19:00", "2026-11-30 19:00", None),
        ("Mon-Fri 08:00-19:00", "2026-11-29 12:00", None),
        ("Mon-Fri 08:00-19:00, Sat 10:00-12:00", "2026-11-28 11:00", "2026-11-28 10:00"),
        ("Fri-Mon 08:00-09:00", "2026-11-29 08:30", "2026-11-29 08:00"),
        ("Fri-Mon 08:00-09:00", "2026-12-01 08:30", None),
        ("Fri 22:00-06:00", "2026-11-28 05:59", "2026-11-27 22:00"),
        ("Fri 22:00-06:00", "2026-11-27 05:59", None),
        ("22:00-06:00", "2026-11-27 05:59", "2026-11-26 22:00"),
        ("Sat-Sun 00:00-24:00", "2026-11-29 12:00", "2026-11-28 00:00"),
        ("Mon 08:00-12:00, Mon 12:00-14:00", "2026-11-30 13:00", "2026-11-30 08:00"),
        # Clocks show 03:00 after 02:00 on 2026-03-29, and 02:00 to 03:00 twice on 2026-10-25.
        ("Sun 02:30-04:00", "2026-03-29 03:00", "2026-03-29 03:00"),
        ("Sun 02:30-04:00", "2026-03-29 01:59", None),
        ("Sun 01:00-02:30", "2026-10-25 02:15'", "2026-10-25 01:00"),
        ("Sun 01:00-02:30", "2026-10-25 02:45'", None),
        ("Sun 02:00-04:00", "2026-10-25 02:15'", "2026-10-25 02:00"),
        ("Sun 22:00-06:00", "2026-10-26 05:59", "2026-10-25 22:00"),
    ],
)  # fmt: skip
def test_it_is_open_by_the_clocks_of_its_zone(
    hours: str, when: str, opened: str | None
) -> None:
    read = read_active_hours(f"{hours} Europe/Berlin")
    assert read.opened_at(at(when)) == (None if opened is None else at(opened))


@pytest.mark.parametrize(
    ("hours", "longest"),
    [
        ("08:00-09:00", 1),
        ("Mon-Fri 08:00-19:00, Sat 09:00-13:00", 11),
        ("08:00-12:00, 11:00-13:00, 13:00-14:00", 6),
        ("Fri 22:00-06:00, Sat 06:00-07:00", 9),
        ("Sat-Mon 00:00-24:00", 72),
        ("Sun 22:00-06:00, Mon 06:00-08:00", 10),
        ("00:00-24:00", None),
        ("08:00-20:00, 20:00-08:00", None),
        ("Mon-Sat 00:00-24:00, Sun 00:00-23:59", 7 * 24 - 1 / 60),
    ],
)
def test_so_long_it_is_open_at_a_stretch(hours: str, longest: float | None) -> None:
    length = None if longest is None else timedelta(hours=longest)
    assert read_active_hours(f"{hours} UTC").longest == length


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 23), st.integers(1, 24)),
        min_size=1,
        max_size=4,
    )
)
def test_the_longest_stretch_is_what_a_walk_through_two_weeks_finds(
    parts: list[tuple[int, int, int]],
) -> None:
    """Hour by hour, against the hours that each part covers."""
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    parts = [part for part in parts if part[1] != part[2] % 24 or part[1] == 0]
    if not parts:
        return
    text = ", ".join(
        f"{days[day]} {begin:02}:00-{end:02}:00" for day, begin, end in parts
    )
    week = set()
    for day, begin, end in parts:
        length = end - begin if end > begin else end - begin + 24
        week |= {(day * 24 + begin + hour) % 168 for hour in range(length)}
    longest = run = 0
    for hour in range(2 * 168):
        run = run + 1 if hour % 168 in week else 0
        longest = max(longest, run)
    expected = None if len(week) == 168 else timedelta(hours=longest)
    assert read_active_hours(f"{text} UTC").longest == expected


@pytest.mark.parametrize(
    ("when", "opens"),
    [
        ("2026-11-30 07:00", "2026-11-30 08:00"),
        ("2026-11-27 19:00", "2026-11-30 08:00"),
        ("2026-03-28 12:00", "2026-03-30 08:00"),
        ("2026-11-30 12:00", None),
    ],
)
def test_it_says_when_it_opens(when: str, opens: str | None) -> None:
    assert WORK.next_opening(at(when)) == (None if opens is None else at(opens))


def test_without_a_zone_it_is_utc() -> None:
    hours = read_active_hours("08:00-19:00")
    assert hours.zone == "UTC"
    assert hours.opened_at(datetime(2026, 7, 1, 8, 0, tzinfo=UTC)) is not None
    assert hours.opened_at(datetime(2026, 7, 1, 7, 59, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Mon-Fri 8-19 Europe/Berlin",
            '"Mon-Fri 8-19" is not a part of the week; allowed:'
            ' "Mon-Fri 08:00-19:00 Europe/Berlin", several with commas before the zone',
        ),
        ("Mon-Fri 08:00-19:00 Berlin", '"Berlin" is not a time zone; allowed: an IANA name such as "Europe/Berlin"'),
        ("Mon-Fir 08:00-19:00", '"Fir" is not a day; allowed: Mon, Tue, Wed, Thu, Fri, Sat, Sun'),
        ("08:00-25:00", '"25:00" is not a time of day; allowed: 00:00 to 24:00'),
        ("08:00-08:00", '"08:00-08:00" is empty; a whole day is 00:00-24:00'),
        ("", '"" is not a time zone; allowed: an IANA name such as "Europe/Berlin"'),
    ],
)  # fmt: skip
def test_what_is_no_hours_is_told(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}$"):
        read_active_hours(text)


@given(
    minutes=st.integers(0, 60 * 24 * 365),
    ends=st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(
        lambda one: one[0] != one[1]
    ),
    day=st.integers(0, 6),
)
def test_any_instant_is_open_if_the_clock_shows_so(
    minutes: int, ends: tuple[int, int], day: int
) -> None:
    begin, end = ends
    name = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day]
    hours = read_active_hours(f"{name} {begin:02}:00-{end:02}:00 Asia/Kolkata")
    instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    # A zone whose clocks are never changed: there the words are a comparison.
    shown = instant + timedelta(hours=5, minutes=30)
    hour, is_day = shown.hour, shown.weekday() == day
    is_day_after = shown.weekday() == (day + 1) % 7
    if begin < end:
        expected = is_day and begin <= hour < end
    else:
        expected = (is_day and hour >= begin) or (is_day_after and hour < end)
    assert (hours.opened_at(instant) is not None) == expected

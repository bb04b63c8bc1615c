"""The strip of a target's last day: pictures of time, each half hour a sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.levels import Severity
from monitor.web.day_strip import DayStrip, Fired, Looks, day_strip, fired_on

NOW = datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
"""Ten minutes into a half hour; the strip begins a day before the end of that."""
BEGINS = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
HALF = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
SIGNS = {"ok": "=", "warn": "w", "bad": "B", "wait": "."}


def at(half_hours: float) -> datetime:
    return BEGINS + half_hours * HALF


def firing(
    began: float, ended: float, *, is_bad: bool = True, name: str = "A"
) -> Fired:
    return Fired(name, "bad" if is_bad else "warn", at(began), at(ended))


def picture(strip: DayStrip) -> str:
    assert strip.parts[0].x == 0
    return "".join(SIGNS[part.tone] * part.width for part in strip.parts)


ALWAYS = Looks([at(number / 2) for number in range(96)], HALF, at(-9))


@pytest.mark.parametrize(
    ("fired", "expected"),
    [
        ((), "=" * 48),
        ((firing(0.1, 0.2),), "B" + "=" * 47),
        ((firing(0.9, 1.1),), "BB" + "=" * 46),
        ((firing(-5, 0.5), firing(46, 90)), "B" + "=" * 45 + "BB"),
        ((firing(3, 5.5, is_bad=False), firing(4, 4.5)), "===wBw" + "=" * 42),
        ((firing(-9, -1),), "=" * 48),
    ],
)
def test_a_half_hour_has_the_worst_that_fired_in_it(
    fired: Sequence[Fired], expected: str
) -> None:
    assert picture(day_strip(fired, ALWAYS, NOW)) == expected


def test_what_was_not_asked_is_not_shown_as_well() -> None:
    young = Looks([at(40), at(41), at(42), at(43)], MINUTE, at(-9))
    strip = day_strip((firing(10, 10.5),), young, NOW)
    assert picture(strip) == "." * 10 + "B" + "." * 29 + "====" + "...."
    assert strip.words == (
        "Something fired for 15 min since Sun 12:30 UTC; for 21 h 30 min nothing is known"
    )


def test_between_two_looks_of_a_rare_query_nothing_is_missing() -> None:
    every_two_hours = Looks(
        [at(number) for number in range(0, 48, 4)], 5 * HALF, at(-9)
    )
    assert picture(day_strip((), every_two_hours, NOW)) == "=" * 48


def test_what_is_older_than_the_changes_that_are_looked_up_is_not_known() -> None:
    busy = replace(ALWAYS, fired_from=at(20.5))
    assert picture(day_strip((firing(30, 31),), busy, NOW)) == (
        "." * 20 + "=" * 10 + "B" + "=" * 17
    )


def test_what_fires_by_a_clock_that_was_set_back_is_on_the_bar_and_in_the_words() -> (
    None
):
    strip = day_strip((firing(47.5, 49),), ALWAYS, NOW)
    assert picture(strip) == "=" * 47 + "B"
    assert strip.words == "Something fired for 0 s since Sun 12:30 UTC"


def test_what_overlaps_is_not_counted_twice_nor_what_was_before() -> None:
    fired = (firing(-4, 2), firing(1, 2, name="B"), firing(1.5, 3, is_bad=False))
    assert day_strip(fired, ALWAYS, NOW).words == (
        "Something fired for 1 h 30 min since Sun 12:30 UTC"
    )


def test_a_bar_says_from_when_to_when_and_what() -> None:
    fired = tuple(firing(2, 3.5, name=name) for name in "DCBA")
    parts = day_strip(fired, ALWAYS, NOW).parts
    assert [part.text for part in parts] == [
        "Sun 12:30 to Sun 13:30 UTC: nothing fired",
        "Sun 13:30 to Sun 14:30 UTC: D, C, B and 1 more fired",
        "Sun 14:30 to Mon 12:10 UTC: nothing fired",
    ]
    assert [part.y + part.height for part in parts] == [24, 24, 24]


def an_alert(
    severity: Severity, fired_at: datetime | None, target: str = "main"
) -> Alert:
    return Alert(
        Scope("TokenX", target, "q"),
        (("alertname", "TokenX"), ("severity", severity.value), ("target", target)),
        severity=severity,
        state=AlertState.PENDING if fired_at is None else AlertState.FIRING,
        value=1.0,
        active_at=at(0),
        fired_at=fired_at,
    )


def test_only_warnings_and_worse_of_this_target_that_fired_are_on_it() -> None:
    critical = an_alert(Severity.CRITICAL, at(5))
    over = replace(an_alert(Severity.WARNING, at(1)), resolved_at=at(2))
    alerts = [
        critical,
        an_alert(Severity.INFO, at(5)),
        an_alert(Severity.CRITICAL, None),
        an_alert(Severity.CRITICAL, at(5), target="other"),
    ]
    transitions = [
        Transition(Change.RESOLVED, over, at(2)),
        Transition(Change.FIRED, replace(over, resolved_at=None), at(1)),
    ]
    found = fired_on("main", transitions, alerts, NOW)
    assert [(one.tone, one.began_at, one.ended_at) for one in found] == [
        ("warn", at(1), at(2)),
        ("bad", at(5), NOW),
    ]

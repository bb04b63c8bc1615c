from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.repeats import Repeats, Streak

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JOB = ("main", "balances")


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def test_an_error_is_written_the_first_time_and_counted_after() -> None:
    repeats = Repeats()
    assert repeats.failed(JOB, "timeout", "too slow", at(0)) == (
        Streak("timeout", "too slow", 1, at(0), at(0)),
        None,
    )
    assert repeats.failed(JOB, "timeout", "too slow", at(1)) == (None, None)
    assert repeats.failed(JOB, "timeout", "too slow", at(2)) == (None, None)
    assert repeats.succeeded(JOB) == Streak("timeout", "too slow", 3, at(0), at(2))
    assert repeats.succeeded(JOB) is None


def test_another_error_is_written_and_ends_the_one_before() -> None:
    repeats = Repeats()
    repeats.failed(JOB, "timeout", "too slow", at(0))
    repeats.failed(JOB, "timeout", "too slow", at(1))
    assert repeats.failed(JOB, "killed", "killed by an operator", at(2)) == (
        Streak("killed", "killed by an operator", 1, at(2), at(2)),
        Streak("timeout", "too slow", 2, at(0), at(1)),
    )
    # One that came only once was written whole: there is nothing to add.
    assert repeats.failed(JOB, "timeout", "too slow", at(3))[1] is None


def test_a_long_streak_is_written_again_every_hour() -> None:
    repeats = Repeats()
    written = [
        minute for minute in range(0, 150, 10) if repeats.failed(JOB, "timeout", "too slow", at(minute))[0]
    ]
    assert written == [0, 60, 120]


def test_a_clock_that_was_set_back_makes_no_streak_silent() -> None:
    repeats = Repeats()
    repeats.failed(JOB, "timeout", "too slow", at(24 * 60))
    repeats.move(timedelta(days=-1))
    assert repeats.failed(JOB, "timeout", "too slow", at(59))[0] is None
    streak, _ = repeats.failed(JOB, "timeout", "too slow", at(60))
    assert streak == Streak("timeout", "too slow", 3, at(0), at(60))


def test_subjects_do_not_mix() -> None:
    repeats = Repeats()
    repeats.failed(JOB, "timeout", "too slow", at(0))
    assert repeats.failed(("eu", "balances"), "timeout", "too slow", at(0))[0] is not None
    assert repeats.succeeded(("us", "balances")) is None


def test_the_fields_of_a_streak_say_how_often_and_since_when() -> None:
    assert Streak("timeout", "too slow", 57, at(0), at(56)).fields() == {
        "last_reason": "timeout",
        "last_message": "too slow",
        "repeated": 57,
        "first_at": at(0),
        "last_at": at(56),
    }

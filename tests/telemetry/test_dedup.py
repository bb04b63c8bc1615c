from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.telemetry.dedup import Deduplicator

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JOB = ("main", "balances")


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def test_an_error_is_written_the_first_time_and_counted_after() -> None:
    dedup = Deduplicator()
    assert dedup.failed(JOB, "timeout", "too slow", at(0)) == {
        "reason": "timeout",
        "message": "too slow",
        "repeated": 1,
    }
    assert dedup.failed(JOB, "timeout", "too slow", at(1)) is None
    assert dedup.failed(JOB, "timeout", "too slow", at(2)) is None
    assert dedup.succeeded(JOB) == {
        "last_reason": "timeout",
        "last_message": "too slow",
        "repeated": 3,
        "first_at": at(0),
        "last_at": at(2),
    }
    assert dedup.succeeded(JOB) == {}


def test_another_error_is_written_and_ends_the_one_before() -> None:
    dedup = Deduplicator()
    dedup.failed(JOB, "timeout", "too slow", at(0))
    dedup.failed(JOB, "timeout", "too slow", at(1))
    assert dedup.failed(JOB, "killed", "killed by an operator", at(2)) == {
        "reason": "killed",
        "message": "killed by an operator",
        "repeated": 1,
        "last_reason": "timeout",
        "last_message": "too slow",
        "last_repeated": 2,
    }
    # One that came only once was written whole: there is nothing to add.
    assert "last_reason" not in (dedup.failed(JOB, "timeout", "too slow", at(3)) or {})


def test_a_long_streak_is_written_again_every_hour() -> None:
    dedup = Deduplicator()
    written = [
        minute
        for minute in range(0, 150, 10)
        if dedup.failed(JOB, "timeout", "too slow", at(minute))
    ]
    assert written == [0, 60, 120]


def test_a_clock_that_was_set_back_makes_no_streak_silent() -> None:
    dedup = Deduplicator()
    dedup.failed(JOB, "timeout", "too slow", at(24 * 60))
    dedup.move(timedelta(days=-1))
    assert dedup.failed(JOB, "timeout", "too slow", at(59)) is None
    reminder = dedup.failed(JOB, "timeout", "too slow", at(60))
    assert reminder is not None
    assert reminder["repeated"] == 3
    assert dedup.succeeded(JOB)["first_at"] == at(0)


def test_subjects_do_not_mix() -> None:
    dedup = Deduplicator()
    dedup.failed(JOB, "timeout", "too slow", at(0))
    assert dedup.failed(("eu", "balances"), "timeout", "too slow", at(0)) is not None
    assert dedup.succeeded(("us", "balances")) == {}

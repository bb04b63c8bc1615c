"""When jobs are due: crons on a clock that is set beside their time, and the first looks of a fleet."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.collector.entries import Entry, Moment, SlotTick, entry_of
from monitor.collector.slots import EARLY
from monitor.model.schedules import Cron
from tests.collector.test_scheduler import START, TARGET, a_job

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SLOT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def nightly(at: Moment) -> Entry:
    query = replace(a_job("nightly").query, schedule=Cron("0 3 * * *", "UTC"))
    entry = entry_of(replace(a_job("nightly"), query=query))
    entry.expect_first(at, 1)
    return entry


def shown(now: datetime, shift: timedelta) -> Moment:
    """Return the moment at which a clock that was moved by this shows `now`."""
    return Moment(now, shift)


def test_a_tick_before_its_time_since_the_clock_was_just_set_back_is_for_no_slot() -> (
    None
):
    entry = nightly(shown(SLOT - SECOND, timedelta(0)))
    shift = -29 * SECOND
    assert entry.tick(shown(SLOT + shift, shift)) == SlotTick(None)
    assert entry.due_steady == SLOT - shift
    assert entry.tick(shown(SLOT, shift)) == SlotTick(SLOT)


@pytest.mark.parametrize("back", [2 * SECOND, EARLY])
def test_a_clock_that_is_set_back_by_a_little_after_a_run_gives_no_second_one(
    back: timedelta,
) -> None:
    entry = nightly(shown(SLOT - SECOND, timedelta(0)))
    assert entry.tick(shown(SLOT, timedelta(0))) == SlotTick(SLOT)
    entry.expect_again(shown(SLOT + SECOND - back, -back))
    assert entry.due_steady == SLOT + DAY + back


def test_a_clock_that_is_set_back_by_more_has_the_time_come_again() -> None:
    back = timedelta(hours=1)
    entry = nightly(shown(SLOT - SECOND, timedelta(0)))
    assert entry.tick(shown(SLOT, timedelta(0))) == SlotTick(SLOT)
    entry.expect_again(shown(SLOT + SECOND - back, -back))
    assert entry.due_steady == SLOT + back


def test_a_clock_that_is_set_past_a_time_has_its_run_at_once() -> None:
    on = timedelta(minutes=10, seconds=30)
    entry = nightly(shown(SLOT - SECOND, timedelta(0)))
    at = shown(SLOT - SECOND + on, on)
    entry.expect_again(at)
    assert entry.due_steady == at.steady
    assert entry.tick(at) == SlotTick(SLOT + timedelta(minutes=10))


@pytest.mark.parametrize("targets", [1, 20, 100, 1000, 10_000])
def test_first_looks_are_spread_within_an_interval_and_the_schema_goes_first(
    targets: int,
) -> None:
    at = Moment(START, timedelta(0))
    minute = timedelta(minutes=1)
    jobs_in_all = targets * 8
    looked = min(targets, 200)
    first_at: list[datetime] = []
    for place in range(looked):
        target = replace(TARGET, name=f"t{place}")
        of_target: list[datetime] = []
        for number in range(8):
            job = a_job(f"q{number}", minute, schema=number == 0)
            entry = entry_of(replace(job, target=target))
            entry.expect_first(at, jobs_in_all)
            assert entry.due_steady is not None
            of_target.append(entry.due_steady)
        assert of_target[0] == min(of_target)
        first_at += of_target
    delays = [one - START for one in first_at]
    assert min(delays) >= timedelta(0)
    assert max(delays) <= minute
    # No tenth of the time has more than about twice its share, of as many as a core could not do at once.
    if targets >= 1000:
        tenths = Counter(delay // (minute / 10) for delay in delays)
        assert max(tenths.values()) < 2.5 * len(delays) / 10


def test_a_fleet_has_one_run_of_each_job_in_each_interval_from_the_start() -> None:
    minute = timedelta(minutes=1)
    for number in range(300):
        entry = entry_of(a_job(f"q{number}", minute))
        at = Moment(START, timedelta(0))
        entry.expect_first(at, 8000)
        first = entry.due_steady
        assert first is not None
        entry.tick(Moment(first, timedelta(0)))
        second = entry.due_steady
        assert second is not None
        # Where its slot was before its target's schema query could run, the first is that much later.
        assert minute - timedelta(seconds=10) < second - first <= minute

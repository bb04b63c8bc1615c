"""Entries of the schedule: crons on a clock that is set, first looks of a fleet, intervals that are stretched."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.collector.entries import Entry, Moment, SlotTick, entry_of
from monitor.collector.slots import EARLY, grid_offset, slot_at, slot_of_tick
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


def test_a_fleet_runs_in_its_first_minutes_little_more_than_in_all_others() -> None:
    minute, targets, queries = timedelta(minutes=1), 200, 8
    began = Moment(START, timedelta(0))
    delays: list[timedelta] = []
    for place in range(targets):
        for number in range(queries):
            job = a_job(f"q{number}", minute)
            entry = entry_of(replace(job, target=replace(TARGET, name=f"t{place}")))
            # As of a fleet of which these are a part.
            entry.expect_first(began, 1000 * queries)
            for _ in range(3):
                assert entry.due_steady is not None
                delays.append(entry.due_steady - START)
                entry.tick(Moment(entry.due_steady, timedelta(0)))
    usual = targets * queries / 10
    tenths = Counter(delay // (minute / 10) for delay in delays)
    # Connections are opened in the first half: until then there is less to do beside that, and then a little more.
    assert max(tenths[tenth] for tenth in range(20)) < 1.6 * usual
    assert max(tenths[tenth] for tenth in range(4)) < usual


STILL = timedelta(0)
MINUTE = timedelta(minutes=1)


def slots(entry: Entry, count: int) -> list[datetime]:
    """Let the entry tick when it is due, so often; return the slots. None is missed."""
    found = []
    for _ in range(count):
        assert entry.due_steady is not None
        tick = entry.tick(shown(entry.due_steady, STILL))
        assert tick.scheduled_at is not None
        assert tick.missed == 0
        found.append(tick.scheduled_at)
    return found


def test_a_stretched_job_runs_in_each_slot_of_a_longer_grid_and_misses_none() -> None:
    entry = entry_of(a_job("balances", MINUTE))
    entry.expect_first(shown(SLOT, STILL), 1)
    last = slots(entry, 3)[-1]
    entry.stretch(4, shown(last + SECOND, STILL))
    stretched = slots(entry, 5)
    offset = grid_offset(("main", "balances"), 4 * MINUTE)
    first = slot_of_tick(stretched[0], 4 * MINUTE, offset)
    assert stretched == [slot_at(first + n, 4 * MINUTE, offset) for n in range(5)]
    assert last < stretched[0] <= last + SECOND + 4 * MINUTE
    entry.stretch(1, shown(stretched[-1] + SECOND, STILL))
    back = slots(entry, 3)
    assert stretched[-1] < back[0] <= stretched[-1] + SECOND + MINUTE
    assert back[2] - back[0] == 2 * MINUTE


def test_a_job_that_is_stretched_before_its_first_run_has_that_as_it_was_planned() -> (
    None
):
    entry = entry_of(a_job("balances", MINUTE))
    entry.expect_first(shown(SLOT, STILL), 1)
    due = entry.due_steady
    entry.stretch(4, shown(SLOT, STILL))
    assert entry.due_steady == due
    first, second, third = slots(entry, 3)
    assert first == due
    assert third - second == 4 * MINUTE


def test_a_cron_keeps_its_times_whatever_is_stretched() -> None:
    entry = nightly(shown(SLOT - SECOND, STILL))
    entry.stretch(9, shown(SLOT - SECOND, STILL))
    assert slots(entry, 2) == [SLOT, SLOT + DAY]

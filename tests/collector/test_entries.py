"""A cron's entry on a clock that is set beside its time: each time has its run, and one only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.collector.entries import Entry, Moment, SlotTick, entry_of
from monitor.collector.slots import EARLY
from monitor.model.schedules import Cron
from tests.collector.test_scheduler import a_job

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

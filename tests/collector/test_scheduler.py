"""When jobs run: the grid as arithmetic, and the schedule on a real APScheduler with a driven clock."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.scheduler import Schedule
from monitor.collector.slots import (
    grid_offset,
    next_slot,
    slot_at,
    slot_index,
    slot_of_tick,
)
from monitor.model.schedules import Cron, Every
from monitor.model.settings import Job, Query, SchemaColumns, Statement
from monitor.model.targets import Target, Tls
from monitor.timing.clock import AnchoredClock

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TARGET = Target(
    name="main", user="m", database="app", tls=Tls("disabled"), unix_socket=Path("/s")
)

instants = st.timedeltas(
    min_value=timedelta(days=-9_000), max_value=timedelta(days=9_000)
).map(lambda distance: START + distance)
intervals = st.timedeltas(
    min_value=timedelta(milliseconds=1), max_value=timedelta(days=30)
)


def a_job(
    name: str, every: timedelta = timedelta(hours=1), *, schema: bool = False
) -> Job:
    query = Query(
        name=name,
        summary="",
        statement=Statement("SELECT 1"),
        schedule=Every(every),
        timeout=timedelta(seconds=1),
        max_rows=10,
        source=Path("q.sql"),
        schema=SchemaColumns("t", "c", "m") if schema else None,
    )
    return Job(TARGET, query)


@dataclass(frozen=True)
class Unaffordable(Cron):
    """A schedule for which there is no memory."""

    def __getattribute__(self, name: str) -> Any:
        if name == "expression":
            raise MemoryError
        return super().__getattribute__(name)


class Recorder:
    """What the schedule asked for, in order."""

    def __init__(self) -> None:
        self.submitted: queue.SimpleQueue[tuple[str, datetime]] = queue.SimpleQueue()
        self.missed: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self.clock = SteppedClock()
        self.schedule = Schedule(
            self.clock,
            submit=lambda job, at, clock_shift: self.submitted.put(
                (job.query.name, at)
            ),
            missed=lambda job, count: self.missed.put((job.query.name, count)),
        )

    def next(self) -> tuple[str, datetime]:
        return self.submitted.get(timeout=30)

    def next_of(self, wanted: str) -> datetime:
        name, at = self.next()
        while name != wanted:
            name, at = self.next()
        return at


class Slots:
    """Follows one job from slot to slot: each has its run, or is counted as missed."""

    def __init__(self, interval: timedelta) -> None:
        self.missed = 0
        self.clock = SteppedClock()
        self._interval = interval
        self._offset = grid_offset(("main", "balances"), interval)
        self._heard: queue.SimpleQueue[datetime | int] = queue.SimpleQueue()
        self.schedule = Schedule(
            self.clock,
            submit=lambda job, at, clock_shift: self._heard.put(at),
            missed=lambda job, count: self._heard.put(count),
        )
        self.schedule.start([a_job("balances", interval)])
        first = self._heard.get(timeout=30)
        assert isinstance(first, datetime)
        self._index = slot_of_tick(first, interval, self._offset)

    def follow(self) -> None:
        """Take the next run, and what was missed before it."""
        heard = self._heard.get(timeout=30)
        if isinstance(heard, int):
            self._index += heard
            self.missed += heard
            heard = self._heard.get(timeout=30)
        self._index += 1
        assert heard == slot_at(self._index, self._interval, self._offset)


class SteppedClock:
    """A clock that follows a machine's that is set, and a process that is not let run for a while."""

    def __init__(self) -> None:
        self._clock = AnchoredClock()
        self.set_by = timedelta(0)
        """By how much the machine's clock was set, which we have not followed yet."""
        self.stood_still = timedelta(0)
        self.clock_shift = timedelta(0)

    def now(self) -> datetime:
        return self.reading()[0]

    def reading(self) -> tuple[datetime, timedelta]:
        clock_shift = self.clock_shift
        return self._clock.now() + self.stood_still + clock_shift, clock_shift

    def catch_up(self) -> timedelta:
        """Follow the machine's clock."""
        by, self.set_by = self.set_by, timedelta(0)
        self.clock_shift += by
        return by


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    one = Recorder()
    yield one
    one.schedule.stop()


@given(instants, intervals)
def test_the_next_slot_is_always_later_and_at_most_one_interval_away(
    instant: datetime, interval: timedelta
) -> None:
    offset = grid_offset(("main", "balances"), interval)
    slot = next_slot(instant, interval, offset)
    assert timedelta(0) < slot - instant <= interval
    assert (
        slot_index(slot, interval, offset) == slot_index(instant, interval, offset) + 1
    )


@given(st.text(min_size=1), st.text(min_size=1), intervals)
def test_the_offset_is_within_the_interval_and_the_same_each_time(
    target: str, query: str, interval: timedelta
) -> None:
    offset = grid_offset((target, query), interval)
    assert timedelta(0) <= offset < interval
    assert offset == grid_offset((target, query), interval)


def test_a_hundred_jobs_are_spread_over_the_interval() -> None:
    minute = timedelta(minutes=1)
    tenths = {
        int(grid_offset(("main", f"q{n}"), minute) / minute * 10) for n in range(100)
    }
    assert tenths == set(range(10))


def test_jobs_of_a_fleet_fall_due_together_in_tenths_of_a_second() -> None:
    minute, tenth = timedelta(minutes=1), timedelta(seconds=0.1)
    offsets = [grid_offset((f"t{n}", "balances"), minute) for n in range(1000)]
    assert {offset % tenth for offset in offsets} == {timedelta(0)}
    assert len(set(offsets)) > 400


def test_every_job_runs_at_once_at_the_start_and_schema_queries_first(
    recorder: Recorder,
) -> None:
    jobs = [a_job("balances"), a_job("usage"), a_job("columns", schema=True)]
    recorder.schedule.start(jobs)
    names = [recorder.next()[0] for _ in jobs]
    assert names[0] == "columns"
    assert sorted(names) == ["balances", "columns", "usage"]


@pytest.mark.slow
def test_after_the_first_run_the_instants_are_those_of_the_grid() -> None:
    slots = Slots(timedelta(milliseconds=200))
    try:
        for _ in range(5):
            slots.follow()
    finally:
        slots.schedule.stop()


@pytest.mark.slow
def test_slots_that_had_no_run_are_counted_as_missed() -> None:
    slots = Slots(timedelta(milliseconds=300))
    try:
        slots.follow()
        before = slots.missed
        slots.clock.stood_still = timedelta(seconds=3)
        for _ in range(2):
            slots.follow()
        assert slots.missed - before >= 9
    finally:
        slots.schedule.stop()


def test_a_job_that_a_reload_does_not_change_keeps_its_clock(
    recorder: Recorder,
) -> None:
    stays, goes = a_job("stays"), a_job("goes")
    recorder.schedule.start([stays, goes])
    assert {recorder.next()[0], recorder.next()[0]} == {"stays", "goes"}
    planned = recorder.schedule.next_run_at(stays.key)
    recorder.schedule.apply([stays, a_job("comes")])
    assert recorder.next()[0] == "comes"
    assert recorder.schedule.next_run_at(goes.key) is None
    again = recorder.schedule.next_run_at(stays.key)
    assert planned is not None
    assert again is not None
    assert abs(again - planned) < timedelta(seconds=5)
    assert recorder.submitted.empty()


def test_a_step_of_the_clock_re_anchors_the_schedule(recorder: Recorder) -> None:
    job = a_job("balances", timedelta(hours=1))
    recorder.schedule.start([job])
    recorder.next()
    assert not recorder.schedule.follow_clock_step()
    recorder.clock.set_by = timedelta(hours=5, minutes=7)
    recorder.clock.catch_up()
    assert recorder.schedule.follow_clock_step()
    planned = recorder.schedule.next_run_at(job.key)
    expected = next_slot(
        recorder.clock.now(),
        timedelta(hours=1),
        grid_offset(job.key, timedelta(hours=1)),
    )
    assert planned is not None
    assert abs(planned - expected) < timedelta(seconds=5)
    assert not recorder.schedule.follow_clock_step()


def test_a_machine_whose_clock_is_set_is_followed_when_ours_has_and_not_before(
    recorder: Recorder,
) -> None:
    job = a_job("balances", timedelta(hours=1))
    recorder.schedule.start([job])
    recorder.next()
    planned = recorder.schedule.next_run_at(job.key)
    recorder.clock.set_by = timedelta(hours=2)
    assert not recorder.schedule.follow_clock_step()
    assert recorder.schedule.next_run_at(job.key) == planned
    recorder.clock.catch_up()
    assert recorder.schedule.follow_clock_step()
    assert recorder.schedule.next_run_at(job.key) != planned


def test_a_schedule_that_could_take_the_new_jobs_only_in_part_takes_the_old_ones_back(
    recorder: Recorder,
) -> None:
    stays, goes = a_job("stays"), a_job("goes")
    recorder.schedule.start([stays, goes])
    assert {recorder.next()[0], recorder.next()[0]} == {"stays", "goes"}
    planned = recorder.schedule.next_run_at(stays.key)
    fails = replace(
        stays.query, name="fails", schedule=Unaffordable("0 0 1 1 *", "UTC")
    )
    never = a_job("never")
    for _ in range(2):
        with pytest.raises(MemoryError):
            recorder.schedule.apply([stays, Job(TARGET, fails), never])
        recorder.schedule.apply([stays, goes])
        assert recorder.next()[0] == "goes"
    assert recorder.schedule.next_run_at(never.key) is None
    again = recorder.schedule.next_run_at(stays.key)
    assert planned is not None
    assert again is not None
    assert abs(again - planned) < timedelta(seconds=5)
    assert recorder.submitted.empty()


def test_what_did_not_come_to_its_place_does_when_it_is_wanted_again(
    recorder: Recorder,
) -> None:
    recorder.schedule.start([])
    fails = replace(a_job("fails").query, schedule=Unaffordable("0 0 1 1 *", "UTC"))
    late = a_job("late")
    with pytest.raises(MemoryError):
        recorder.schedule.apply([Job(TARGET, fails), late])
    recorder.schedule.apply([late])
    assert recorder.next()[0] == "late"


def test_it_says_whether_it_runs(recorder: Recorder) -> None:
    assert not recorder.schedule.is_running()
    recorder.schedule.start([a_job("balances")])
    assert recorder.schedule.is_running()
    recorder.schedule.stop()
    assert not recorder.schedule.is_running()


def test_a_clock_that_is_set_back_delays_no_job(
    recorder: Recorder,
) -> None:
    recorder.schedule.start([a_job("balances", every=timedelta(minutes=1))])
    recorder.next()
    recorder.clock.set_by = -timedelta(hours=1)
    recorder.clock.catch_up()
    assert recorder.schedule.follow_clock_step()
    assert not recorder.schedule.follow_clock_step()
    next_run_at = recorder.schedule.next_run_at(("main", "balances"))
    assert next_run_at is not None
    assert next_run_at - recorder.clock.now() <= timedelta(seconds=61)


def test_a_job_that_is_stretched_is_submitted_so_much_more_rarely_and_then_as_before() -> (
    None
):
    recorder = Recorder()
    interval = timedelta(milliseconds=200)
    recorder.schedule.start([a_job("dear", interval), a_job("other", interval)])
    try:
        recorder.schedule.stretch({("main", "dear"): 10, ("main", "other"): 1})
        heard = [recorder.next() for _ in range(33)]
        dear = [at for name, at in heard if name == "dear"]
        others = [at for name, at in heard if name == "other"]
        assert len(dear) <= 6
        assert len(others) >= 27
        assert dear[-1] - dear[-2] == 10 * interval
        # also of a version of the job that a reload brings
        recorder.schedule.apply([a_job("dear", 2 * interval)])
        recorder.schedule.stretch({("main", "dear"): 10})
        first, second = (recorder.next_of("dear") for _ in range(2))
        assert second - first > 10 * interval
        recorder.schedule.stretch({("main", "dear"): 1})
        back = [recorder.next_of("dear") for _ in range(4)]
        assert back[3] - back[2] == 2 * interval
        assert recorder.missed.empty()
    finally:
        recorder.schedule.stop()

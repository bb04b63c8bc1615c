"""Whether the monitor lives: the verdict as a table; and the signs of life of real threads that hang."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.collector.scheduler import Schedule
from monitor.model.alerts import Delivery
from monitor.model.health import (
    DeliveryWorker,
    LoopThread,
    Pool,
    ProcessHealth,
    UnderWay,
    faults,
)
from monitor.model.schedules import Cron
from monitor.model.settings import DEFAULT_TIMEOUT, Job, Query, Statement
from monitor.storage import State
from monitor.timing.clock import AnchoredClock
from tests.acceptance.program import wait_until
from tests.collector.test_scheduler import TARGET, Recorder, SteppedClock, a_job
from tests.notify.delivering import CLOCK, delivering
from tests.notify.far_end import receiver

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def under_way(what: str, since: float, limit: float = 10) -> UnderWay:
    return UnderWay(what, ago(since), timedelta(seconds=limit))


def signs(**changes: object) -> ProcessHealth:
    well: dict[str, object] = {
        "awake_since": LONG_AGO,
        "is_scheduling": True,
        "loops": (
            LoopThread("pipeline", True, ago(1)),
            LoopThread("ticker", True, ago(1)),
        ),
        "pools": (Pool("main", 2, (under_way("balances", 3),)),),
        "delivery_workers": (DeliveryWorker("oncall", True, None),),
    }
    return ProcessHealth(**{**well, **changes})  # type: ignore[arg-type]  # each value is of its field's type


FAULTS: dict[str, tuple[ProcessHealth, tuple[str, ...]]] = {
    "all is well": (signs(), ()),
    "a scheduler that ended": (
        signs(is_scheduling=False),
        ("the scheduler does not run",),
    ),
    "a job that is a little late": (signs(overdue=(ago(15), ("main", "balances"))), ()),
    "a job that nobody began": (
        signs(overdue=(ago(16), ("main", "balances"))),
        ("the scheduler has hung: balances on main has been due for 16 s",),
    ),
    "a job that fell due while we slept": (
        signs(overdue=(LONG_AGO, ("main", "balances")), awake_since=ago(2)),
        (),
    ),
    "a pipeline that ended": (
        signs(loops=(LoopThread("pipeline", False, ago(1)),)),
        ("the pipeline does not run",),
    ),
    "a pipeline that hangs": (
        signs(
            loops=(
                LoopThread("pipeline", True, ago(16)),
                LoopThread("ticker", True, ago(1)),
            )
        ),
        ("the pipeline has done nothing for 16 s",),
    ),
    "one worker of two that hangs": (
        signs(pools=(Pool("main", 2, (under_way("a", 999),)),)),
        (),
    ),
    "one that hangs and one that works": (
        signs(pools=(Pool("main", 2, (under_way("a", 999), under_way("b", 44))),)),
        (),
    ),
    "all workers of a target hang": (
        signs(
            pools=(
                Pool("main", 2, (under_way("b", 46), under_way("a", 999))),
                Pool("other", 1, ()),
            )
        ),
        ("all workers of main have hung for up to 999 s, in a, b",),
    ),
    "workers that slept with the machine": (
        signs(pools=(Pool("main", 1, (under_way("a", 7200),)),), awake_since=ago(10)),
        (),
    ),
    "a delivery within its limit": (
        signs(
            delivery_workers=(DeliveryWorker("oncall", True, under_way("oncall", 150)),)
        ),
        (),
    ),
    "a delivery that hangs": (
        signs(
            delivery_workers=(
                DeliveryWorker("oncall", True, under_way("oncall", 151)),
                DeliveryWorker("chat", True, None),
            )
        ),
        ("the delivery to oncall has hung for 151 s",),
    ),
    "a delivery that ended": (
        signs(delivery_workers=(DeliveryWorker("oncall", False, None),)),
        ("the delivery to oncall does not run",),
    ),
    "several at once": (
        signs(
            is_scheduling=False,
            loops=(
                LoopThread("pipeline", False, ago(1)),
                LoopThread("ticker", False, ago(1)),
            ),
        ),
        (
            "the scheduler does not run",
            "the pipeline does not run",
            "the ticker does not run",
        ),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_verdict_names_what_does_not_live(name: str) -> None:
    process_health, expected = FAULTS[name]
    assert faults(process_health, NOW) == expected


# A real scheduler.


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    one = Recorder()
    yield one
    one.schedule.stop()


@pytest.mark.slow
def test_a_schedule_that_ticks_is_never_overdue(recorder: Recorder) -> None:
    recorder.schedule.start(
        [a_job("often", timedelta(milliseconds=100)), a_job("rare")]
    )
    for _ in range(10):
        recorder.next()
        now = recorder.clock.now()
        late = recorder.schedule.overdue(now)
        assert late is None or now - late[0] < timedelta(seconds=20)


def test_a_scheduler_that_hangs_is_overdue_with_the_job_that_waits_longest() -> None:
    is_hanging, go_on = threading.Event(), threading.Event()

    def hang(job: Job, at: datetime, clock_shift: timedelta) -> None:
        is_hanging.set()
        go_on.wait(60)

    clock = AnchoredClock()
    began = clock.now()
    schedule = Schedule(clock, submit=hang, missed=lambda job, count: None)
    schedule.start([a_job("often", timedelta(milliseconds=100))])
    try:
        assert is_hanging.wait(20)
        assert schedule.is_running()  # the thread lives: that alone says nothing
        later = clock.now() + timedelta(minutes=1)
        late = schedule.overdue(later)
        assert late is not None
        assert late[1] == ("main", "often")
        assert timedelta(seconds=30) < later - late[0] <= later - began
        process_health = signs(
            overdue=late,
            awake_since=clock.now() - timedelta(hours=1),
            loops=(),
            pools=(),
        )
        assert (
            "the scheduler has hung: often on main has been due for "
            in faults(process_health, later)[0]
        )
    finally:
        go_on.set()
        schedule.stop()


def test_a_step_of_the_clock_makes_nothing_overdue(recorder: Recorder) -> None:
    recorder.schedule.start([a_job("hourly")])
    recorder.next()
    recorder.clock.set_by = -timedelta(hours=5)
    recorder.clock.catch_up()
    assert recorder.schedule.follow_clock_step()
    now = recorder.clock.now()
    late = recorder.schedule.overdue(now)
    assert late is None or now - late[0] < timedelta(seconds=20)


def test_a_cron_job_is_overdue_only_after_its_time() -> None:
    second = timedelta(seconds=1)
    query = Query(
        "minutely",
        "",
        Statement("SELECT 1"),
        Cron("* * * * *"),
        second,
        10,
        Path("q.sql"),
    )
    clock = SteppedClock()
    schedule = Schedule(
        clock, submit=lambda job, at, clock_shift: None, missed=lambda job, count: None
    )
    schedule.start([Job(TARGET, query)])
    try:
        now = clock.now()
        assert schedule.overdue(now) is None
        late = schedule.overdue(now + timedelta(minutes=2))
        assert late is not None
        assert now < late[0] <= now + timedelta(minutes=1)
    finally:
        schedule.stop()


# A real delivery whose far end never comes to an end.


class HungDisk(State):
    """A state whose disk does not answer, as one over a network that is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.go_on = threading.Event(), threading.Event()

    def expire(self, receiver: str, *, now: datetime) -> tuple[Delivery, ...]:
        self.is_asked.set()
        assert self.go_on.wait(60)
        return tuple(super().expire(receiver, now=now))


def test_a_delivery_that_hangs_is_seen_and_one_that_sleeps_is_not() -> None:
    state = HungDisk()
    reported: list[Delivery] = []
    oncall = receiver("http://127.0.0.1:9/", name="oncall", timeout=DEFAULT_TIMEOUT)
    with (
        closing(state),
        delivering(
            [oncall], reported.append, state=state, is_started=False
        ) as deliveries,
    ):
        (before,) = deliveries.delivery_workers()
        assert before == DeliveryWorker("oncall", True, None)
        deliveries.start()
        try:
            assert state.is_asked.wait(20)
            (hung,) = deliveries.delivery_workers()
            assert hung.attempt is not None
            process_health = signs(delivery_workers=(hung,), awake_since=LONG_AGO)
            later = CLOCK.now() + timedelta(minutes=10)
            assert faults(process_health, later)[-1].startswith(
                "the delivery to oncall has hung for 6"
            )
            state.go_on.set()
            wait_until(lambda: deliveries.delivery_workers()[0].attempt is None)
        finally:
            state.go_on.set()

"""Days of the shipped configuration, nothing shortened, through the real Schedule on driven clocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.alerting.snapshot import Snapshot
from monitor.config import load
from monitor.daemon.heartbeat import is_late, withheld
from monitor.daemon.messages import NewConfig
from monitor.model.alerts import AlertState
from monitor.model.health import SILENT_FOR, ProcessHealth, faults
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.results import Outcome, Result, Success
from monitor.model.schedules import Cron, Every
from monitor.model.settings import Config, Job
from monitor.notify.kinds import KINDS
from monitor.web.verdict import verdict_of
from tests.support.driven_schedule import SECOND, DrivenSchedule, Machine
from tests.support.harness import SERVER, Harness

START = datetime(2026, 3, 23, 7, 31, 12, 345678, tzinfo=UTC)
DAY = timedelta(days=1)
SHIPPED = Path(__file__).parent.parent.parent / "config.toml"
LONGER: dict[str, Every | Cron] = {
    "hourly": Every(timedelta(hours=1)),
    "daily": Every(DAY),
    "nightly": Cron("0 3 * * *", "Europe/Vienna"),
    "office": Cron("*/30 9-17 * * 1-5", "America/New_York"),
    "not at night": Cron("*/5 6-23 * * *", "Europe/Amsterdam"),
}
"""What the shipped queries do not have, and users' own do."""


def shipped() -> Config:
    """Load the shipped configuration; each other kind of schedule gets a query of its own, with its rules."""
    config = load(SHIPPED, {}, KINDS)
    pattern = next(job for job in config.jobs if job.query.name == "uninitialized")
    return replace(
        config, jobs=(*config.jobs, *(_at(pattern, *one) for one in LONGER.items()))
    )


def _at(job: Job, name: str, schedule: Every | Cron) -> Job:
    return replace(job, query=replace(job.query, name=name, schedule=schedule))


def healthy(job: Job) -> Outcome:
    return Success((), 0, missing=frozenset() if job.query.schema is not None else None)


@dataclass
class Life:
    """The schedule of one process on driven clocks, and what was found wrong meanwhile."""

    config: Config
    seed: int = 1
    machine: Machine = field(init=False)
    ran: dict[tuple[str, str], list[datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )
    missed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    moves: int = 0

    def __post_init__(self) -> None:
        self.machine = Machine(START, self.seed)
        self.schedule = DrivenSchedule(self.machine, submit=self.run, missed=self.miss)

    def live(self, length: timedelta, *, looks_every: timedelta) -> None:
        """Let the machine run for so long; look at all that is shown so often, and after each tick."""
        machine, until = self.machine, START + length
        self.schedule.start(self.config.jobs)
        next_look = START
        while (now := machine.now()) < until:
            wait = self.schedule.look()
            self.check_schedule()
            if now >= next_look:
                self.set_clocks()
                self.check()
                self.looks += 1
                next_look = machine.now() + looks_every
            to_look = max(next_look - machine.now(), timedelta(0))
            machine.let_pass(min(to_look if wait is None else wait, to_look))
            machine.let_pass(timedelta(microseconds=machine.choose.randint(0, 3_000)))

    def set_clocks(self) -> timedelta:
        """Let the time server do its work, and follow it as the daemon's ticker and pipeline do."""
        machine = self.machine
        if machine.choose.random() < 0.01:
            machine.slew = machine.choose.uniform(-0.0005, 0.0005)
        if machine.choose.random() < 0.005:
            # too little to be followed
            machine.wall_by += machine.choose.uniform(-1.5, 1.5) * SECOND
        self.schedule.follow_clock_step()
        if by := machine.catch_up():
            self.moves += 1
            self.schedule.follow_clock_step()
        return by

    def check_schedule(self) -> None:
        now = self.machine.now()
        overdue = self.schedule.overdue(now)
        self.note(
            "overdue",
            [overdue] if overdue and now - overdue[0] > SILENT_FOR / 5 else (),
        )
        self.note(
            "health",
            faults(ProcessHealth(START, is_scheduling=True, overdue=overdue), now),
        )

    def check(self) -> None:
        """Look at what else there is."""

    def run(self, job: Job, scheduled_at: datetime, clock_shift: timedelta) -> None:
        self.ran[job.key].append(scheduled_at)

    def miss(self, job: Job, count: int) -> None:
        self.missed[job.query.name] += count

    def note(self, what: str, found: Iterable[object]) -> None:
        self.wrong += [
            f"{self.machine.now():%a %H:%M:%S.%f} {what}: {one}" for one in found
        ]


@dataclass
class WholeLife(Life):
    """With the pipeline behind it, to which every run is a success."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.harness = Harness(self.config, at=START)
        # The harness's own knows no schedule.
        self.harness.next_run_at_of = self.schedule.next_run_at
        self.harness.take(NewConfig(self.config))
        self.heartbeat = HeartbeatSettings(
            tuple(sorted({job.query.name for job in self.config.jobs}))
        )

    def set_clocks(self) -> timedelta:
        by = self.harness.set_by = super().set_clocks()
        # the pipeline moves what it keeps, and its clock with it
        self.harness.at = self.machine.now() - by
        self.harness.tick()
        return by

    def run(self, job: Job, scheduled_at: datetime, clock_shift: timedelta) -> None:
        super().run(job, scheduled_at, clock_shift)
        now = self.machine.now()
        self.harness.at = now + timedelta(
            milliseconds=self.machine.choose.randint(2, 900)
        )
        found = self.outcome(job, now)
        self.harness.take(
            Result(job, scheduled_at, now, self.harness.at, 0.01, found, SERVER)
        )

    def outcome(self, job: Job, now: datetime) -> Outcome:
        """Return what a run gives."""
        return healthy(job)

    def check(self) -> None:
        now, snapshot = self.machine.now(), self.harness.pipeline.snapshot
        self.check_runs(now, snapshot)
        firing = [
            one.name for one in snapshot.alerts if one.state is not AlertState.RESOLVED
        ]
        self.note("alerts", [name for name in firing if name != "TokenMonitorWatchdog"])
        tone = verdict_of(
            snapshot, [((one,), one.name) for one in snapshot.alerts], now
        ).tone
        if now >= START + 11 * SECOND:  # what has had no run by then waits for its hour
            self.note("headline", [tone] if tone != "ok" else ())

    def check_runs(self, now: datetime, snapshot: Snapshot) -> None:
        """Look at what says whether the monitor itself is well."""
        if now < START + 11 * SECOND:
            return  # not every first run was made yet
        views = [view for view in snapshot.queries.values() if view.outcome is not None]
        self.note("late", [view.job.query.name for view in views if is_late(view, now)])
        gone = [
            view for view in views if view.expires_at is None or view.expires_at <= now
        ]
        self.note("gone", [view.job.query.name for view in gone])
        self.note(
            "withheld",
            [
                one
                for one in [withheld(self.heartbeat, snapshot, (True, ""), now)]
                if one
            ],
        )
        past = [
            view
            for view in views
            if view.next_run_at is None or view.next_run_at < now - SILENT_FOR
        ]
        self.note("next run", [view.job.query.name for view in past])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_week_of_the_shipped_schedules_has_a_run_in_each_slot_and_none_overdue() -> (
    None
):
    life = Life(shipped())
    life.live(7 * DAY, looks_every=20 * SECOND)
    print(  # noqa: T201
        f"\n{life.looks} looks, {sum(map(len, life.ran.values()))} runs, clock set {life.moves} times"
    )
    assert life.wrong == []
    assert life.missed == {}
    assert life.looks > 25_000
    for job in life.config.jobs:
        if isinstance(job.query.schedule, Every):
            assert_runs_at_each_slot(life, job, job.query.schedule.interval)
    hours = (2, 2, 2, 2, 2, 1, 1)  # from the 29th on Vienna is two hours ahead
    expected = [
        datetime(2026, 3, 24 + number, hour, tzinfo=UTC)
        for number, hour in enumerate(hours)
    ]
    assert life.ran["main", "nightly"] == expected
    office = life.ran["main", "office"]
    assert len(office) == 5 * 18
    assert all(at.minute in (0, 30) and at.second == 0 for at in office)
    assert len(life.ran["main", "not at night"]) > 7 * 18 * 12 - 60


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("days", [2, pytest.param(9, marks=pytest.mark.long)])
def test_days_at_the_shipped_settings_have_no_moment_that_looks_sick(days: int) -> None:
    life = WholeLife(shipped())
    life.live(days * DAY, looks_every=47 * SECOND)
    assert life.wrong == []
    assert life.missed == {}


def assert_runs_at_each_slot(life: Life, job: Job, interval: timedelta) -> None:
    ran = life.ran[job.key]
    # Where the clock was set, by two or three seconds each time, a run begins the grid again.
    pauses = [later - before for before, later in pairwise(ran[1:])]
    assert timedelta(0) < min(pauses, default=interval), job.query.name
    assert max(pauses, default=interval) < interval + 5 * SECOND, job.query.name
    assert sum(pause == interval for pause in pauses) >= len(pauses) - 2 * life.moves, (
        job.query.name
    )
    assert ran[1] - ran[0] < interval + 5 * SECOND, job.query.name

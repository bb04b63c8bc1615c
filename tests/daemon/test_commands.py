"""What the pipeline yields is carried out by whom it concerns, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

import pytest

from monitor.daemon.commands import (
    Command,
    Executor,
    RunNow,
    SetPace,
    ShiftTimes,
    WakeReceivers,
)
from monitor.daemon.messages import Tick
from monitor.model.settings import Job, JobKey
from tests.support.harness import MINUTE, NO_COLUMN, TARGET, USAGE, Harness, columns


class Others:
    """All whom commands concern."""

    def __init__(self, name: str, done: list[str]) -> None:
        self.name = name
        self.done = done

    def run_now(self, jobs: Iterable[Job]) -> None:
        """Write down which jobs were to be run."""
        self.done.append(f"{self.name} runs {[job.query.name for job in jobs]}")

    def stretch(self, stretches: Mapping[JobKey, int]) -> None:
        """Write down how many times their own intervals jobs have."""
        self.done.append(f"{self.name} stretches {stretches}")

    def poke(self) -> None:
        """Write down that it was woken."""
        self.done.append(f"{self.name} wakes")

    def move(self, by: timedelta) -> None:
        """Write down by how much its instants moved."""
        self.done.append(f"{self.name} moves by {by}")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (RunNow((Job(TARGET, USAGE),)), ["runner runs ['usage']"]),
        (WakeReceivers(), ["notifier wakes"]),
        (
            SetPace({("main", "usage"): 3}),
            ["pacer stretches {('main', 'usage'): 3}"],
        ),
        (
            ShiftTimes(MINUTE),
            ["notifier moves by 0:01:00", "heartbeat moves by 0:01:00"],
        ),
    ],
)
def test_a_command_is_carried_out_by_whom_it_concerns(
    command: Command, expected: list[str]
) -> None:
    done: list[str] = []
    runner, notifier, heartbeat, pacer = (
        Others(name, done) for name in ("runner", "notifier", "heartbeat", "pacer")
    )
    executor = Executor(runner, notifier, heartbeat, pacer)
    executor.carry_out(command)
    assert done == expected


def test_what_a_result_wants_is_yielded_before_the_disk_is_asked_for_anything() -> None:
    harness = Harness()
    harness.run("missing_columns", columns())
    commands = harness.pipeline.take(harness.result("balances", NO_COLUMN))
    first = next(iter(commands))
    assert isinstance(first, RunNow)
    assert [job.query.name for job in first.jobs] == ["missing_columns"]


def test_when_the_clock_was_set_receivers_move_before_the_tick_looks_at_them() -> None:
    harness = Harness()
    harness.set_by = MINUTE
    commands = iter(harness.pipeline.take(Tick()))
    assert next(commands) == ShiftTimes(MINUTE)
    assert harness.looks == 0
    assert list(commands)
    assert harness.looks == 1

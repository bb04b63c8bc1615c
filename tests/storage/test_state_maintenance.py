"""What the daemon does for its state at each tick: of a disk that was left it tells that, and the return."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.detection.rules import RuleMemory
from monitor.model.alerts import Change, Transition
from monitor.model.positions import CursorPosition
from monitor.storage import LastResult, open_directory
from tests.storage.test_state import alert
from tests.support.disks import garble
from tests.support.harness import (
    MINUTE,
    SECOND,
    START,
    Harness,
    balances,
    columns,
    usage,
)


class Recorder:
    """What was said of the disk, in its order; `lost` stands for the daemon's event `state.degraded`."""

    def __init__(self, harness: Harness, lost: list[str]) -> None:
        self.harness = harness
        self.lost = lost

    def after(self, passed: timedelta) -> list[str]:
        before = len(self.lost)
        self.harness.after(passed)
        self.harness.tick()
        return [
            *self.lost[before:],
            *(line for line in self.harness.reported() if "Token" not in line),
        ]


@contextmanager
def living(directory: Path) -> Iterator[Recorder]:
    """Run the pipeline on a state in this folder, until one of its alerts fires."""
    lost: list[str] = []
    opened = open_directory(directory, now=START, on_lost_disk=lost.append)
    harness = Harness(state=opened.state)
    try:
        harness.runs(columns(), balances(), usage(3))
        harness.tick()
        assert "TokenUsageStopped fired" in harness.reported()
        yield Recorder(harness, lost)
    finally:
        opened.state.close()
        opened.lock.release()


@pytest.mark.parametrize("gone", ["file", "directory"])
def test_a_file_that_was_removed_is_reported_as_lost_and_then_as_back(
    tmp_path: Path, gone: str
) -> None:
    directory = tmp_path / "state"
    with living(directory) as logged:
        if gone == "file":
            (directory / "state.sqlite").unlink()
        else:
            shutil.rmtree(directory)
        assert logged.after(11 * SECOND) == ["the file was removed", "disk back"]
        assert logged.after(MINUTE) == []
        assert logged.harness.state.is_durable


def test_a_file_that_is_quarantined_is_named_before_the_disk_is_back(
    tmp_path: Path,
) -> None:
    with living(tmp_path) as logged:
        garble(tmp_path / "state.sqlite")
        said = logged.after(MINUTE)
        assert (said[0], said[-1]) == ("database disk image is malformed", "disk back")
        aside = tmp_path / "state.sqlite.replaced"
        assert said[1:-1] == [
            f"{tmp_path / 'state.sqlite'} gives way to a new file (it could not be read whole);"
            f" it is kept as {aside}"
        ]
        assert aside.exists()
        firing = [alert.name for alert in logged.harness.state.active_alerts()]
        assert "TokenUsageStopped" in firing, "what stands is written again"


def test_what_waited_in_a_file_that_could_not_be_read_is_reported_as_given_up(
    tmp_path: Path,
) -> None:
    path, elsewhere = tmp_path / "state.sqlite", tmp_path / "elsewhere"
    with living(tmp_path):
        pass
    path.rename(elsewhere)
    path.mkdir()
    with living(tmp_path) as logged:
        assert logged.after(MINUTE) == []
        assert path.is_dir()
        path.rmdir()
        elsewhere.rename(path)
        assert logged.after(MINUTE) == ["given up unreadable", "disk back"]
        assert logged.harness.posted() == ["TokenUsageStopped firing"], (
            "found and reported again"
        )
        assert logged.harness.state.is_durable


def test_old_history_is_forgotten_tick_by_tick_and_its_room_given_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    opened = open_directory(tmp_path, now=START, on_lost_disk=print)
    try:
        harness = Harness(state=opened.state, at=START)
        wide = replace(alert(), annotations=(("summary", "x" * 10_000),))
        changes = [Transition(Change.FIRED, wide, START - timedelta(days=60))] * 800
        opened.state.record({}, changes, ())
        full = path.stat().st_size
        for _ in range(60):
            harness.after(SECOND).tick()
            if path.stat().st_size < full / 5:
                break
        assert path.stat().st_size < full / 5
        assert {change.alert.name for change in opened.state.history(999)} <= {
            "TokenMonitorWatchdog"
        }
    finally:
        opened.state.close()
        opened.lock.release()


def test_what_is_remembered_of_a_removed_target_goes_with_the_history_and_all_else_stays() -> (
    None
):
    harness, retention = Harness(), timedelta(days=30)
    state = harness.state
    assert harness.config.state.retention == retention
    (running, *_) = harness.config.all_jobs
    removed = [(f"pod-{number}", "usage") for number in range(25)]
    keys = [running.key, *removed]
    state.record(
        {},
        (),
        (),
        positions={key: CursorPosition("cursor t.id", 7, 120) for key in keys},
        memories={
            (key, rule): RuleMemory("shape", 1.0)
            for key in keys
            for rule in ("One", "Other")
        },
    )
    # Of the one that is configured there never was a result.
    state.save_results([LastResult(*key, START - retention) for key in removed])

    harness.tick()
    assert set(state.positions()) == {key for key, _ in state.memories()} == {*keys}
    harness.asleep(timedelta(hours=1))
    for _ in range(10):
        harness.tick()
    assert set(state.positions()) == {running.key}
    assert set(state.memories()) == {(running.key, "One"), (running.key, "Other")}

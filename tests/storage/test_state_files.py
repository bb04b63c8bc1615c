"""The files of the state: nobody else's, given back when they are empty, copied whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.model.alerts import Change, Transition
from monitor.storage import State
from tests.storage.older_state import make_older_state
from tests.storage.test_state import alert, at
from tests.storage.test_state_directory import fill, holds, opened
from tests.support.disks import full_disk


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(directory: Path) -> dict[str, str]:
    return {
        path.name: oct(stat.S_IMODE(path.stat().st_mode))
        for path in directory.iterdir()
    }


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_the_files_are_private_whatever_umask_and_directory_allow(
    tmp_path: Path, mask: int
) -> None:
    tmp_path.chmod(0o777)
    with umask(mask), opened(tmp_path) as made:
        fill(made.state)
        files = ("lock", "state.sqlite", "state.sqlite-wal", "state.sqlite-shm")
        assert modes(tmp_path) == dict.fromkeys(files, "0o600")


def test_files_of_before_with_wider_rights_are_narrowed(tmp_path: Path) -> None:
    with opened(tmp_path) as made:
        fill(made.state)
    aside = tmp_path / "state.sqlite.replaced"
    aside.write_bytes(b"old")
    for path in tmp_path.iterdir():
        path.chmod(0o664)
    with opened(tmp_path) as made:
        holds(made.state)
        assert set(modes(tmp_path).values()) == {"0o600"}


def test_what_a_link_leads_to_keeps_its_rights(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.sqlite.replaced").symlink_to(victim)
    with opened(tmp_path / "state"):
        assert (victim.read_text(), oct(victim.stat().st_mode)[-3:]) == (
            "precious",
            "644",
        )


def test_a_link_in_place_of_the_lock_writes_into_no_other_file(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock").symlink_to(victim)
    with opened(tmp_path / "state") as made:
        assert "the state is in memory" in made.warnings[0]
        assert not made.state.is_durable
    assert victim.read_text() == "precious"


def test_the_room_that_the_files_take_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(str(path))) as state:
        assert state.disk_usage is None
        fill(state)
        state.measure()
        assert state.disk_usage is not None
        assert state.disk_usage.size_bytes == sum(
            one.stat().st_size for one in tmp_path.iterdir()
        )
        assert 0 < state.disk_usage.free_bytes < state.disk_usage.disk_bytes
    with closing(State()) as state:
        state.measure()
        assert state.disk_usage is None


@pytest.mark.parametrize("version", [1, 2, 3])
def test_before_its_tables_are_renewed_the_state_is_kept_for_the_version_before(
    tmp_path: Path, version: int
) -> None:
    path = make_older_state(tmp_path, f"v{version}")
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
    with opened(tmp_path) as made:
        assert made.state.is_durable
    copy = tmp_path / f"state.sqlite.version-{version}"
    assert modes(tmp_path)[copy.name] == "0o600"
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        assert list(connection.iterdump()) == before
    assert not list(tmp_path.glob(f"{copy.name}-*")), "a copy is one file"
    # the version before goes on with it, and a second upgrade keeps a copy of its own
    path.unlink()
    copy.rename(path)
    with opened(tmp_path):
        assert copy.exists()


def test_a_state_that_cannot_be_copied_is_not_renewed_and_watching_goes_on(
    tmp_path: Path,
) -> None:
    path = make_older_state(tmp_path, "v3")
    before = path.read_bytes()
    with full_disk(), opened(tmp_path) as made:
        assert not made.state.is_durable
        assert "the state is in memory" in made.warnings[0]
        assert [one.name for one in made.state.active_alerts()] == ["Low", "Low"]
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["lock", "state.sqlite"]


def test_a_state_that_cannot_be_renewed_leaves_no_copies(tmp_path: Path) -> None:
    # In the way of an index of that name.
    make_older_state(tmp_path, "v3", "CREATE TABLE outbox_waiting (what)")
    for _ in range(3):
        with opened(tmp_path) as made:
            assert not made.state.is_durable
            (waiting,) = made.state.due("hook", now=at(9))
            assert made.state.bound_outbox(at(9)) == frozenset()
            assert waiting.key == "2"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["lock", "state.sqlite"]


def fill_with_history(state: State, rows: int) -> None:
    """Write megabytes of history: a hundred rows are one."""
    wide = replace(alert(), annotations=(("summary", "x" * 10_000),))
    for first in range(0, rows, 100):
        changes = [
            Transition(Change.FIRED, wide, at(number))
            for number in range(first, first + 100)
        ]
        state.record({}, changes, ())


def forget_all(state: State, before: float) -> int:
    """Forget what is older, as the daemon does, and give back the room; gives the number of steps."""
    steps = 1
    while not state.prune_before(at(before)).is_all:
        steps += 1
    while state.vacuum_step():
        steps += 1
    return steps


def test_room_is_given_back_in_small_steps_and_the_wal_stays_small(
    tmp_path: Path,
) -> None:
    path, wal = tmp_path / "state.sqlite", tmp_path / "state.sqlite-wal"
    with closing(State(str(path))) as state:
        fill_with_history(state, 2000)
        full = path.stat().st_size
        assert full > 15_000_000
        largest = 0
        while not state.prune_before(at(1900)).is_all:
            largest = max(largest, wal.stat().st_size)
        steps = 1
        while state.vacuum_step():
            largest = max(largest, wal.stat().st_size)
            steps += 1
        state.write_mark("alive", at(1))
        assert path.stat().st_size < full / 5
        assert steps < 10, "megabytes at a time"
        assert largest < 17_000_000
        assert len(state.history(9999)) == 100


def test_a_file_of_an_older_version_gives_back_room_as_well(tmp_path: Path) -> None:
    path = make_older_state(tmp_path, "v3")
    with closing(State(str(path))) as state:
        fill_with_history(state, 1000)
        full = path.stat().st_size
        assert forget_all(state, 990) > 1
        state.write_mark("alive", at(1))
        assert path.stat().st_size < full / 5


def test_a_little_free_room_is_kept_for_what_comes(tmp_path: Path) -> None:
    with closing(State(str(tmp_path / "state.sqlite"))) as state:
        fill_with_history(state, 100)
        state.prune_before(at(50))
        assert state.vacuum_step() is False


def test_a_copy_of_the_file_alone_is_reported_as_empty(tmp_path: Path) -> None:
    """As of a running daemon: all that it has is in the WAL beside it."""
    running, elsewhere = tmp_path / "running", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with opened(running) as made:
        fill(made.state)
        shutil.copy(running / "state.sqlite", elsewhere)
    with opened(elsewhere) as copied:
        assert "has no tables" in copied.warnings[0]
        assert "the state begins empty" in copied.warnings[0]
        assert copied.state.active_alerts() == ()
    with opened(elsewhere) as again:
        assert again.warnings == ()


def test_a_file_that_is_younger_than_what_is_in_it_is_reported_as_old(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    with opened(tmp_path) as made:
        fill(made.state)
        made.state.write_mark("alive", now - timedelta(hours=3))
    with opened(tmp_path) as restored:
        (warning,) = restored.warnings
        assert (
            f"has the state of {now - timedelta(hours=3):%Y-%m-%d %H:%M:%S} UTC"
            in warning
        )
        holds(restored.state)
        restored.state.write_mark("alive", datetime.now(UTC))
    with opened(tmp_path) as again:
        assert again.warnings == ()

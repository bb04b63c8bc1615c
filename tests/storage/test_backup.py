"""A backup beside work that goes on: whole, of one moment, private, over nothing."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from monitor.model.alerts import Alert
from monitor.model.errors import StateError
from monitor.model.settings import Labels
from monitor.storage.backup import back_up
from tests.storage.older_state import make_older_state
from tests.storage.test_state import SCOPE, alert, at, by_labels, notification
from tests.storage.test_state_directory import fill, holds, opened
from tests.support.disks import full_disk, garble


def test_a_backup_has_everything_and_can_be_begun_with(tmp_path: Path) -> None:
    path = tmp_path / "saved.sqlite"
    with opened(tmp_path / "state") as made:
        fill(made.state)
        made.state.write_mark("alive", at(90))
        done = back_up(tmp_path / "state", path)
    assert (done.alerts, done.transitions, done.waiting, done.alive_at) == (
        1,
        1,
        1,
        at(90),
    )
    assert done.size_bytes == path.stat().st_size
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "saved.sqlite",
        "state",
    ], "one file, no rest"
    assert path.stat().st_mode & 0o777 == 0o600
    restored = tmp_path / "restored"
    restored.mkdir()
    path.rename(restored / "state.sqlite")
    with opened(restored) as again:
        assert "has the state of" in again.warnings[0]
        holds(again.state)


def test_a_backup_is_of_one_moment_while_alerts_change_all_the_time(
    tmp_path: Path,
) -> None:
    """Each transaction has as many alerts as it has notifications in the outbox."""
    directory = tmp_path / "state"
    is_over = threading.Event()
    with opened(directory, busy_seconds=30) as made:
        count = 0

        def write() -> None:
            nonlocal count
            alerts: dict[Labels, Alert] = {}
            while not is_over.is_set():
                count += 1
                alerts |= by_labels(alert(f"a{count}"))
                made.state.record(
                    {SCOPE: dict(alerts)},
                    (),
                    [notification(str(count), rule=str(count))],
                )

        thread = threading.Thread(target=write)
        thread.start()
        try:
            done = [
                back_up(directory, tmp_path / f"{number}.sqlite")
                for number in range(10)
            ]
        finally:
            is_over.set()
            thread.join()
    assert all(one.alerts == one.waiting for one in done)
    assert [one.alerts for one in done] == sorted(one.alerts for one in done)
    assert count > 10


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "saved.sqlite"
    path.write_text("precious")
    with opened(tmp_path / "state") as made:
        fill(made.state)
        with pytest.raises(
            StateError, match="is there already; a backup is written over nothing"
        ):
            back_up(tmp_path / "state", path)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="is there already"):
        back_up(tmp_path / "state", path)


def test_a_backup_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no state in"):
        back_up(tmp_path / "state", tmp_path / "saved")
    with opened(tmp_path / "state") as made:
        fill(made.state)
        with full_disk(), pytest.raises(StateError, match="cannot be backed up"):
            back_up(tmp_path / "state", tmp_path / "saved")
        with pytest.raises(
            StateError, match=f"^{tmp_path}/no is not there: make that folder first"
        ):
            back_up(tmp_path / "state", tmp_path / "no" / "folder")
        holds(made.state)
    assert [one.name for one in tmp_path.iterdir()] == ["state"]


def test_a_damaged_state_is_not_a_backup(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as made:
        fill(made.state)
    garble(tmp_path / "state" / "state.sqlite", table="outbox")
    with pytest.raises(StateError, match="cannot be backed up"):
        back_up(tmp_path / "state", tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_state_of_an_older_version_is_backed_up_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    make_older_state(tmp_path / "state", "v2")
    done = back_up(tmp_path / "state", tmp_path / "saved")
    assert (done.alerts, done.transitions, done.waiting) == (2, 1, 1)
    with closing(sqlite3.connect(tmp_path / "saved")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (2,)

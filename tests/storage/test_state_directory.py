"""The folder of the state: who has it, what a full, damaged or locked disk costs, who may read beside."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest

from monitor.model.errors import StateError, StateInUseError
from monitor.model.trends import SeriesName, TrendNews, TrendRow
from monitor.storage import LastResult, OpenedState, State, open_directory, open_reader
from monitor.storage.directory_lock import DirectoryLock, Phase
from monitor.storage.file_system import file_system_of, require_local
from tests.storage.older_state import make_older_state
from tests.storage.test_state import (
    SCOPE,
    START,
    alert,
    at,
    attempt,
    by_labels,
    notification,
    resolved,
    send_to_outbox,
    the_due,
)
from tests.support.disks import (
    NOBODY,
    SPOILT,
    as_user,
    full_disk,
    garble,
    let_files_grow,
)


class Lost:
    """What was said of a lost disk."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def __call__(self, message: str) -> None:
        self.messages.append(message)


@contextmanager
def opened(
    directory: Path, lost: Lost | None = None, *, busy_seconds: float = 0.2
) -> Iterator[OpenedState]:
    made = open_directory(
        directory, now=START, on_lost_disk=lost or Lost(), busy_seconds=busy_seconds
    )
    try:
        yield made
    finally:
        made.state.close()
        made.lock.release()


@contextmanager
def locked(directory: Path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock as a database shell does."""
    connection = sqlite3.connect(
        directory / "state.sqlite", isolation_level=None, check_same_thread=False
    )
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.close()


def fill(state: State) -> None:
    state.record({SCOPE: by_labels(alert())}, (resolved("a", 1),), (notification("1"),))


def holds(state: State) -> None:
    assert state.active_alerts() == (alert(),)
    assert state.history(9) == (resolved("a", 1),)
    assert the_due(state, 9).key == "1"


def is_back(state: State) -> bool:
    """Try the disk; tell whether the state is on it now."""
    state.try_disk(at(99))
    return state.is_durable


def is_taken(directory: Path) -> None:
    with (
        pytest.raises(StateError, match="is in use by another token-monitor"),
        opened(directory),
    ):
        pass


def test_the_state_outlives_its_process(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    with opened(directory) as first:
        assert (first.warnings, first.state.is_durable) == ((), True)
        fill(first.state)
    assert directory.stat().st_mode & 0o777 == 0o700
    with opened(directory) as second:
        holds(second.state)


def test_a_directory_that_another_has_is_refused_until_it_is_free(
    tmp_path: Path,
) -> None:
    with (
        opened(tmp_path),
        pytest.raises(StateError, match="is in use by another token-monitor"),
        opened(tmp_path),
    ):
        pass
    with opened(tmp_path) as second:
        assert second.state.is_durable


@pytest.mark.parametrize("phase", ["starting", "running", "stopping"])
def test_who_is_refused_hears_whose_the_directory_is_and_how_far_that_one_is(
    phase: Phase, tmp_path: Path
) -> None:
    with opened(tmp_path) as first:
        first.lock.note(phase)
        with pytest.raises(
            StateInUseError, match=rf"\(process {os.getpid()}, {phase}\)"
        ) as refused:
            DirectoryLock(tmp_path).take()
    assert refused.value.phase == phase


def test_a_directory_of_an_older_version_that_notes_nothing_is_in_use_all_the_same(
    tmp_path: Path,
) -> None:
    with opened(tmp_path):
        (tmp_path / "lock").write_bytes(b"")
        with pytest.raises(
            StateInUseError, match="another token-monitor; give"
        ) as refused:
            DirectoryLock(tmp_path).take()
    assert refused.value.phase == ""


def test_a_newer_state_is_refused_and_the_directory_is_let_go(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    for _ in range(2):
        with pytest.raises(StateError, match="version 99"), opened(tmp_path):
            pass


def test_a_damaged_file_is_quarantined_and_the_state_begins_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"this is no database" * 1000)
    with opened(tmp_path) as made:
        (warning,) = made.warnings
        assert "is damaged (file is not a database)" in warning
        assert made.state.is_durable
    (aside,) = tmp_path.glob("state.sqlite.damaged-20261122T140000Z")
    assert aside.read_bytes().startswith(b"this is no database")


def test_what_is_quarantined_replaces_nothing_that_was_kept_before(
    tmp_path: Path,
) -> None:
    for number in (1, 2, 3):
        (tmp_path / "state.sqlite").write_bytes(
            b"no database, number %d " % number * 1000
        )
        with opened(tmp_path) as made:
            (warning,) = made.warnings
        name = "state.sqlite.damaged-20261122T140000Z" + (
            "" if number == 1 else f"-{number}"
        )
        assert f"it is kept as {tmp_path / name}," in warning
        assert (
            (tmp_path / name)
            .read_bytes()
            .startswith(b"no database, number %d " % number)
        )


def test_a_file_that_is_locked_at_the_start_is_said_and_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as made:
        fill(made.state)
    with (
        locked(tmp_path),
        pytest.raises(
            StateError, match="is locked by another program, such as a backup"
        ),
        opened(tmp_path),
    ):
        pass
    with opened(tmp_path) as again:
        holds(again.state)


def test_a_lock_that_goes_in_time_costs_nothing(tmp_path: Path) -> None:
    lost = Lost()
    with opened(tmp_path, lost, busy_seconds=20) as made:
        with locked(tmp_path) as shell:
            writer = threading.Thread(target=fill, args=(made.state,))
            writer.start()
            writer.join(0.1)
            assert writer.is_alive()
            began = time.monotonic()
            assert made.state.active_alerts() == ()
            assert time.monotonic() - began < 15
            shell.execute("ROLLBACK")
            writer.join(30)
        holds(made.state)
        assert (made.state.is_durable, lost.messages) == (True, [])


def test_a_lock_that_lasts_is_raised_and_the_disk_is_kept(tmp_path: Path) -> None:
    lost = Lost()
    with opened(tmp_path, lost) as made:
        with locked(tmp_path):
            began = time.monotonic()
            with pytest.raises(sqlite3.OperationalError, match="database is locked"):
                fill(made.state)
            assert 0.2 <= time.monotonic() - began < 20
            assert made.state.active_alerts() == ()
        assert (made.state.is_durable, lost.messages) == (True, [])
        fill(made.state)
    with opened(tmp_path) as again:
        holds(again.state)


def test_a_disk_that_is_full_is_left_reported_and_returned_to(tmp_path: Path) -> None:
    lost = Lost()
    with opened(tmp_path, lost) as made:
        fill(made.state)
        with full_disk():
            made.state.record({}, (resolved("b", 2),), (notification("2"),))
            assert (made.state.is_durable, len(lost.messages)) == (False, 1)
            assert is_back(made.state) is False
            is_taken(tmp_path)
        made.state.write_mark("alive", at(5))
        assert made.state.history(9) == (resolved("b", 2), resolved("a", 1))
        assert is_back(made.state) is True
        assert is_back(made.state) is True
        made.state.delivered(the_due(made.state, 9), attempt(9))
        assert len(lost.messages) == 1
    with opened(tmp_path) as again:
        assert again.state.history(9) == (resolved("b", 2), resolved("a", 1))
        assert (the_due(again.state, 9).key, again.state.read_mark("alive")) == (
            "2",
            at(5),
        )
        send_to_outbox(again.state, notification("3", rule="Other"))
        assert [due.key for due in again.state.due("hook", now=at(9), limit=9)] == [
            "2",
            "3",
        ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "state.sqlite"]


def test_a_disk_that_is_full_at_the_start_is_read_kept_from_others_and_returned_to(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as made:
        fill(made.state)
    with full_disk(), opened(tmp_path) as poor:
        (warning,) = poor.warnings
        assert "the state is in memory" in warning
        holds(poor.state)
        assert not poor.state.is_durable
        is_taken(tmp_path)
        poor.state.record({}, (resolved("b", 2),), ())
        let_files_grow(does=True)
        assert is_back(poor.state) is True
        let_files_grow(does=False)
    with opened(tmp_path) as again:
        assert again.state.history(9) == (resolved("b", 2), resolved("a", 1))
        assert again.state.active_alerts() == (alert(),)


def test_what_a_killed_daemon_left_is_read_from_a_disk_that_is_full(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "state"
    with opened(tmp_path / "running") as made:
        fill(made.state)
        shutil.copytree(tmp_path / "running", directory)
    assert (directory / "state.sqlite-wal").stat().st_size > 0
    with full_disk(), opened(directory) as poor:
        assert not poor.state.is_durable
        holds(poor.state)
    with opened(directory) as again:
        holds(again.state)


def test_a_directory_that_cannot_be_made_is_taken_as_soon_as_it_can(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "state"
    directory.write_text("a file where the folder should be")
    with opened(directory) as made:
        (warning,) = made.warnings
        assert "File exists" in warning
        fill(made.state)
        assert is_back(made.state) is False
        directory.unlink()
        assert is_back(made.state) is True
        is_taken(directory)
    with opened(directory) as again:
        holds(again.state)


def test_a_directory_that_another_took_meanwhile_is_left_to_it(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.write_text("")
    with opened(directory) as late:
        fill(late.state)
        directory.unlink()
        with opened(directory) as first:
            assert is_back(late.state) is False
            assert first.state.active_alerts() == ()


def test_a_file_that_somebody_locked_is_not_returned_to_yet(tmp_path: Path) -> None:
    with opened(tmp_path) as made:
        with full_disk():
            fill(made.state)
        with locked(tmp_path):
            began = time.monotonic()
            assert is_back(made.state) is False
            assert time.monotonic() - began < 15
        holds(made.state)
        assert is_back(made.state) is True
        holds(made.state)


def test_a_file_that_is_damaged_while_we_run_is_left_and_quarantined_at_the_return(
    tmp_path: Path,
) -> None:
    lost = Lost()
    with opened(tmp_path, lost) as made:
        fill(made.state)
        garble(tmp_path / "state.sqlite")
        assert made.state.history(9) == ()
        assert (made.state.is_durable, lost.messages) == (
            False,
            ["database disk image is malformed"],
        )
        fill(made.state)
        holds(made.state)
        assert is_back(made.state) is True
        holds(made.state)
    assert SPOILT in (tmp_path / "state.sqlite.replaced").read_bytes()
    with opened(tmp_path) as again:
        assert again.warnings == ()
        holds(again.state)


def test_a_file_that_is_damaged_again_and_again_is_kept_and_named_each_time(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as made:
        names = []
        for ending in ("", "-2", "-3"):
            fill(made.state)
            garble(tmp_path / "state.sqlite")
            assert made.state.history(9) == ()
            assert is_back(made.state) is True
            names.append(tmp_path / f"state.sqlite.replaced{ending}")
            assert f"it is kept as {names[-1]}" in made.state.warnings[-1]
            made.state.record({}, (), [])
    assert all(SPOILT in name.read_bytes() for name in names)


@pytest.fixture
def common() -> Iterator[Path]:
    """Make a folder that every user may use."""
    path = Path(tempfile.mkdtemp(prefix="tm-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def test_a_file_that_may_not_be_read_stays_where_it_is_and_is_joined_when_it_may(
    common: Path,
) -> None:
    path = common / "state.sqlite"
    with opened(common) as made:
        fill(made.state)
    path.chmod(0)
    (common / "lock").chmod(0o644)
    with as_user(NOBODY), opened(common) as poor:
        assert "the state is in memory" in poor.warnings[0]
        assert poor.state.active_alerts() == ()
        found = {SCOPE: by_labels(alert("free"))}
        poor.state.record(found, (resolved("b", 2),), (notification("2"),))
        assert is_back(poor.state) is False
        assert sorted(file.name for file in common.iterdir()) == [
            "lock",
            "state.sqlite",
        ]
        with as_user(os.getuid()):
            path.chmod(0o666)
        returned = poor.state.try_disk(at(9))
        assert returned is not None
        (reported,) = returned.given_up
        assert (
            reported.receiver,
            reported.reason,
            reported.at,
            reported.recoverable,
        ) == (
            "hook",
            "unreadable",
            at(9),
            False,
        )
    assert sorted(file.name for file in common.iterdir()) == ["lock", "state.sqlite"]
    with opened(common) as again:
        assert again.state.active_alerts() == (alert("free"),)
        assert again.state.history(9) == (resolved("b", 2), resolved("a", 1))
        assert the_due(again.state, 9).key == "2"
        (past,) = again.state.deliveries(9)
        assert (past.key, past.is_given_up, past.alerts) == ("1", True, (alert(),))


def test_what_is_kept_for_plots_of_one_numbering_is_not_shown_as_that_of_another(
    common: Path,
) -> None:
    path = common / "state.sqlite"
    one, other = (SeriesName("balances", name, ()) for name in ("one", "other"))

    def write(
        state: State, minute: int, target: str, slots: dict[SeriesName, int]
    ) -> None:
        began = int(at(minute).timestamp()) // 60 * 60
        row = TrendRow(target, began, dict.fromkeys(slots.values(), 1.0))
        state.write_trends(TrendNews([row], {target: slots}), at(minute))

    with opened(common) as made:
        write(made.state, 1, "main", {one: 0, other: 1})
        write(made.state, 1, "elsewhere", {one: 0})
    path.chmod(0)
    (common / "lock").chmod(0o644)
    with as_user(NOBODY), opened(common) as poor:
        write(poor.state, 2, "main", {other: 0})
        with as_user(os.getuid()):
            path.chmod(0o666)
        assert poor.state.try_disk(at(3)) is not None
    since = at(0) - timedelta(days=1)
    with opened(common) as again:
        of_main = again.state.trends("main", 60, since)
        assert of_main.points_of(one) == []
        assert len(of_main.points_of(other)) == 1
        assert len(again.state.trends("elsewhere", 60, since).points_of(one)) == 1


def test_a_folder_in_place_of_the_file_stays_and_the_file_is_joined_when_it_is_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    with opened(tmp_path) as made:
        fill(made.state)
    path.rename(tmp_path / "elsewhere")
    path.mkdir()
    with opened(tmp_path) as poor:
        poor.state.write_mark("alive", at(5))
        assert is_back(poor.state) is False
        assert path.is_dir()
        path.rmdir()
        (tmp_path / "elsewhere").rename(path)
        assert is_back(poor.state) is True
        assert poor.state.history(9) == (resolved("a", 1),)
        assert poor.state.read_mark("alive") == at(5)


def test_what_can_still_be_read_of_a_damaged_file_is_taken_along(
    tmp_path: Path,
) -> None:
    lost = Lost()
    with opened(tmp_path, lost) as made:
        fill(made.state)
        garble(tmp_path / "state.sqlite", table="outbox")
        assert made.state.due("hook", now=at(9)) == ()
        assert made.state.outbox() == {}
        assert (made.state.active_alerts(), made.state.history(9)) == (
            (alert(),),
            (resolved("a", 1),),
        )
        assert (made.state.is_durable, len(lost.messages)) == (False, 1)


@pytest.mark.parametrize("gone", ["file", "directory"])
def test_a_file_that_was_removed_is_noticed_and_made_again(
    tmp_path: Path, gone: str
) -> None:
    lost = Lost()
    directory = tmp_path / "state"
    with opened(directory, lost) as made:
        fill(made.state)
        if gone == "directory":
            shutil.rmtree(directory)
        else:
            (directory / "state.sqlite").unlink()
        assert is_back(made.state) is True
        assert lost.messages == ["the file was removed"]
        with pytest.raises(StateError, match="in use"), opened(directory):
            pass
        holds(made.state)
    with opened(directory) as again:
        holds(again.state)


@pytest.mark.slow
def test_a_file_that_we_never_had_is_quarantined_whole_and_named(
    tmp_path: Path,
) -> None:
    lost = Lost()
    directory, late = tmp_path / "state", tmp_path / "late"
    with opened(late) as before:
        before.state.record({}, (resolved("b", 2),), (notification("2"),))
    with opened(directory, lost) as made:
        fill(made.state)
        directory.rename(tmp_path / "under")
        late.rename(directory)
        with locked(directory):
            assert is_back(made.state) is False
            assert is_back(made.state) is False
            assert not (directory / "state.sqlite.replaced").exists()
        assert is_back(made.state) is True
        assert lost.messages == ["another file is in its place"]
        aside = directory / "state.sqlite.replaced"
        assert made.state.warnings == (
            f"{directory / 'state.sqlite'} gives way to a new file (it is not the one that was left);"
            f" it is kept as {aside}",
        )
        holds(made.state)
    with closing(State(str(aside))) as kept:
        assert kept.history(9) == (resolved("b", 2),)
        assert the_due(kept, 9).key == "2"


def test_a_backup_that_is_moved_into_place_takes_nothing_of_our_wal(
    tmp_path: Path,
) -> None:
    path, backup = tmp_path / "state.sqlite", tmp_path / "backup"
    with opened(tmp_path) as made:
        fill(made.state)
        with closing(State(str(backup))) as before:
            before.record({}, (resolved("b", 2),), ())
        backup.replace(path)
        assert (tmp_path / "state.sqlite-wal").stat().st_size > 0
        assert is_back(made.state) is True
        holds(made.state)
    with closing(State(str(tmp_path / "state.sqlite.replaced"))) as kept:
        assert kept.history(9) == (resolved("b", 2),)


def test_a_file_with_nothing_in_it_is_taken_and_not_quarantined(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with opened(tmp_path) as made:
        fill(made.state)
        path.rename(tmp_path / "elsewhere")
        path.touch()
        assert is_back(made.state) is True
        assert made.state.warnings == ()
        holds(made.state)
    assert not (tmp_path / "state.sqlite.replaced").exists()


def test_memory_by_choice_has_no_disk_to_go_to() -> None:
    with closing(State()) as state:
        fill(state)
        assert (is_back(state), state.is_durable) == (False, False)
        holds(state)


def test_a_reader_beside_the_daemon_sees_everything_and_changes_nothing(
    tmp_path: Path,
) -> None:
    result = LastResult("main", "balances", at(1), at(1), "ok")
    with opened(tmp_path) as made:
        fill(made.state)
        made.state.save_results([result])
        made.state.write_mark("alive", at(3))
        with open_reader(tmp_path) as reader:
            assert reader.active_alerts() == (alert(),)
            assert reader.history(9, alertname="Low", target="main") == (
                resolved("a", 1),
            )
            assert reader.recently_resolved(START, at(9)) == (resolved("a", 1).alert,)
            assert reader.outbox()["hook"].waiting == 1
            assert reader.last_results() == (result,)
            assert (reader.read_mark("alive"), reader.deliveries(9)) == (at(3), ())
            made.state.delivered(the_due(made.state, 9), attempt(9))
            assert [past.key for past in reader.deliveries(9)] == ["1"]
            assert reader.outbox() == {}
            made.state.record({SCOPE: {}}, (), ())
            assert reader.active_alerts() == ()
        with locked(tmp_path), open_reader(tmp_path) as reader:
            assert reader.read_mark("alive") == at(3)


def test_a_reader_reads_after_the_daemon_and_leaves_the_directory_to_it(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as made:
        fill(made.state)
    with open_reader(tmp_path) as reader, opened(tmp_path) as again:
        again.state.record({SCOPE: by_labels(replace(alert(), value=7.0))}, (), ())
        assert [one.value for one in reader.active_alerts()] == [7.0]


@pytest.mark.parametrize("closed", ["the file", "the folder"])
def test_who_may_not_read_the_state_hears_what_to_type(
    closed: str, tmp_path: Path
) -> None:
    with opened(tmp_path / "kept") as made:
        fill(made.state)
    path = tmp_path / "kept" / "state.sqlite"
    for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        folder.chmod(0o755)
    path.parent.chmod(0o755 if closed == "the file" else 0)
    path.chmod(0)
    try:
        with (
            as_user(NOBODY),
            pytest.raises(
                StateError, match=r"may not be read .*: sudo .*token-monitor …"
            ),
        ):
            open_reader(path.parent)
    finally:
        path.parent.chmod(0o755)


def test_a_reader_of_a_directory_that_it_may_not_write(tmp_path: Path) -> None:
    with opened(tmp_path) as made:
        fill(made.state)
    # pathlib imports urllib only when it needs it: then where the interpreter lies may be hidden from that user
    program = (
        "import os, sys, urllib.request; from pathlib import Path; from monitor.storage import open_reader\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(len(open_reader(Path(sys.argv[1])).active_alerts()))"
    )
    # pytest's own folders, which it makes for itself alone: one more where it runs in several processes
    for folder in (tmp_path, *tmp_path.parents):
        if Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(0o755)
    (tmp_path / "state.sqlite").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        tmp_path.chmod(0o755)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_reader_says_why_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=f"there is no state in {tmp_path}"):
        open_reader(tmp_path)
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"")
    with pytest.raises(StateError, match="has no state yet"):
        open_reader(tmp_path)
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StateError, match="cannot be read: file is not a database"):
        open_reader(tmp_path)
    path.unlink()
    make_older_state(tmp_path, "v1")
    with pytest.raises(
        StateError, match="of version 1; the daemon makes it 10 when it starts"
    ):
        open_reader(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="of version 99; this program knows 10"):
        open_reader(tmp_path)
    assert not (tmp_path / "lock").exists()


def test_a_reader_says_when_it_can_read_no_longer(tmp_path: Path) -> None:
    with opened(tmp_path) as made:
        fill(made.state)
        with open_reader(tmp_path) as reader:
            reader.active_alerts()
            garble(tmp_path / "state.sqlite")
            with pytest.raises(
                StateError, match=r"state\.sqlite cannot be read: .*malformed"
            ):
                reader.history(9)


def test_the_lock_of_a_read_only_directory_is_still_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_bytes(b"")
    with lock.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StateError, match="in use"), opened(tmp_path):
            pass


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/share rw,relatime shared:2 - nfs4 files:/export rw,vers=4.2
31 30 8:2 / /mnt/share/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/with\\040space rw - cifs //files/x rw
33 22 0:42 / /mnt/twice rw - ext4 /dev/sdc1 rw
34 22 0:43 / /mnt/twice rw shared:3 master:1 - fuse.sshfs host:/ rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/token-monitor", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/state", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/share/local/state", "xfs"),
        ("/mnt/with space/state", "cifs"),
        ("/mnt/twice/state", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_directory_is_that_of_the_nearest_mount(
    path: str, kind: str
) -> None:
    assert file_system_of(PurePosixPath(path), MOUNTS) == kind


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_what_waits_in_an_older_file_is_kept_where_the_disk_takes_nothing(
    tmp_path: Path, version: str
) -> None:
    path = make_older_state(tmp_path, version)
    with closing(State(str(path), on_disk=False)) as state:
        assert the_due(state, 9).key == "2"
        assert is_back(state)
        assert the_due(state, 9).key == "2"


def test_a_directory_of_this_machine_is_accepted(tmp_path: Path) -> None:
    require_local(tmp_path)

"""The state's disk fails in every way: alerts go on and are delivered, and the state finds its way back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.acceptance.configs import webhook
from tests.acceptance.program import Daemon, Hook, running, short_directory, wait_until
from tests.acceptance.single_value import ALERT, FIRING, SingleValue
from tests.support.disks import SPOILT, full_disk, garble, let_files_grow

DURABLE = "token_monitor_state_durable"


@pytest.fixture
def disk() -> Iterator[Path]:
    """Make a folder for the state: a file system of its own, 8 MB, where we may mount one."""
    path = short_directory()
    with _mounted(path):
        yield path
    shutil.rmtree(path)


@contextmanager
def _mounted(path: Path) -> Iterator[None]:
    if os.geteuid() != 0 or not mount(
        "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)
    ):
        yield
        return
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def mount(*arguments: str) -> bool:
    return (
        subprocess.run(
            ["mount", *arguments], capture_output=True, check=False
        ).returncode
        == 0
    )


@contextmanager
def full(disk: Path, daemon: Daemon) -> Iterator[None]:
    """Let there be no room for another byte; where we could mount nothing, let no file grow."""
    if not disk.is_mount():
        with full_disk(daemon.pid):
            yield
        return
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def on_read_only(
    disk: Path, config: Path
) -> Iterator[tuple[Daemon, Callable[[], None]]]:
    """Run the daemon on a disk that takes no write; gives what makes it take them again."""
    if disk.is_mount():
        remount(disk, "ro")
        with running(config) as daemon:
            yield daemon, lambda: remount(disk, "rw")
        return
    with ExitStack() as stack:
        with full_disk():
            daemon = stack.enter_context(running(config))
        yield daemon, lambda: let_files_grow(does=True, pid=daemon.pid)


def remount(disk: Path, how: str) -> None:
    assert mount("-o", f"remount,{how}", str(disk))


def config_for(single_value: SingleValue, hook: Hook, disk: Path) -> Path:
    return single_value.config(f'{webhook(hook.url)}\n[state]\ndirectory = "{disk}"')


def is_durable(daemon: Daemon) -> bool:
    return daemon.series(DURABLE) == {DURABLE: 1.0}


def is_kept_over_a_kill(config: Path, single_value: SingleValue, hook: Hook) -> None:
    """Start again: what fires is not announced again, and what is over is reported."""
    with running(config) as again:
        again.wait_for("run.finished")
        wait_until(lambda: again.series(FIRING) == {FIRING: 1.0})
        assert again.seen("alert.fired", alertname=ALERT) == []
        wait_until(lambda: is_durable(again))
        single_value.set(0)
        hook.wait_for("resolved", ALERT)
    assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]


def test_a_full_disk_costs_no_alert_and_no_delivery_and_is_used_again_when_there_is_room(
    single_value: SingleValue, hook: Hook, disk: Path
) -> None:
    config = config_for(single_value, hook, disk)
    with running(config) as daemon:
        daemon.wait_for("run.finished")
        with full(disk, daemon):
            single_value.set(1)
            hook.wait_for("firing", ALERT)
            daemon.wait_for("delivery.succeeded", receiver="hook")
            lost = daemon.wait_for("state.degraded")
            assert "it is in memory until the disk takes it again" in lost["message"]
            wait_until(lambda: not is_durable(daemon))
            daemon.wait_for("run.finished", after=len(daemon.events))
            assert daemon.series(FIRING) == {FIRING: 1.0}
        daemon.wait_for("state.recovered", seconds=60)
        wait_until(lambda: is_durable(daemon))
        assert len(daemon.seen("state.degraded")) == 1
        daemon.kill()
    is_kept_over_a_kill(config, single_value, hook)


def test_a_read_only_disk_at_the_start_is_said_watched_without_and_used_when_it_can_be_written(
    single_value: SingleValue, hook: Hook, disk: Path
) -> None:
    config = config_for(single_value, hook, disk)
    with on_read_only(disk, config) as (daemon, can_be_written):
        assert "is in memory" in daemon.wait_for("state.degraded")["message"]
        single_value.set(1)
        hook.wait_for("firing", ALERT)
        daemon.wait_for("delivery.succeeded", receiver="hook")
        assert daemon.series(DURABLE) == {DURABLE: 0.0}
        can_be_written()
        daemon.wait_for("state.recovered", seconds=60)
        daemon.kill()
    is_kept_over_a_kill(config, single_value, hook)


def test_a_state_that_is_damaged_under_the_daemon_is_left_and_written_again(
    single_value: SingleValue, hook: Hook, disk: Path
) -> None:
    config = config_for(single_value, hook, disk)
    with running(config) as daemon:
        single_value.set(1)
        daemon.wait_for("delivery.succeeded", receiver="hook")
        garble(disk / "state.sqlite")
        daemon.wait_for("state.degraded", seconds=30)
        daemon.wait_for("state.recovered", seconds=60)
        kept = f"it is kept as {disk / 'state.sqlite.replaced'}"
        wait_until(
            lambda: any(
                kept in one["message"] for one in daemon.seen("state.degraded")
            ),
            why=kept,
        )
        assert daemon.series(FIRING) == {FIRING: 1.0}
        assert SPOILT in (disk / "state.sqlite.replaced").read_bytes()
        daemon.kill()
    is_kept_over_a_kill(config, single_value, hook)


@pytest.mark.parametrize("gone", ["file", "directory"])
def test_a_state_that_is_removed_under_the_daemon_is_noticed_and_made_again(
    single_value: SingleValue, hook: Hook, folder: Path, gone: str
) -> None:
    directory = folder / "kept"
    config = config_for(single_value, hook, directory)
    with running(config) as daemon:
        single_value.set(1)
        daemon.wait_for("delivery.succeeded", receiver="hook")
        if gone == "file":
            (directory / "state.sqlite").unlink()
        else:
            # at once: it must not come back while the files go one by one
            shutil.rmtree(directory.rename(folder / "gone"))
        assert (
            "the file was removed"
            in daemon.wait_for("state.degraded", seconds=60)["message"]
        )
        daemon.wait_for("state.recovered")
        assert (directory / "state.sqlite").exists()
        wait_until(lambda: is_durable(daemon))
        daemon.kill()
    is_kept_over_a_kill(config, single_value, hook)


def test_another_disk_that_covers_the_first_is_noticed_though_its_file_has_the_same_number(
    single_value: SingleValue, hook: Hook, disk: Path
) -> None:
    config = config_for(single_value, hook, disk)
    with ExitStack() as stack:
        with running(config) as daemon:
            daemon.wait_for("run.finished")
            stack.enter_context(covered(disk))
            assert (
                "another file is in its place"
                in daemon.wait_for("state.degraded", seconds=60)["message"]
            )
            daemon.wait_for("state.recovered")
            wait_until(lambda: is_durable(daemon))
            single_value.set(1)
            hook.wait_for("firing", ALERT)
            daemon.wait_for("delivery.succeeded", receiver="hook")
            assert len(daemon.seen("state.degraded")) == 1
            daemon.kill()
        is_kept_over_a_kill(config, single_value, hook)


@contextmanager
def covered(disk: Path) -> Iterator[None]:
    """Mount another file system over it, made the same way; where we may not, put another file in place."""
    path = disk / "state.sqlite"
    if not disk.is_mount():
        path.rename(disk / "elsewhere")
        path.touch()
        yield
        return
    before = path.stat()
    older = [one for one in disk.iterdir() if one.stat().st_ino < before.st_ino]
    in_order = sorted(older, key=lambda one: one.stat().st_ino)
    with _mounted(disk):
        for one in (*in_order, path):
            one.touch()
        after = path.stat()
        assert (after.st_ino, after.st_dev != before.st_dev) == (before.st_ino, True)
        yield


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the write lock of the state as a database shell does."""
    with closing(
        sqlite3.connect(directory / "state.sqlite", isolation_level=None, timeout=20)
    ) as shell:
        shell.execute("BEGIN IMMEDIATE")
        yield
        shell.execute("ROLLBACK")


def test_a_state_that_another_program_has_locked_delays_and_is_reported_and_nothing_is_lost_or_notified_of_twice(
    single_value: SingleValue, hook: Hook, folder: Path
) -> None:
    directory = folder / "kept"
    with running(config_for(single_value, hook, directory)) as daemon:
        daemon.wait_for("run.finished")
        wait_until(lambda: (directory / "state.sqlite").exists())
        with locked(directory):
            single_value.set(1)
            # it tries for twelve seconds
            daemon.wait_for("pipeline.failed", seconds=40)
            assert daemon.get("/-/healthy")[0] == 200
            assert daemon.seen("alert.fired", alertname=ALERT) == [], (
                "what is not recorded is not told"
            )
        hook.wait_for("firing", ALERT)
        with locked(directory):
            single_value.set(0)
            daemon.wait_for("run.finished", query="things", after=len(daemon.events))
            assert daemon.get("/metrics")[0] == 200
            assert daemon.seen("alert.resolved", alertname=ALERT) == []
        hook.wait_for("resolved", ALERT)
        wait_until(lambda: is_durable(daemon))
        for change in ("fired", "resolved"):
            daemon.wait_for(f"alert.{change}", alertname=ALERT)
            assert len(daemon.seen(f"alert.{change}", alertname=ALERT)) == 1
    assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]


def test_a_state_that_another_program_has_locked_does_not_keep_it_from_ending(
    single_value: SingleValue, hook: Hook, folder: Path
) -> None:
    directory = folder / "kept"
    config = config_for(single_value, hook, directory)
    with running(config) as daemon:
        daemon.wait_for("run.finished")
        with locked(directory):
            single_value.set(1)
            daemon.wait_for("run.finished", after=len(daemon.events))
            asked_at = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - asked_at < 12
    with running(config):
        hook.wait_for("firing", ALERT)
    assert hook.alerts() == [("firing", ALERT)]


def test_a_lock_file_that_somebody_removes_lets_no_second_daemon_in(
    single_value: SingleValue, hook: Hook, folder: Path
) -> None:
    directory = folder / "kept"
    config = config_for(single_value, hook, directory)
    with running(config) as daemon:
        daemon.wait_for("run.finished")
        (directory / "lock").unlink()
        second = Daemon(config)
        try:
            assert second.wait() == 3
        finally:
            second.kill()
        assert "is in use by another token-monitor" in "\n".join(second.raw)
        single_value.set(1)
        hook.wait_for("firing", ALERT)
    assert hook.alerts() == [("firing", ALERT)]

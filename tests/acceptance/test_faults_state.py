"""The state's disk fails in every way: alerts go on and are delivered, and the state finds its way back."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import webhook
from tests.acceptance.program import Daemon, Hook, running, short_directory, wait_until
from tests.acceptance.things import ALERT, FIRING, Things

DURABLE = "token_monitor_state_durable"


@pytest.fixture
def things(mariadb: PrivateMariaDB, schema: str, folder: Path) -> Things:
    return Things(mariadb, schema, folder)


@pytest.fixture
def disk() -> Iterator[Path]:
    """Make a folder for the state: a file system of its own, 8 MB, where we may mount one."""
    path = short_directory()
    with _mounted(path):
        yield path
    shutil.rmtree(path)


@contextmanager
def _mounted(path: Path) -> Iterator[None]:
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)):
        yield
        return
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Forbid it to ourselves, and so to what is started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def let_files_grow(daemon: Daemon) -> None:
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def full(disk: Path, daemon: Daemon) -> Iterator[None]:
    """Let there be no room for another byte; where we could mount nothing, let no file grow."""
    if not disk.is_mount():
        _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, hard))
        yield
        let_files_grow(daemon)
        return
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    yield
    ballast.unlink()


@contextmanager
def on_read_only(disk: Path, config: Path) -> Iterator[tuple[Daemon, Callable[[], None]]]:
    """Run the daemon on a disk that takes no write; gives what makes it take them again."""
    if disk.is_mount():
        remount(disk, "ro")
        with running(config) as daemon:
            yield daemon, lambda: remount(disk, "rw")
        return
    with ExitStack() as stack:
        with no_file_grows():
            daemon = stack.enter_context(running(config))
        yield daemon, lambda: let_files_grow(daemon)


def remount(disk: Path, how: str) -> None:
    assert mount("-o", f"remount,{how}", str(disk))


def config_for(things: Things, hook: Hook, disk: Path) -> Path:
    return things.config(f'{webhook(hook.url)}\n[state]\ndirectory = "{disk}"')


def is_durable(daemon: Daemon) -> bool:
    return daemon.series(DURABLE) == {DURABLE: 1.0}


def kill(daemon: Daemon) -> None:
    daemon.signal(signal.SIGKILL)
    daemon.wait()


def is_kept_over_a_kill(config: Path, things: Things, hook: Hook) -> None:
    """Start anew: what fires is not announced again, and what is over is told."""
    with running(config) as again:
        again.wait_for("run.finished")
        wait_until(lambda: again.series(FIRING) == {FIRING: 1.0})
        assert again.seen("alert.fired", alertname=ALERT) == []
        assert is_durable(again)
        things.set(0)
        hook.wait_for("resolved", ALERT)
    assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]


def test_a_full_disk_costs_no_alert_and_no_delivery_and_is_used_again_when_there_is_room(
    things: Things, hook: Hook, disk: Path
) -> None:
    config = config_for(things, hook, disk)
    with running(config) as daemon:
        daemon.wait_for("run.finished")
        with full(disk, daemon):
            things.set(1)
            hook.wait_for("firing", ALERT)
            lost = daemon.wait_for("state.degraded")
            assert "it is in memory until the disk takes it again" in lost["message"]
            wait_until(lambda: not is_durable(daemon))
            daemon.wait_for("run.finished", after=len(daemon.events))
            assert daemon.series(FIRING) == {FIRING: 1.0}
        daemon.wait_for("state.recovered", seconds=60)
        wait_until(lambda: is_durable(daemon))
        assert len(daemon.seen("state.degraded")) == 1
        kill(daemon)
    is_kept_over_a_kill(config, things, hook)


def test_a_read_only_disk_at_the_start_is_said_watched_without_and_used_when_it_can_be_written(
    things: Things, hook: Hook, disk: Path
) -> None:
    config = config_for(things, hook, disk)
    with on_read_only(disk, config) as (daemon, can_be_written):
        assert "is in memory" in daemon.wait_for("state.degraded")["message"]
        things.set(1)
        hook.wait_for("firing", ALERT)
        assert daemon.series(DURABLE) == {DURABLE: 0.0}
        can_be_written()
        daemon.wait_for("state.recovered", seconds=60)
        kill(daemon)
    is_kept_over_a_kill(config, things, hook)


def test_a_state_that_is_damaged_under_the_daemon_is_left_and_written_anew(
    things: Things, hook: Hook, disk: Path
) -> None:
    config = config_for(things, hook, disk)
    with running(config) as daemon:
        things.set(1)
        daemon.wait_for("delivery.succeeded", receiver="hook")
        garble(disk / "state.sqlite")
        daemon.wait_for("state.degraded", seconds=30)
        daemon.wait_for("state.recovered", seconds=60)
        assert daemon.series(FIRING) == {FIRING: 1.0}
        assert b"\xab" * 4096 in (disk / "state.sqlite.replaced").read_bytes()
        kill(daemon)
    is_kept_over_a_kill(config, things, hook)


def garble(path: Path) -> None:
    """Spoil every page but the first, as a bad disk does, and have the daemon read them anew."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as connection:
        connection.execute("INSERT INTO marks VALUES ('other', '2026-11-22T14:00:00+00:00')")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xab" * (path.stat().st_size - 4096))


@pytest.mark.parametrize("gone", ["file", "directory"])
def test_a_state_that_is_removed_under_the_daemon_is_noticed_and_made_again(
    things: Things, hook: Hook, folder: Path, gone: str
) -> None:
    directory = folder / "kept"
    config = config_for(things, hook, directory)
    with running(config) as daemon:
        things.set(1)
        daemon.wait_for("delivery.succeeded", receiver="hook")
        if gone == "file":
            (directory / "state.sqlite").unlink()
        else:
            shutil.rmtree(directory)
        assert "the file was removed" in daemon.wait_for("state.degraded", seconds=60)["message"]
        wait_until(lambda: (directory / "state.sqlite").exists() and is_durable(daemon))
        kill(daemon)
    is_kept_over_a_kill(config, things, hook)


def test_a_state_that_another_program_has_locked_delays_and_is_told_and_nothing_is_lost_or_told_twice(
    things: Things, hook: Hook, folder: Path
) -> None:
    directory = folder / "kept"
    with running(config_for(things, hook, directory)) as daemon:
        daemon.wait_for("run.finished")
        wait_until(lambda: (directory / "state.sqlite").exists())
        with closing(sqlite3.connect(directory / "state.sqlite", isolation_level=None, timeout=20)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            things.set(1)
            # it tries for twelve seconds
            daemon.wait_for("pipeline.failed", seconds=40)
            assert daemon.get("/-/healthy")[0] == 200
            assert daemon.seen("alert.fired", alertname=ALERT) == [], "what is not recorded is not told"
            shell.execute("ROLLBACK")
        hook.wait_for("firing", ALERT)
        with closing(sqlite3.connect(directory / "state.sqlite", isolation_level=None, timeout=20)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            things.set(0)
            for _ in range(3):
                daemon.get("/metrics")
            shell.execute("ROLLBACK")
        hook.wait_for("resolved", ALERT)
        assert is_durable(daemon)
        for change in ("fired", "resolved"):
            assert len(daemon.seen(f"alert.{change}", alertname=ALERT)) == 1
    assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]


def test_a_state_that_another_program_has_locked_does_not_keep_it_from_ending(
    things: Things, hook: Hook, folder: Path
) -> None:
    directory = folder / "kept"
    config = config_for(things, hook, directory)
    with running(config) as daemon:
        daemon.wait_for("run.finished")
        with closing(sqlite3.connect(directory / "state.sqlite", isolation_level=None, timeout=20)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            things.set(1)
            daemon.wait_for("run.finished", after=len(daemon.events))
            asked_at = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - asked_at < 12
    with running(config):
        hook.wait_for("firing", ALERT)
    assert hook.alerts() == [("firing", ALERT)]


def test_a_lock_file_that_somebody_removes_lets_no_second_daemon_in(
    things: Things, hook: Hook, folder: Path
) -> None:
    directory = folder / "kept"
    config = config_for(things, hook, directory)
    with running(config) as daemon:
        daemon.wait_for("run.finished")
        (directory / "lock").unlink()
        second = Daemon(config)
        try:
            assert second.wait() == 3
        finally:
            second.signal(signal.SIGKILL)
            second.wait()
        assert "is in use by another token-monitor" in "\n".join(second.raw)
        things.set(1)
        hook.wait_for("firing", ALERT)
    assert hook.alerts() == [("firing", ALERT)]

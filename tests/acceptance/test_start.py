"""What is in the way of a start: it passes, or the exit code says whether to try again; signals meanwhile."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.acceptance.program import Daemon, running, wait_until
from tests.web.certificates import Authority

QUICK = ("--start-timeout", "1")
ROUNDS = 30 if os.environ.get("TOKEN_MONITOR_TEST_LONG") else 6


def write(folder: Path, *, listen: str = "127.0.0.1:0", web: str = "") -> Path:
    """Write a configuration whose database is away: that keeps nobody from starting."""
    path = folder / "config.toml"
    path.write_text(
        f'[targets.main]\nunix_socket = "{folder}/none"\nuser = "u"\ndatabase = "d"\n'
        f'[web]\nlisten = "{listen}"\n{web}\n',
        encoding="utf-8",
    )
    return path


@contextmanager
def busy_port(folder: Path) -> Iterator[Path]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield write(folder, listen=f"127.0.0.1:{taken.getsockname()[1]}")


@contextmanager
def half_renewed(folder: Path) -> Iterator[Path]:
    authority = Authority(folder)
    cert, key = authority.issue("old")
    new_cert, new_key = authority.issue("new")
    (folder / "web.yml").write_text(
        f"tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n"
    )
    shutil.copy(new_cert, cert)
    yield write(folder, web='config_file = "web.yml"')
    shutil.copy(new_key, key)


@contextmanager
def locked_by_a_backup(folder: Path) -> Iterator[Path]:
    config = write(folder)
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
    with closing(
        sqlite3.connect(folder / "state" / "state.sqlite", isolation_level=None)
    ) as backup:
        backup.execute("BEGIN EXCLUSIVE")
        yield config


@contextmanager
def held_by(folder: Path, phase: str) -> Iterator[Path]:
    (folder / "state").mkdir()
    with (folder / "state" / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"4711 {phase}\n".encode())
        lock.flush()
        yield write(folder)


@contextmanager
def held_by_one_that_stops(folder: Path) -> Iterator[Path]:
    with held_by(folder, "stopping") as config:
        yield config


PASSING: dict[str, tuple[Callable[[Path], AbstractContextManager[Path]], str]] = {
    "a port that is still busy": (busy_port, "Address already in use"),
    "a certificate that is half renewed": (half_renewed, "cannot be used"),
    "a state that a backup has locked": (locked_by_a_backup, "such as a backup"),
    "a monitor that is still stopping": (
        held_by_one_that_stops,
        "(process 4711, stopping)",
    ),
}


@pytest.mark.parametrize("cause", PASSING)
def test_what_passes_is_waited_for_and_reported_once(cause: str, folder: Path) -> None:
    obstacle, reported = PASSING[cause]
    with obstacle(folder) as config:
        daemon = Daemon(config)
        try:
            assert reported in daemon.wait_for("start.delayed")["message"]
        except BaseException:
            daemon.kill()
            raise
    try:
        daemon.wait_for("monitor.started")
        assert len(daemon.seen("start.delayed")) == 1
    finally:
        assert daemon.stop() == 0


@pytest.mark.parametrize("cause", PASSING)
def test_what_would_pass_and_does_not_is_exit_1(cause: str, folder: Path) -> None:
    obstacle, reported = PASSING[cause]
    with obstacle(folder) as config:
        daemon = Daemon(config, arguments=QUICK)
        assert daemon.wait() == 1
    assert daemon.events[-1]["event"] == "start.failed"
    assert reported in daemon.events[-1]["message"]


@pytest.mark.parametrize(
    ("listen", "reported"),
    [
        ("192.0.2.1:8917", "Cannot assign requested address"),
        ("not-there-yet.invalid:8917", "cannot listen on not-there-yet.invalid:8917"),
    ],
)
def test_an_address_that_this_machine_does_not_have_yet_is_exit_1(
    listen: str, reported: str, folder: Path
) -> None:
    daemon = Daemon(write(folder, listen=listen), arguments=QUICK)
    assert daemon.wait() == 1
    assert reported in daemon.raw[-1]


@contextmanager
def newer(folder: Path) -> Iterator[Path]:
    (folder / "state").mkdir()
    with closing(sqlite3.connect(folder / "state" / "state.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    yield write(folder)


@contextmanager
def held_by_one_that_runs(folder: Path) -> Iterator[Path]:
    with held_by(folder, "running") as config:
        yield config


@contextmanager
def misspelt(folder: Path) -> Iterator[Path]:
    yield write(folder, web="listn = 1")


@pytest.mark.parametrize(
    ("obstacle", "code", "reported"),
    [
        (misspelt, 2, "web.listn"),
        (newer, 3, "version 99"),
        (held_by_one_that_runs, 3, "(process 4711, running)"),
    ],
)
def test_where_starting_again_cannot_help_the_exit_code_says_so_within_seconds(
    obstacle: Callable[[Path], AbstractContextManager[Path]],
    code: int,
    reported: str,
    folder: Path,
) -> None:
    with obstacle(folder) as config:
        daemon = Daemon(config)
        assert daemon.wait(30) == code
    assert reported in "\n".join(daemon.raw)


def test_without_a_thread_it_is_tried_again_and_starts_when_there_are_some(
    folder: Path,
) -> None:
    # Each thread wants as much as a stack may grow to: more than there is.
    def starve() -> None:
        resource.setrlimit(resource.RLIMIT_STACK, (8 << 30, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))

    daemon = Daemon(write(folder), prepare=starve)
    try:
        assert "thread" in daemon.wait_for("start.delayed")["message"]
        resource.prlimit(
            daemon.pid,
            resource.RLIMIT_AS,
            (resource.RLIM_INFINITY, resource.RLIM_INFINITY),
        )
        daemon.wait_for("monitor.started")
        assert daemon.get("/-/healthy")[0] == 200
    finally:
        assert daemon.stop() == 0


def test_without_a_file_descriptor_it_is_tried_again_and_starts_when_there_are_some(
    folder: Path,
) -> None:
    def starve() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (5, 4096))

    daemon = Daemon(write(folder), prepare=starve)
    try:
        assert "Too many open files" in daemon.wait_for("start.delayed")["message"]
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (1024, 4096))
        daemon.wait_for("monitor.started")
        assert daemon.get("/-/healthy")[0] == 200
    finally:
        assert daemon.stop() == 0


def test_a_state_whose_disk_is_not_there_yet_keeps_nobody_from_starting(
    folder: Path,
) -> None:
    (folder / "mounted-later").write_text("")
    directory = folder / "mounted-later" / "state"
    with running(
        write(folder), environ={"TOKEN_MONITOR_STATE_DIRECTORY": str(directory)}
    ) as daemon:
        assert str(directory) in daemon.wait_for("state.degraded")["message"]
        assert daemon.seen("start.delayed") == []
        (folder / "mounted-later").unlink()
        daemon.wait_for("state.recovered")


def test_one_who_waits_for_something_to_pass_stops_at_once_when_asked(
    folder: Path,
) -> None:
    with busy_port(folder) as config:
        daemon = Daemon(config)
        daemon.wait_for("start.delayed")
        daemon.signal(signal.SIGHUP)  # tries at once
        began = time.monotonic()
        assert daemon.stop() == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda one: one.name
)
def test_a_signal_at_any_instant_of_the_start_is_heard_and_breaks_nothing(
    number: signal.Signals, folder: Path
) -> None:
    config = write(folder)
    took = seconds_to_start(config)
    for round_number in range(ROUNDS):
        process = started(config)
        hold_for(process, took * 1.2 * round_number / ROUNDS)
        process.send_signal(number)
        if number is signal.SIGHUP:
            output = read_until(process, b'"config.reloaded"')
            process.send_signal(signal.SIGTERM)
        else:
            output = b""
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0, (round_number, output + rest)
        assert b"Traceback" not in output + rest


def seconds_to_start(config: Path) -> float:
    began = time.monotonic()
    process = started(config)
    read_until(process, b'"monitor.started"')
    took = time.monotonic() - began
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    return took


def started(config: Path) -> subprocess.Popen[bytes]:
    """Start it, and wait until the program itself has the word: no program can hear what comes before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "run", "--config", os.fspath(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wait_until(lambda: holds_back(process.pid, signal.SIGHUP))
    return process


def holds_back(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigBlk:")[2].split()[0], 16) >> (number - 1) & 1)


def hold_for(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let the process have so much time: what is varied here is the instant, nothing is waited for."""
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)


def read_until(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if text in line:
                return b"".join(lines)
    finally:
        # Shown where the test fails, also by its time limit.
        sys.stdout.write(b"".join(lines[-30:]).decode())
    raise AssertionError(f"it ended without a line with {text!r}")


def test_once_it_runs_garbage_is_looked_for_again(tmp_path: Path) -> None:
    program = """
import gc, os, signal, sys, threading, time
from monitor.__main__ import main

def end_when_it_is_on_again():
    # The signal is for the main thread, which holds it back until it can take it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    while gc.isenabled():
        time.sleep(0.001)
    while not gc.isenabled():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_when_it_is_on_again, daemon=True).start()
sys.argv = ["token-monitor", "run", "--config", sys.argv[1]]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(write(tmp_path))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr

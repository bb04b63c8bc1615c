"""The daemon's log as an operator has it: on a terminal, in a pipe, by the configuration, after a reload."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.acceptance.program import Daemon, running
from tests.acceptance.test_start import write


def log_table(config: Path, level: str) -> None:
    text = config.read_text(encoding="utf-8").partition("[log]")[0]
    config.write_text(f'{text}[log]\nlevel = "{level}"\n', encoding="utf-8")


def test_the_level_of_the_configuration_holds_and_a_reload_changes_it_at_once(
    folder: Path,
) -> None:
    config = write(folder)
    log_table(config, "critical")
    with running(config, arguments=()) as daemon:
        daemon.wait_for("monitor.started")
        log_table(config, "debug")
        daemon.signal(signal.SIGHUP)
        # Whose failure was kept back before is said no more: what is told of the reload itself is the first word.
        daemon.wait_for("config.reloaded")
        log_table(config, "critical")
        assert daemon.get("/-/reload", method="POST")[0] == 200
    assert daemon.events[0]["event"] == "monitor.started"
    assert "monitor.stopped" not in [one["event"] for one in daemon.events]


def test_the_options_win_over_the_configuration(folder: Path) -> None:
    config = write(folder)
    log_table(config, "debug")
    with running(
        config, arguments=("--log-level", "error", "--log-format", "json")
    ) as daemon:
        daemon.wait_for("target.lost")
    assert {one["level"] for one in daemon.events} <= {"info", "error"}
    assert [one["event"] for one in daemon.events if one["level"] == "info"] == [
        "monitor.started"
    ]


def test_on_a_terminal_it_is_for_people_and_in_a_pipe_for_programs(
    folder: Path,
) -> None:
    config = write(folder)
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "run", "--config", os.fspath(config)],
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=inner,
        stderr=subprocess.STDOUT,
    )
    os.close(inner)
    try:
        text = ""
        while "monitor.started" not in text:
            text += os.read(outer, 10_000).decode()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        os.close(outer)
    assert text.startswith("-- ")
    assert ", times are UTC --" in text.splitlines()[0]
    assert "\x1b" not in text
    with running(config, arguments=()) as daemon:
        daemon.wait_for("monitor.started")
    assert [json.loads(line) for line in daemon.raw] == daemon.events


def test_systemd_hears_when_it_has_started_what_is_in_the_way_and_when_it_stops(
    folder: Path,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{folder}/notify")
        systemd.settimeout(40)
        environ = {"NOTIFY_SOCKET": f"{folder}/notify"}
        with socket.create_server(("127.0.0.1", 0)) as taken:
            config = write(folder, listen=f"127.0.0.1:{taken.getsockname()[1]}")
            daemon = Daemon(config, environ=environ)
            delayed = systemd.recv(1000)
        try:
            assert b"Address already in use" in delayed
            assert systemd.recv(1000) == b"READY=1"
            daemon.wait_for("monitor.started")
        finally:
            daemon.stop()
        assert systemd.recv(1000) == b"STOPPING=1"


def heard(systemd: socket.socket) -> bytes:
    """Return what comes within the socket's time limit; nothing where nothing does."""
    try:
        return systemd.recv(1000)
    except TimeoutError:
        return b""


def test_systemd_gets_signs_of_life_until_the_process_stands_still(
    folder: Path,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{folder}/notify")
        systemd.settimeout(40)
        environ = {"NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "4000000"}
        daemon = Daemon(write(folder), environ=environ)
        try:
            said = [systemd.recv(1000) for _ in range(4)]
            assert said.count(b"WATCHDOG=1") == 3
            daemon.signal(signal.SIGSTOP)
            # What was on its way; then nothing comes for longer than systemd would wait.
            systemd.settimeout(4)
            rest = list(iter(partial(heard, systemd), b""))
            assert set(rest) <= {b"WATCHDOG=1"}
            assert len(rest) < 3
        finally:
            daemon.signal(signal.SIGCONT)
            daemon.stop()
